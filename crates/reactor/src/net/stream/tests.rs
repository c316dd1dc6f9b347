//! `Stream` with real sockets.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;

use rustix::net::{AddressFamily, SocketFlags, SocketType};

use super::*;
use crate::poll::{Events, Interest, Poller, Token};
use crate::sys::interrupt::interrupted;

fn pair() -> (UnixStream, UnixStream) {
    let (near, far) = UnixStream::pair().unwrap();
    near.set_nonblocking(true).unwrap();
    (near, far)
}

fn stream(socket: &impl AsFd) -> Stream {
    Stream::new(Fd::from(&socket.as_fd()))
}

fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (far, _) = listener.accept().unwrap();
    near.set_nonblocking(true).unwrap();
    (near, far)
}

fn tcp_socket() -> OwnedFd {
    let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
    rustix::net::socket_with(AddressFamily::INET, SocketType::STREAM, flags, None).unwrap()
}

#[test]
fn reads_bytes_then_nothing_then_the_end() {
    let (near, mut far) = pair();
    let stream = stream(&near);
    let mut buffer = [0; 16];
    assert_eq!(stream.recv(&mut buffer).unwrap(), Received::WouldBlock);
    far.write_all(b"hello").unwrap();
    assert_eq!(stream.recv(&mut buffer[..2]).unwrap(), Received::Bytes(2));
    assert_eq!(stream.recv(&mut buffer[2..]).unwrap(), Received::Bytes(3));
    assert_eq!(&buffer[..5], b"hello");
    assert_eq!(stream.recv(&mut buffer).unwrap(), Received::WouldBlock);
    drop(far);
    assert_eq!(stream.recv(&mut buffer).unwrap(), Received::Eof);
}

#[test]
fn reads_into_fresh_memory() {
    let (near, mut far) = pair();
    let mut bytes: Vec<u8> = Vec::with_capacity(64);
    let stream = stream(&near);
    assert_eq!(
        stream.recv_uninit(bytes.spare_capacity_mut()).unwrap(),
        Received::WouldBlock
    );
    far.write_all(b"hello").unwrap();
    assert_eq!(
        stream.recv_uninit(bytes.spare_capacity_mut()).unwrap(),
        Received::Bytes(5)
    );
    drop(far);
    assert_eq!(
        stream.recv_uninit(bytes.spare_capacity_mut()).unwrap(),
        Received::Eof
    );
}

#[test]
fn writes_until_the_kernel_is_full() {
    let (near, mut far) = pair();
    let stream = stream(&near);
    let chunk = vec![7; 1 << 16];
    let mut total = 0;
    while let Sent::Bytes(count) = stream.send(&chunk).unwrap() {
        total += count;
    }
    assert_eq!(
        stream.send_vectored(&[IoSlice::new(&chunk)]).unwrap(),
        Sent::WouldBlock
    );
    stream.shutdown_write().unwrap();
    let mut received = Vec::new();
    far.read_to_end(&mut received).unwrap();
    assert_eq!(received.len(), total);
}

#[test]
fn writes_slices_in_order() {
    let (near, mut far) = pair();
    let slices = [b"one ".as_slice(), b"", b"two ", b"three"].map(IoSlice::new);
    assert_eq!(
        stream(&near).send_vectored(&slices).unwrap(),
        Sent::Bytes(13)
    );
    drop(near);
    let mut received = String::new();
    far.read_to_string(&mut received).unwrap();
    assert_eq!(received, "one two three");
}

#[test]
fn more_slices_than_the_kernel_takes_are_left_for_later() {
    let (near, _far) = pair();
    let slices = vec![IoSlice::new(b"x"); 3000];
    assert_eq!(
        stream(&near).send_vectored(&slices).unwrap(),
        Sent::Bytes(Stream::MAX_SLICES)
    );
}

#[test]
fn a_peer_that_has_gone_is_an_error_and_no_signal() {
    let (near, far) = pair();
    drop(far);
    let stream = stream(&near);
    let errno = |result: io::Result<Sent>| result.unwrap_err().raw_os_error().unwrap();
    assert_eq!(errno(stream.send(b"x")), libc::EPIPE);
    assert_eq!(
        errno(stream.send_vectored(&[IoSlice::new(b"x")])),
        libc::EPIPE
    );
}

