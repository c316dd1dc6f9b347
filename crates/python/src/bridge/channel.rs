//! `Channel`: a loop's side of the bridge. One for each loop and extension, made by the first awaitable that runs there.
//!
//! The loop owns it: it is the callback of a reader on the bell's descriptor, so it lives until the loop is closed. It
//! keeps the waiters, the Python futures that the waiting tasks were given: a task that waits for a Rust thread is as
//! little garbage as one that waits for a timer.

use std::cell::RefCell;
use std::collections::HashMap;
use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use pyo3::exceptions::{PyNotImplementedError, PyRuntimeError};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyWeakrefMethods, PyWeakrefReference};
use pyo3::{PyTraverseError, PyVisit, intern};

use super::bell::Bell;
use super::wake::{self, Wake};

/// A loop's side of the bridge, as an object that the loop calls.
#[pyclass(frozen, weakref, module = "asyncioxide", name = "BridgeChannel")]
pub(super) struct Channel {
    /// Weak: the loop owns the channel.
    event_loop: Py<PyWeakrefReference>,
    bell: Arc<Bell>,
    next_ticket: AtomicU64,
    /// By ticket: what to resolve.
    waiters: Mutex<HashMap<u64, Py<PyAny>>>,
}

impl Channel {
    /// The one of the running loop.
    ///
    /// # Errors
    /// RuntimeError when none runs, or one without `add_reader`.
    pub(super) fn of_running_loop(py: Python<'_>) -> PyResult<Bound<'_, Self>> {
        static GET: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let running = GET.import(py, "asyncio", "get_running_loop")?.call0()?;
        match known(&running) {
            Some(channel) => Ok(channel),
            None => open(&running),
        }
    }

    /// What an awaitable that runs here for the first time is polled with.
    pub(super) fn new_wake(&self) -> Wake {
        let ticket = self.next_ticket.fetch_add(1, Ordering::Relaxed);
        Wake::new(ticket, self.bell.clone())
    }

    /// What the task gets that has to wait for a wake of this ticket: a new future of the loop's, ready to be yielded.
    ///
    /// # Errors
    /// What the loop's `create_future` raises.
    pub(super) fn wait<'py>(&self, py: Python<'py>, ticket: u64) -> PyResult<Bound<'py, PyAny>> {
        let Some(event_loop) = self.event_loop.bind(py).upgrade() else {
            return Err(PyRuntimeError::new_err("the event loop is gone"));
        };
        let waiter = event_loop.call_method0(intern!(py, "create_future"))?;
        // One step of `await waiter` marks the future as awaited, and gives it out.
        let iterator = waiter.call_method0(intern!(py, "__await__"))?;
        let yielded = iterator.call_method0(intern!(py, "__next__"))?;
        let former = self.waiters().insert(ticket, waiter.unbind());
        debug_assert!(former.is_none(), "an awaitable waits once at a time");
        Ok(yielded)
    }

    /// The awaitable with this ticket does not wait any more.
    pub(super) fn forget(&self, ticket: u64) {
        let waiter = self.waiters().remove(&ticket);
        drop(waiter);
    }

    /// Runs Rust code of the extension's on the loop's thread, and afterwards resumes whom it has woken.
    ///
    /// # Errors
    /// What it panicked with.
    pub(super) fn run<R>(&self, py: Python<'_>, work: impl FnOnce() -> R) -> thread::Result<R> {
        let (result, tickets) = wake::collect(&self.bell, work);
        self.resume(py, tickets);
        result
    }

    /// Resolves the waiters of these tickets; their tasks go on in the next turn.
    fn resume(&self, py: Python<'_>, tickets: Vec<u64>) {
        for ticket in tickets {
            let waiter = self.waiters().remove(&ticket);
            // None: the awaitable was resumed or dropped in between.
            let Some(waiter) = waiter else { continue };
            if let Err(error) = resolve(waiter.bind(py)) {
                error.write_unraisable(py, Some(waiter.bind(py)));
            }
        }
    }

    fn waiters(&self) -> MutexGuard<'_, HashMap<u64, Py<PyAny>>> {
        self.waiters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[pymethods]
