//! `Pipe` with real pipes, sockets and files.

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;

use super::*;

fn pair() -> (OwnedFd, OwnedFd) {
    let (read, write) = rustix::pipe::pipe().unwrap();
    pipe(&read).set_nonblocking().unwrap();
    pipe(&write).set_nonblocking().unwrap();
    (read, write)
}

fn pipe(end: &impl AsFd) -> Pipe {
    Pipe::new(Fd::from(&end.as_fd()))
}

#[test]
fn knows_what_it_is() {
    let (read, write) = pair();
    let (socket, _peer) = UnixStream::pair().unwrap();
    let (null, file) = (
        File::open("/dev/null").unwrap(),
        File::open("/proc/self/maps").unwrap(),
    );
    assert_eq!(pipe(&read).kind().unwrap(), PipeKind::Fifo);
    assert_eq!(pipe(&write).kind().unwrap(), PipeKind::Fifo);
    assert_eq!(pipe(&socket).kind().unwrap(), PipeKind::Socket);
    assert_eq!(pipe(&null).kind().unwrap(), PipeKind::CharacterDevice);
    assert_eq!(pipe(&file).kind().unwrap(), PipeKind::Other);
    let closed = Pipe::new(Fd::new(-1)).kind().unwrap_err();
    assert_eq!(closed.raw_os_error(), Some(libc::EBADF));
}

#[test]
fn reads_bytes_then_nothing_then_the_end() {
    let (read, write) = pair();
    let mut buffer = [0; 8];
    assert_eq!(pipe(&read).read(&mut buffer).unwrap(), Received::WouldBlock);
    assert_eq!(pipe(&write).write(b"abc").unwrap(), Sent::Bytes(3));
    assert_eq!(pipe(&read).available_bytes().unwrap(), 3);
    assert_eq!(pipe(&read).read(&mut buffer).unwrap(), Received::Bytes(3));
    assert_eq!(&buffer[..3], b"abc");
    assert_eq!(pipe(&read).available_bytes().unwrap(), 0);
    drop(write);
    assert_eq!(pipe(&read).read(&mut buffer).unwrap(), Received::Eof);
}

#[test]
fn writes_until_the_pipe_is_full_and_fails_without_a_reader() {
    let (read, write) = pair();
    let chunk = [7; 4096];
    let slices = [IoSlice::new(&chunk), IoSlice::new(&chunk)];
    let mut total = 0;
    while let Sent::Bytes(count) = pipe(&write).write_vectored(&slices).unwrap() {
        total += count;
    }
    assert_eq!(pipe(&read).available_bytes().unwrap(), total);
    drop(read);
    let error = pipe(&write).write(b"x").unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EPIPE));
}

#[test]
fn a_duplicate_is_another_number_for_the_same_file() {
    let (read, write) = pair();
    let again = pipe(&write).duplicate().unwrap();
    assert_ne!(again.as_raw_fd(), write.as_raw_fd());
    let flags = rustix::io::fcntl_getfd(&again).unwrap();
    assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
    assert_eq!(pipe(&again).write(b"x").unwrap(), Sent::Bytes(1));
    assert_eq!(pipe(&read).available_bytes().unwrap(), 1);
}
