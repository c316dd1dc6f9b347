//! What a timer costs among so many others: added and cancelled, added and expired, and the pattern
//! of a time limit on every request.

use std::cell::Cell;
use std::rc::Rc;

use divan::{Bencher, black_box};
use reactor::{Deadline, Expiry, Timers};

#[derive(Clone, Default)]
struct Timer(Rc<Cell<bool>>);

impl Expiry for Timer {
    fn is_cancelled(&self) -> bool {
        self.0.get()
    }
}

const LIVE: &[u64] = &[1_000, 20_000, 200_000];
const BATCH: u64 = 1_000;

/// `live` timers, a millisecond apart, in an order that is neither theirs nor its reverse.
fn timers(live: u64) -> Timers<Timer> {
    let mut timers = Timers::new();
    for n in 0..live {
        let deadline = Deadline::at_ns(n.wrapping_mul(7_919) % live * 1_000_000);
        timers.insert(deadline, Timer::default());
    }
    timers
}

fn cancel(timers: &mut Timers<Timer>, timer: &Timer) {
    timer.0.set(true);
    if timers.note_cancelled() {
        black_box(timers.compact());
    }
}

/// `call_later` + `cancel` at once: asyncio's idiom for a time limit that is not reached.
#[divan::bench(args = LIVE)]
fn add_and_cancel(bencher: Bencher<'_, '_>, live: u64) {
    let mut timers = timers(live);
    let mut now_ns = 0;
    bencher.counter(BATCH).bench_local(|| {
        for _ in 0..BATCH {
            now_ns += 1_000;
            let timer = Timer::default();
            timers.insert(Deadline::at_ns(now_ns + 30_000_000_000), timer.clone());
            cancel(&mut timers, &timer);
        }
    });
}

#[divan::bench(args = LIVE)]
fn add_and_expire(bencher: Bencher<'_, '_>, live: u64) {
    let mut timers = timers(live);
    let mut now_ns = 0;
    bencher.counter(BATCH).bench_local(|| {
        for _ in 0..BATCH {
            now_ns += 1_000_000;
            timers.insert(Deadline::at_ns(now_ns + live * 1_000_000), Timer::default());
            while let Some(timer) = timers.pop(Deadline::at_ns(now_ns)) {
                black_box(timer);
            }
        }
    });
}

/// Added by the batch, then cancelled by the batch.
#[divan::bench(args = LIVE)]
fn add_all_cancel_all(bencher: Bencher<'_, '_>, live: u64) {
    let mut timers = timers(live);
    let mut batch = Vec::new();
    bencher.counter(BATCH).bench_local(|| {
        for n in 0..BATCH {
            let timer = Timer::default();
            timers.insert(Deadline::at_ns(n * 1_000), timer.clone());
            batch.push(timer);
        }
        for timer in batch.drain(..) {
            cancel(&mut timers, &timer);
        }
    });
}

/// All of them are due at once.
#[divan::bench(args = LIVE)]
fn expire_all(bencher: Bencher<'_, '_>, live: u64) {
    bencher
        .counter(live)
        .with_inputs(|| timers(live))
        .bench_local_refs(|timers| {
            while let Some(timer) = timers.pop(Deadline::at_ns(u64::MAX)) {
                black_box(timer);
            }
        });
}

fn main() {
    divan::main();
}
