//! Rule: who silences a lint says why: `#[allow(lint, reason = "...")]`.

use proc_macro2::{TokenStream, TokenTree};

use super::finding::Finding;
use super::tree::Tree;

/// Finds `allow` and `expect` attributes without a reason.
pub fn check(tree: &Tree) -> Vec<Finding> {
    tree.of_kind("rs")
        .flat_map(|file| {
            let mut lines = Vec::new();
            collect(file.tokens(), false, &mut lines);
            lines.into_iter().map(|line| {
                Finding::new(
                    &file.path,
                    line,
                    "a lint is silenced without `reason = \"...\"`",
                )
            })
        })
        .collect()
}

/// Collects the lines of attributes without a reason. `in_attribute` says that the tokens are those
/// of an attribute, where `cfg_attr` may hold another one.
fn collect(tokens: TokenStream, in_attribute: bool, lines: &mut Vec<usize>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    for (index, token) in tokens.iter().enumerate() {
        let TokenTree::Group(group) = token else {
            continue;
        };
        let before = &tokens[..index];
        if in_attribute && silences(before) && !has_reason(group.stream()) {
            lines.push(group.span_open().start().line);
        }
        collect(
            group.stream(),
            in_attribute || opens_attribute(before),
            lines,
        );
    }
}

fn silences(before: &[TokenTree]) -> bool {
    matches!(before, [.., TokenTree::Ident(level)] if level == "allow" || level == "expect")
}

/// Whether the tokens end in `#` or `#!`.
fn opens_attribute(before: &[TokenTree]) -> bool {
    let is =
        |token: &TokenTree, mark: char| matches!(token, TokenTree::Punct(p) if p.as_char() == mark);
    match before {
        [.., hash, bang] if is(hash, '#') && is(bang, '!') => true,
        [.., hash] => is(hash, '#'),
        [] => false,
    }
}

fn has_reason(lints: TokenStream) -> bool {
    lints
        .into_iter()
        .any(|token| matches!(token, TokenTree::Ident(word) if word == "reason"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(text: &str) -> usize {
        check(&Tree::of_texts(&[("a.rs", text)])).len()
    }

    #[test]
    fn attributes_need_a_reason() {
        assert_eq!(count("#![allow(dead_code)]"), 1);
        assert_eq!(count("#[expect(clippy::a, clippy::b)]\nfn f() {}"), 1);
        assert_eq!(count("fn f() { #[allow(unused)] let a = 1; }"), 1);
        assert_eq!(count("#[cfg_attr(test, allow(unused))]\nfn f() {}"), 1);
        assert_eq!(
            count("#[allow(dead_code, reason = \"read by a debugger\")]\nfn f() {}"),
            0
        );
    }

    #[test]
    fn functions_of_the_same_names_are_none() {
        assert_eq!(
            count("fn f() { allow(1); a.expect(\"it holds\"); g![allow(1)]; }"),
            0
        );
    }
}
