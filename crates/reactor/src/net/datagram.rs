//! `Datagram`: the system calls of a non-blocking internet datagram socket that somebody else owns.
//!
//! "Not now" is an answer here, not an error, and an interrupted call is made again. Everything
//! else is the kernel's error, for the transport to interpret as
//! `selector_events._SelectorDatagramTransport` does.

use std::io;
use std::net::SocketAddr;

use rustix::io::{Errno, retry_on_intr};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, sockopt};

use super::addr::Family;
use crate::sys::Fd;

/// A datagram socket by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram {
    fd: Fd,
}

/// The answer of a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Arrived {
    /// One datagram.
    Datagram {
        /// How many bytes of it are in the buffer; what did not fit is lost. None is a datagram too.
        len: usize,
        /// Who sent it, if that is an internet address.
        from: Option<SocketAddr>,
    },
    /// Nothing is there now.
    WouldBlock,
}

/// The answer of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Departed {
    /// The kernel has taken the datagram.
    Sent,
    /// The kernel has no room now.
    WouldBlock,
}

impl Datagram {
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

    /// The family of the socket's addresses as the kernel knows it, if they are the internet's
    /// (SO_DOMAIN).
    ///
    /// # Errors
    /// Those of getsockopt(2): EBADF, ENOTSOCK.
    pub fn family(&self) -> io::Result<Option<Family>> {
        Ok(match sockopt::socket_domain(self.fd.borrow()?)? {
            AddressFamily::INET => Some(Family::V4),
            AddressFamily::INET6 => Some(Family::V6),
            _ => None,
        })
    }

    /// Takes the next datagram (recvfrom(2)).
    ///
    /// # Errors
    /// Those of recvfrom(2), save EAGAIN and EINTR: what an earlier datagram has met with, such as
    /// ECONNREFUSED.
    pub fn recv_from(&self, buffer: &mut [u8]) -> io::Result<Arrived> {
        let fd = self.fd.borrow()?;
        let receive = || rustix::net::recvfrom(fd, &mut *buffer, RecvFlags::empty());
        match retry_on_intr(receive) {
            Ok((len, _, from)) => Ok(Arrived::Datagram {
                len,
                from: from.and_then(|from| SocketAddr::try_from(from).ok()),
            }),
            Err(Errno::AGAIN) => Ok(Arrived::WouldBlock),
            Err(error) => Err(error.into()),
        }
    }

    /// Sends a datagram to the peer that the socket is connected to (send(2)).
    ///
    /// # Errors
    /// Those of send(2), save EAGAIN and EINTR: ECONNREFUSED, EMSGSIZE.
    pub fn send(&self, bytes: &[u8]) -> io::Result<Departed> {
        let fd = self.fd.borrow()?;
        departed(retry_on_intr(|| {
            rustix::net::send(fd, bytes, SendFlags::NOSIGNAL)
        }))
    }

    /// Sends a datagram to an address (sendto(2)).
    ///
    /// # Errors
    /// As [`Datagram::send`].
    pub fn send_to(&self, bytes: &[u8], to: &SocketAddr) -> io::Result<Departed> {
        let fd = self.fd.borrow()?;
        departed(retry_on_intr(|| {
            rustix::net::sendto(fd, bytes, SendFlags::NOSIGNAL, to)
        }))
    }
}

