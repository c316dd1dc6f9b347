//! `Task`: a future that drives a coroutine.
//!
//! `step.rs` is the heart: one step of the coroutine and what its outcome means. `wakeup.rs` arms the next one,
//! `cancel.rs` interrupts, `current.rs` and `registry.rs` keep asyncio's `current_task` and `all_tasks` informed,
//! `eager.rs` runs a first step at once. `task.rs` is the type that Python sees.

pub mod any;
pub mod cancel;
pub mod chain;
pub mod create;
pub mod current;
pub mod eager;
pub mod ensure;
pub mod functions;
pub mod gather;
pub mod group;
pub mod kinds;
pub mod registry;
pub mod release;
pub mod shield;
pub mod sleep;
pub mod step;
#[expect(
    clippy::module_inception,
    reason = "the folder is the subject, the file its type"
)]
pub mod task;
pub mod timeout;
pub mod wait;
pub mod wait_for;
pub mod wakeup;
