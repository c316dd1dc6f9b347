//! `Queue`, `LifoQueue` and `PriorityQueue`.
//!
//! `queue.rs` is the types, `operations.rs` what waits, `hooks.rs` what a subclass may replace,
//! `finished.rs` the event of those who join.

pub mod finished;
pub mod hooks;
pub mod operations;
#[expect(
    clippy::module_inception,
    reason = "the folder is the subject, the file its type"
)]
pub mod queue;
