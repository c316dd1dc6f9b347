//! The driver's policy with a clock that stands still, and whole turns with the kernel.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::*;
use crate::time::{Deadline, Expiry, MockClock};

#[derive(Clone, Debug, Default)]
struct Timer {
    name: u32,
    cancelled: Rc<Cell<bool>>,
}

impl Expiry for Timer {
    fn is_cancelled(&self) -> bool {
        self.cancelled.get()
    }
}

fn timer(name: u32) -> Timer {
    Timer {
        name,
        ..Timer::default()
    }
}

const START_NS: u64 = 1_000_000_000;

mod with_a_kernel;

type TestDriver = Driver<Timer, Timer, Rc<&'static str>, Arc<MockClock>>;

fn at(ns: u64) -> Deadline {
    Deadline::at_ns(ns)
}

fn driver() -> (TestDriver, Arc<MockClock>) {
    let clock = Arc::new(MockClock::new(START_NS));
    (Driver::new(Arc::clone(&clock)).unwrap(), clock)
}

/// Carries a plan out without the kernel.
fn carry_out(driver: &TestDriver, plan: Wait) -> Wait {
    driver.wait_with(plan, |_, _, _| Ok(())).unwrap();
    plan
}

/// Makes one whole turn, and tells how it looked at the sources.
fn turn(driver: &TestDriver, has_ready: bool, force: bool) -> Wait {
    let plan = carry_out(driver, driver.plan(has_ready, force));
    driver.finish_turn().unwrap();
    plan
}

fn park_ns(timeout_ns: u64) -> Wait {
    Wait::Park {
        timeout: Some(Duration::from_nanos(timeout_ns)),
    }
}

fn due(driver: &TestDriver) -> Vec<u32> {
    std::iter::from_fn(|| driver.pop_due())
        .map(|timer| timer.name)
        .collect()
}

#[test]
fn a_chain_of_callbacks_polls_first_and_then_in_every_33rd_turn() {
    let (driver, _clock) = driver();
    assert_eq!(turn(&driver, true, false), Wait::Poll);
    for _ in 0..3 {
        for _ in 0..PollBudget::MAX_SKIPPED_TURNS {
            assert_eq!(turn(&driver, true, false), Wait::Skip);
        }
        assert_eq!(turn(&driver, true, false), Wait::Poll);
    }
}

#[test]
fn slow_callbacks_poll_after_100_microseconds() {
    let (driver, clock) = driver();
    assert_eq!(turn(&driver, true, false), Wait::Poll);
    clock.advance_ns(99_999);
    assert_eq!(turn(&driver, true, false), Wait::Skip);
    clock.advance_ns(1);
    assert_eq!(turn(&driver, true, false), Wait::Poll);
    clock.advance_ns(50_000);
    assert_eq!(turn(&driver, true, false), Wait::Skip);
}

#[test]
fn force_always_looks_and_fills_the_budget() {
    let (driver, _clock) = driver();
    for _ in 0..3 {
        assert_eq!(turn(&driver, true, true), Wait::Poll);
    }
    assert_eq!(turn(&driver, true, false), Wait::Skip);
}

#[test]
fn force_alone_does_not_keep_the_loop_from_waiting() {
    let (driver, _clock) = driver();
    assert_eq!(turn(&driver, false, true), Wait::Park { timeout: None });
}

#[test]
fn an_idle_loop_parks_until_its_first_timer() {
    let (driver, clock) = driver();
    assert_eq!(turn(&driver, false, false), Wait::Park { timeout: None });
    driver.schedule(at(START_NS + 700), timer(1));
    driver.schedule(at(START_NS + 500), timer(0));
    assert_eq!(turn(&driver, false, false), park_ns(500));
    clock.advance_ns(499);
    assert_eq!(turn(&driver, false, false), park_ns(1));
    assert!(due(&driver).is_empty());
    clock.advance_ns(1);
    assert_eq!(turn(&driver, false, false), Wait::Poll);
    assert_eq!(due(&driver), [0]);
    assert_eq!(driver.timers_len(), 1);
}

#[test]
fn timers_are_due_by_the_time_after_the_wait() {
    let (driver, clock) = driver();
    driver.schedule(at(START_NS + 500), timer(0));
    let plan = driver.plan(false, false);
    assert_eq!(plan, park_ns(500));
    driver
        .wait_with(plan, |_, timeout, _| {
            clock.advance_ns(timeout.unwrap().as_nanos() as u64);
            Ok(())
        })
        .unwrap();
    assert_eq!(driver.now_ns(), START_NS + 500);
    assert_eq!(due(&driver), [0]);
}

