//! Whole turns with real sockets.

use std::io::Write;
use std::os::unix::net::UnixStream;

use super::*;
use crate::poll::{Events, Interest, Poller};
use crate::sys::Fd;
use crate::sys::interrupt::interrupted;
use crate::time::Clock;

/// One turn with a real look: what was ready, and whether a signal interrupted it.
fn look(driver: &TestDriver) -> Vec<&'static str> {
    let plan = driver.plan(true, true);
    driver
        .wait_with(plan, |poller, timeout, events| poller.wait(timeout, events))
        .unwrap();
    let ready = std::iter::from_fn(|| driver.next_event())
        .map(|(source, _)| *source)
        .collect();
    driver.finish_turn().unwrap();
    ready
}

fn full_pair() -> (UnixStream, UnixStream) {
    let (near, mut far) = UnixStream::pair().unwrap();
    far.write_all(b"x").unwrap();
    (near, far)
}

#[test]
fn sources_are_registered_changed_and_removed() {
    let (driver, _clock) = driver();
    let (near, _far) = full_pair();
    let fd = Fd::from(&near);
    let token = driver
        .register(fd, Interest::READABLE, Rc::new("a"))
        .unwrap();
    assert_eq!(driver.token_of(fd), Some(token));
    assert_eq!(driver.interest(token), Some(Interest::READABLE));
    assert_eq!(driver.source(token), Some(Rc::new("a")));
    assert_eq!(driver.sources_len(), 1);
    assert_eq!(look(&driver), ["a"]);
    assert_eq!(
        driver.replace_source(token, Rc::new("b")).unwrap(),
        Rc::new("a")
    );
    assert_eq!(look(&driver), ["b"]);
    driver.set_interest(token, Interest::NONE).unwrap();
    assert!(look(&driver).is_empty());
    assert_eq!(driver.deregister(token), Some(Rc::new("b")));
    assert_eq!(driver.source(token), None);
    let error = driver.replace_source(token, Rc::new("c")).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::ENOENT));
    let error = driver
        .register(Fd::new(-1), Interest::READABLE, Rc::new("d"))
        .unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EBADF));
}

#[test]
fn an_event_passes_over_sources_that_an_earlier_one_removed() {
    let (driver, _clock) = driver();
    let pairs = [full_pair(), full_pair()];
    let tokens = pairs.each_ref().map(|(near, _)| {
        driver
            .register(Fd::from(near), Interest::READABLE, Rc::new("a"))
            .unwrap()
    });
    let plan = driver.plan(true, true);
    driver
        .wait_with(plan, |poller, timeout, events| poller.wait(timeout, events))
        .unwrap();
    let (_, event) = driver.next_event().unwrap();
    let other = tokens
        .into_iter()
        .find(|&token| token != event.token)
        .unwrap();
    driver.deregister(other);
    assert!(driver.next_event().is_none());
    driver.finish_turn().unwrap();
}

#[test]
fn events_that_nobody_asked_for_come_again() {
    let (driver, _clock) = driver();
    let (near, _far) = full_pair();
    driver
        .register(Fd::from(&near), Interest::READABLE, Rc::new("a"))
        .unwrap();
    let plan = driver.plan(true, true);
    driver
        .wait_with(plan, |poller, timeout, events| poller.wait(timeout, events))
        .unwrap();
    driver.finish_turn().unwrap();
    assert!(driver.next_event().is_none());
    assert_eq!(look(&driver), ["a"]);
}

/// The trap of the module `poll`, seen from here: one spurious turn, then silence.
#[test]
fn an_orphan_wakes_the_loop_once() {
    let (driver, _clock) = driver();
    let (near, _far) = full_pair();
    let token = driver
        .register(Fd::from(&near), Interest::READABLE, Rc::new("a"))
        .unwrap();
    let _duplicate = near.try_clone().unwrap();
    drop(near);
    driver.deregister(token);
    driver.finish_turn().unwrap();
    let events = |driver: &TestDriver| {
        let plan = driver.plan(true, true);
        let mut count = 0;
        let look = |poller: &Poller, timeout, events: &mut Events| {
            poller.wait(timeout, events)?;
            count = events.len();
            Ok(())
        };
        driver.wait_with(plan, look).unwrap();
        assert!(driver.next_event().is_none());
        driver.finish_turn().unwrap();
        count
    };
    assert_eq!(events(&driver), 1);
    assert_eq!(events(&driver), 0);
    assert_eq!(events(&driver), 0);
}

#[test]
fn another_thread_ends_the_wait_and_a_later_wait_is_quiet() {
    let driver: Driver<NoTimer, NoTimer, (), _> = Driver::new(crate::time::Monotonic).unwrap();
    for _ in 0..100 {
        let plan = driver.plan(false, false);
        assert_eq!(plan, Wait::Park { timeout: None });
        let remote = std::sync::Arc::clone(driver.remote());
        let pusher = std::thread::spawn(move || remote.push(NoTimer).unwrap());
        driver
            .wait_with(plan, |poller, timeout, events| poller.wait(timeout, events))
            .unwrap();
        pusher.join().unwrap();
        assert!(driver.next_event().is_none());
        let mut items = Vec::new();
        driver.drain_remote(&mut items);
        assert_eq!(items.len(), 1);
        driver.finish_turn().unwrap();
    }
}

struct NoTimer;

impl Expiry for NoTimer {
    fn is_cancelled(&self) -> bool {
        false
    }
}

#[test]
fn a_signal_is_reported() {
    let (driver, _clock) = driver();
    let plan = driver.plan(false, false);
    let wait = |poller: &Poller, timeout, events: &mut Events| {
        interrupted(|| poller.wait(timeout, events))
    };
    assert!(driver.wait_with(plan, wait).unwrap());
    assert!(look(&driver).is_empty());
}

#[test]
fn a_real_wait_ends_with_its_timer_and_not_before() {
    let clock = crate::time::Monotonic;
    let driver: Driver<Timer, (), (), _> = Driver::new(clock).unwrap();
    let deadline_ns = clock.now_ns() + 1_300_000;
    driver.schedule(at(deadline_ns), timer(0));
    let popped = loop {
        let plan = driver.plan(false, false);
        driver
            .wait_with(plan, |poller, timeout, events| poller.wait(timeout, events))
            .unwrap();
        if let Some(timer) = driver.pop_due() {
            break timer;
        }
        driver.finish_turn().unwrap();
    };
    assert_eq!(popped.name, 0);
    assert!(clock.now_ns() >= deadline_ns);
}

#[test]
fn drain_returns_the_sources() {
    let (driver, _clock) = driver();
    let (near, _far) = full_pair();
    driver
        .register(Fd::from(&near), Interest::READABLE, Rc::new("a"))
        .unwrap();
    let (sources, timers, _brought) = driver.drain();
    assert_eq!(sources, [Rc::new("a")]);
    assert!(timers.is_empty());
    assert!(look(&driver).is_empty());
}