#[test]
fn a_reset_is_the_kernels_error() {
    let (near, far) = tcp_pair();
    near.set_nonblocking(false).unwrap();
    // Closing with a linger time of zero sends RST.
    sockopt::set_socket_linger(&far, Some(std::time::Duration::ZERO)).unwrap();
    drop(far);
    let error = stream(&near).recv(&mut [0; 8]).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::ECONNRESET));
}

#[test]
fn a_closed_python_socket_answers_ebadf() {
    let stream = Stream::new(Fd::new(-1));
    let errno = |error: io::Error| error.raw_os_error().unwrap();
    assert_eq!(errno(stream.recv(&mut [0]).unwrap_err()), libc::EBADF);
    assert_eq!(errno(stream.send(b"x").unwrap_err()), libc::EBADF);
    assert_eq!(errno(stream.take_error().unwrap_err()), libc::EBADF);
    assert_eq!(errno(stream.shutdown_both().unwrap_err()), libc::EBADF);
}

/// The socket blocks here, so that the signal hits a call that waits.
#[test]
fn an_interrupted_read_is_made_again() {
    let (near, mut far) = pair();
    near.set_nonblocking(false).unwrap();
    let stream = stream(&near);
    let mut buffer = [0; 8];
    let received = std::thread::scope(|scope| {
        let (ready, started) = std::sync::mpsc::channel();
        scope.spawn(move || {
            started.recv().unwrap();
            far.write_all(b"x").unwrap();
        });
        interrupted(|| {
            ready.send(()).unwrap();
            stream.recv(&mut buffer)
        })
    });
    assert_eq!(received.unwrap(), Received::Bytes(1));
}

#[test]
fn each_direction_is_shut_down_on_its_own() {
    let (near, mut far) = pair();
    let stream = stream(&near);
    stream.shutdown_write().unwrap();
    assert_eq!(far.read(&mut [0; 8]).unwrap(), 0);
    far.write_all(b"still").unwrap();
    assert_eq!(stream.recv(&mut [0; 8]).unwrap(), Received::Bytes(5));
    stream.shutdown_both().unwrap();
    assert_eq!(stream.recv(&mut [0; 8]).unwrap(), Received::Eof);
}

#[test]
fn nodelay_is_for_tcp() {
    let (near, _far) = tcp_pair();
    for on in [true, false] {
        stream(&near).set_nodelay(on).unwrap();
        assert_eq!(near.nodelay().unwrap(), on);
    }
    let (near, _far) = pair();
    let error = stream(&near).set_nodelay(true).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EOPNOTSUPP));
}

/// Waits until the attempt of `socket` has ended.
fn wait_writable(stream: Stream) {
    let poller = Poller::new().unwrap();
    poller
        .add(stream.fd(), Token::WAKER, Interest::WRITABLE)
        .unwrap();
    let mut events = Events::new();
    while events.is_empty() {
        poller.wait(None, &mut events).unwrap();
    }
}

#[test]
fn connects_and_says_so() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let socket = tcp_socket();
    let stream = stream(&socket);
    if stream.connect(&listener.local_addr().unwrap()).unwrap() == Connect::InProgress {
        wait_writable(stream);
    }
    assert!(stream.take_error().unwrap().is_none());
    listener.accept().unwrap();
    assert_eq!(stream.send(b"x").unwrap(), Sent::Bytes(1));
}

#[test]
fn a_refused_attempt_leaves_its_error_once() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let socket = tcp_socket();
    let stream = stream(&socket);
    assert_eq!(stream.connect(&address).unwrap(), Connect::InProgress);
    wait_writable(stream);
    let error = stream
        .take_error()
        .unwrap()
        .expect("the attempt was refused");
    assert_eq!(error.raw_os_error(), Some(libc::ECONNREFUSED));
    assert!(stream.take_error().unwrap().is_none());
}

#[test]
fn an_attempt_that_cannot_begin_fails_at_once() {
    let socket = tcp_socket();
    let error = stream(&socket)
        .connect(&"[::1]:80".parse().unwrap())
        .unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EAFNOSUPPORT));
}
