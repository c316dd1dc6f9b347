//! The bridge for authors of extensions: a Rust `Future` as a Python awaitable, and a Python awaitable as a Rust
//! `Future`, both on the asyncio loop that runs. No second runtime, no thread, nothing that polls.
//!
//! An extension depends on this crate as a library, without the loop, which Python brings:
//!
//! ```toml
//! [dependencies]
//! asyncioxide = { package = "asyncioxide-python", version = "0.1", default-features = false, features = ["bridge"] }
//! pyo3 = "0.30"
//! ```
//!
//! ```ignore
//! /// `await twice(awaitable)`
//! #[pyfunction]
//! fn twice(awaitable: Py<PyAny>) -> Awaitable {
//!     Awaitable::new("twice", async move {
//!         let number = into_future(awaitable).await?;
//!         Python::attach(|py| number.extract::<i64>(py).map(|number| 2 * number))
//!     })
//! }
//! ```
//!
//! [`Awaitable`] is a coroutine to Python: `await` it, or give it to `create_task`, `gather`, `wait_for`. Each resumption
//! is one poll, on the loop's thread with the interpreter attached; what computes for long detaches with
//! [`Python::detach`](pyo3::Python::detach). In between nothing happens: the future's
//! [`Waker`](std::task::Waker) may be woken from any thread, attached or not, while any lock is held, and then the loop
//! resumes the task.
//!
//! Cancellation drops the Rust future where it waits; whatever it has to undo it does in `Drop`. A panic is a
//! `SystemError`. [`into_future`] works inside such a future only, since it needs a loop to run the Python side.
//!
//! Python objects inside a Rust future are out of the collector's sight: what refers back to the task that awaits it
//! is freed when the future ends, not before.
//!
//! Inside, nothing refers to the rest of this crate. A task and its loop are reached by asyncio's public methods alone
//! (`create_future`, `add_reader`), so the bridge works on stock asyncio and uvloop too, and an extension needs no
//! rebuild when asyncioxide changes. `awaitable.rs` is the way from Rust to Python and `awaited.rs` the way back;
//! `wake.rs` is the waker, `bell.rs` what it rings, `channel.rs` who hears that on the loop.

mod awaitable;
mod awaited;
mod bell;
mod channel;
mod unwound;
mod wake;

pub use awaitable::Awaitable;
pub use awaited::{Awaited, into_future};
