//! Rule: a file is read in one sitting.

use super::finding::Finding;
use super::tree::Tree;

/// Docs and tests included.
const MOST_LINES: usize = 600;

/// Finds Rust and Python files that are too long.
pub fn check(tree: &Tree) -> Vec<Finding> {
    ["rs", "py"]
        .into_iter()
        .flat_map(|kind| tree.of_kind(kind))
        .filter_map(|file| {
            let lines = file.text.lines().count();
            let message = format!("{lines} lines; at most {MOST_LINES}, look for the seam");
            (lines > MOST_LINES).then(|| Finding::new(&file.path, lines, message))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_itself_is_allowed() {
        let (most, more) = ("\n".repeat(MOST_LINES), "\n".repeat(MOST_LINES + 1));
        let tree = Tree::of_texts(&[("a.rs", &most), ("b.py", &more), ("c.md", &more)]);
        assert_eq!(check(&tree).len(), 1);
    }
}
