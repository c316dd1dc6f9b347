//! The files of a checkout, read once and handed to every rule.
//!
//! Which files belong to it is git's answer: what is tracked, and what is new and not ignored.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use proc_macro2::TokenStream;

use super::finding::Finding;

/// The extensions, or whole names, of files whose text a rule reads.
const TEXT_KINDS: [&str; 9] = [
    "Makefile", "md", "py", "pyi", "rs", "sh", "toml", "txt", "yaml",
];

/// A checkout: the names of all its files, and the texts of those that rules read.
#[derive(Default)]
pub struct Tree {
    paths: BTreeSet<String>,
    texts: Vec<TextFile>,
}

/// A text and its path below the root, with `/` between the parts.
pub struct TextFile {
    /// Below the root.
    pub path: String,
    /// All of it.
    pub text: String,
}

impl Tree {
    /// Reads the checkout that `root` is in.
    pub fn of_checkout(root: &Path) -> Result<Self, TreeError> {
        let output = Command::new("git")
            .args([
                "ls-files",
                "-z",
                "--cached",
                "--others",
                "--exclude-standard",
            ])
            .current_dir(root)
            .output()
            .map_err(TreeError::NoGit)?;
        if !output.status.success() {
            return Err(TreeError::NoCheckout(root.to_owned()));
        }
        let mut tree = Self::default();
        for path in String::from_utf8_lossy(&output.stdout).split_terminator('\0') {
            let file = root.join(path);
            // Git lists what was deleted and is still tracked.
            if !file.is_file() {
                continue;
            }
            if is_text(path) {
                let text = std::fs::read_to_string(&file)
                    .map_err(|error| TreeError::Unreadable(file, error))?;
                tree.texts.push(TextFile {
                    path: path.to_owned(),
                    text,
                });
            }
            tree.paths.insert(path.to_owned());
        }
        Ok(tree)
    }

    /// A tree of the files given, for tests of rules.
    #[cfg(test)]
    pub fn of_texts(texts: &[(&str, &str)]) -> Self {
        Self {
            paths: texts.iter().map(|(path, _)| (*path).to_owned()).collect(),
            texts: texts
                .iter()
                .map(|(path, text)| TextFile {
                    path: (*path).to_owned(),
                    text: (*text).to_owned(),
                })
                .collect(),
        }
    }

    /// Every text file.
    pub fn texts(&self) -> impl Iterator<Item = &TextFile> {
        self.texts.iter()
    }

    /// The text files whose name ends in `.kind`.
    pub fn of_kind(&self, kind: &str) -> impl Iterator<Item = &TextFile> {
        self.texts
            .iter()
            .filter(move |file| extension(&file.path) == kind)
    }

    /// One text file.
    pub fn text(&self, path: &str) -> Option<&TextFile> {
        self.texts.iter().find(|file| file.path == path)
    }

    /// Whether there is a file with this path.
    pub fn has_file(&self, path: &str) -> bool {
        self.paths.contains(path)
    }

    /// Whether there is a file or a folder with this path.
    pub fn has(&self, path: &str) -> bool {
        let folder = format!("{}/", path.trim_end_matches('/'));
        path.is_empty()
            || self.has_file(path)
            || self
                .paths
                .range(folder.clone()..)
                .next()
                .is_some_and(|next| next.starts_with(&folder))
    }
}

impl TextFile {
    /// A Rust file as tokens: what is neither comment nor space. Nothing, if it is not Rust (see
    /// [`unparsable`]).
    pub fn tokens(&self) -> TokenStream {
        self.text.parse().unwrap_or_default()
    }

    /// The path without its last part.
    pub fn folder(&self) -> &str {
        self.path.rsplit_once('/').map_or("", |(folder, _)| folder)
    }
}

/// Rule: every Rust file parses. The other rules rely on it.
pub fn unparsable(tree: &Tree) -> Vec<Finding> {
    tree.of_kind("rs")
        .filter_map(|file| {
            let error = syn::parse_file(&file.text).err()?;
            let line = error.span().start().line;
            Some(Finding::new(
                &file.path,
                line,
                format!("does not parse: {error}"),
            ))
        })
        .collect()
}

fn is_text(path: &str) -> bool {
    TEXT_KINDS.contains(&extension(path))
}

/// What follows the last dot of a file's name; the name itself where it has none.
fn extension(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rsplit('.').next().unwrap_or(name)
}

/// Why there is no tree.
#[derive(Debug)]
pub enum TreeError {
    /// Git could not be started.
    NoGit(io::Error),
    /// Git knows no checkout there.
    NoCheckout(PathBuf),
    /// A file of the checkout could not be read as text.
    Unreadable(PathBuf, io::Error),
}

impl fmt::Display for TreeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoGit(error) => write!(f, "git does not start: {error}"),
            Self::NoCheckout(root) => write!(f, "{} is not in a git checkout", root.display()),
            Self::Unreadable(path, error) => write!(f, "{}: {error}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_exist_through_their_files() {
        let tree = Tree::of_texts(&[("docs/a/b.md", ""), ("docs-old.md", "")]);
        assert!(tree.has("docs") && tree.has("docs/") && tree.has("docs/a/b.md"));
        assert!(!tree.has("doc") && !tree.has("docs/a/b") && !tree.has_file("docs"));
    }

    #[test]
    fn broken_rust_is_found_where_it_breaks() {
        let tree = Tree::of_texts(&[("a.rs", "fn f() {}\nfn g( {}\n"), ("b.rs", "fn f() {}")]);
        let findings = unparsable(&tree);
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].line(), 2);
    }
}
