//! `SignalPipe`: the socket pair between the interpreter's signal handler and the loop.
//!
//! CPython's C-level handler writes one byte, the signal's number, to the descriptor given to
//! `signal.set_wakeup_fd` (`trip_signal` in Modules/signalmodule.c). An eventfd refuses single
//! bytes, hence the pair. Both ends are non-blocking: the writer is a signal handler, which must
//! not wait, and `set_wakeup_fd` insists on it. A full pipe loses bytes, and that is allowed: the
//! loop is awake then anyway and the interpreter keeps its own flags.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use rustix::io::Errno;
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType};

use super::Fd;

/// An owned pair of connected, non-blocking, close-on-exec Unix sockets (socketpair(2)).
#[derive(Debug)]
pub struct SignalPipe {
    read: OwnedFd,
    write: OwnedFd,
}

impl SignalPipe {
    /// Makes the pair.
    ///
    /// # Errors
    /// Those of socketpair(2), EMFILE above all.
    pub fn new() -> io::Result<Self> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let (read, write) =
            rustix::net::socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        Ok(Self { read, write })
    }

    /// The end for `signal.set_wakeup_fd`. The pair stays its owner.
    #[must_use]
    pub fn write_fd(&self) -> RawFd {
        self.write.as_raw_fd()
    }

    /// The end to register with the poller.
    #[must_use]
    pub fn read_fd(&self) -> Fd {
        Fd::from(&self.read)
    }

    /// Appends the numbers of the signals that arrived to `signals`, until nothing is left.
    ///
    /// # Errors
    /// Those of recv(2), save EINTR (tried again) and EAGAIN (nothing left).
    pub fn drain(&self, signals: &mut Vec<u8>) -> io::Result<()> {
        let mut chunk = [0_u8; 256];
        loop {
            match rustix::net::recv(&self.read, &mut chunk, RecvFlags::empty()) {
                Ok((0, _)) | Err(Errno::AGAIN) => return Ok(()),
                Ok((count, _)) => signals.extend_from_slice(&chunk[..count]),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

#[cfg(test)]
#[cfg(not(miri))]
mod tests {
    use super::*;

    #[test]
    fn hands_over_every_byte_in_order() {
        let pipe = SignalPipe::new().unwrap();
        let mut signals = Vec::new();
        pipe.drain(&mut signals).unwrap();
        assert!(signals.is_empty());
        let sent: Vec<u8> = (0..100).map(|n| n % 64).collect();
        for byte in &sent {
            rustix::io::write(&pipe.write, &[*byte]).unwrap();
        }
        let burst = vec![9; 1000];
        rustix::io::write(&pipe.write, &burst).unwrap();
        pipe.drain(&mut signals).unwrap();
        assert_eq!(signals, [sent, burst].concat());
    }

    #[test]
    fn a_full_pipe_does_not_block_the_writer() {
        let pipe = SignalPipe::new().unwrap();
        let full = loop {
            if let Err(error) = rustix::io::write(&pipe.write, &[2; 4096]) {
                break error;
            }
        };
        assert_eq!(full, Errno::AGAIN);
    }

    #[test]
    fn both_ends_are_closed_on_exec_and_do_not_block() {
        let pipe = SignalPipe::new().unwrap();
        for end in [&pipe.read, &pipe.write] {
            assert!(
                rustix::io::fcntl_getfd(end)
                    .unwrap()
                    .contains(rustix::io::FdFlags::CLOEXEC)
            );
            assert!(
                rustix::fs::fcntl_getfl(end)
                    .unwrap()
                    .contains(rustix::fs::OFlags::NONBLOCK)
            );
        }
        assert_eq!(pipe.read_fd().raw(), pipe.read.as_raw_fd());
        assert_eq!(pipe.write_fd(), pipe.write.as_raw_fd());
    }
}
