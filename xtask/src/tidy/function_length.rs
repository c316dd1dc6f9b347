//! Rule: a function is read on one screen or two.

use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use super::finding::Finding;
use super::python_functions;
use super::tree::{TextFile, Tree};

/// From the line with the name to the last line of the body. Attributes and docs above it do not
/// count.
const MOST_LINES: usize = 70;

/// A function in a file.
#[derive(Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// The line its signature begins on, counted from one.
    pub first: usize,
    /// The line its body ends on.
    pub last: usize,
}

/// Finds Rust and Python functions that are too long.
pub fn check(tree: &Tree) -> Vec<Finding> {
    let rust = tree
        .of_kind("rs")
        .flat_map(|file| too_long(file, rust_functions(&file.text)));
    let python = tree
        .of_kind("py")
        .flat_map(|file| too_long(file, python_functions::functions(&file.text)));
    rust.chain(python).collect()
}

fn too_long(file: &TextFile, functions: Vec<Function>) -> Vec<Finding> {
    functions
        .into_iter()
        .filter_map(|function| {
            let lines = function.last - function.first + 1;
            let message = format!(
                "`{}` has {lines} lines; at most {MOST_LINES}",
                function.name
            );
            (lines > MOST_LINES).then(|| Finding::new(&file.path, function.first, message))
        })
        .collect()
}

fn rust_functions(text: &str) -> Vec<Function> {
    let mut found = Functions::default();
    if let Ok(file) = syn::parse_file(text) {
        found.visit_file(&file);
    }
    found.0
}

#[derive(Default)]
struct Functions(Vec<Function>);

impl Functions {
    fn add(&mut self, signature: &syn::Signature, body: &syn::Block) {
        self.0.push(Function {
            name: signature.ident.to_string(),
            first: signature.span().start().line,
            last: body.span().end().line,
        });
    }
}

impl<'ast> Visit<'ast> for Functions {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.add(&item.sig, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.add(&item.sig, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_trait_item_fn(&mut self, item: &'ast syn::TraitItemFn) {
        if let Some(body) = &item.default {
            self.add(&item.sig, body);
        }
        visit::visit_trait_item_fn(self, item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rust_functions_are_found_wherever_they_are() {
        let text = "\
            /// Docs.\n\
            #[inline]\n\
            pub fn free(\n    a: u8,\n) {\n    fn nested() {}\n}\n\
            impl S {\n    fn method() {}\n}\n\
            trait T {\n    fn required();\n    fn provided() {\n    }\n}\n";
        let found = rust_functions(text);
        let spans: Vec<_> = found
            .iter()
            .map(|f| (f.name.as_str(), f.first, f.last))
            .collect();
        assert_eq!(
            spans,
            [
                ("free", 3, 7),
                ("nested", 6, 6),
                ("method", 9, 9),
                ("provided", 13, 14)
            ]
        );
    }

    #[test]
    fn the_limit_itself_is_allowed() {
        let function = |lines: usize| format!("fn f() {{{}}}", "\n".repeat(lines - 1));
        let tree = Tree::of_texts(&[
            ("a.rs", &function(MOST_LINES)),
            ("b.rs", &function(MOST_LINES + 1)),
        ]);
        assert_eq!(check(&tree).len(), 1);
    }
}