impl Channel {
    /// The reader's callback: somebody has rung.
    fn __call__(&self, py: Python<'_>) {
        self.resume(py, self.bell.heard());
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.event_loop)?;
        // Locked by a thread that was stopped: the collector looks again the next time.
        if let Ok(waiters) = self.waiters.try_lock() {
            for waiter in waiters.values() {
                visit.call(waiter)?;
            }
        }
        Ok(())
    }

    fn __clear__(&self) {
        let waiters = mem::take(&mut *self.waiters());
        drop(waiters);
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        self.bell.close();
    }
}

/// `waiter.set_result(None)`, unless the waiting task was cancelled.
fn resolve(waiter: &Bound<'_, PyAny>) -> PyResult<()> {
    let py = waiter.py();
    if waiter.call_method0(intern!(py, "done"))?.is_truthy()? {
        return Ok(());
    }
    waiter.call_method1(intern!(py, "set_result"), (py.None(),))?;
    Ok(())
}

thread_local! {
    /// Weak references to the channels of the loops that have run on this thread, the living ones and, until the next
    /// one is made, some dead ones.
    static CHANNELS: RefCell<Vec<Py<PyWeakrefReference>>> = const { RefCell::new(Vec::new()) };
}

/// The channel that this thread has made for the loop.
fn known<'py>(event_loop: &Bound<'py, PyAny>) -> Option<Bound<'py, Channel>> {
    let py = event_loop.py();
    // Nothing is upgraded while the list is borrowed: letting go again can run anything.
    let nth = |index: usize| {
        CHANNELS.with_borrow(|channels| channels.get(index).map(|channel| channel.clone_ref(py)))
    };
    (0..)
        .map_while(nth)
        .filter_map(|channel| channel.bind(py).upgrade_as::<Channel>().ok().flatten())
        .find(|channel| {
            let own = channel.get().event_loop.bind(py).upgrade();
            own.is_some_and(|own| own.is(event_loop))
        })
}

/// Makes a channel and gives it to the loop.
fn open<'py>(event_loop: &Bound<'py, PyAny>) -> PyResult<Bound<'py, Channel>> {
    let py = event_loop.py();
    let bell = Arc::new(Bell::new()?);
    let descriptor = bell.descriptor();
    let channel = Channel {
        event_loop: PyWeakrefReference::new(event_loop)?.unbind(),
        bell,
        next_ticket: AtomicU64::new(0),
        waiters: Mutex::default(),
    };
    let channel = Bound::new(py, channel)?;
    // In an empty context: the reader would keep the variables of whoever awaits first for the loop's lifetime.
    let context = py.import("contextvars")?.call_method0("Context")?;
    let add_reader = event_loop.getattr(intern!(py, "add_reader"))?;
    context
        .call_method1("run", (add_reader, descriptor, &channel))
        .map_err(|error| without_readers(event_loop, error))?;
    remember(&channel)?;
    Ok(channel)
}

/// Says what is missing where the loop only says that something is.
fn without_readers(event_loop: &Bound<'_, PyAny>, error: PyErr) -> PyErr {
    let py = event_loop.py();
    if !error.is_instance_of::<PyNotImplementedError>(py) {
        return error;
    }
    let class = event_loop.get_type();
    let text = format!("futures of Rust need a loop with add_reader, which {class} has not");
    let refused = PyRuntimeError::new_err(text);
    refused.set_cause(py, Some(error));
    refused
}

fn remember(channel: &Bound<'_, Channel>) -> PyResult<()> {
    let py = channel.py();
    let mut channels = CHANNELS.take();
    channels.retain(|channel| channel.bind(py).upgrade().is_some());
    channels.push(PyWeakrefReference::new(channel)?.unbind());
    CHANNELS.with_borrow_mut(|others| others.append(&mut channels));
    Ok(())
}
