//! `Stream`: the system calls of a connected, non-blocking socket that somebody else owns.
//!
//! "Not now" is an answer here, not an error, and an interrupted call is made again. Everything
//! else is the kernel's error, for the transport to interpret as
//! `selector_events._SelectorSocketTransport` does.

use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::net::SocketAddr;

use rustix::io::{Errno, retry_on_intr};
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, Shutdown, sockopt};

use crate::sys::Fd;

#[cfg(test)]
#[cfg(not(miri))]
mod tests;

/// A stream socket by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream {
    fd: Fd,
}

/// The answer of a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Received {
    /// So many bytes, at least one.
    Bytes(usize),
    /// The peer has shut down its side; no byte will ever come again.
    Eof,
    /// Nothing is there now.
    WouldBlock,
}

/// The answer of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Sent {
    /// The kernel took so many bytes, perhaps fewer than were offered.
    Bytes(usize),
    /// The kernel has no room now.
    WouldBlock,
}

/// The answer of a connection attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Connect {
    /// Connected.
    Done,
    /// Under way. When the socket becomes writable, [`Stream::take_error`] tells how it ended.
    InProgress,
}

impl Stream {
    /// The most slices that one [`Stream::send_vectored`] looks at: Linux's IOV_MAX.
    pub const MAX_SLICES: usize = 1024;

    /// Names the socket `fd`, which must be non-blocking.
    #[inline]
    #[must_use]
    pub const fn new(fd: Fd) -> Self {
        Self { fd }
    }

    /// The descriptor.
    #[inline]
    #[must_use]
    pub const fn fd(&self) -> Fd {
        self.fd
    }

    /// Reads what is there into `buffer`, which must not be empty (recv(2)).
    ///
    /// # Errors
    /// Those of recv(2), save EAGAIN and EINTR.
    pub fn recv(&self, buffer: &mut [u8]) -> io::Result<Received> {
        debug_assert!(
            !buffer.is_empty(),
            "a read of no bytes looks like the end of the stream"
        );
        let fd = self.fd.borrow()?;
        received(
            retry_on_intr(|| rustix::net::recv(fd, &mut *buffer, RecvFlags::empty()))
                .map(|(count, _)| count),
        )
    }

    /// The same into memory that nobody has written to yet, such as a fresh `bytes` object. The
    /// first `n` bytes are initialized after `Received::Bytes(n)`.
    ///
    /// # Errors
    /// As [`Stream::recv`].
    pub fn recv_uninit(&self, buffer: &mut [MaybeUninit<u8>]) -> io::Result<Received> {
        debug_assert!(
            !buffer.is_empty(),
            "a read of no bytes looks like the end of the stream"
        );
        let fd = self.fd.borrow()?;
        let read = || {
            rustix::net::recv(fd, &mut *buffer, RecvFlags::empty()).map(|((read, _), _)| read.len())
        };
        received(retry_on_intr(read))
    }

    /// Offers `bytes` to the kernel (send(2) with MSG_NOSIGNAL).
    ///
    /// # Errors
    /// Those of send(2), save EAGAIN and EINTR: EPIPE and ECONNRESET above all.
    pub fn send(&self, bytes: &[u8]) -> io::Result<Sent> {
        let fd = self.fd.borrow()?;
        sent(retry_on_intr(|| {
            rustix::net::send(fd, bytes, SendFlags::NOSIGNAL)
        }))
    }

    /// Offers the concatenation of `slices` to the kernel, [`Stream::MAX_SLICES`] at most
    /// (sendmsg(2) with MSG_NOSIGNAL).
    ///
    /// # Errors
    /// As [`Stream::send`].
    pub fn send_vectored(&self, slices: &[IoSlice<'_>]) -> io::Result<Sent> {
        let fd = self.fd.borrow()?;
        let slices = slices.get(..Self::MAX_SLICES).unwrap_or(slices);
        let mut control = SendAncillaryBuffer::default();
        sent(retry_on_intr(|| {
            rustix::net::sendmsg(fd, slices, &mut control, SendFlags::NOSIGNAL)
        }))
    }

    /// Begins to connect to `addr` (connect(2)). An interrupted attempt goes on by itself, so EINTR
    /// is "in progress" too, as in `selector_events._sock_connect`.
    ///
    /// # Errors
    /// Those of connect(2), save EINPROGRESS, EALREADY, EAGAIN and EINTR.
    pub fn connect(&self, addr: &SocketAddr) -> io::Result<Connect> {
        match rustix::net::connect(self.fd.borrow()?, addr) {
            Ok(()) => Ok(Connect::Done),
            Err(Errno::INPROGRESS | Errno::ALREADY | Errno::AGAIN | Errno::INTR) => {
                Ok(Connect::InProgress)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Takes the pending error off the socket (SO_ERROR).
    ///
    /// # Errors
    /// Those of getsockopt(2) itself, EBADF above all.
    pub fn take_error(&self) -> io::Result<Option<io::Error>> {
        Ok(sockopt::socket_error(self.fd.borrow()?)?
            .err()
            .map(io::Error::from))
    }

    /// Tells the peer that no byte will follow (shutdown(2) with SHUT_WR, `write_eof`).
    ///
    /// # Errors
    /// Those of shutdown(2): ENOTCONN when the peer has gone.
    pub fn shutdown_write(&self) -> io::Result<()> {
        Ok(rustix::net::shutdown(self.fd.borrow()?, Shutdown::Write)?)
    }

    /// Ends both directions (shutdown(2) with SHUT_RDWR).
    ///
    /// # Errors
    /// Those of shutdown(2): ENOTCONN when the peer has gone.
    pub fn shutdown_both(&self) -> io::Result<()> {
        Ok(rustix::net::shutdown(self.fd.borrow()?, Shutdown::Both)?)
    }

    /// Sends small segments at once (TCP_NODELAY), as `base_events._set_nodelay` does for every TCP
    /// transport.
    ///
    /// # Errors
    /// Those of setsockopt(2): EOPNOTSUPP for sockets that are not TCP.
    pub fn set_nodelay(&self, on: bool) -> io::Result<()> {
        Ok(sockopt::set_tcp_nodelay(self.fd.borrow()?, on)?)
    }
}

pub(super) fn received(result: Result<usize, Errno>) -> io::Result<Received> {
    match result {
        Ok(0) => Ok(Received::Eof),
        Ok(count) => Ok(Received::Bytes(count)),
        Err(Errno::AGAIN) => Ok(Received::WouldBlock),
        Err(error) => Err(error.into()),
    }
}

pub(super) fn sent(result: Result<usize, Errno>) -> io::Result<Sent> {
    match result {
        Ok(count) => Ok(Sent::Bytes(count)),
        Err(Errno::AGAIN) => Ok(Sent::WouldBlock),
        Err(error) => Err(error.into()),
    }
}
