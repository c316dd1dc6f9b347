//! Rule: every Rust file is part of a crate, through a chain of `mod` lines.
//!
//! Every `mod` counts, whatever its `cfg`. Where an attribute names the file (`path = "..."`, also
//! inside `cfg_attr`), both that file and the usual one count.

use std::collections::BTreeSet;

use proc_macro2::{TokenStream, TokenTree};
use syn::{Attribute, Item, Meta};

use super::finding::Finding;
use super::tree::{TextFile, Tree};

/// Finds Rust files that no crate reaches.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let mut reached = BTreeSet::new();
    for file in tree.of_kind("rs") {
        if is_crate_root(tree, &file.path) {
            reach(tree, file, file.folder(), &mut reached);
        }
    }
    tree.of_kind("rs")
        .filter(|file| !reached.contains(&file.path))
        .map(|file| Finding::new(&file.path, 1, "no crate has this file as a module"))
        .collect()
}

/// Whether cargo, which looks in fixed places next to a manifest, begins a crate with this file.
fn is_crate_root(tree: &Tree, path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    let is_package = |depth: usize| {
        let manifest = [&parts[..depth], &["Cargo.toml"]].concat().join("/");
        tree.text(&manifest)
            .is_some_and(|file| file.text.contains("[package]"))
    };
    let root_at = |depth: usize| match parts[depth..] {
        ["build.rs"] | ["src", "lib.rs" | "main.rs"] => true,
        ["src", "bin", name] | ["src", "bin", name, "main.rs"] => !name.is_empty(),
        ["tests" | "benches" | "examples", _] => true,
        ["tests" | "benches" | "examples", _, "main.rs"] => true,
        _ => false,
    };
    (0..parts.len()).any(|depth| root_at(depth) && is_package(depth))
}

/// Marks the file and all its modules as reached. `folder` is where its modules are.
fn reach(tree: &Tree, file: &TextFile, folder: &str, reached: &mut BTreeSet<String>) {
    if !reached.insert(file.path.clone()) {
        return;
    }
    // What does not parse has its own finding, and no modules.
    let Ok(syntax) = syn::parse_file(&file.text) else {
        return;
    };
    let mut modules = Vec::new();
    collect_modules(&syntax.items, folder, file.folder(), &mut modules);
    for (path, folder) in modules {
        if let Some(module) = tree.text(&path) {
            reach(tree, module, &folder, reached);
        }
    }
}

/// Collects the files that the items' `mod` lines may mean, each with the folder of its own
/// modules.
fn collect_modules(
    items: &[Item],
    folder: &str,
    path_base: &str,
    found: &mut Vec<(String, String)>,
) {
    for item in items {
        let Item::Mod(module) = item else { continue };
        let inner = join(folder, &module.ident.to_string());
        if let Some((_, items)) = &module.content {
            collect_modules(items, &inner, &inner, found);
            continue;
        }
        found.push((format!("{inner}.rs"), inner.clone()));
        found.push((format!("{inner}/mod.rs"), inner.clone()));
        for named in module.attrs.iter().filter_map(named_path) {
            let path = join(path_base, &named);
            let own = path
                .rsplit_once('/')
                .map_or(String::new(), |(folder, _)| folder.to_owned());
            found.push((path, own));
        }
    }
}

/// The value of `path = "..."` in an attribute.
fn named_path(attribute: &Attribute) -> Option<String> {
    match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("path") => match &pair.value {
            syn::Expr::Lit(literal) => string(&literal.lit),
            _ => None,
        },
        Meta::List(list) if list.path.is_ident("cfg_attr") => path_among(list.tokens.clone()),
        _ => None,
    }
}

fn path_among(tokens: TokenStream) -> Option<String> {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    tokens.windows(3).find_map(|three| match three {
        [
            TokenTree::Ident(name),
            TokenTree::Punct(equals),
            TokenTree::Literal(value),
        ] if name == "path" && equals.as_char() == '=' => string(&syn::Lit::new(value.clone())),
        _ => None,
    })
}

fn string(literal: &syn::Lit) -> Option<String> {
    match literal {
        syn::Lit::Str(text) => Some(text.value()),
        _ => None,
    }
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() {
        name.to_owned()
    } else {
        format!("{folder}/{name}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: (&str, &str) = ("c/Cargo.toml", "[package]\nname = \"c\"\n");

    fn dead(files: &[(&str, &str)]) -> usize {
        check(&Tree::of_texts(&[&[MANIFEST], files].concat())).len()
    }

    #[test]
    fn modules_are_followed_into_folders() {
        let files = [
            ("c/src/lib.rs", "mod a;\nmod b;\nmod d { mod e; }"),
            ("c/src/a.rs", "#[cfg(test)] mod tests;"),
            ("c/src/a/tests.rs", ""),
            ("c/src/b/mod.rs", "mod f;"),
            ("c/src/b/f.rs", ""),
            ("c/src/d/e.rs", ""),
        ];
        assert_eq!(dead(&files), 0);
    }

    #[test]
    fn a_file_that_nobody_names_is_dead() {
        assert_eq!(
            dead(&[
                ("c/src/lib.rs", "mod a;"),
                ("c/src/a.rs", ""),
                ("c/src/b.rs", "")
            ]),
            1
        );
        assert_eq!(dead(&[("elsewhere/src/lib.rs", "")]), 1);
    }

    #[test]
    fn named_files_are_reached() {
        let files = [
            ("c/src/lib.rs", "mod sys;"),
            (
                "c/src/sys/mod.rs",
                "#[cfg_attr(loom, path = \"x_model.rs\")] mod x;\n#[path = \"z.rs\"] mod y;",
            ),
            ("c/src/sys/x.rs", ""),
            ("c/src/sys/x_model.rs", ""),
            ("c/src/sys/z.rs", ""),
        ];
        assert_eq!(dead(&files), 0);
    }

    #[test]
    fn cargo_finds_targets_in_their_places() {
        let files = [
            ("c/build.rs", ""),
            ("c/src/bin/tool.rs", ""),
            ("c/benches/timers.rs", "mod load;"),
            ("c/benches/load/mod.rs", ""),
            ("c/tests/all/main.rs", ""),
        ];
        assert_eq!(dead(&files), 0);
    }
}