/// A datagram leaves whole or not at all.
fn departed(result: Result<usize, Errno>) -> io::Result<Departed> {
    match result {
        Ok(_) => Ok(Departed::Sent),
        Err(Errno::AGAIN) => Ok(Departed::WouldBlock),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_python_socket_fails_with_ebadf() {
        let datagram = Datagram::new(Fd::new(-1));
        let errno = |error: io::Error| error.raw_os_error();
        let to = SocketAddr::from(([127, 0, 0, 1], 1));
        assert_eq!(datagram.family().map_err(errno), Err(Some(libc::EBADF)));
        assert_eq!(
            datagram.recv_from(&mut [0]).map_err(errno),
            Err(Some(libc::EBADF))
        );
        assert_eq!(datagram.send(b"").map_err(errno), Err(Some(libc::EBADF)));
        assert_eq!(
            datagram.send_to(b"", &to).map_err(errno),
            Err(Some(libc::EBADF))
        );
    }

    #[cfg(not(miri))]
    mod with_sockets {
        use std::net::{SocketAddrV6, UdpSocket};
        use std::os::unix::net::UnixDatagram;

        use super::*;

        fn bound(host: &str) -> (UdpSocket, Datagram) {
            let socket = UdpSocket::bind((host, 0)).unwrap();
            socket.set_nonblocking(true).unwrap();
            let datagram = Datagram::new(Fd::from(&socket));
            (socket, datagram)
        }

        #[test]
        fn carries_datagrams_of_every_size_with_their_sender() {
            for host in ["127.0.0.1", "::1"] {
                let (near, sender) = bound(host);
                let (far, receiver) = bound(host);
                let mut buffer = vec![0; 1 << 16];
                for len in [0, 1, 1000, 65_507] {
                    let sent = sender.send_to(&vec![7; len], &far.local_addr().unwrap());
                    assert_eq!(sent.unwrap(), Departed::Sent);
                    let from = Some(near.local_addr().unwrap());
                    let arrived = receiver.recv_from(&mut buffer).unwrap();
                    assert_eq!(arrived, Arrived::Datagram { len, from });
                }
                assert_eq!(
                    receiver.recv_from(&mut buffer).unwrap(),
                    Arrived::WouldBlock
                );
            }
        }

        #[test]
        fn cuts_what_does_not_fit() {
            let (near, sender) = bound("127.0.0.1");
            let (far, receiver) = bound("127.0.0.1");
            near.connect(far.local_addr().unwrap()).unwrap();
            assert_eq!(sender.send(b"hello").unwrap(), Departed::Sent);
            let mut buffer = [0; 2];
            let from = Some(near.local_addr().unwrap());
            assert_eq!(
                receiver.recv_from(&mut buffer).unwrap(),
                Arrived::Datagram { len: 2, from }
            );
            assert_eq!(&buffer, b"he");
        }

        #[test]
        fn tells_what_became_of_earlier_datagrams() {
            let (near, sender) = bound("127.0.0.1");
            let gone = bound("127.0.0.1").0.local_addr().unwrap();
            near.connect(gone).unwrap();
            assert_eq!(sender.send(b"anybody there?").unwrap(), Departed::Sent);
            let error = sender.recv_from(&mut [0; 8]).unwrap_err();
            assert_eq!(error.raw_os_error(), Some(libc::ECONNREFUSED));
            assert_eq!(sender.recv_from(&mut [0; 8]).unwrap(), Arrived::WouldBlock);
        }

        #[test]
        fn refuses_what_no_datagram_can_hold() {
            let (_near, sender) = bound("127.0.0.1");
            let (far, _receiver) = bound("127.0.0.1");
            let error = sender
                .send_to(&[0; 65_508], &far.local_addr().unwrap())
                .unwrap_err();
            assert_eq!(error.raw_os_error(), Some(libc::EMSGSIZE));
        }

        #[test]
        fn reports_a_full_buffer() {
            let (near, far) = UnixDatagram::pair().unwrap();
            near.set_nonblocking(true).unwrap();
            let sender = Datagram::new(Fd::from(&near));
            let mut sent = 0;
            while sender.send(&[0; 1024]).unwrap() == Departed::Sent {
                sent += 1;
                assert!(sent < 100_000, "the buffer never fills");
            }
            far.recv(&mut [0; 1024]).unwrap();
            assert_eq!(sender.send(&[0; 1024]).unwrap(), Departed::Sent);
        }

        #[test]
        fn knows_the_family_that_the_kernel_knows() {
            assert_eq!(bound("127.0.0.1").1.family().unwrap(), Some(Family::V4));
            assert_eq!(bound("::1").1.family().unwrap(), Some(Family::V6));
            let unix = UnixDatagram::unbound().unwrap();
            assert_eq!(Datagram::new(Fd::from(&unix)).family().unwrap(), None);
        }

        #[test]
        fn keeps_the_scope_of_an_address() {
            let (near, sender) = bound("::1");
            let (far, receiver) = bound("::1");
            let port = far.local_addr().unwrap().port();
            let to = SocketAddrV6::new(std::net::Ipv6Addr::LOCALHOST, port, 0, 1);
            assert_eq!(sender.send_to(b"x", &to.into()).unwrap(), Departed::Sent);
            let Arrived::Datagram { from, .. } = receiver.recv_from(&mut [0; 8]).unwrap() else {
                panic!("nothing arrived")
            };
            assert_eq!(from, Some(near.local_addr().unwrap()));
        }
    }
}
