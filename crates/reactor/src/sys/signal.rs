//! `SignalPipe`: the pipe between the interpreter's signal handler and the loop; `WakeupFd`: somebody else's.
//!
//! CPython's C-level handler writes one byte, the signal's number, to the descriptor given to
//! `signal.set_wakeup_fd` (`trip_signal` in Modules/signalmodule.c). An eventfd refuses single
//! bytes. A socket pair, which asyncio takes, accounts hundreds of bytes for each and is full after
//! 278 signals; a pipe holds 65 536. Both ends are non-blocking: the writer is a signal handler,
//! which must not wait, and `set_wakeup_fd` insists on it. What does not fit in is lost, and the
//! interpreter says so.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::pipe::PipeFlags;

use super::Fd;

/// An owned non-blocking, close-on-exec pipe (pipe2(2)).
#[derive(Debug)]
pub struct SignalPipe {
    read: OwnedFd,
    write: OwnedFd,
}

impl SignalPipe {
    /// Makes the pipe.
    ///
    /// # Errors
    /// Those of pipe2(2), EMFILE above all.
    pub fn new() -> io::Result<Self> {
        let (read, write) = rustix::pipe::pipe_with(PipeFlags::NONBLOCK | PipeFlags::CLOEXEC)?;
        Ok(Self { read, write })
    }

    /// The end for `signal.set_wakeup_fd`. The pipe stays its owner.
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
    /// Those of read(2), save EINTR (tried again) and EAGAIN (nothing left).
    pub fn drain(&self, signals: &mut Vec<u8>) -> io::Result<()> {
        let mut chunk = [0_u8; 256];
        loop {
            match rustix::io::read(&self.read, &mut chunk) {
                Ok(0) | Err(Errno::AGAIN) => return Ok(()),
                Ok(count) => signals.extend_from_slice(&chunk[..count]),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// A wakeup descriptor that somebody else installed, and which file it was then: the number may be another file's by the
/// time it is to be put back or written to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WakeupFd {
    fd: Fd,
    /// Device and inode.
    file: Option<(u64, u64)>,
}

impl WakeupFd {
    /// Remembers `raw`, what `signal.set_wakeup_fd` gave; -1 is nobody's.
    #[must_use]
    pub fn remember(raw: RawFd) -> Self {
        let fd = Fd::new(raw);
        Self {
            fd,
            file: file_of(fd),
        }
    }

    /// The number.
    #[must_use]
    pub fn raw(self) -> RawFd {
        self.fd.raw()
    }

    /// Whether the descriptor is still open, and the same file.
    #[must_use]
    pub fn is_there(self) -> bool {
        self.file.is_some() && file_of(self.fd) == self.file
    }

    /// Writes a signal's number, as the interpreter would have done. What does not go is lost there too.
    pub fn pass_on(self, signal: u8) {
        let Ok(fd) = self.fd.borrow() else {
            return;
        };
        // It was non-blocking when it was installed; a wait here would be for a foreign reader.
        let may_block =
            !rustix::fs::fcntl_getfl(fd).is_ok_and(|flags| flags.contains(OFlags::NONBLOCK));
        if may_block || !self.is_there() {
            return;
        }
        // A reader that does not keep up, or is gone, gets no more from the interpreter either.
        let _lost = rustix::io::write(fd, &[signal]);
    }
}

fn file_of(fd: Fd) -> Option<(u64, u64)> {
    let stat = rustix::fs::fstat(fd.borrow().ok()?).ok()?;
    Some((stat.st_dev, stat.st_ino))
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

    #[test]
    fn thousands_of_signals_fit_in() {
        let pipe = SignalPipe::new().unwrap();
        for _ in 0..60_000 {
            rustix::io::write(&pipe.write, &[10]).unwrap();
        }
        let mut signals = Vec::new();
        pipe.drain(&mut signals).unwrap();
        assert_eq!(signals, [10].repeat(60_000));
    }

    #[test]
    fn somebody_elses_descriptor_gets_the_number() {
        let pipe = SignalPipe::new().unwrap();
        let theirs = WakeupFd::remember(pipe.write_fd());
        assert!(theirs.is_there());
        theirs.pass_on(15);
        let mut signals = Vec::new();
        pipe.drain(&mut signals).unwrap();
        assert_eq!(signals, [15]);
    }

    #[test]
    fn a_number_that_is_another_file_by_now_gets_nothing() {
        let (old, new) = (SignalPipe::new().unwrap(), SignalPipe::new().unwrap());
        let theirs = WakeupFd::remember(old.write_fd());
        let number = rustix::io::dup(&old.write).unwrap();
        let stale = WakeupFd {
            fd: Fd::from(&new.write),
            ..theirs
        };
        drop((old, number));
        assert!(!stale.is_there());
        stale.pass_on(15);
        let mut signals = Vec::new();
        new.drain(&mut signals).unwrap();
        assert!(signals.is_empty());
        WakeupFd::remember(-1).pass_on(15);
        assert!(!WakeupFd::remember(-1).is_there());
    }

    #[test]
    fn a_descriptor_that_would_block_gets_nothing() {
        let (read, write) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC).unwrap();
        WakeupFd::remember(write.as_raw_fd()).pass_on(15);
        drop(write);
        let mut left = [0; 8];
        assert_eq!(rustix::io::read(&read, &mut left).unwrap(), 0);
    }
}
