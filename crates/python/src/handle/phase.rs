//! `Life`: where a loop is in its life, and whether it is the only one that runs.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

use pyo3::Python;

use crate::py::thread;

/// How many loops of ours run, on all threads.
static RUNNING: AtomicUsize = AtomicUsize::new(0);

/// Where a loop is in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// Made by `__new__`, `__init__` has not run.
    Blank,
    /// Ready to run.
    Idle,
    /// Inside `run_forever`, on the thread with this identifier (`threading.get_ident()`).
    Running(u64),
    /// `close` was called.
    Closed,
    /// This process was forked from the one whose loop it is; see `event_loop/fork.rs`.
    Inherited,
}

impl Phase {
    /// `loop.is_closed()`
    pub fn is_closed(self) -> bool {
        matches!(self, Self::Closed | Self::Inherited)
    }

    fn is_running(self) -> bool {
        matches!(self, Self::Running(_))
    }
}

/// The phase of one loop. A loop that is dropped does not run.
pub struct Life(Cell<Phase>);

impl Default for Life {
    fn default() -> Self {
        Self(Cell::new(Phase::Blank))
    }
}

impl Life {
    /// Where the loop is.
    #[inline]
    pub fn phase(&self) -> Phase {
        self.0.get()
    }

    /// It goes there.
    pub fn set(&self, phase: Phase) {
        let before = self.0.replace(phase);
        match (before.is_running(), phase.is_running()) {
            (false, true) => RUNNING.fetch_add(1, Ordering::Relaxed),
            (true, false) => RUNNING.fetch_sub(1, Ordering::Relaxed),
            _ => 0,
        };
    }

    /// Whether the loop runs on this thread, and no other loop of ours runs anywhere: then it is the running loop, and
    /// asyncio need not be asked, which up to 3.11 makes a system call of each question. False proves nothing.
    #[inline]
    pub fn runs_alone(&self, py: Python<'_>) -> bool {
        RUNNING.load(Ordering::Relaxed) == 1
            && matches!(self.phase(), Phase::Running(owner) if owner == thread::ident(py))
    }
}
