//! `Awaited`: a Python awaitable as a Rust `Future`, for the inside of an `Awaitable`.
//!
//! The first poll makes a task of a coroutine (`asyncio.ensure_future`), so several can be waited for at once; a future or
//! a task is used as it is. When it is done, its callback wakes the Rust future, which takes the result.

use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;

use super::channel::Channel;
use super::unwound;

/// Waits for a Python coroutine, task or future inside of an [`Awaitable`](super::Awaitable). Nothing happens before the
/// first poll.
///
/// Dropped before it is done, it cancels the Python side: a task gets its CancelledError in its next turn, and nobody
/// waits for what it makes of it.
pub fn into_future(awaitable: Py<PyAny>) -> Awaited {
    Awaited {
        state: State::Unpolled(awaitable),
    }
}

/// What [`into_future`] makes. Its output is what `await` would give or raise: a CancelledError too, if somebody has
/// cancelled the Python side.
#[must_use = "nothing happens before it is polled"]
pub struct Awaited {
    state: State,
}

enum State {
    Unpolled(Py<PyAny>),
    Waiting(Waiting),
    Done,
}

struct Waiting {
    future: Py<PyAny>,
    waker: Shared,
}

/// The place of the waker, shared with the future's callback.
type Shared = Arc<Mutex<Option<Waker>>>;

impl Future for Awaited {
    type Output = PyResult<Py<PyAny>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Python::attach(|py| {
            let waiting = match mem::replace(&mut self.state, State::Done) {
                State::Unpolled(awaitable) => match Waiting::start(awaitable.bind(py)) {
                    Ok(waiting) => waiting,
                    Err(error) => return Poll::Ready(Err(error)),
                },
                State::Waiting(waiting) => waiting,
                State::Done => panic!("polled again after it was done"),
            };
            if waiting.is_done(py)? {
                let result = waiting.future.call_method0(py, intern!(py, "result"));
                return Poll::Ready(result);
            }
            waiting.set_waker(context.waker());
            self.state = State::Waiting(waiting);
            Poll::Pending
        })
    }
}

impl Drop for Awaited {
    fn drop(&mut self) {
        if let State::Waiting(waiting) = mem::replace(&mut self.state, State::Done) {
            // None: the interpreter ends, and the loop with it.
            Python::try_attach(|py| waiting.cancel(py));
        }
    }
}

impl Waiting {
    fn start(awaitable: &Bound<'_, PyAny>) -> PyResult<Self> {
        static ENSURE_FUTURE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let py = awaitable.py();
        let arguments = PyDict::new(py);
        arguments.set_item(intern!(py, "loop"), running_loop(py, "get_running_loop")?)?;
        let future = ENSURE_FUTURE
            .import(py, "asyncio", "ensure_future")?
            .call((awaitable,), Some(&arguments))?;
        let waker = Shared::default();
        future.call_method1(intern!(py, "add_done_callback"), (Notice(waker.clone()),))?;
        Ok(Self {
            future: future.unbind(),
            waker,
        })
    }

    fn is_done(&self, py: Python<'_>) -> PyResult<bool> {
        let done = self.future.call_method0(py, intern!(py, "done"))?;
        done.is_truthy(py)
    }

    fn set_waker(&self, waker: &Waker) {
        let mut place = self.waker.lock().unwrap_or_else(PoisonError::into_inner);
        match &*place {
            Some(old) if old.will_wake(waker) => {}
            _ => *place = Some(waker.clone()),
        }
    }

    /// `future.cancel()`, on its loop's thread.
    fn cancel(self, py: Python<'_>) {
        // Nobody is to be woken by it.
        let waker = self
            .waker
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        drop(waker);
        if let Err(error) = self.try_cancel(py) {
            error.write_unraisable(py, Some(self.future.bind(py)));
        }
    }

    fn try_cancel(&self, py: Python<'_>) -> PyResult<()> {
        let future = self.future.bind(py);
        let own = future.call_method0(intern!(py, "get_loop"))?;
        if running_loop(py, "_get_running_loop")?.is(&own) {
            future.call_method0(intern!(py, "cancel"))?;
            return Ok(());
        }
        // A closed loop runs nothing that could be cancelled.
        if own.call_method0(intern!(py, "is_closed"))?.is_truthy()? {
            return Ok(());
        }
        let cancel = future.getattr(intern!(py, "cancel"))?;
        own.call_method1(intern!(py, "call_soon_threadsafe"), (cancel,))?;
        Ok(())
    }
}

fn running_loop<'py>(py: Python<'py>, function: &str) -> PyResult<Bound<'py, PyAny>> {
    py.import(intern!(py, "asyncio"))?.call_method0(function)
}

/// The callback of the Python future: it is done.
#[pyclass(frozen, module = "asyncioxide", name = "BridgeNotice")]
struct Notice(Shared);

#[pymethods]
impl Notice {
    fn __call__(&self, py: Python<'_>, _future: &Bound<'_, PyAny>) -> PyResult<()> {
        let waker = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(waker) = waker else {
            return Ok(());
        };
        let channel = Channel::of_running_loop(py)?;
        channel
            .get()
            .run(py, || waker.wake())
            .map_err(|payload| unwound::error("a waker", payload))
    }
}
