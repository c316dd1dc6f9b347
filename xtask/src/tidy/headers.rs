//! Rule: each Rust file begins with what it is.

use super::finding::Finding;
use super::tree::Tree;

/// Finds Rust files that do not begin with a `//!` comment.
pub fn check(tree: &Tree) -> Vec<Finding> {
    tree.of_kind("rs")
        .filter(|file| !file.text.starts_with("//! "))
        .map(|file| Finding::new(&file.path, 1, "does not begin with a `//!` header"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_header_on_the_first_line_counts() {
        let tree = Tree::of_texts(&[
            ("good.rs", "//! What it is.\n"),
            ("late.rs", "\n//! What it is.\n"),
            ("other.rs", "// What it is.\n"),
            ("empty.rs", ""),
        ]);
        assert_eq!(check(&tree).len(), 3);
    }
}