#[test]
fn timers_are_due_by_the_turns_clock_while_the_poll_is_skipped() {
    let (driver, clock) = driver();
    assert_eq!(turn(&driver, true, false), Wait::Poll);
    driver.schedule(at(START_NS + 500), timer(0));
    clock.advance_ns(499);
    assert_eq!(turn(&driver, true, false), Wait::Skip);
    // The turn goes by its own reading of the clock, which has moved on since.
    clock.advance_ns(1);
    assert!(due(&driver).is_empty());
    assert_eq!(turn(&driver, true, false), Wait::Skip);
    assert_eq!(due(&driver), [0]);
}

#[test]
fn a_cancelled_head_is_handed_back_before_the_loop_parks() {
    let (driver, _clock) = driver();
    assert_eq!(turn(&driver, true, false), Wait::Poll);
    let cancelled = timer(0);
    driver.schedule(at(START_NS + 500), cancelled.clone());
    driver.schedule(at(START_NS + 900), timer(1));
    cancelled.cancelled.set(true);
    assert!(driver.cancelled().is_empty());
    assert_eq!(turn(&driver, false, false), Wait::Skip);
    assert_eq!(due(&driver), [0]);
    assert_eq!(turn(&driver, false, false), park_ns(900));
}

#[test]
fn a_cancelled_head_costs_a_look_when_the_budget_is_used_up() {
    let (driver, _clock) = driver();
    let cancelled = timer(0);
    cancelled.cancelled.set(true);
    driver.schedule(at(START_NS + 500), cancelled);
    assert_eq!(turn(&driver, false, false), Wait::Poll);
}

#[test]
fn cancelling_most_timers_clears_the_heap() {
    let (driver, _clock) = driver();
    let timers: Vec<Timer> = (0..201).map(timer).collect();
    for timer in &timers {
        driver.schedule(at(START_NS + u64::from(timer.name)), timer.clone());
    }
    let mut cleared = 0;
    for timer in &timers[..150] {
        timer.cancelled.set(true);
        cleared += driver.cancelled().len();
    }
    // The 101st of 201 tips the balance; the heap is then too small for another time.
    assert_eq!(cleared, 101);
    assert_eq!(driver.timers_len(), 100);
}

#[test]
fn what_other_threads_brought_keeps_the_loop_from_waiting() {
    let (driver, _clock) = driver();
    driver.remote().push(timer(7)).unwrap();
    assert_eq!(turn(&driver, false, false), Wait::Poll);
    let mut items = Vec::new();
    driver.drain_remote(&mut items);
    assert_eq!(items[0].name, 7);
    assert_eq!(turn(&driver, false, false), Wait::Park { timeout: None });
    driver.remote().wake().unwrap();
    assert_eq!(turn(&driver, false, false), Wait::Poll);
    assert_eq!(turn(&driver, false, false), Wait::Park { timeout: None });
}

#[test]
fn a_plan_to_park_can_be_called_off() {
    let (driver, _clock) = driver();
    assert_eq!(driver.plan(false, false), Wait::Park { timeout: None });
    driver.unpark().unwrap();
    driver.unpark().unwrap();
    assert_eq!(turn(&driver, false, false), Wait::Park { timeout: None });
}

#[test]
fn an_error_of_the_wait_still_ends_it() {
    let (driver, _clock) = driver();
    let plan = driver.plan(false, false);
    let failed = driver.wait_with(plan, |_, _, _| Err(std::io::ErrorKind::Other.into()));
    assert!(failed.is_err());
    assert_eq!(turn(&driver, false, false), Wait::Park { timeout: None });
}

#[test]
fn a_skipped_look_calls_nobody() {
    let (driver, _clock) = driver();
    let interrupted = driver
        .wait_with(Wait::Skip, |_, _, _| panic!("the wait was made"))
        .unwrap();
    assert!(!interrupted);
}

#[test]
fn drain_returns_timers_and_remote_items() {
    let (driver, _clock) = driver();
    driver.schedule(at(1), timer(0));
    driver.remote().push(timer(1)).unwrap();
    let (sources, timers, brought) = driver.drain();
    assert!(sources.is_empty());
    assert_eq!((timers.len(), timers[0].name), (1, 0));
    assert_eq!((brought.len(), brought[0].name), (1, 1));
    assert_eq!(turn(&driver, false, false), Wait::Park { timeout: None });
}
