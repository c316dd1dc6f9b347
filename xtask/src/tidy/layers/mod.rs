//! Rule: imports go down only.
//!
//! [`table`] reads which module is above which from ARCHITECTURE.md; [`references`] finds what a
//! file mentions of its own crate. Tests obey the rule like all other code. A crate's root may
//! mention everything.

mod references;
mod table;

use super::finding::Finding;
use super::tree::{TextFile, Tree};
use references::{Reference, references};
use table::{Layers, Verdict, layers_of};

/// The crate that must not know Python: its manifest names no crate that begins like this.
const NO_PYTHON: (&str, &str) = ("crates/reactor/Cargo.toml", "pyo3");

/// Finds imports that go up or sideways.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let crates = match layers_of(tree) {
        Ok(crates) => crates,
        Err(findings) => return findings,
    };
    let mut found = python_below(tree);
    for layers in &crates {
        for file in tree.of_kind("rs") {
            if let Some(within) = file.path.strip_prefix(&format!("{}/", layers.folder)) {
                found.extend(wrong_imports(layers, file, &module_path(within)));
            }
        }
    }
    found
}

fn wrong_imports(layers: &Layers, file: &TextFile, module: &[String]) -> Vec<Finding> {
    let Some(own) = module.first() else {
        return Vec::new();
    };
    if !layers.knows(own) {
        let message = format!("the layer table has no module `{own}`");
        return vec![Finding::new(&file.path, 1, message)];
    }
    references(file.tokens(), module)
        .into_iter()
        .filter_map(|Reference { name, line }| {
            let message = match layers.judge(own, &name) {
                Verdict::Allowed => return None,
                Verdict::Up => format!("`{own}` imports `{name}`, which is above it"),
                Verdict::Sideways => format!("`{own}` imports `{name}`, which is beside it"),
                Verdict::Unknown => {
                    format!("`{own}` imports `{name}`, which is no module of the layer table")
                }
            };
            Some(Finding::new(&file.path, line, message))
        })
        .collect()
}

/// The modules a file stands for, from the crate's root down: none for the root itself.
fn module_path(within: &str) -> Vec<String> {
    let stem = within.trim_end_matches(".rs");
    let stem = stem.strip_suffix("/mod").unwrap_or(stem);
    match stem {
        "lib" | "main" => Vec::new(),
        path => path.split('/').map(str::to_owned).collect(),
    }
}

fn python_below(tree: &Tree) -> Vec<Finding> {
    let (path, refused) = NO_PYTHON;
    let lines = tree
        .text(path)
        .into_iter()
        .flat_map(|file| file.text.lines().enumerate());
    lines
        .filter(|(_, line)| line.trim_start().starts_with(refused))
        .map(|(index, _)| Finding::new(path, index + 1, "the reactor never sees Python"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
        ```layers\n\
        Reactor (r/src): sys < {poll, queue, time} < driver\n\
        Reactor sideways: queue -> poll\n\
        ```\n";

    #[track_caller]
    fn check_file(path: &str, text: &str, expected: &[&str]) {
        let tree = Tree::of_texts(&[("ARCHITECTURE.md", TABLE), (path, text)]);
        let found: Vec<_> = check(&tree).iter().map(ToString::to_string).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn down_is_allowed() {
        check_file(
            "r/src/driver.rs",
            "use crate::{poll::Token, sys::Epoll};",
            &[],
        );
        check_file(
            "r/src/lib.rs",
            "pub use crate::driver::Driver; use sys::A;",
            &[],
        );
        check_file(
            "r/src/poll/mod.rs",
            "use crate::poll::token::Token; use super::sys;",
            &[],
        );
    }

    #[test]
    fn up_is_found() {
        check_file(
            "r/src/poll/token.rs",
            "use crate::sys;\nfn f() { crate::driver::turn() }\n",
            &["r/src/poll/token.rs:2: `poll` imports `driver`, which is above it"],
        );
        check_file(
            "r/src/sys/epoll.rs",
            "use super::super::poll::Token;",
            &["r/src/sys/epoll.rs:1: `sys` imports `poll`, which is above it"],
        );
    }

    #[test]
    fn sideways_needs_a_line_in_the_table() {
        check_file("r/src/queue.rs", "use crate::poll::Waker;", &[]);
        check_file(
            "r/src/time/mod.rs",
            "use crate::poll::Waker;",
            &["r/src/time/mod.rs:1: `time` imports `poll`, which is beside it"],
        );
    }

    #[test]
    fn names_at_the_root_belong_to_a_module() {
        check_file(
            "r/src/driver.rs",
            "use crate::Token;",
            &["r/src/driver.rs:1: `driver` imports `Token`, which is no module of the layer table"],
        );
    }

    #[test]
    fn a_module_outside_of_the_table_is_found() {
        check_file(
            "r/src/utils.rs",
            "",
            &["r/src/utils.rs:1: the layer table has no module `utils`"],
        );
    }

    #[test]
    fn other_folders_are_left_alone() {
        check_file("elsewhere/src/a.rs", "use crate::anything;", &[]);
    }

    #[test]
    fn the_reactor_depends_on_no_python() {
        let (path, _) = NO_PYTHON;
        check_file(
            path,
            "[dependencies]\npyo3-ffi = \"1\"\n",
            &["crates/reactor/Cargo.toml:2: the reactor never sees Python"],
        );
    }
}
