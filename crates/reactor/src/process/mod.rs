//! Child processes that somebody else has started: learning that they have ended, and how.
//!
//! `child.rs` is the only way in. Nothing here installs a signal handler, waits for a process that it was not given, or
//! waits at all.

mod child;

pub use child::{Child, Exit};
