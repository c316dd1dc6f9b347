//! `TaskGroup`: tasks that end together.
//!
//! Follows `asyncio.taskgroups`, whose rules differ in every version. Of our own tasks nothing is asked through Python, and
//! no callable is made for them. For a Python subclass, which may have hooks of its own, and for other tasks, asyncio's own
//! steps are taken, method by method.
//!
//! `group.rs` is the type and the way in, `create.rs` makes tasks, `members.rs` is what happens when they end, `exit.rs` is
//! the way out, `dialect.rs` knows the versions.

pub mod create;
pub mod dialect;
pub mod exit;
pub mod functions;
#[expect(
    clippy::module_inception,
    reason = "the folder is the subject, the file its type"
)]
pub mod group;
pub mod members;
