//! Rule: unsafe code stays in the files that ARCHITECTURE.md lists, and the list names no file that
//! has none.

use proc_macro2::{TokenStream, TokenTree};

use super::blocks;
use super::finding::Finding;
use super::tree::Tree;

/// The name of the block with the list. `*` in it stands for any name within a folder.
const BLOCK: &str = "unsafe-files";

/// Finds unsafe code outside of the list, and entries of the list that allow nothing.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let list = match blocks::lines_of(tree, BLOCK) {
        Ok(list) => list,
        Err(missing) => return vec![missing],
    };
    let unsafe_files: Vec<(&str, usize)> = tree
        .of_kind("rs")
        .filter_map(|file| Some((file.path.as_str(), first_unsafe(file.tokens())?)))
        .collect();
    let unlisted = unsafe_files
        .iter()
        .filter(|(path, _)| !list.iter().any(|(_, pattern)| matches(pattern, path)))
        .map(|(path, line)| {
            let message = format!("unsafe code in a file that {} does not list", blocks::PAGE);
            Finding::new(path, *line, message)
        });
    let stale = list
        .iter()
        .filter(|(_, pattern)| !unsafe_files.iter().any(|(path, _)| matches(pattern, path)))
        .map(|(line, pattern)| {
            Finding::new(
                blocks::PAGE,
                *line,
                format!("`{pattern}` has no unsafe code: unlist it"),
            )
        });
    unlisted.chain(stale).collect()
}

/// The line of the first `unsafe`, or of the attribute that allows it.
fn first_unsafe(tokens: TokenStream) -> Option<usize> {
    tokens.into_iter().find_map(|token| match token {
        TokenTree::Ident(word) if word == "unsafe" => Some(word.span().start().line),
        TokenTree::Group(group) => first_allowed(&group).or_else(|| first_unsafe(group.stream())),
        _ => None,
    })
}

/// The line of `allow(unsafe_code)` or `expect(unsafe_code)` among the tokens directly in a group.
fn first_allowed(group: &proc_macro2::Group) -> Option<usize> {
    let tokens: Vec<TokenTree> = group.stream().into_iter().collect();
    tokens.windows(2).find_map(|pair| match pair {
        [TokenTree::Ident(level), TokenTree::Group(lints)]
            if level == "allow" || level == "expect" =>
        {
            lints.stream().into_iter().find_map(|lint| match lint {
                TokenTree::Ident(name) if name == "unsafe_code" => Some(name.span().start().line),
                _ => None,
            })
        }
        _ => None,
    })
}

fn matches(pattern: &str, path: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == path,
        Some((before, after)) => path
            .strip_prefix(before)
            .and_then(|rest| rest.strip_suffix(after))
            .is_some_and(|middle| !middle.contains('/')),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(files: &[(&str, &str)], list: &str) -> Vec<String> {
        let page = format!("```{BLOCK}\n{list}\n```\n");
        let mut texts = files.to_vec();
        texts.push((blocks::PAGE, &page));
        check(&Tree::of_texts(&texts))
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn words_in_comments_and_strings_are_not_code() {
        let text = "//! unsafe\n#![deny(unsafe_code)]\nconst A: &str = \"unsafe\";\n";
        assert!(lines(&[("a.rs", text)], "").is_empty());
    }

    #[test]
    fn unlisted_code_is_found_at_its_line() {
        let found = lines(&[("a.rs", "fn f() {\n    unsafe { g() }\n}\n")], "");
        assert_eq!(
            found,
            ["a.rs:2: unsafe code in a file that ARCHITECTURE.md does not list"]
        );
    }

    #[test]
    fn allowing_counts_as_using() {
        assert_eq!(lines(&[("a.rs", "#![allow(unsafe_code)]")], "").len(), 1);
        assert_eq!(
            lines(
                &[("a.rs", "#[cfg_attr(x, expect(unsafe_code))] fn f() {}")],
                ""
            )
            .len(),
            1
        );
    }

    #[test]
    fn a_star_stays_in_its_folder() {
        let code = "unsafe fn f() {}";
        assert!(lines(&[("sys/a.rs", code), ("sys/b.rs", code)], "sys/*.rs").is_empty());
        assert_eq!(
            lines(&[("sys/a.rs", code), ("sys/b/c.rs", code)], "sys/*.rs").len(),
            1
        );
    }

    #[test]
    fn an_entry_without_use_is_found() {
        let found = lines(&[("a.rs", "fn f() {}")], "a.rs");
        assert_eq!(
            found,
            ["ARCHITECTURE.md:2: `a.rs` has no unsafe code: unlist it"]
        );
    }

    #[test]
    fn without_the_list_nothing_passes() {
        assert_eq!(check(&Tree::of_texts(&[])).len(), 1);
    }
}
