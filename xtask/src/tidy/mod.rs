//! The rules of the project that a machine can check and that no compiler or linter knows.
//!
//! One file below is one rule: a function from the tree to what it found. ARCHITECTURE.md holds the
//! two tables that the rules read, the layers and the files that may be unsafe, so that the page
//! and the code cannot drift apart.

mod allows;
mod blocks;
mod dead_files;
mod file_length;
mod finding;
mod function_length;
mod headers;
mod layers;
mod links;
mod python_functions;
mod tree;
mod unsafe_files;
mod words;

use std::path::Path;
use std::process::ExitCode;

use finding::Finding;
use tree::Tree;

/// All rules, in the order of their findings.
const RULES: [fn(&Tree) -> Vec<Finding>; 10] = [
    tree::unparsable,
    headers::check,
    file_length::check,
    function_length::check,
    layers::check,
    unsafe_files::check,
    allows::check,
    words::check,
    dead_files::check,
    links::check,
];

/// Checks the checkout at `root`; prints what is wrong, one line each.
pub fn run(root: &Path) -> ExitCode {
    let tree = match Tree::of_checkout(root) {
        Ok(tree) => tree,
        Err(error) => {
            eprintln!("tidy: {error}");
            return ExitCode::FAILURE;
        }
    };
    let findings: Vec<Finding> = RULES.iter().flat_map(|rule| rule(&tree)).collect();
    for finding in &findings {
        println!("{finding}");
    }
    if findings.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
