//! Rule: a link in a page leads to something that is there. Addresses of other places are not
//! looked at.

use super::finding::Finding;
use super::tree::{TextFile, Tree};

/// Finds links in Markdown pages that name a missing file.
pub fn check(tree: &Tree) -> Vec<Finding> {
    tree.of_kind("md")
        .flat_map(|page| broken(tree, page))
        .collect()
}

fn broken(tree: &Tree, page: &TextFile) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut in_block = false;
    for (index, line) in page.text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
            continue;
        }
        if in_block {
            continue;
        }
        for target in targets(&without_code(line)) {
            let exists = resolve(page.folder(), &target).is_some_and(|path| tree.has(&path));
            if !exists {
                let message = format!("the link to `{target}` leads nowhere");
                found.push(Finding::new(&page.path, index + 1, message));
            }
        }
    }
    found
}

/// The line without what stands between backquotes.
fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect()
}

/// The files that a line links to, both as `[text](file)` and as `[name]: file`.
fn targets(line: &str) -> Vec<String> {
    let inline = line
        .split("](")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .map(|(to, _)| to);
    let named = line
        .strip_prefix('[')
        .and_then(|rest| rest.split_once("]:"))
        .map(|(_, target)| target.trim());
    inline.chain(named).filter_map(local).collect()
}

/// The file of a link's target; nothing where it leads to another place or stays on its page.
fn local(target: &str) -> Option<String> {
    let address = target.split_whitespace().next()?.trim_matches(['<', '>']);
    let file = address.split('#').next()?;
    let elsewhere = address.contains("://") || address.starts_with("mailto:");
    (!elsewhere && !file.is_empty()).then(|| file.to_owned())
}

/// The path below the root that a link means; nothing where it leaves the root.
fn resolve(folder: &str, target: &str) -> Option<String> {
    let mut parts: Vec<&str> = match target.strip_prefix('/') {
        Some(_) => Vec::new(),
        None => folder.split('/').filter(|part| !part.is_empty()).collect(),
    };
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn count(text: &str, expected: usize) {
        let tree = Tree::of_texts(&[("docs/page.md", text), ("docs/a.md", ""), ("src/b.rs", "")]);
        let found: Vec<_> = check(&tree).iter().map(ToString::to_string).collect();
        assert_eq!(found.len(), expected, "{found:?}");
    }

    #[test]
    fn links_are_followed_from_the_folder_of_their_page() {
        count(
            "[a](a.md), [b](../src/b.rs), [c](../src), [d](/docs/a.md#part), [e](./a.md \"t\")",
            0,
        );
        count("[a](b.md) and [b](../a.md)", 2);
        count("[out](../../a.md)", 1);
    }

    #[test]
    fn other_places_and_the_page_itself_are_left_alone() {
        count(
            "[a](https://example.org/x) [b](#part) [c](mailto:a@example.org)",
            0,
        );
    }

    #[test]
    fn code_holds_no_links() {
        count("`[a](missing.md)`\n```\n[b](missing.md)\n```\n", 0);
    }

    #[test]
    fn named_targets_count() {
        count("[a]: a.md\n[b]: missing.md\n", 1);
    }
}
