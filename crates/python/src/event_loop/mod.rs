//! The loop itself: its state, its turn, and how an entry of the ready queue is run.
//!
//! `core.rs` holds the state above `Scheduler`; `run.rs` is `run_forever` and one turn, in phases; `ready.rs` runs one
//! entry; `report.rs` tells the exception handler; `hooks.rs` is what a running loop sets in the interpreter,
//! `wakeup_fd.rs` where the interpreter writes signals; `fork.rs` is what a forked child does with the loops that it
//! inherits.

pub mod core;
pub mod fork;
pub mod hooks;
pub mod ready;
pub mod report;
pub mod run;
pub mod wakeup_fd;
