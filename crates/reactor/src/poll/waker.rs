//! `Waker`: makes a waiting poller return, from any thread.

use std::io;

use crate::sys::Fd;
use crate::sys::eventfd::EventFd;

/// A counter that is readable in the poller while it is not zero (eventfd(2)).
///
/// A wake-up is a system call, so nobody should make one that is not needed:
/// [`Remote`](crate::Remote) wakes once for each time the loop lies down.
#[derive(Debug)]
pub struct Waker {
    eventfd: EventFd,
}

impl Waker {
    /// A waker that nobody has used yet. [`Poller::add_waker`](super::Poller::add_waker) connects
    /// it.
    ///
    /// # Errors
    /// Those of eventfd(2), EMFILE above all.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            eventfd: EventFd::new()?,
        })
    }

    /// Adds one to the counter: the poller's wait returns, now or at once when it starts.
    ///
    /// # Errors
    /// Those of write(2); none is expected. A counter that is full is no error.
    pub fn wake(&self) -> io::Result<()> {
        self.eventfd.signal()
    }

    /// Sets the counter to zero and returns how many wake-ups it held.
    ///
    /// # Errors
    /// Those of read(2); none is expected.
    pub fn clear(&self) -> io::Result<u64> {
        self.eventfd.clear()
    }

    /// The descriptor to register. The waker stays its owner.
    #[must_use]
    pub fn fd(&self) -> Fd {
        self.eventfd.fd()
    }

    /// Blocks as the poller's wait would.
    #[cfg(all(loom, test))]
    pub(crate) fn wait_readable(&self) {
        self.eventfd.wait_readable();
    }
}
