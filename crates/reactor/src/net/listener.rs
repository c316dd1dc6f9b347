//! `Listener`: accepts connections on a socket that somebody else owns.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::net::{SocketAddrAny, SocketFlags};

use crate::sys::Fd;

/// A listening socket by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listener {
    fd: Fd,
}

/// The answer of an accept, sorted as `BaseSelectorEventLoop._accept_connection` sorts it.
#[derive(Debug)]
#[must_use]
pub enum Accepted {
    /// A connection: non-blocking, close-on-exec, and the caller's.
    Connection {
        /// The socket.
        fd: OwnedFd,
        /// Who connected, if that has an internet address. To be asked here: a peer that has reset
        /// the connection meanwhile has no name any more (getpeername(2) fails).
        peer: Option<SocketAddr>,
    },
    /// Nobody waits any more (EAGAIN).
    WouldBlock,
    /// The peer gave up before it was accepted (ECONNABORTED), or a signal came (EINTR): try again.
    Aborted,
    /// No descriptor or no memory is left (EMFILE, ENFILE, ENOBUFS, ENOMEM). The connection goes on
    /// waiting and the listener stays readable, so accepting must stop for a while (asyncio:
    /// `constants.ACCEPT_RETRY_DELAY`, 1 s).
    Exhausted(io::Error),
    /// Anything else.
    Failed(io::Error),
}

impl Listener {
    /// Names the socket `fd`, which must be listening and non-blocking.
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

    /// Takes one waiting connection (accept4(2) with SOCK_NONBLOCK and SOCK_CLOEXEC).
    pub fn accept(&self) -> Accepted {
        let accept =
            |fd| rustix::net::acceptfrom_with(fd, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC);
        sort(self.fd.borrow().and_then(accept))
    }
}

fn sort(result: Result<(OwnedFd, Option<SocketAddrAny>), Errno>) -> Accepted {
    match result {
        Ok((fd, peer)) => Accepted::Connection {
            fd,
            peer: peer.and_then(|peer| SocketAddr::try_from(peer).ok()),
        },
        Err(Errno::AGAIN) => Accepted::WouldBlock,
        Err(Errno::CONNABORTED | Errno::INTR) => Accepted::Aborted,
        Err(error @ (Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM)) => {
            Accepted::Exhausted(error.into())
        }
        Err(error) => Accepted::Failed(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorts_errors_as_asyncio_does() {
        assert!(matches!(sort(Err(Errno::AGAIN)), Accepted::WouldBlock));
        for errno in [Errno::CONNABORTED, Errno::INTR] {
            assert!(matches!(sort(Err(errno)), Accepted::Aborted));
        }
        for errno in [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM] {
            let Accepted::Exhausted(error) = sort(Err(errno)) else {
                panic!("{errno} is not exhaustion")
            };
            assert_eq!(error.raw_os_error(), Some(errno.raw_os_error()));
        }
        for errno in [Errno::BADF, Errno::INVAL, Errno::NOTSOCK, Errno::PROTO] {
            assert!(matches!(sort(Err(errno)), Accepted::Failed(_)));
        }
    }

    #[test]
    fn a_closed_python_socket_fails_with_ebadf() {
        let Accepted::Failed(error) = Listener::new(Fd::new(-1)).accept() else {
            panic!("accepted from nowhere")
        };
        assert_eq!(error.raw_os_error(), Some(libc::EBADF));
    }

    #[cfg(not(miri))]
    mod with_sockets {
        use std::net::{TcpListener, TcpStream};

        use rustix::fs::{OFlags, fcntl_getfl};
        use rustix::io::{FdFlags, fcntl_getfd};

        use super::*;

        #[test]
        fn accepts_until_nobody_waits() {
            let socket = TcpListener::bind("127.0.0.1:0").unwrap();
            socket.set_nonblocking(true).unwrap();
            let listener = Listener::new(Fd::from(&socket));
            assert!(matches!(listener.accept(), Accepted::WouldBlock));
            let clients: Vec<TcpStream> = (0..3)
                .map(|_| TcpStream::connect(socket.local_addr().unwrap()).unwrap())
                .collect();
            for client in &clients {
                let Accepted::Connection { fd, peer } = listener.accept() else {
                    panic!("no connection")
                };
                assert!(fcntl_getfl(&fd).unwrap().contains(OFlags::NONBLOCK));
                assert!(fcntl_getfd(&fd).unwrap().contains(FdFlags::CLOEXEC));
                assert_eq!(peer, Some(client.local_addr().unwrap()));
            }
            assert!(matches!(listener.accept(), Accepted::WouldBlock));
        }

        #[test]
        fn a_socket_that_does_not_listen_fails() {
            let (socket, _peer) = std::os::unix::net::UnixStream::pair().unwrap();
            let Accepted::Failed(error) = Listener::new(Fd::from(&socket)).accept() else {
                panic!("accepted")
            };
            assert_eq!(error.raw_os_error(), Some(libc::EINVAL));
        }
    }
}
