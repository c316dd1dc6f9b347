//! `Sources` with the kernel: the traps that the head of the module `poll` describes, one by one,
//! and a random walk against a model.

use std::io::Write;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use super::*;
use crate::poll::Events;

mod model;

/// A poller and its book, looked at without waiting.
struct Loop {
    poller: Poller,
    sources: Sources<&'static str>,
}

/// What one look has found: the sources to call, and how many events were for nobody.
#[derive(Debug, Default, PartialEq, Eq)]
struct Found {
    ready: Vec<&'static str>,
    stale: usize,
    orphans: usize,
}

impl Loop {
    fn new() -> Self {
        Self {
            poller: Poller::new().unwrap(),
            sources: Sources::new(),
        }
    }

    fn insert(&mut self, fd: Fd, interest: Interest, name: &'static str) -> Token {
        self.sources
            .insert(&self.poller, fd, interest, name)
            .unwrap()
    }

    fn set(&mut self, token: Token, interest: Interest) {
        self.sources
            .set_interest(&self.poller, token, interest)
            .unwrap();
    }

    fn events(&self) -> Vec<Event> {
        let mut events = Events::new();
        self.poller.wait(Some(Duration::ZERO), &mut events).unwrap();
        events.iter().collect()
    }

    fn resolve(&self, events: &[Event]) -> Found {
        let mut found = Found::default();
        for &event in events {
            match self.sources.resolve(event) {
                Resolved::Ready(name, _) => found.ready.push(*name),
                Resolved::Stale => found.stale += 1,
                Resolved::Orphan => found.orphans += 1,
            }
        }
        found.ready.sort_unstable();
        found
    }

    /// A whole turn as the driver makes it.
    fn turn(&mut self) -> Found {
        let found = self.resolve(&self.events());
        self.sources.recycle();
        if found.orphans > 0 {
            self.sources.rebuild(&self.poller).unwrap();
        }
        found
    }
}

