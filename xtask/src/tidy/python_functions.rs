//! Where the functions of a Python file begin and end, by indentation.
//!
//! A function ends before the next statement that is not deeper than its `def`. What decides is the
//! indentation of statements, so the scanner knows which lines continue one: lines inside brackets,
//! inside a string of several lines, and after a backslash. Comments and empty lines end nothing.

use super::function_length::Function;

/// All functions of a file, the nested ones too.
pub fn functions(text: &str) -> Vec<Function> {
    let mut scanner = Scanner::default();
    let mut open: Vec<(usize, Function)> = Vec::new();
    let mut done = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let number = index + 1;
        let continues = scanner.continues();
        scanner.feed(line);
        let statement = line.trim_start();
        if !continues && (statement.is_empty() || statement.starts_with('#')) {
            continue;
        }
        if !continues {
            let depth = line.len() - statement.len();
            while let Some((_, function)) = open.pop_if(|(outer, _)| depth <= *outer) {
                done.push(function);
            }
            if let Some(name) = defined_name(statement) {
                open.push((
                    depth,
                    Function {
                        name,
                        first: number,
                        last: number,
                    },
                ));
            }
        }
        for (_, function) in &mut open {
            function.last = number;
        }
    }
    done.extend(open.into_iter().map(|(_, function)| function));
    done.sort_by_key(|function| function.first);
    done
}

fn defined_name(statement: &str) -> Option<String> {
    let rest = statement
        .strip_prefix("async ")
        .unwrap_or(statement)
        .trim_start();
    let rest = rest.strip_prefix("def ")?;
    Some(
        rest.split(['(', '['])
            .next()
            .unwrap_or(rest)
            .trim()
            .to_owned(),
    )
}

/// What the end of a line leaves open.
#[derive(Default)]
struct Scanner {
    brackets: usize,
    string: Option<Quote>,
    backslash: bool,
}

/// The quotes that end a string: one character, once or three times.
#[derive(Clone, Copy)]
struct Quote {
    character: char,
    triple: bool,
}

impl Scanner {
    /// Whether the next line belongs to the statement of the last one.
    fn continues(&self) -> bool {
        self.brackets > 0 || self.string.is_some() || self.backslash
    }

    fn feed(&mut self, line: &str) {
        self.backslash = false;
        let characters: Vec<char> = line.chars().collect();
        let mut at = 0;
        while at < characters.len() {
            at = match self.string {
                Some(quote) => self.in_string(quote, &characters, at),
                None => match self.in_code(&characters, at) {
                    Some(next) => next,
                    None => break,
                },
            };
        }
        // Only strings of three quotes, or a backslash, lead over the end of a line.
        if self.string.is_some_and(|quote| !quote.triple) && !self.backslash {
            self.string = None;
        }
    }

    /// The position after one step inside a string.
    fn in_string(&mut self, quote: Quote, characters: &[char], at: usize) -> usize {
        if characters[at] == '\\' {
            self.backslash = at + 1 == characters.len();
            return at + 2;
        }
        if characters[at] != quote.character {
            return at + 1;
        }
        if !quote.triple {
            self.string = None;
            return at + 1;
        }
        if is_triple(quote.character, characters, at) {
            self.string = None;
            return at + 3;
        }
        at + 1
    }

    /// The position after one step outside of strings; nothing where a comment takes the rest of
    /// the line.
    fn in_code(&mut self, characters: &[char], at: usize) -> Option<usize> {
        match characters[at] {
            '#' => return None,
            '(' | '[' | '{' => self.brackets += 1,
            ')' | ']' | '}' => self.brackets = self.brackets.saturating_sub(1),
            '\\' => self.backslash = at + 1 == characters.len(),
            character @ ('"' | '\'') => {
                let triple = is_triple(character, characters, at);
                self.string = Some(Quote { character, triple });
                return Some(at + if triple { 3 } else { 1 });
            }
            _ => {}
        }
        Some(at + 1)
    }
}

fn is_triple(character: char, characters: &[char], at: usize) -> bool {
    characters
        .get(at..at + 3)
        .is_some_and(|three| three.iter().all(|c| *c == character))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[(&str, usize, usize)]) {
        let found = functions(text);
        let spans: Vec<_> = found
            .iter()
            .map(|f| (f.name.as_str(), f.first, f.last))
            .collect();
        assert_eq!(spans, expected);
    }

    #[test]
    fn a_function_ends_with_its_last_statement() {
        check(
            "def f():\n    pass\n\n# About g.\nasync def g():\n    pass\n",
            &[("f", 1, 2), ("g", 5, 6)],
        );
    }

    #[test]
    fn a_signature_of_several_lines_belongs_to_its_function() {
        check(
            "@decorated\ndef f(\n    a,\n) -> None:\n    pass\nx = 1\n",
            &[("f", 2, 5)],
        );
    }

    #[test]
    fn text_in_strings_is_neither_statement_nor_bracket() {
        check(
            "def f():\n    '''\ndef not_one(:\n    '''\n    g(\"(\", '\\'(')\nx = 1\n",
            &[("f", 1, 5)],
        );
    }

    #[test]
    fn nested_functions_and_methods_are_counted_in_both() {
        check(
            "class C:\n  def m(self):\n    def n():\n      pass\n    return n\n\n  def o(self): ...\n",
            &[("m", 2, 5), ("n", 3, 4), ("o", 7, 7)],
        );
    }

    #[test]
    fn comments_and_backslashes_end_nothing() {
        check(
            "def f():\n    a = 1 + \\\n2\n# (\n    return a\nf()\n",
            &[("f", 1, 5)],
        );
    }

    #[test]
    fn the_end_of_a_file_ends_all() {
        check(
            "def f[T](a):\n    def g():\n        pass",
            &[("f", 1, 3), ("g", 2, 3)],
        );
    }
}
