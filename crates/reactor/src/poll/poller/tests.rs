//! `Poller` and `Waker` with the kernel.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use super::*;
use crate::poll::Event;
use crate::sys::epoll::EventBuffer;
use crate::sys::interrupt::interrupted;

fn token(slot: u32) -> Token {
    Token::new(slot, 1)
}

fn pair() -> (UnixStream, UnixStream) {
    let (near, far) = UnixStream::pair().unwrap();
    near.set_nonblocking(true).unwrap();
    (near, far)
}

/// What a look without waiting finds.
fn look(poller: &Poller) -> Vec<Event> {
    let mut events = Events::new();
    poller.wait(Some(Duration::ZERO), &mut events).unwrap();
    events.iter().collect()
}

fn readable(slot: u32) -> Event {
    Event {
        token: token(slot),
        readable: true,
        writable: false,
    }
}

fn writable(slot: u32) -> Event {
    Event {
        token: token(slot),
        readable: false,
        writable: true,
    }
}

#[test]
fn what_is_still_ready_is_reported_again() {
    let poller = Poller::new().unwrap();
    let (mut near, mut far) = pair();
    poller
        .add(Fd::from(&near), token(0), Interest::READABLE)
        .unwrap();
    assert!(look(&poller).is_empty());
    far.write_all(b"ab").unwrap();
    assert_eq!(look(&poller), [readable(0)]);
    near.read_exact(&mut [0]).unwrap();
    assert_eq!(look(&poller), [readable(0)]);
    near.read_exact(&mut [0]).unwrap();
    assert!(look(&poller).is_empty());
}

#[test]
fn only_what_is_asked_for_is_watched() {
    let poller = Poller::new().unwrap();
    let (near, mut far) = pair();
    let fd = Fd::from(&near);
    far.write_all(b"a").unwrap();
    poller.add(fd, token(0), Interest::WRITABLE).unwrap();
    assert_eq!(look(&poller), [writable(0)]);
    poller.modify(fd, token(5), Interest::READABLE).unwrap();
    assert_eq!(look(&poller), [readable(5)]);
    poller.modify(fd, token(5), Interest::BOTH).unwrap();
    assert_eq!(
        look(&poller),
        [Event {
            readable: true,
            ..writable(5)
        }]
    );
    poller.remove(fd).unwrap();
    assert!(look(&poller).is_empty());
}

#[test]
fn a_peer_that_has_gone_is_both_directions() {
    let poller = Poller::new().unwrap();
    let (near, far) = pair();
    poller
        .add(Fd::from(&near), token(0), Interest::READABLE)
        .unwrap();
    drop(far);
    assert_eq!(
        look(&poller),
        [Event {
            readable: true,
            ..writable(0)
        }]
    );
}

#[test]
fn errors_are_the_kernels() {
    let poller = Poller::new().unwrap();
    let (near, _far) = pair();
    let fd = Fd::from(&near);
    let errno = |result: io::Result<()>| result.unwrap_err().raw_os_error().unwrap();
    assert_eq!(
        errno(poller.modify(fd, token(0), Interest::READABLE)),
        libc::ENOENT
    );
    assert_eq!(errno(poller.remove(fd)), libc::ENOENT);
    poller.add(fd, token(0), Interest::READABLE).unwrap();
    assert_eq!(
        errno(poller.add(fd, token(0), Interest::READABLE)),
        libc::EEXIST
    );
    assert_eq!(
        errno(poller.add(Fd::new(-1), token(0), Interest::READABLE)),
        libc::EBADF
    );
    assert_eq!(
        errno(poller.add(Fd::new(1 << 30), token(0), Interest::READABLE)),
        libc::EBADF
    );
    let file = std::fs::File::open("/proc/self/exe").unwrap();
    assert_eq!(
        errno(poller.add(Fd::from(&file), token(0), Interest::READABLE)),
        libc::EPERM
    );
}

