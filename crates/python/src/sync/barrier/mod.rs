//! `Barrier`. Follows `asyncio.locks.Barrier`, which has been the same since 3.11 but for a text.
//!
//! `barrier.rs` is the class and its states, `operations.rs` what Python awaits of it.

#[expect(
    clippy::module_inception,
    reason = "the folder is the subject, the file its type"
)]
pub mod barrier;
mod operations;

pub use barrier::build;
