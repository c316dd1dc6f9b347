//! Sockets without ownership, addresses without a resolver, and the race of connection attempts as
//! a plan.
//!
//! The descriptors belong to Python socket objects; see [`Fd`](crate::Fd) for what that means. No
//! method here waits.

mod addr;
mod listener;
mod staggered;
mod stream;

pub use addr::{Family, literal};
pub use listener::{Accepted, Listener};
pub use staggered::{Next, Plan, interleave};
pub use stream::{Connect, Received, Sent, Stream};
