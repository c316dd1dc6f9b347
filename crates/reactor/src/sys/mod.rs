//! System calls, over rustix. The only `unsafe` code of the crate is in here.
//!
//! What a platform must supply:
//!
//! | type | what it is | Linux |
//! | --- | --- | --- |
//! | `Epoll` | the readiness queue | epoll(7) |
//! | `EventFd` | a counter that makes a descriptor readable | eventfd(2) |
//! | [`Fd`] | the name of a descriptor that somebody else owns | |
//! | [`SignalPipe`] | where the interpreter's signal handler writes | pipe2(2) |
//!
//! There is no `close` here: what this crate owns is an `OwnedFd`, and closing by number is how
//! descriptors get closed twice.

pub(crate) mod epoll;
#[cfg(not(loom))]
pub(crate) mod eventfd;
#[cfg(loom)]
#[path = "eventfd_model.rs"]
pub(crate) mod eventfd;
mod fd;
#[cfg(test)]
#[cfg(not(miri))]
pub(crate) mod interrupt;
mod signal;
mod ticks;

pub use fd::Fd;
pub use signal::{SignalPipe, WakeupFd};
pub use ticks::ticks;
