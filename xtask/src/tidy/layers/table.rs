//! The layer table of ARCHITECTURE.md: a fenced block named `layers`, with two kinds of lines.
//!
//! `Reactor (crates/reactor/src): sys < {poll, time} < driver` orders a crate's modules from the
//! lowest to the highest; those in braces are beside each other. `Reactor sideways: queue -> poll`
//! lets one of those import another.

use std::collections::BTreeMap;

use super::super::blocks;
use super::super::finding::Finding;
use super::super::tree::Tree;

/// The order of one crate's modules.
pub struct Layers {
    name: String,
    /// Where the crate's sources are, below the root.
    pub folder: String,
    ranks: BTreeMap<String, usize>,
    sideways: Vec<(String, String)>,
}

/// What the table says of an import.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Down, inside one module, or allowed sideways.
    Allowed,
    /// To a higher module.
    Up,
    /// To a module of the same height.
    Sideways,
    /// To a name that is no module of the table.
    Unknown,
}

impl Layers {
    /// Whether the module has a place.
    pub fn knows(&self, module: &str) -> bool {
        self.ranks.contains_key(module)
    }

    /// What the table says of an import of `to` by `from`, a module that it knows.
    pub fn judge(&self, from: &str, to: &str) -> Verdict {
        let Some(height) = self.ranks.get(to) else {
            return Verdict::Unknown;
        };
        let beside = || self.sideways.iter().any(|(a, b)| a == from && b == to);
        match height.cmp(&self.ranks[from]) {
            _ if from == to => Verdict::Allowed,
            std::cmp::Ordering::Less => Verdict::Allowed,
            std::cmp::Ordering::Equal if beside() => Verdict::Allowed,
            std::cmp::Ordering::Equal => Verdict::Sideways,
            std::cmp::Ordering::Greater => Verdict::Up,
        }
    }
}

/// Reads the table.
pub fn layers_of(tree: &Tree) -> Result<Vec<Layers>, Vec<Finding>> {
    let lines = blocks::lines_of(tree, "layers").map_err(|missing| vec![missing])?;
    let mut crates: Vec<Layers> = Vec::new();
    let mut wrong = Vec::new();
    for (number, line) in lines {
        let understood = match chain(line) {
            Some(layers) => {
                crates.push(layers);
                true
            }
            None => add_sideways(&mut crates, line),
        };
        if !understood {
            let message = "not a line of the layer table (see xtask/src/tidy/layers/table.rs)";
            wrong.push(Finding::new(blocks::PAGE, number, message));
        }
    }
    if wrong.is_empty() {
        Ok(crates)
    } else {
        Err(wrong)
    }
}

/// Reads `Name (folder): a < {b, c} < d`.
fn chain(line: &str) -> Option<Layers> {
    let (name, rest) = line.split_once(" (")?;
    let (folder, modules) = rest.split_once("): ")?;
    let mut ranks = BTreeMap::new();
    for (height, level) in modules.split('<').enumerate() {
        for module in level.trim().trim_matches(['{', '}']).split(',') {
            // A root can stand at the end of the chain, by its file's name.
            let module = module.trim().trim_end_matches(".rs");
            if module.is_empty() || ranks.insert(module.to_owned(), height).is_some() {
                return None;
            }
        }
    }
    let (name, folder) = (name.to_owned(), folder.to_owned());
    Some(Layers {
        name,
        folder,
        ranks,
        sideways: Vec::new(),
    })
}

/// Reads `Name sideways: a -> b, c -> d` into the crate of that name.
fn add_sideways(crates: &mut [Layers], line: &str) -> bool {
    let Some((name, pairs)) = line.split_once(" sideways: ") else {
        return false;
    };
    let Some(layers) = crates.iter_mut().find(|layers| layers.name == name) else {
        return false;
    };
    for pair in pairs.split(',') {
        let Some((from, to)) = pair.split_once("->") else {
            return false;
        };
        let (from, to) = (from.trim(), to.trim());
        if layers.judge_known(from, to) != Some(Verdict::Sideways) {
            return false;
        }
        layers.sideways.push((from.to_owned(), to.to_owned()));
    }
    true
}

impl Layers {
    fn judge_known(&self, from: &str, to: &str) -> Option<Verdict> {
        self.knows(from).then(|| self.judge(from, to))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &str) -> Result<Vec<Layers>, Vec<Finding>> {
        layers_of(&Tree::of_texts(&[(
            "ARCHITECTURE.md",
            &format!("```layers\n{lines}\n```\n"),
        )]))
    }

    #[test]
    fn a_chain_orders_its_modules() {
        let crates = read("Python (p/src): py < {streams, sync} < api < lib.rs")
            .ok()
            .unwrap();
        let layers = &crates[0];
        assert_eq!(layers.folder, "p/src");
        assert_eq!(layers.judge("api", "py"), Verdict::Allowed);
        assert_eq!(layers.judge("sync", "sync"), Verdict::Allowed);
        assert_eq!(layers.judge("sync", "streams"), Verdict::Sideways);
        assert_eq!(layers.judge("sync", "api"), Verdict::Up);
        assert_eq!(layers.judge("sync", "lib"), Verdict::Up);
        assert_eq!(layers.judge("sync", "utils"), Verdict::Unknown);
    }

    #[test]
    fn sideways_goes_one_way() {
        let crates = read("R (r): {a, b, c}\nR sideways: a -> b, b -> c")
            .ok()
            .unwrap();
        assert_eq!(crates[0].judge("a", "b"), Verdict::Allowed);
        assert_eq!(crates[0].judge("b", "a"), Verdict::Sideways);
        assert_eq!(crates[0].judge("b", "c"), Verdict::Allowed);
    }

    #[test]
    fn lines_that_say_nothing_are_refused() {
        for line in [
            "nonsense",
            "R: a < b",
            "R (r): a < a",
            "R (r): a < < b",
            "S sideways: a -> b",
        ] {
            assert!(read(line).is_err(), "{line}");
        }
        assert!(read("R (r): a < b\nR sideways: a -> b").is_err());
    }
}
