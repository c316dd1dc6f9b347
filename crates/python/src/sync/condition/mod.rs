//! `Condition`. Follows `asyncio.locks.Condition`; what a cancelled `wait` does changed in 3.13.
//!
//! `condition.rs` is the class, `waiting.rs` the way through `wait()`, `operations.rs` what Python awaits.

#[expect(
    clippy::module_inception,
    reason = "the folder is the subject, the file its type"
)]
pub mod condition;
mod operations;
pub mod waiting;

pub use condition::{ConditionData, build};
