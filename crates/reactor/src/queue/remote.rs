//! `Remote`: the door through which other threads bring work into the loop
//! (`call_soon_threadsafe`).
//!
//! Many producers, one consumer. The items are in a `Vec` behind a mutex, held for the length of a
//! `push` or a swap; beside it stands one atomic word that says what the producers and the loop
//! must know of each other:
//!
//! | bit | set by | cleared by | means |
//! | --- | --- | --- | --- |
//! | `PENDING` | `push`, in the mutex | `drain`, in the mutex | the vector is not empty |
//! | `WOKEN` | `wake`; `drain`, when it clears `PENDING` in a wait | `park` when it refuses, `unpark` | do not sleep, whatever the vector says |
//! | `PARKED` | `park` | `unpark` | the loop waits, or is about to |
//!
//! **No wake-up is lost.** `park` moves the word from 0 to `PARKED` in one step, so it fails when
//! something came in before; and whoever sets his bit later finds `PARKED` in the same step and
//! writes the eventfd, which makes the wait return whether it has begun or not.
//!
//! **One write per park.** Of those who find `PARKED`, only the one who finds nothing else writes.
//!
//! **The eventfd does not stay readable.** The writer writes *after* he has set his bit, so an
//! `unpark` in between finds the counter at zero while a write is still to come, which would end
//! the next wait for nothing and, level-triggered, every wait after it. `unpark` therefore counts
//! the writes that it is owed and goes on clearing until they have come.
//!
//! The loom models below try all interleavings of this.

use std::io;

use crate::poll::Waker;
use crate::sync::{AtomicU64, AtomicUsize, Mutex, Ordering};

#[cfg(test)]
mod tests;

const PENDING: usize = 1;
const WOKEN: usize = 2;
const PARKED: usize = 4;
/// Something came in while the loop waits.
const IN_A_WAIT: usize = PENDING | PARKED;

/// A queue from any thread into the loop, with the waker that interrupts the loop's wait.
///
/// Limit: none, as in asyncio: each item is a callback that somebody has asked for. What is still
/// in it when it is dropped is dropped with it; a loop that closes drains it first.
#[derive(Debug)]
pub struct Remote<T> {
    items: Mutex<Vec<T>>,
    state: AtomicUsize,
    waker: Waker,
    /// How many writes to the eventfd were decided on and not yet cleared. Touched by the loop
    /// alone.
    owed_wakes: AtomicU64,
}

impl<T> Remote<T> {
    /// An empty queue with its own waker, which the loop registers in its poller.
    ///
    /// # Errors
    /// Those of eventfd(2), EMFILE above all.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            items: Mutex::new(Vec::new()),
            state: AtomicUsize::new(0),
            waker: Waker::new()?,
            owed_wakes: AtomicU64::new(0),
        })
    }

    /// Appends `item`, and interrupts the loop's wait if it is in one. Any thread.
    ///
    /// # Errors
    /// Those of write(2) on the eventfd; none is expected. The item is in the queue all the same.
    pub fn push(&self, item: T) -> io::Result<()> {
        let before = {
            let mut items = self.lock();
            items.push(item);
            if items.len() > 1 {
                // Who brought the first one has set the bit, and it is cleared with the mutex held.
                return Ok(());
            }
            self.state.fetch_or(PENDING, Ordering::AcqRel)
        };
        self.wake_if_first(before)
    }

    /// Interrupts the loop's wait, or forbids the next one, without an item: for `stop()` and
    /// signals. What the caller wrote before is visible to the loop when it continues. Any thread.
    ///
    /// # Errors
    /// Those of write(2) on the eventfd; none is expected.
    pub fn wake(&self) -> io::Result<()> {
        let before = self.state.fetch_or(WOKEN, Ordering::AcqRel);
        self.wake_if_first(before)
    }

    /// True when there is something to drain: one atomic load. Any thread.
    #[inline]
    #[must_use]
    pub fn has_pending(&self) -> bool {
        self.state.load(Ordering::Acquire) & PENDING != 0
    }

    /// Appends all items to `into`, oldest first. The loop's thread, or one that keeps the loop from draining too.
    pub fn drain(&self, into: &mut Vec<T>) {
        let mut items = self.lock();
        // In a wait, which others may drain in, `unpark` still has to learn that a write is owed.
        let drained = |state| match state & (PENDING | PARKED) {
            IN_A_WAIT => Some(state & !PENDING | WOKEN),
            _ => Some(state & !PENDING),
        };
        let _always = self
            .state
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, drained);
        if into.is_empty() {
            // The usual case costs no copy.
            std::mem::swap(&mut *items, into);
        } else {
            into.append(&mut items);
        }
    }

    /// Announces that the loop is about to wait. False when there is something to do first: then
    /// the loop must not block, and must not call [`Remote::unpark`] either. The loop's thread.
    #[must_use]
    pub fn park(&self) -> bool {
        let parked = self
            .state
            .compare_exchange(0, PARKED, Ordering::AcqRel, Ordering::Acquire);
        if parked.is_err() {
            self.state.fetch_and(!WOKEN, Ordering::AcqRel);
        }
        parked.is_ok()
    }

    /// Ends what a successful [`Remote::park`] began, when the wait is over for whatever reason.
    /// The loop's thread.
    ///
    /// # Errors
    /// Those of read(2) on the eventfd; none is expected. The loop counts as awake all the same.
    pub fn unpark(&self) -> io::Result<()> {
        let before = self.state.fetch_and(!(PARKED | WOKEN), Ordering::AcqRel);
        debug_assert!(before & PARKED != 0, "unpark without park");
        let mut owed_wakes = self.owed_wakes.load(Ordering::Relaxed);
        if before & (PENDING | WOKEN) != 0 {
            owed_wakes += 1;
        }
        if owed_wakes == 0 {
            return Ok(());
        }
        let cleared = self.waker.clear()?;
        self.owed_wakes
            .store(owed_wakes.saturating_sub(cleared), Ordering::Relaxed);
        Ok(())
    }

    /// The waker, to be registered in the loop's poller.
    #[must_use]
    pub fn waker(&self) -> &Waker {
        &self.waker
    }

    fn wake_if_first(&self, before: usize) -> io::Result<()> {
        if before == PARKED {
            self.waker.wake()
        } else {
            Ok(())
        }
    }

    fn lock(&self) -> impl std::ops::DerefMut<Target = Vec<T>> + '_ {
        // Nothing that runs with the mutex held can panic half-way, so a poisoned vector is a good
        // one.
        self.items
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}