fn ready(names: &[&'static str]) -> Found {
    Found {
        ready: names.to_vec(),
        ..Found::default()
    }
}

/// A socket with a byte to read, and its peer.
fn full_pair() -> (UnixStream, UnixStream) {
    let (near, mut far) = UnixStream::pair().unwrap();
    far.write_all(b"x").unwrap();
    (near, far)
}

/// Makes `number` name the file of `file`, as a close and an open in the wrong moment do.
fn take_over(number: OwnedFd, file: &UnixStream) -> OwnedFd {
    let mut number = number;
    rustix::io::dup3(file, &mut number, rustix::io::DupFlags::CLOEXEC).unwrap();
    number
}

#[test]
fn a_source_is_found_until_it_is_removed() {
    let mut test = Loop::new();
    let (near, _far) = full_pair();
    let fd = Fd::from(&near);
    let token = test.insert(fd, Interest::READABLE, "a");
    assert_eq!(test.sources.token_of(fd), Some(token));
    assert_eq!(test.sources.interest(token), Some(Interest::READABLE));
    assert_eq!(test.sources.get(token), Some(&"a"));
    assert_eq!(test.sources.fd(token), Some(fd));
    assert!(
        test.sources
            .iter()
            .eq([(token, fd, Interest::READABLE, &"a")])
    );
    assert_eq!(test.turn(), ready(&["a"]));
    assert_eq!(test.sources.replace(token, "b"), Ok("a"));
    assert_eq!(test.turn(), ready(&["b"]));
    assert_eq!(test.sources.remove(&test.poller, token), Some("b"));
    assert_eq!(test.turn(), ready(&[]));
    assert!(test.sources.is_empty());
    assert_eq!(test.sources.token_of(fd), None);
    assert_eq!(test.sources.interest(token), None);
    assert_eq!(test.sources.get(token), None);
    assert_eq!(test.sources.fd(token), None);
    assert_eq!(test.sources.replace(token, "c"), Err("c"));
    assert_eq!(test.sources.remove(&test.poller, token), None);
    let error = test
        .sources
        .set_interest(&test.poller, token, Interest::BOTH)
        .unwrap_err();
    assert!(is(&error, Errno::NOENT));
}

#[test]
fn one_living_source_for_each_number() {
    let mut test = Loop::new();
    let (near, _far) = full_pair();
    test.insert(Fd::from(&near), Interest::READABLE, "a");
    let again = test
        .sources
        .insert(&test.poller, Fd::from(&near), Interest::WRITABLE, "b");
    let (error, source) = again.unwrap_err();
    assert!(is(&error, Errno::EXIST));
    assert_eq!(source, "b");
    assert_eq!(test.turn(), ready(&["a"]));
}

#[test]
fn a_rejected_source_comes_back_and_leaves_nothing() {
    let mut test = Loop::new();
    let file = std::fs::File::open("/proc/self/exe").unwrap();
    for (fd, errno) in [(Fd::from(&file), Errno::PERM), (Fd::new(-1), Errno::BADF)] {
        let rejected = test
            .sources
            .insert(&test.poller, fd, Interest::READABLE, "a");
        let (error, source) = rejected.unwrap_err();
        assert!(is(&error, errno));
        assert_eq!(source, "a");
        assert_eq!(test.sources.token_of(fd), None);
    }
    assert!(test.sources.is_empty());
    assert_eq!(test.sources.slots.len(), 1, "the slot was not given back");
}

#[test]
fn without_interest_not_even_a_hangup_is_reported() {
    let mut test = Loop::new();
    let (near, far) = full_pair();
    let token = test.insert(Fd::from(&near), Interest::NONE, "a");
    drop(far);
    assert_eq!(test.turn(), ready(&[]));
    test.set(token, Interest::WRITABLE);
    assert_eq!(test.turn(), ready(&["a"]));
    test.set(token, Interest::NONE);
    assert_eq!(test.turn(), ready(&[]));
    test.set(token, Interest::READABLE);
    assert_eq!(test.turn(), ready(&["a"]));
    assert_eq!(test.sources.len(), 1);
}

#[test]
fn events_of_this_turn_do_not_reach_what_this_turn_has_changed() {
    let mut test = Loop::new();
    let pairs: Vec<_> = (0..4).map(|_| full_pair()).collect();
    let names = ["removed", "disabled", "paused and resumed", "untouched"];
    let tokens: Vec<Token> = (pairs.iter().zip(names))
        .map(|((near, _), name)| test.insert(Fd::from(near), Interest::READABLE, name))
        .collect();
    let events = test.events();
    assert_eq!(events.len(), 4);
    test.sources.remove(&test.poller, tokens[0]);
    test.set(tokens[1], Interest::WRITABLE);
    test.set(tokens[2], Interest::NONE);
    test.set(tokens[2], Interest::READABLE);
    assert_eq!(
        test.resolve(&events),
        Found {
            stale: 3,
            ..ready(&["untouched"])
        }
    );
    test.sources.recycle();
    assert_eq!(
        test.turn(),
        ready(&["disabled", "paused and resumed", "untouched"])
    );
}

#[test]
fn a_slot_is_reused_only_in_a_later_turn_and_under_another_token() {
    let mut test = Loop::new();
    let (near, _far) = full_pair();
    let first = test.insert(Fd::from(&near), Interest::READABLE, "a");
    let events = test.events();
    test.sources.remove(&test.poller, first);
    let second = test.insert(Fd::from(&near), Interest::READABLE, "b");
    assert_ne!(first.slot(), second.slot());
    assert_eq!(
        test.resolve(&events),
        Found {
            stale: 1,
            ..ready(&[])
        }
    );
    test.sources.remove(&test.poller, second);
    test.sources.recycle();
    let third = test.insert(Fd::from(&near), Interest::READABLE, "c");
    assert!([first.slot(), second.slot()].contains(&third.slot()));
    assert!(first != third && second != third);
    assert_eq!(test.sources.get(first), None);
    assert_eq!(test.turn(), ready(&["c"]));
}

/// Surprises 1 and 2: closed, but alive in a duplicate.
#[test]
fn a_closed_and_duplicated_descriptor_costs_one_spurious_event() {
    let mut test = Loop::new();
    let (near, _far) = full_pair();
    let (other, _other_far) = full_pair();
    test.insert(Fd::from(&other), Interest::READABLE, "other");
    let token = test.insert(Fd::from(&near), Interest::READABLE, "closed");
    let duplicate = rustix::io::dup(&near).unwrap();
    drop(near);
    // The user removes it too late: the kernel knows the number no more.
    assert_eq!(test.sources.remove(&test.poller, token), Some("closed"));
    test.sources.recycle();
    assert_eq!(
        test.turn(),
        Found {
            orphans: 1,
            ..ready(&["other"])
        }
    );
    for _ in 0..3 {
        assert_eq!(test.turn(), ready(&["other"]));
    }
    drop(duplicate);
}

/// The same with the slot still in use: interest was lost too late.
#[test]
fn a_closed_and_disabled_descriptor_costs_one_spurious_event() {
    let mut test = Loop::new();
    let (near, _far) = full_pair();
    let token = test.insert(Fd::from(&near), Interest::READABLE, "closed");
    let _duplicate = rustix::io::dup(&near).unwrap();
    drop(near);
    test.set(token, Interest::NONE);
    test.sources.recycle();
    assert_eq!(
        test.turn(),
        Found {
            orphans: 1,
            ..ready(&[])
        }
    );
    assert_eq!(test.turn(), ready(&[]));
    assert_eq!(test.sources.get(token), Some(&"closed"));
}

/// Surprise 3: the number belongs to another socket while the old one lives on.
#[test]
fn a_reused_number_gets_its_own_events_only() {
    let mut test = Loop::new();
    let (old, mut old_far) = UnixStream::pair().unwrap();
    let (new, mut new_far) = UnixStream::pair().unwrap();
    let number = OwnedFd::from(old);
    let fd = Fd::from(&number);
    let stale = test.insert(fd, Interest::READABLE, "old");
    let _duplicate = rustix::io::dup(&number).unwrap();
    let _number = take_over(number, &new);
    test.sources.remove(&test.poller, stale);
    test.insert(fd, Interest::READABLE, "new");
    test.sources.recycle();
    old_far.write_all(b"x").unwrap();
    assert_eq!(
        test.turn(),
        Found {
            orphans: 1,
            ..ready(&[])
        }
    );
    assert_eq!(test.turn(), ready(&[]));
    new_far.write_all(b"x").unwrap();
    assert_eq!(test.turn(), ready(&["new"]));
}

/// Surprise 4: the registration is gone, and what the caller means is the number's present file.
#[test]
fn modifying_what_has_vanished_adds_it() {
    let mut test = Loop::new();
    let (old, mut old_far) = UnixStream::pair().unwrap();
    let (new, mut new_far) = UnixStream::pair().unwrap();
    let number = OwnedFd::from(old);
    let token = test.insert(Fd::from(&number), Interest::READABLE, "a");
    let _duplicate = rustix::io::dup(&number).unwrap();
    let _number = take_over(number, &new);
    test.set(token, Interest::BOTH);
    test.sources.recycle();
    // The old file is not taken for the new one, although the source's token is the same.
    old_far.write_all(b"x").unwrap();
    assert_eq!(
        test.turn(),
        Found {
            orphans: 1,
            ..ready(&["a"])
        }
    );
    test.set(token, Interest::READABLE);
    assert_eq!(test.turn(), ready(&[]));
    new_far.write_all(b"x").unwrap();
    assert_eq!(test.turn(), ready(&["a"]));
}

#[test]
fn modifying_a_closed_descriptor_is_an_error_and_changes_nothing() {
    let mut test = Loop::new();
    let (near, _far) = full_pair();
    let token = test.insert(Fd::from(&near), Interest::READABLE, "a");
    drop(near);
    let error = test
        .sources
        .set_interest(&test.poller, token, Interest::BOTH)
        .unwrap_err();
    assert!(is(&error, Errno::BADF));
    assert_eq!(test.sources.interest(token), Some(Interest::READABLE));
    assert_eq!(test.sources.remove(&test.poller, token), Some("a"));
}

#[test]
fn modifying_what_became_a_file_is_an_error_and_changes_nothing() {
    let mut test = Loop::new();
    let (near, _far) = full_pair();
    let file = std::fs::File::open("/proc/self/exe").unwrap();
    let mut number = OwnedFd::from(near);
    let token = test.insert(Fd::from(&number), Interest::READABLE, "a");
    rustix::io::dup3(&file, &mut number, rustix::io::DupFlags::CLOEXEC).unwrap();
    let error = test
        .sources
        .set_interest(&test.poller, token, Interest::BOTH)
        .unwrap_err();
    assert!(is(&error, Errno::PERM));
    assert_eq!(test.sources.interest(token), Some(Interest::READABLE));
}

/// A number that was taken over and given back: modifying finds the orphan of the first time, and
/// the registration of the second time must not pass for the living one.
#[test]
fn modifying_an_orphan_makes_an_orphan_of_the_other() {
    let mut test = Loop::new();
    let (first, mut first_far) = UnixStream::pair().unwrap();
    let (second, _second_far) = full_pair();
    let back = UnixStream::from(rustix::io::dup(&first).unwrap());
    let number = OwnedFd::from(first);
    let token = test.insert(Fd::from(&number), Interest::READABLE, "a");
    let number = take_over(number, &second);
    test.set(token, Interest::BOTH);
    let _number = take_over(number, &back);
    test.set(token, Interest::READABLE);
    test.sources.recycle();
    assert_eq!(
        test.turn(),
        Found {
            orphans: 1,
            ..ready(&[])
        }
    );
    assert_eq!(test.turn(), ready(&[]));
    first_far.write_all(b"x").unwrap();
    assert_eq!(test.turn(), ready(&["a"]));
}

/// A description that came back to its number: it is in the poller, and adding it says EEXIST.
#[test]
fn adding_what_came_back_modifies_it() {
    let mut test = Loop::new();
    let (near, _far) = full_pair();
    let number = near.as_raw_fd();
    let token = test.insert(Fd::new(number), Interest::READABLE, "old");
    let duplicate = UnixStream::from(rustix::io::dup(&near).unwrap());
    let (other, _other_far) = UnixStream::pair().unwrap();
    let number = take_over(near.into(), &other);
    test.sources.remove(&test.poller, token);
    let number = take_over(number, &duplicate);
    test.insert(Fd::from(&number), Interest::READABLE, "new");
    test.sources.recycle();
    assert_eq!(test.turn(), ready(&["new"]));
    assert_eq!(test.turn(), ready(&["new"]));
}

/// A rebuild moves what is still itself, and not a stranger that has taken a number over.
#[test]
fn a_rebuild_does_not_register_strangers() {
    let mut test = Loop::new();
    let (old, _old_far) = UnixStream::pair().unwrap();
    let (stranger, _stranger_far) = full_pair();
    let (other, _other_far) = full_pair();
    let number = OwnedFd::from(old);
    let token = test.insert(Fd::from(&number), Interest::READABLE, "taken over");
    test.insert(Fd::from(&other), Interest::READABLE, "other");
    let _number = take_over(number, &stranger);
    test.sources.rebuild(&test.poller).unwrap();
    test.sources.recycle();
    assert_eq!(test.turn(), ready(&["other"]));
    assert_eq!(test.sources.interest(token), Some(Interest::NONE));
    assert_eq!(test.sources.get(token), Some(&"taken over"));
}

#[test]
fn drain_empties_the_book_and_the_poller() {
    let mut test = Loop::new();
    let pairs: Vec<_> = (0..3).map(|_| full_pair()).collect();
    for ((near, _), name) in pairs.iter().zip(["a", "b", "c"]) {
        test.insert(Fd::from(near), Interest::BOTH, name);
    }
    assert_eq!(test.sources.drain(&test.poller), ["a", "b", "c"]);
    assert!(test.sources.is_empty());
    assert!(test.events().is_empty());
}

#[test]
fn abandoning_empties_the_book_and_leaves_the_poller_alone() {
    let mut this = Loop::new();
    let (near, mut far) = UnixStream::pair().unwrap();
    this.insert(Fd::from(&near), Interest::READABLE, "near");
    this.insert(Fd::from(&far), Interest::NONE, "far");
    far.write_all(b"x").unwrap();
    let mut abandoned = this.sources.abandon();
    abandoned.sort_unstable();
    assert_eq!(abandoned, ["far", "near"]);
    assert!(this.sources.is_empty());
    assert_eq!(this.sources.token_of(Fd::from(&near)), None);
    // Still registered, as a parent that shares the poller needs it; and nobody's here.
    let found = this.resolve(&this.events());
    assert_eq!((found.ready.len(), found.stale), (0, 1));
}

#[test]
fn the_wakers_event_is_nobodys() {
    let mut test = Loop::new();
    let waker = crate::poll::Waker::new().unwrap();
    test.poller.add_waker(&waker).unwrap();
    waker.wake().unwrap();
    assert_eq!(
        test.turn(),
        Found {
            stale: 1,
            ..ready(&[])
        }
    );
}

#[test]
fn directions_are_told_apart() {
    let mut test = Loop::new();
    let (near, _far) = full_pair();
    let token = test.insert(Fd::from(&near), Interest::BOTH, "a");
    for (interest, directions) in [
        (Interest::BOTH, (true, true)),
        (Interest::WRITABLE, (false, true)),
        (Interest::READABLE, (true, false)),
    ] {
        test.set(token, interest);
        let events = test.events();
        let Resolved::Ready(_, event) = test.sources.resolve(events[0]) else {
            panic!("not ready")
        };
        assert_eq!(event.token, token);
        assert_eq!((event.readable, event.writable), directions);
    }
}

/// A number that no descriptor of the process has.
fn closed_number() -> RawFd {
    1 << 20
}

#[test]
fn removing_what_was_never_open_is_quiet() {
    let mut test = Loop::new();
    let token = test.insert(Fd::new(closed_number()), Interest::NONE, "a");
    assert_eq!(test.sources.remove(&test.poller, token), Some("a"));
}
