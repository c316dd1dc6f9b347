//! `EventFd`: a counter in the kernel whose descriptor is readable while the counter is not zero
//! (eventfd(2)).

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use rustix::event::EventfdFlags;
use rustix::io::Errno;

use super::Fd;

/// An owned, non-blocking, close-on-exec eventfd.
#[derive(Debug)]
pub(crate) struct EventFd {
    fd: OwnedFd,
}

impl EventFd {
    /// A new counter at zero.
    pub(crate) fn new() -> io::Result<Self> {
        let fd = rustix::event::eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self { fd })
    }

    /// Adds one to the counter.
    pub(crate) fn signal(&self) -> io::Result<()> {
        loop {
            match rustix::io::write(&self.fd, &1_u64.to_ne_bytes()) {
                // EAGAIN: the counter is at its maximum, so the descriptor is readable, which is
                // all that was wanted.
                Ok(_) | Err(Errno::AGAIN) => return Ok(()),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Sets the counter to zero and returns what it was.
    pub(crate) fn clear(&self) -> io::Result<u64> {
        let mut count = [0_u8; 8];
        loop {
            match rustix::io::read(&self.fd, &mut count) {
                Ok(_) => return Ok(u64::from_ne_bytes(count)),
                Err(Errno::AGAIN) => return Ok(0),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The descriptor, for registration in a poller.
    pub(crate) fn fd(&self) -> Fd {
        Fd::new(self.fd.as_raw_fd())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_signals_until_cleared() {
        let eventfd = EventFd::new().unwrap();
        assert_eq!(eventfd.clear().unwrap(), 0);
        eventfd.signal().unwrap();
        eventfd.signal().unwrap();
        assert_eq!(eventfd.clear().unwrap(), 2);
        assert_eq!(eventfd.clear().unwrap(), 0);
    }

    #[test]
    fn a_full_counter_is_no_error() {
        let eventfd = EventFd::new().unwrap();
        rustix::io::write(&eventfd.fd, &(u64::MAX - 1).to_ne_bytes()).unwrap();
        eventfd.signal().unwrap();
        assert_eq!(eventfd.clear().unwrap(), u64::MAX - 1);
    }

    #[test]
    #[cfg(not(miri))]
    fn is_closed_on_exec() {
        let eventfd = EventFd::new().unwrap();
        let flags = rustix::io::fcntl_getfd(&eventfd.fd).unwrap();
        assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
    }
}
