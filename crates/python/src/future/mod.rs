//! `Future`, with asyncio's names and behaviour.
//!
//! `state.rs` holds the fields and the transitions, `callbacks.rs` who is told when it is done, `awaiting.rs` the
//! iterator behind `await`, `awaited_by.rs` who waits, `observer.rs` who is told in Rust, `future.rs` the type that Python
//! sees, `native.rs` which futures are ours and `any.rs` how any is asked; `operation.rs` makes a coroutine of a
//! state machine, `coroutine.rs` of a Rust `async` block, and `lifecycle.rs` is what both do.

pub mod any;
pub mod awaited_by;
pub mod awaiting;
pub mod callbacks;
pub mod coroutine;
#[expect(
    clippy::module_inception,
    reason = "the folder is the subject, the file its type"
)]
pub mod future;
pub mod lifecycle;
pub mod native;
pub mod observer;
pub mod operation;
pub mod state;