#[test]
fn a_timeout_is_not_cut_short() {
    let poller = Poller::new().unwrap();
    let mut events = Events::new();
    for timeout in [Duration::from_nanos(300_001), Duration::from_millis(2)] {
        let start = Instant::now();
        poller.wait(Some(timeout), &mut events).unwrap();
        assert!(start.elapsed() >= timeout);
        assert!(events.is_empty() && !events.interrupted());
    }
}

#[test]
fn a_signal_is_a_success_without_events() {
    let poller = Poller::new().unwrap();
    let (near, mut far) = pair();
    poller
        .add(Fd::from(&near), token(0), Interest::READABLE)
        .unwrap();
    let mut events = Events::new();
    for timeout in [None, Some(Duration::from_nanos(3_600_000_000_001))] {
        interrupted(|| poller.wait(timeout, &mut events)).unwrap();
        assert!(events.interrupted());
        assert!(events.is_empty());
    }
    far.write_all(b"a").unwrap();
    poller.wait(None, &mut events).unwrap();
    assert!(!events.interrupted(), "the flag belongs to one wait");
    assert_eq!(events.event(0), Some(readable(0)));
    assert_eq!(events.event(1), None);
}

#[test]
fn more_than_fit_come_with_the_next_waits() {
    let poller = Poller::new().unwrap();
    let wakers: Vec<Waker> = (0..700).map(|_| Waker::new().unwrap()).collect();
    for (slot, waker) in (0..).zip(&wakers) {
        waker.wake().unwrap();
        poller
            .add(waker.fd(), token(slot), Interest::READABLE)
            .unwrap();
    }
    let mut events = Events {
        raw: EventBuffer(Vec::with_capacity(256)),
        interrupted: false,
    };
    let mut seen = std::collections::HashSet::new();
    while seen.len() < wakers.len() {
        poller
            .epoll
            .wait(Some(Duration::ZERO), &mut events.raw)
            .unwrap();
        assert!(events.len() <= 256 && !events.is_empty());
        seen.extend(events.iter().map(|event| event.token));
        events.clear();
    }
}

#[test]
fn the_waker_ends_a_wait_from_another_thread() {
    let poller = Poller::new().unwrap();
    let waker = Waker::new().unwrap();
    poller.add_waker(&waker).unwrap();
    let mut events = Events::new();
    std::thread::scope(|scope| {
        scope.spawn(|| waker.wake().unwrap());
        poller.wait(None, &mut events).unwrap();
    });
    assert!(events.iter().eq([Event {
        token: Token::WAKER,
        readable: true,
        writable: false
    }]));
    assert_eq!(waker.clear().unwrap(), 1);
    assert!(look(&poller).is_empty());
}

#[test]
fn there_is_one_waker() {
    let poller = Poller::new().unwrap();
    let (first, second) = (Waker::new().unwrap(), Waker::new().unwrap());
    poller.add_waker(&first).unwrap();
    let error = poller.add_waker(&second).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EEXIST));
    second.wake().unwrap();
    assert!(
        look(&poller).is_empty(),
        "the refused waker was left in the poller"
    );
}

#[test]
fn a_rebuilt_poller_knows_the_waker_and_what_it_knew() {
    let poller = Poller::new().unwrap();
    let waker = Waker::new().unwrap();
    poller.add_waker(&waker).unwrap();
    let (known, unknown) = (Waker::new().unwrap(), Waker::new().unwrap());
    for waker in [&waker, &known, &unknown] {
        waker.wake().unwrap();
    }
    poller
        .add(known.fd(), token(0), Interest::READABLE)
        .unwrap();
    let claims = [
        (unknown.fd(), token(1), Interest::READABLE),
        (known.fd(), token(0), Interest::READABLE),
        (Fd::new(-1), token(2), Interest::READABLE),
    ];
    let mut lost = Vec::new();
    poller
        .rebuild(claims.into_iter(), |position| lost.push(position))
        .unwrap();
    assert_eq!(lost, [0, 2]);
    let tokens: Vec<Token> = look(&poller).iter().map(|event| event.token).collect();
    assert_eq!(tokens, [Token::WAKER, token(0)]);
}
