//! What sets the handles of `call_soon_threadsafe` apart since 3.14 (`events._ThreadSafeHandle`): while the callback runs,
//! `cancel` and `cancelled` on another thread wait for its end.
//!
//! asyncio gives each of these handles an RLock and takes it for every call. A loop runs one callback at a time, so here
//! the loop knows which of them runs, and a lock is made only by whoever has to wait. All of it is read and written with the
//! GIL held. One difference is left: asyncio also reports a failed callback before it lets the waiting thread go.

use std::cell::Cell;

use pyo3::{Python, intern};

use super::handle::{self, HandleData};
use super::schedule::Scheduler;
use crate::py::call;
use crate::py::cell::Slot;
use crate::py::errors::{Outcome, set_aside};
use crate::py::gc::Visitor;
use crate::py::imports;
use crate::py::instance::Ref;
use crate::py::object::Obj;
use crate::py::thread;

/// The handle whose callback a loop runs, if it is one of `call_soon_threadsafe`.
#[derive(Default)]
pub struct Called {
    handle: Slot<Ref<HandleData>>,
    thread: Cell<u64>,
    /// A lock that is held until the callback ends, made by the first who waits.
    gate: Slot,
}

impl Called {
    /// Shows the references to the collector.
    pub fn visit(&self, visitor: &mut Visitor) {
        visitor.slot(&self.handle);
        visitor.slot(&self.gate);
    }

    fn is_elsewhere(&self, handle: &Ref<HandleData>) -> bool {
        self.handle.holds(handle.as_obj()) && self.thread.get() != thread::ident(handle.py())
    }
}

/// The time during which a callback runs. Its end lets the waiting threads go, also when a panic ends it.
struct Running(Ref<Scheduler>);

impl Drop for Running {
    fn drop(&mut self) {
        let called = &self.0.called;
        called.handle.set(None);
        if let Some(gate) = called.gate.take() {
            open(&gate);
        }
    }
}

/// `_ThreadSafeHandle._run`. A callback that runs a second handle by its `_run()` stays the one that is waited for.
///
/// # Errors
/// As `handle::run`.
pub fn run(this: &Ref<HandleData>) -> Outcome<()> {
    let Some(scheduler) = this.scheduler() else {
        return handle::apply(this);
    };
    if scheduler.called.handle.is_some() {
        return handle::apply(this);
    }
    scheduler.called.thread.set(thread::ident(this.py()));
    scheduler.called.handle.set(Some(this.clone()));
    let _running = Running(scheduler);
    handle::apply(this)
}

/// Waits while another thread runs the callback. The wait is Python's own, so that signals interrupt it.
///
/// # Errors
/// What a signal handler raises; `MemoryError`.
pub fn wait_for_end(this: &Ref<HandleData>) -> Outcome<()> {
    let py = this.py();
    let Some(scheduler) = this.scheduler() else {
        return Ok(());
    };
    let called = &scheduler.called;
    while called.is_elsewhere(this) {
        let gate = match called.gate.get() {
            Some(gate) => gate,
            None => {
                let made = closed_gate(py)?;
                // Making it may have let other threads run.
                if !called.is_elsewhere(this) || called.gate.is_some() {
                    continue;
                }
                called.gate.set(Some(made.clone()));
                made
            }
        };
        call::method(&gate, intern!(py, "acquire"), [])?;
        // For the next who waits.
        open(&gate);
    }
    Ok(())
}

fn closed_gate(py: Python<'_>) -> Outcome {
    let gate = call::method(imports::threading(py), intern!(py, "Lock"), [])?;
    call::method(&gate, intern!(py, "acquire"), [])?;
    Ok(gate)
}

fn open(gate: &Obj) {
    let py = gate.py();
    set_aside(py, || {
        if let Err(raised) = call::method(gate, intern!(py, "release"), []) {
            raised.unraisable(py, Some(gate));
        }
    });
}
