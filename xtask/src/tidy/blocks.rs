//! The tables in ARCHITECTURE.md that rules read: fenced blocks with a name of their own.

use super::finding::Finding;
use super::tree::Tree;

/// The page that has the tables.
pub const PAGE: &str = "ARCHITECTURE.md";

/// The lines of the block that opens with three backquotes and `name`, with their numbers in the
/// page. Empty lines are left out. A missing page or block is a finding: without its table a rule
/// would pass everything.
pub fn lines_of<'tree>(tree: &'tree Tree, name: &str) -> Result<Vec<(usize, &'tree str)>, Finding> {
    let page = tree.text(PAGE).map_or("", |file| &file.text);
    let opening = format!("```{name}");
    let mut lines = page
        .lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line.trim()));
    if !lines.by_ref().any(|(_, line)| line == opening) {
        return Err(Finding::new(PAGE, 1, format!("has no block `{name}`")));
    }
    Ok(lines
        .take_while(|(_, line)| *line != "```")
        .filter(|(_, line)| !line.is_empty())
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_is_what_is_between_its_fences() {
        let page = "# Title\n```other\nx\n```\n```mine\na\n\nb\n```\nc\n";
        let tree = Tree::of_texts(&[(PAGE, page)]);
        assert_eq!(lines_of(&tree, "mine"), Ok(vec![(6, "a"), (8, "b")]));
        assert!(lines_of(&tree, "missing").is_err());
    }
}
