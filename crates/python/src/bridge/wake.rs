//! `Wake`: what a Rust future is polled with. Any thread may call it, attached to the interpreter or not.
//!
//! ```text
//!            begin_poll            rest                 wake
//! (new) ──────────────▶ Polling ─────────▶ Waiting ───────────▶ Woken
//!                          │ wake                                 │ begin_poll
//!                          └───────────▶ Woken: rest refuses      └──────────▶ Polling
//! ```
//!
//! A wake during the poll needs nobody to be told: the task gives way for one turn and polls again. A wake of one that
//! waits is told to the loop: by the bell, or, when the thread is inside `collect`, by whoever collects, as soon as the
//! Rust code has returned. That is how wakes on the loop's own thread, from one future to another or from a Python future
//! to a Rust one, get by without a system call; and they too do nothing while the waker's caller may hold a lock.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread;

use super::bell::Bell;

const POLLING: u8 = 0;
const WAITING: u8 = 1;
const WOKEN: u8 = 2;

/// One awaitable, as seen by whoever wakes it.
pub(super) struct Wake {
    state: AtomicU8,
    ticket: u64,
    bell: Arc<Bell>,
}

impl Wake {
    /// For the awaitable with this ticket, whose loop hears this bell.
    pub(super) fn new(ticket: u64, bell: Arc<Bell>) -> Self {
        Self {
            state: AtomicU8::new(WOKEN),
            ticket,
            bell,
        }
    }

    /// What the loop knows the awaitable by.
    pub(super) fn ticket(&self) -> u64 {
        self.ticket
    }

    /// Before a poll: wakes from here on count for the next one.
    pub(super) fn begin_poll(&self) {
        // Acquire: the poll sees what was done before the wake that brought it here.
        self.state.swap(POLLING, Ordering::AcqRel);
    }

    /// After a poll that was not the last: whether the awaitable waits now. It does not when it was woken meanwhile.
    #[must_use]
    pub(super) fn rest(&self) -> bool {
        self.state
            .compare_exchange(POLLING, WAITING, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }
}

impl std::task::Wake for Wake {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.state.swap(WOKEN, Ordering::AcqRel) == WAITING && !collected(self) {
            self.bell.ring(self.ticket);
        }
    }
}

/// The wakes that a thread has made since it entered `collect`.
struct Collection {
    bell: Arc<Bell>,
    tickets: Vec<u64>,
}

thread_local! {
    static COLLECTION: RefCell<Option<Collection>> = const { RefCell::new(None) };
}

/// Runs Rust code that may wake awaitables of the loop with this bell, on that loop's thread: what it returned or panicked
/// with, and whom the caller has to resume. Inside of another `collect` for the same loop that is nobody: the outer one
/// will.
pub(super) fn collect<R>(
    bell: &Arc<Bell>,
    work: impl FnOnce() -> R,
) -> (thread::Result<R>, Vec<u64>) {
    let own = Collection {
        bell: bell.clone(),
        tickets: Vec::new(),
    };
    let outer = COLLECTION.replace(Some(own));
    let result = catch_unwind(AssertUnwindSafe(work));
    let own = COLLECTION.replace(outer);
    let mut tickets = own.map(|own| own.tickets).unwrap_or_default();
    COLLECTION.with_borrow_mut(|outer| match outer {
        Some(outer) if Arc::ptr_eq(&outer.bell, bell) => outer.tickets.append(&mut tickets),
        _ => {}
    });
    (result, tickets)
}

/// Whether somebody on this thread collects for the awaitable's loop, and has taken the wake.
fn collected(wake: &Wake) -> bool {
    let take = |collection: &RefCell<Option<Collection>>| match &mut *collection.borrow_mut() {
        Some(own) if Arc::ptr_eq(&own.bell, &wake.bell) => {
            own.tickets.push(wake.ticket);
            true
        }
        _ => false,
    };
    // An error: the thread is ending, and its locals are gone.
    COLLECTION.try_with(take).unwrap_or(false)
}
