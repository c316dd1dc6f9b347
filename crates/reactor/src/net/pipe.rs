//! `Pipe`: the system calls of one end of a pipe that somebody else owns.
//!
//! read(2) and write(2), because the end may be a FIFO, a socket or a character device (a terminal). "Not now" is an
//! answer here, not an error, and an interrupted call is made again.

use std::io::{self, IoSlice};
use std::os::fd::OwnedFd;

use rustix::fs::FileType;
use rustix::io::{Errno, retry_on_intr};

use super::stream::{Received, Sent, received, sent};
use crate::sys::Fd;

#[cfg(test)]
#[cfg(not(miri))]
mod tests;

/// One end of a pipe by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pipe {
    fd: Fd,
}

/// What is behind a descriptor, as far as pipe transports tell it apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PipeKind {
    /// pipe(2) or mkfifo(3).
    Fifo,
    /// A socket.
    Socket,
    /// A terminal, `/dev/null` and their like.
    CharacterDevice,
    /// A regular file, a directory, a disk: nothing that can be waited for.
    Other,
}

impl Pipe {
    /// Names the end `fd`.
    #[inline]
    #[must_use]
    pub const fn new(fd: Fd) -> Self {
        Self { fd }
    }

    /// What it is (fstat(2)).
    ///
    /// # Errors
    /// EBADF when it is closed.
    pub fn kind(&self) -> io::Result<PipeKind> {
        let stat = rustix::fs::fstat(self.fd.borrow()?)?;
        Ok(match FileType::from_raw_mode(stat.st_mode) {
            FileType::Fifo => PipeKind::Fifo,
            FileType::Socket => PipeKind::Socket,
            FileType::CharacterDevice => PipeKind::CharacterDevice,
            _ => PipeKind::Other,
        })
    }

    /// Makes reads and writes answer at once (O_NONBLOCK), for everybody who has the same open file.
    ///
    /// # Errors
    /// EBADF when it is closed.
    pub fn set_nonblocking(&self) -> io::Result<()> {
        Ok(rustix::io::ioctl_fionbio(self.fd.borrow()?, true)?)
    }

    /// A descriptor of our own for the same open file, close-on-exec: epoll watches a number for one reader and one
    /// writer together, and a second transport on the same number needs another.
    ///
    /// # Errors
    /// EMFILE above all.
    pub fn duplicate(&self) -> io::Result<OwnedFd> {
        Ok(rustix::io::fcntl_dupfd_cloexec(self.fd.borrow()?, 0)?)
    }

    /// How many bytes can be read now (FIONREAD).
    ///
    /// # Errors
    /// ENOTTY from a device that does not count.
    pub fn available_bytes(&self) -> io::Result<usize> {
        let count = rustix::io::ioctl_fionread(self.fd.borrow()?)?;
        Ok(usize::try_from(count).unwrap_or(usize::MAX))
    }

    /// Reads what is there into `buffer`, which must not be empty (read(2)).
    ///
    /// # Errors
    /// Those of read(2), save EAGAIN and EINTR: EIO from a terminal whose other side is closed.
    pub fn read(&self, buffer: &mut [u8]) -> io::Result<Received> {
        debug_assert!(
            !buffer.is_empty(),
            "a read of no bytes looks like the end of the stream"
        );
        let fd = self.fd.borrow()?;
        received(retry_on_intr(|| rustix::io::read(fd, &mut *buffer)))
    }

    /// Whether a read failed because this is a terminal whose other side is closed (EIO).
    #[must_use]
    pub fn is_hang_up(error: &io::Error) -> bool {
        error.raw_os_error() == Some(Errno::IO.raw_os_error())
    }

    /// Offers `bytes` to the kernel (write(2)).
    ///
    /// # Errors
    /// Those of write(2), save EAGAIN and EINTR: EPIPE above all.
    pub fn write(&self, bytes: &[u8]) -> io::Result<Sent> {
        let fd = self.fd.borrow()?;
        sent(retry_on_intr(|| rustix::io::write(fd, bytes)))
    }

    /// Offers the concatenation of `slices` to the kernel (writev(2)), at most 1024 of them.
    ///
    /// # Errors
    /// As [`Pipe::write`].
    pub fn write_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<Sent> {
        let fd = self.fd.borrow()?;
        sent(retry_on_intr(|| rustix::io::writev(fd, slices)))
    }
}
