//! `Awaitable`: a Rust `Future` as a Python coroutine.
//!
//! A task sends into it, and that is one poll. What the poll answers decides:
//!
//! | the poll | the coroutine |
//! | --- | --- |
//! | is ready | returns the value, or raises |
//! | is pending, and was woken meanwhile | gives way for one turn: a bare `yield` |
//! | is pending | gives the task a future of the loop's, which the `Wake` has resolved |
//! | panics | raises SystemError |
//!
//! What is thrown into it, a cancellation mostly, drops the Rust future and goes on.

use std::any::TypeId;
use std::borrow::Cow;
use std::mem;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use pyo3::exceptions::{
    PyBaseException, PyRuntimeError, PyRuntimeWarning, PyStopIteration, PyTypeError, PyValueError,
};
use pyo3::prelude::*;
use pyo3::types::PyTraceback;
use pyo3::{IntoPyObjectExt, PyTraverseError, PyVisit};

use super::channel::Channel;
use super::unwound;
use super::wake::Wake;

type Block = Pin<Box<dyn Future<Output = PyResult<Py<PyAny>>> + Send>>;

/// A Rust `Future` that Python can `await`. A `#[pyfunction]` or a method simply returns one.
///
/// The future is polled on the thread of the loop that runs whoever awaits it. It has to be `Send` all the same: the
/// collector may drop it on another thread.
#[pyclass(frozen, weakref, module = "asyncioxide")]
pub struct Awaitable {
    name: Cow<'static, str>,
    stage: Mutex<Stage>,
}

enum Stage {
    /// Nobody has awaited it.
    Created(Block),
    /// It is being polled.
    Running,
    /// It waits.
    Suspended(Suspended),
    /// It has returned, raised, or been closed.
    Finished,
}

struct Suspended {
    block: Block,
    place: Place,
}

/// Where an awaitable runs.
struct Place {
    channel: Py<Channel>,
    wake: Arc<Wake>,
    /// `wake`, as a future is polled with it.
    waker: Waker,
}

impl Place {
    /// On the running loop: the former place, if it was there.
    fn current(py: Python<'_>, former: Option<Self>) -> PyResult<Self> {
        let channel = Channel::of_running_loop(py)?;
        if let Some(former) = former {
            former.leave(py);
            if former.channel.is(&channel) {
                return Ok(former);
            }
        }
        let wake = Arc::new(channel.get().new_wake());
        Ok(Self {
            channel: channel.unbind(),
            waker: Waker::from(wake.clone()),
            wake,
        })
    }

    /// Nothing waits there any more.
    fn leave(&self, py: Python<'_>) {
        self.channel.bind(py).get().forget(self.wake.ticket());
    }
}

/// What one resumption came to.
enum Step {
    /// The task waits for this, or for nothing: `None` is a bare yield.
    Yielded(Py<PyAny>),
    Returned(Py<PyAny>),
}

