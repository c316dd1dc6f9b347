//! The two queues of a loop: its own, and the one that other threads write to.

mod ready;
mod remote;

pub use ready::Ready;
pub use remote::Remote;
