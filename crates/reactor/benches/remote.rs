//! What `call_soon_threadsafe` costs below Python: to a loop that is awake, to one that waits, and
//! the look that finds nothing. And what a wait costs, by the resolution of its timeout.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use divan::{Bencher, black_box};
use reactor::{Events, Poller, Remote};

#[divan::bench]
fn look_at_an_empty_queue(bencher: Bencher<'_, '_>) {
    let remote: Remote<u64> = Remote::new().expect("an eventfd");
    bencher.bench(|| black_box(&remote).has_pending());
}

#[divan::bench]
fn push_and_drain_awake(bencher: Bencher<'_, '_>) {
    let remote: Remote<u64> = Remote::new().expect("an eventfd");
    let mut items = Vec::new();
    bencher.bench_local(|| {
        remote.push(1).expect("a write");
        remote.drain(&mut items);
        items.clear();
    });
}

#[divan::bench]
fn push_to_a_parked_loop(bencher: Bencher<'_, '_>) {
    let remote: Remote<u64> = Remote::new().expect("an eventfd");
    let mut items = Vec::new();
    bencher.bench_local(|| {
        assert!(remote.park());
        remote.push(1).expect("a write");
        remote.unpark().expect("a read");
        remote.drain(&mut items);
        items.clear();
    });
}

/// There and back between two threads, both waiting in a poller.
#[divan::bench]
fn round_trip_between_loops(bencher: Bencher<'_, '_>) {
    let (here, there) = (Arc::new(End::new()), Arc::new(End::new()));
    let is_over = Arc::new(AtomicBool::new(false));
    let echo = {
        let (here, there, is_over) = (Arc::clone(&here), Arc::clone(&there), Arc::clone(&is_over));
        std::thread::spawn(move || {
            while !is_over.load(Ordering::Acquire) {
                there.wait();
                here.remote.push(1).expect("a write");
            }
        })
    };
    bencher.bench(|| {
        there.remote.push(1).expect("a write");
        here.wait();
    });
    is_over.store(true, Ordering::Release);
    there.remote.push(1).expect("a write");
    echo.join().expect("the echo");
}

struct End {
    remote: Remote<u64>,
    poller: Poller,
}

impl End {
    fn new() -> Self {
        let end = Self {
            remote: Remote::new().expect("an eventfd"),
            poller: Poller::new().expect("an epoll instance"),
        };
        end.poller
            .add_waker(end.remote.waker())
            .expect("a registration");
        end
    }

    fn wait(&self) {
        let (mut events, mut items) = (Events::new(), Vec::new());
        while items.is_empty() {
            if self.remote.park() {
                self.poller.wait(None, &mut events).expect("a wait");
                self.remote.unpark().expect("a read");
            }
            self.remote.drain(&mut items);
        }
    }
}

/// A wait that returns at once, because the waker is readable: zero does not look at the time, a
/// whole millisecond takes epoll_wait, and the rest epoll_pwait2.
#[divan::bench(args = [0, 1_000_000, 1_000_001])]
fn wait_that_is_over_at_once_ns(bencher: Bencher<'_, '_>, timeout_ns: u64) {
    let end = End::new();
    end.remote.waker().wake().expect("a write");
    let mut events = Events::new();
    let timeout = Some(Duration::from_nanos(timeout_ns));
    bencher.bench_local(|| end.poller.wait(timeout, &mut events));
}

fn main() {
    divan::main();
}
