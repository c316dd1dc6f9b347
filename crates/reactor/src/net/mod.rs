//! Sockets and pipes without ownership, addresses without a resolver, and the race of connection attempts as
//! a plan.
//!
//! The descriptors belong to Python objects; see [`Fd`](crate::Fd) for what that means. No
//! method here waits.

mod addr;
mod datagram;
mod listener;
mod pipe;
mod staggered;
mod stream;

pub use addr::{Family, literal};
pub use datagram::{Arrived, Datagram, Departed};
pub use listener::{Accepted, Listener};
pub use pipe::{Pipe, PipeKind};
pub use staggered::{Next, Plan, interleave};
pub use stream::{Connect, Received, Sent, Stream};