impl Awaitable {
    /// `name` is the `__qualname__` that reprs, warnings and debuggers show. A future that ends with `Ok(())` gives None.
    pub fn new<F, T>(name: impl Into<Cow<'static, str>>, future: F) -> Self
    where
        F: Future<Output = PyResult<T>> + Send + 'static,
        T: for<'py> IntoPyObject<'py> + Send + 'static,
    {
        let block = async move {
            let value = future.await?;
            Python::attach(|py| as_python_sees(py, value))
        };
        Self {
            name: name.into(),
            stage: Mutex::new(Stage::Created(Box::pin(block))),
        }
    }

    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the stage out to go on from it, where that can be done.
    fn leave_stage(&self, next: Stage) -> PyResult<Stage> {
        let mut stage = self.stage();
        match *stage {
            Stage::Created(_) | Stage::Suspended(_) => Ok(mem::replace(&mut *stage, next)),
            Stage::Running => Err(PyValueError::new_err("coroutine already executing")),
            Stage::Finished => {
                let text = "cannot reuse already awaited coroutine";
                Err(PyRuntimeError::new_err(text))
            }
        }
    }

    /// One poll.
    fn resume(&self, py: Python<'_>) -> PyResult<Step> {
        let (mut block, former) = match self.leave_stage(Stage::Running)? {
            Stage::Suspended(suspended) => (suspended.block, Some(suspended.place)),
            Stage::Created(block) => (block, None),
            Stage::Running | Stage::Finished => unreachable!("leave_stage refuses these"),
        };
        let polled = Place::current(py, former).and_then(|place| {
            let step = self.poll(py, &mut block, &place)?;
            Ok((step, place))
        });
        let ended = match polled {
            Ok((Step::Yielded(value), place)) => {
                *self.stage() = Stage::Suspended(Suspended { block, place });
                return Ok(Step::Yielded(value));
            }
            Ok((returned, _)) => Ok(returned),
            Err(error) => Err(no_stop_iteration(py, error)),
        };
        *self.stage() = Stage::Finished;
        unwound::drop_reporting(py, &self.name, block);
        ended
    }

    fn poll(&self, py: Python<'_>, block: &mut Block, place: &Place) -> PyResult<Step> {
        let channel = place.channel.bind(py).get();
        place.wake.begin_poll();
        let mut context = Context::from_waker(&place.waker);
        match channel.run(py, || block.as_mut().poll(&mut context)) {
            Ok(Poll::Ready(result)) => result.map(Step::Returned),
            Ok(Poll::Pending) if place.wake.rest() => {
                let waiter = channel.wait(py, place.wake.ticket())?;
                Ok(Step::Yielded(waiter.unbind()))
            }
            Ok(Poll::Pending) => Ok(Step::Yielded(py.None())),
            Err(payload) => Err(unwound::error(&self.name, payload)),
        }
    }

    /// Drops the Rust future, if it has not ended.
    fn abandon(&self, py: Python<'_>, stage: Stage) {
        match stage {
            Stage::Created(block) => unwound::drop_reporting(py, &self.name, block),
            Stage::Suspended(Suspended { block, place }) => {
                place.leave(py);
                unwound::drop_reporting(py, &self.name, block);
            }
            Stage::Running | Stage::Finished => {}
        }
    }
}

#[pymethods]
impl Awaitable {
    fn __await__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    /// `yield from` in a generator-based coroutine asks for an iterator.
    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        match self.resume(py)? {
            Step::Yielded(value) => Ok(value),
            // In a tuple: a value that is one would be taken for the arguments.
            Step::Returned(value) => Err(PyStopIteration::new_err((value,))),
        }
    }

    /// Resume the coroutine.
    #[pyo3(signature = (value, /))]
    fn send(&self, py: Python<'_>, value: &Bound<'_, PyAny>) -> PyResult<Py<PyAny>> {
        let is_new = matches!(*self.stage(), Stage::Created(_));
        if is_new && !value.is_none() {
            let text = "can't send non-None value to a just-started coroutine";
            return Err(PyTypeError::new_err(text));
        }
        self.__next__(py)
    }

    /// Raise an exception where the coroutine waits: the Rust future is dropped.
    #[pyo3(signature = (r#type, value=None, traceback=None, /))]
    fn throw(
        &self,
        r#type: Bound<'_, PyAny>,
        value: Option<Bound<'_, PyAny>>,
        traceback: Option<Bound<'_, PyTraceback>>,
    ) -> PyResult<Py<PyAny>> {
        let py = r#type.py();
        let error = match value {
            None => PyErr::from_value(r#type),
            Some(value) if value.is_instance_of::<PyBaseException>() => PyErr::from_value(value),
            Some(value) => PyErr::from_value(r#type.call1((value,))?),
        };
        if traceback.is_some() {
            error.set_traceback(py, traceback);
        }
        let stage = self.leave_stage(Stage::Finished)?;
        self.abandon(py, stage);
        Err(no_stop_iteration(py, error))
    }

    /// Drop the Rust future.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        if matches!(*self.stage(), Stage::Finished) {
            return Ok(());
        }
        let stage = self.leave_stage(Stage::Finished)?;
        self.abandon(py, stage);
        Ok(())
    }

