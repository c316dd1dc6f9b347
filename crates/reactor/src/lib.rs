//! The event loop's machinery, without Python.
//!
//! The crate knows descriptors, clocks, queues and buffers, and carries whatever its user wants
//! carried as type parameters. It never sees a Python object, never calls back into its user, and
//! never drops a user's value behind the user's back: dropping may run foreign code, so what is
//! finished is always handed back to the caller.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`sys`] | the system calls; the only `unsafe` code of the crate |
//! | [`poll`] | [`Poller`] (epoll), [`Sources`] (who is registered in it), [`Waker`] |
//! | [`time`] | [`Clock`], [`Timers`] |
//! | [`queue`] | [`Ready`] (the loop's own FIFO), [`Remote`] (from other threads into the loop) |
//! | [`buf`] | [`WriteQueue`], [`ReadBuffer`], [`Unread`], the search for separators |
//! | [`flow`] | [`Flow`]: the high and low water marks of a transport |
//! | [`net`] | [`Stream`], [`Listener`], [`Datagram`], [`Pipe`], literal addresses, happy eyeballs |
//! | [`process`] | [`Child`], a child process and its end |
//! | [`tls`] | [`tls::Session`]: a TLS connection between two buffers |
//! | [`driver`] | [`Driver`]: one turn of the loop, made of the parts above |
//!
//! Imports go down only: `sys < {poll, time, queue, buf, flow} < {driver, net, process, tls}`.

#![deny(unsafe_code)]

pub mod buf;
pub mod driver;
pub mod flow;
pub mod net;
pub mod poll;
pub mod process;
pub mod queue;
mod sync;
pub mod sys;
#[cfg(test)]
mod testing;
pub mod time;
pub mod tls;

pub use buf::{Found, ReadBuffer, Unread, WriteQueue, find_first};
pub use driver::{Driver, PollBudget, Wait};
pub use flow::{BadLimits, Flow, Pause, Resume};
pub use net::{
    Accepted, Arrived, Connect, Datagram, Departed, Family, Listener, Pipe, PipeKind, Received,
    Sent, Stream,
};
pub use poll::{Event, Events, Interest, Poller, Sources, Token, Waker};
pub use process::{Child, Exit};
pub use queue::{Ready, Remote};
pub use sys::{Fd, SignalPipe};
pub use time::{Clock, Deadline, Expiry, MockClock, Monotonic, Timers};

/// What other threads may hold, and what a wait with the interpreter's lock released needs.
const _: () = {
    const fn crosses_threads<T: Send + Sync>() {}
    crosses_threads::<Poller>();
    crosses_threads::<Events>();
    crosses_threads::<Waker>();
    crosses_threads::<Remote<u8>>();
};
