//! The eventfd of a loom build: the same counter, with a blocking wait in the place of the
//! poller's.

use std::io;

use crate::sync::{Condvar, Mutex};

use super::Fd;

/// A counter with eventfd's rules: a signal adds one, clearing takes all.
#[derive(Debug)]
pub(crate) struct EventFd {
    count: Mutex<u64>,
    changed: Condvar,
}

impl EventFd {
    /// A new counter at zero.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            count: Mutex::new(0),
            changed: Condvar::new(),
        })
    }

    /// Adds one to the counter.
    pub(crate) fn signal(&self) -> io::Result<()> {
        *self
            .count
            .lock()
            .expect("no thread panics with the count locked") += 1;
        self.changed.notify_one();
        Ok(())
    }

    /// Sets the counter to zero and returns what it was.
    pub(crate) fn clear(&self) -> io::Result<u64> {
        let mut count = self
            .count
            .lock()
            .expect("no thread panics with the count locked");
        Ok(std::mem::take(&mut *count))
    }

    /// Blocks until the counter is not zero, as a wait on the poller would. Loom reports a deadlock
    /// when no signal comes.
    #[cfg(test)]
    pub(crate) fn wait_readable(&self) {
        let mut count = self
            .count
            .lock()
            .expect("no thread panics with the count locked");
        while *count == 0 {
            count = self
                .changed
                .wait(count)
                .expect("no thread panics with the count locked");
        }
    }

    /// The model has no descriptor.
    pub(crate) fn fd(&self) -> Fd {
        Fd::new(-1)
    }
}
