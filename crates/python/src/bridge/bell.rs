//! `Bell`: how any thread tells a loop which awaitables to resume, without the interpreter.
//!
//! A `Wake` rings with its ticket, the loop's `Channel` hears. A waker may be called while its caller holds the lock that
//! the loop's thread wants next, so nothing here waits for the interpreter, as `call_soon_threadsafe` would: the ticket
//! goes into a list, and an eventfd that the loop watches becomes readable.

use std::io;
use std::mem;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::event::EventfdFlags;
use rustix::io::Errno;

/// The tickets of one loop, and the descriptor that it watches.
pub(super) struct Bell(Mutex<Rung>);

struct Rung {
    /// No longer than the number of awaitables that wait: a wait rings once.
    tickets: Vec<u64>,
    /// Gone with the channel: then nobody listens.
    event: Option<OwnedFd>,
}

impl Bell {
    /// A bell that nobody has rung.
    ///
    /// # Errors
    /// What eventfd(2) says.
    pub(super) fn new() -> io::Result<Self> {
        let event = rustix::event::eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self(Mutex::new(Rung {
            tickets: Vec::new(),
            event: Some(event),
        })))
    }

    /// The descriptor to watch, until the bell is closed.
    pub(super) fn descriptor(&self) -> Option<RawFd> {
        self.rung().event.as_ref().map(AsRawFd::as_raw_fd)
    }

    /// Any thread: the awaitable with this ticket is to be resumed.
    pub(super) fn ring(&self, ticket: u64) {
        let mut rung = self.rung();
        let Some(event) = &rung.event else {
            return;
        };
        // Not empty: the descriptor is readable already, or its reader is on the way to this lock.
        if rung.tickets.is_empty() {
            signal(event);
        }
        rung.tickets.push(ticket);
    }

    /// The loop's thread: whoever has rung since the last time.
    pub(super) fn heard(&self) -> Vec<u64> {
        let mut rung = self.rung();
        if let Some(event) = &rung.event {
            reset(event);
        }
        mem::take(&mut rung.tickets)
    }

    /// Nobody listens any more: the descriptor is closed, whoever still has a waker.
    pub(super) fn close(&self) {
        let mut rung = self.rung();
        rung.event = None;
        rung.tickets = Vec::new();
    }

    /// The lock is held for a few instructions and one system call that never waits.
    fn rung(&self) -> MutexGuard<'_, Rung> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes the eventfd readable.
fn signal(event: &OwnedFd) {
    // EAGAIN: the counter is at its maximum, and readable. Nothing else can fail on an eventfd of one's own.
    while rustix::io::write(event, &1_u64.to_ne_bytes()) == Err(Errno::INTR) {}
}

/// Sets the eventfd's counter to zero.
fn reset(event: &OwnedFd) {
    // EAGAIN: it is zero already.
    while rustix::io::read(event, &mut [0_u8; 8]) == Err(Errno::INTR) {}
}
