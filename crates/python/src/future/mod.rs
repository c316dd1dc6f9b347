//! `Future`, with asyncio's names and behaviour.
//!
//! `state.rs` holds the fields and the transitions, `callbacks.rs` who is told when it is done, `awaiting.rs` the
//! iterator behind `await`, `future.rs` the type that Python sees; `coroutine.rs` makes a coroutine of a Rust `async` block.

pub mod awaiting;
pub mod callbacks;
pub mod coroutine;
#[expect(
    clippy::module_inception,
    reason = "the folder is the subject, the file its type"
)]
pub mod future;
pub mod state;
