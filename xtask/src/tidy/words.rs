//! Rule: nothing unfinished, and no debugging aid, is left in the tree.

use proc_macro2::{TokenStream, TokenTree};

use super::finding::Finding;
use super::tree::{TextFile, Tree};

/// Macros that mark a hole, or print for whoever debugs.
const MACROS: [&str; 3] = ["dbg", "todo", "unimplemented"];

/// Marks of unfinished work, put together here so that this file does not hold them.
const MARKS: [&str; 4] = [
    concat!("FIX", "ME"),
    concat!("TO", "DO"),
    concat!("X", "XX"),
    concat!("for ", "now"),
];

/// Finds such macros in Rust, and such marks in any text.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let macros = tree.of_kind("rs").flat_map(|file| {
        let mut found = Vec::new();
        collect_macros(file.tokens(), &mut found);
        found
            .into_iter()
            .map(|(line, name)| Finding::new(&file.path, line, format!("`{name}!`")))
    });
    macros.chain(tree.texts().flat_map(marks)).collect()
}

fn collect_macros(tokens: TokenStream, found: &mut Vec<(usize, String)>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    for pair in tokens.windows(2) {
        if let [TokenTree::Ident(name), TokenTree::Punct(mark)] = pair
            && mark.as_char() == '!'
            && MACROS.iter().any(|refused| name == refused)
        {
            found.push((name.span().start().line, name.to_string()));
        }
    }
    for token in tokens {
        if let TokenTree::Group(group) = token {
            collect_macros(group.stream(), found);
        }
    }
}

fn marks(file: &TextFile) -> Vec<Finding> {
    let mut found = Vec::new();
    for (index, line) in file.text.lines().enumerate() {
        for mark in MARKS {
            if has_word(line, mark) {
                found.push(Finding::new(&file.path, index + 1, format!("`{mark}`")));
            }
        }
    }
    found
}

/// Whether the line has the mark with no letter, digit or underscore next to it.
fn has_word(line: &str, mark: &str) -> bool {
    let joins = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(mark)
        .any(|(at, _)| !line[..at].ends_with(joins) && !line[at + mark.len()..].starts_with(joins))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn macros_are_found_at_any_depth() {
        let text = format!(
            "fn f() {{\n    if a {{ {}!() }}\n    g(dbg!(a));\n}}\n",
            "todo"
        );
        let found = check(&Tree::of_texts(&[("a.rs", &text)]));
        assert_eq!(found.iter().map(Finding::line).collect::<Vec<_>>(), [2, 3]);
    }

    #[test]
    fn marks_are_whole_words() {
        let [fix, _, triple, later] = MARKS;
        let text = format!("# {fix}: a\nA{fix}\nmkstemp('{triple}{triple}')\nright {later}.\n");
        let found = check(&Tree::of_texts(&[("a.py", &text)]));
        assert_eq!(found.iter().map(Finding::line).collect::<Vec<_>>(), [1, 4]);
    }
}
