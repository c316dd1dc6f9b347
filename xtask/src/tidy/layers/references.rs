//! What a file mentions of its own crate: the module after `crate::`, or after as many `super::` as
//! lead to the root.
//!
//! Tokens are read, not the syntax tree, because a path inside a macro call is an import like any
//! other.

use proc_macro2::{Group, TokenStream, TokenTree};

/// A mention of a name at the crate's root.
#[derive(Debug, PartialEq, Eq)]
pub struct Reference {
    /// The name: a module, as a rule.
    pub name: String,
    /// Where, counted from one.
    pub line: usize,
}

/// All mentions in the tokens of the module with this path. Macros called through the root are
/// none: they live there.
pub fn references(tokens: TokenStream, module: &[String]) -> Vec<Reference> {
    let mut found = Vec::new();
    collect(&tokens.into_iter().collect::<Vec<_>>(), module, &mut found);
    found
}

fn collect(tokens: &[TokenTree], module: &[String], found: &mut Vec<Reference>) {
    let mut at = 0;
    while at < tokens.len() {
        if let Some((name, group)) = inline_module(&tokens[at..]) {
            let inner = [module, &[name]].concat();
            collect(&trees(group), &inner, found);
            at += 3;
            continue;
        }
        if let Some(after) = path_from_root(&tokens[at..], module) {
            names(&tokens[at + after..], found);
            at += after;
            continue;
        }
        if let TokenTree::Group(group) = &tokens[at] {
            collect(&trees(group), module, found);
        }
        at += 1;
    }
}

/// `mod name { ... }` at the head of the tokens.
fn inline_module(tokens: &[TokenTree]) -> Option<(String, &Group)> {
    match tokens {
        [
            TokenTree::Ident(keyword),
            TokenTree::Ident(name),
            TokenTree::Group(body),
            ..,
        ] if keyword == "mod" => Some((name.to_string(), body)),
        _ => None,
    }
}

/// How many tokens at the head lead to the crate's root, the last `::` included.
fn path_from_root(tokens: &[TokenTree], module: &[String]) -> Option<usize> {
    if is_word(tokens, "crate") && is_separator(&tokens[1..]) {
        return Some(3);
    }
    let mut at = if is_word(tokens, "self") && is_separator(&tokens[1..]) {
        3
    } else {
        0
    };
    let mut above = 0;
    while is_word(&tokens[at..], "super") && is_separator(&tokens[at + 1..]) {
        above += 1;
        at += 3;
    }
    (above > 0 && above == module.len()).then_some(at)
}

/// The names that a path goes on with: one, or one for each part of a group.
fn names(tokens: &[TokenTree], found: &mut Vec<Reference>) {
    match tokens {
        [TokenTree::Ident(_), TokenTree::Punct(mark), ..] if mark.as_char() == '!' => {}
        [TokenTree::Ident(name), ..] if name != "self" => {
            found.push(Reference {
                name: name.to_string(),
                line: name.span().start().line,
            });
        }
        [TokenTree::Punct(star), ..] if star.as_char() == '*' => {
            found.push(Reference {
                name: "*".to_owned(),
                line: star.span().start().line,
            });
        }
        [TokenTree::Group(group), ..] => {
            let is_comma =
                |tree: &TokenTree| matches!(tree, TokenTree::Punct(p) if p.as_char() == ',');
            for part in trees(group).split(is_comma) {
                names(part, found);
            }
        }
        _ => {}
    }
}

fn trees(group: &Group) -> Vec<TokenTree> {
    group.stream().into_iter().collect()
}

fn is_word(tokens: &[TokenTree], word: &str) -> bool {
    matches!(tokens, [TokenTree::Ident(ident), ..] if ident == word)
}

fn is_separator(tokens: &[TokenTree]) -> bool {
    let colon = |token: &TokenTree| matches!(token, TokenTree::Punct(p) if p.as_char() == ':');
    matches!(tokens, [first, second, ..] if colon(first) && colon(second))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(module: &str, text: &str, expected: &[&str]) {
        let module: Vec<String> = module.split('/').map(str::to_owned).collect();
        let found = references(text.parse().unwrap(), &module);
        let names: Vec<_> = found
            .iter()
            .map(|reference| reference.name.as_str())
            .collect();
        assert_eq!(names, expected);
    }

    #[test]
    fn paths_in_code_types_and_macros_count() {
        check(
            "a",
            "use crate::b::C; fn f(d: crate::e::F) { assert!(crate::g::h()) }",
            &["b", "e", "g"],
        );
    }

    #[test]
    fn groups_count_by_their_parts() {
        check("a", "use crate::{b::{C, D}, e, f as g};", &["b", "e", "f"]);
    }

    #[test]
    fn super_counts_where_it_leads_to_the_root() {
        check("a", "use super::b; use self::c;", &["b"]);
        check(
            "a/b",
            "use super::c; use super::super::d; use self::super::super::e;",
            &["d", "e"],
        );
        check(
            "a",
            "mod tests { use super::*; use super::super::b; }",
            &["b"],
        );
    }

    #[test]
    fn visibilities_and_macros_of_the_root_do_not_count() {
        check("a", "pub(crate) fn f() { crate::check!(1); }", &[]);
    }

    #[test]
    fn everything_is_a_name() {
        check("a", "use crate::*;", &["*"]);
    }
}
