//! Chores of the repository that need more than a line in the Makefile. Recipes call it; nothing
//! that ships depends on it.
#![deny(unsafe_code)]

mod tidy;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "Chores of the asyncioxide repository")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Check the rules that compilers and linters do not know: layers, lengths, unsafe files,
    /// headers, dead files, links
    Tidy {
        /// The checkout to look at
        #[arg(long, default_value = ".")]
        root: PathBuf,
    },
}

fn main() -> ExitCode {
    match Arguments::parse().chore {
        Chore::Tidy { root } => tidy::run(&root),
    }
}
