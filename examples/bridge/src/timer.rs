//! `Sleep`: a timer without a runtime. One thread for all of them waits for the one that is due next.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

/// Ready at its deadline.
pub struct Sleep {
    deadline: Instant,
    /// Its place in the timers, from the first poll on.
    alarm: Option<Arc<Alarm>>,
}

/// Whom a timer wakes; nobody once the `Sleep` is gone.
type Alarm = Mutex<Option<Waker>>;

impl Sleep {
    pub fn new(time: Duration) -> Self {
        Self {
            deadline: Instant::now() + time,
            alarm: None,
        }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if Instant::now() >= self.deadline {
            return Poll::Ready(());
        }
        let waker = Some(context.waker().clone());
        match &self.alarm {
            Some(alarm) => *lock(alarm) = waker,
            None => {
                let alarm = Arc::new(Mutex::new(waker));
                Timers::shared().add(self.deadline, alarm.clone());
                self.alarm = Some(alarm);
            }
        }
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(alarm) = &self.alarm {
            *lock(alarm) = None;
        }
    }
}

#[derive(Default)]
struct Timers {
    heap: Mutex<BinaryHeap<Reverse<Timer>>>,
    /// The timer that is due next is another one.
    changed: Condvar,
}

struct Timer {
    deadline: Instant,
    alarm: Arc<Alarm>,
}

impl Timers {
    fn shared() -> &'static Self {
        static TIMERS: OnceLock<Timers> = OnceLock::new();
        let mut is_new = false;
        let timers = TIMERS.get_or_init(|| {
            is_new = true;
            Timers::default()
        });
        if is_new {
            thread::spawn(|| timers.run());
        }
        timers
    }

    fn add(&self, deadline: Instant, alarm: Arc<Alarm>) {
        lock(&self.heap).push(Reverse(Timer { deadline, alarm }));
        self.changed.notify_one();
    }

    /// The thread: waits until a timer is due and wakes it, again and again.
    fn run(&self) {
        let mut heap = lock(&self.heap);
        loop {
            let now = Instant::now();
            heap = match heap.peek() {
                None => wait(self.changed.wait(heap)),
                Some(Reverse(next)) if next.deadline > now => {
                    let time = next.deadline - now;
                    wait(self.changed.wait_timeout(heap, time)).0
                }
                Some(_) => {
                    let due = heap.pop().map(|Reverse(timer)| timer.alarm);
                    drop(heap);
                    if let Some(waker) = due.and_then(|alarm| lock(&alarm).take()) {
                        waker.wake();
                    }
                    lock(&self.heap)
                }
            };
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn wait<T>(result: Result<T, PoisonError<T>>) -> T {
    result.unwrap_or_else(PoisonError::into_inner)
}

impl PartialEq for Timer {
    fn eq(&self, other: &Self) -> bool {
        self.deadline == other.deadline
    }
}

impl Eq for Timer {}

impl PartialOrd for Timer {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Timer {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.deadline.cmp(&other.deadline)
    }
}