    /// The function's name.
    #[getter]
    fn __name__(&self) -> &str {
        self.name.rsplit('.').next().unwrap_or(&self.name)
    }

    /// The function's name with its class.
    #[getter]
    fn __qualname__(&self) -> &str {
        &self.name
    }

    /// Whether the coroutine is executing.
    #[getter]
    fn cr_running(&self) -> bool {
        matches!(*self.stage(), Stage::Running)
    }

    /// Whether the coroutine waits.
    #[getter]
    fn cr_suspended(&self) -> bool {
        matches!(*self.stage(), Stage::Suspended(_))
    }

    /// None: what a Rust future waits for is its own affair.
    #[getter]
    fn cr_await(&self, py: Python<'_>) -> Py<PyAny> {
        py.None()
    }

    /// None: there is no Python frame.
    #[getter]
    fn cr_frame(&self, py: Python<'_>) -> Py<PyAny> {
        py.None()
    }

    /// None: there is no Python code.
    #[getter]
    fn cr_code(&self, py: Python<'_>) -> Py<PyAny> {
        py.None()
    }

    fn __repr__(slf: &Bound<'_, Self>) -> String {
        let name = &slf.get().name;
        format!("<coroutine object {name} at {:p}>", slf.as_ptr())
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        match self.stage.try_lock().as_deref() {
            Ok(Stage::Suspended(suspended)) => visit.call(&suspended.place.channel),
            // Locked by a thread that was stopped: the collector looks again the next time.
            _ => Ok(()),
        }
    }

    /// Only what waits can be part of a cycle; what nobody has awaited is left for `drop` to report.
    fn __clear__(&self, py: Python<'_>) {
        let mut stage = self.stage();
        if !matches!(*stage, Stage::Suspended(_)) {
            return;
        }
        let suspended = mem::replace(&mut *stage, Stage::Finished);
        drop(stage);
        self.abandon(py, suspended);
    }
}

impl Drop for Awaitable {
    fn drop(&mut self) {
        let stage = mem::replace(&mut *self.stage(), Stage::Finished);
        if matches!(stage, Stage::Finished) {
            return;
        }
        // None: the interpreter ends, and there is nobody left to tell.
        Python::try_attach(|py| {
            // It may be the end of an object that an exception lets go of.
            let pending = PyErr::take(py);
            if matches!(stage, Stage::Created(_)) {
                warn_never_awaited(py, &self.name);
            }
            self.abandon(py, stage);
            if let Some(pending) = pending {
                pending.restore(py);
            }
        });
    }
}

/// The value of a future. `()` is None, as what a function returns is, and not the empty tuple, as elsewhere in PyO3.
fn as_python_sees<T>(py: Python<'_>, value: T) -> PyResult<Py<PyAny>>
where
    T: for<'py> IntoPyObject<'py> + 'static,
{
    if TypeId::of::<T>() == TypeId::of::<()>() {
        return Ok(py.None());
    }
    value.into_py_any(py)
}

/// RuntimeWarning "coroutine '...' was never awaited".
fn warn_never_awaited(py: Python<'_>, name: &str) {
    let text = format!("coroutine '{name}' was never awaited").replace('\0', "");
    let text = std::ffi::CString::new(text).expect("the NULs were taken out");
    let class = py.get_type::<PyRuntimeWarning>();
    if let Err(error) = PyErr::warn(py, &class, &text, 1) {
        error.write_unraisable(py, None);
    }
}

/// A StopIteration that leaves a coroutine would look like its end (PEP 479).
fn no_stop_iteration(py: Python<'_>, error: PyErr) -> PyErr {
    if !error.is_instance_of::<PyStopIteration>(py) {
        return error;
    }
    let refused = PyRuntimeError::new_err("coroutine raised StopIteration");
    refused.set_cause(py, Some(error));
    refused
}
