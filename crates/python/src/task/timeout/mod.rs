//! `Timeout`: cancels the task that is inside it when its time has come.
//!
//! Follows `asyncio.timeouts`. On a loop of ours the timer calls a function here, and no Python runs between the time's
//! coming and the task's `cancel`. On any other loop, and for a Python subclass, asyncio's own steps are taken, method by
//! method. `wait_for()` is a `Timeout` too, one that nobody sees.
//!
//! `timeout.rs` is the type, `enter.rs` and `leave.rs` are the ways in and out, `timer.rs` is what happens when the time
//! comes, `functions.rs` what Python calls and awaits.

pub mod enter;
pub mod functions;
pub mod leave;
#[expect(
    clippy::module_inception,
    reason = "the folder is the subject, the file its type"
)]
pub mod timeout;
pub mod timer;
