//! The way out: what leaves the block when the time has come.

use pyo3::exceptions::{PyAssertionError, PyTimeoutError};
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyAnyMethods, PyType, PyTypeMethods};
use pyo3::{PyResult, Python, intern};

use super::timeout::{State, TimeoutData};
use super::timer;
use crate::py::call;
use crate::py::errors::{Outcome, Raised};
use crate::py::imports;
use crate::py::instance::Ref;
use crate::py::object::Obj;
use crate::task::any;

/// What comes out of `Timeout.__aexit__`.
pub enum Left {
    /// Nothing: what the body raised goes on.
    Quietly,
    /// The time had come, and the body was cancelled for no other reason.
    TimedOut,
}

/// `Timeout.__aexit__`. `class` and `exception` are what the body raised.
///
/// # Errors
/// AssertionError when it is not entered; what cancelling a timer and asking the task raise.
#[inline]
pub fn leave(
    this: &Ref<TimeoutData>,
    class: Option<&Obj>,
    exception: Option<&Obj>,
) -> Outcome<Left> {
    let state = this.state.get();
    if !matches!(state, State::Entered | State::Expiring) {
        return Err(assertion_failed());
    }
    if let Some(handler) = this.handler.get() {
        timer::cancel(&handler)?;
        this.handler.set(None);
    }
    if state == State::Entered {
        this.state.set(State::Exited);
        return Ok(Left::Quietly);
    }
    this.state.set(State::Expired);
    let Some(task) = this.task.get() else {
        return Ok(Left::Quietly);
    };
    // With more requests to cancel than before, somebody else wants the task to end too.
    if any::uncancel(&task)? > this.cancelling.get() {
        return Ok(Left::Quietly);
    }
    match class {
        Some(class) => expired_with(class, exception),
        None => Ok(Left::Quietly),
    }
}

/// AssertionError, as `assert` raises it.
pub fn assertion_failed() -> Raised {
    Raised::from(PyAssertionError::new_err(()))
}

/// The time had come, and the body raised.
fn expired_with(class: &Obj, exception: Option<&Obj>) -> Outcome<Left> {
    let py = class.py();
    let dialect = Dialect::current(py);
    let cancelled = imports::cancelled_error(py);
    if class.is(cancelled) {
        return Ok(Left::TimedOut);
    }
    if dialect.knows_subclasses && is_subclass(class, cancelled)? {
        return Ok(Left::TimedOut);
    }
    if dialect.marks_contexts
        && let Some(exception) = exception
    {
        mark_context(exception)?;
        let group = imports::exception_group(py);
        if exception.bind().is_instance(group.bind())? {
            let inner = exception.bind().getattr(intern!(py, "exceptions"))?;
            for exception in inner.try_iter()? {
                mark_context(&Obj::from(exception?))?;
            }
        }
    }
    Ok(Left::Quietly)
}

/// `issubclass(class, other)`
pub fn is_subclass(class: &Obj, other: &Obj) -> Outcome<bool> {
    Ok(class.bind().cast::<PyType>()?.is_subclass(other.bind())?)
}

/// `Timeout._insert_timeout_error`: where the exception came up while the cancellation was handled, a TimeoutError goes
/// between the two.
fn mark_context(exception: &Obj) -> Outcome<()> {
    let py = exception.py();
    let cancelled = imports::cancelled_error(py);
    let name = intern!(py, "__context__");
    let mut exception = exception.clone();
    loop {
        let context = call::attr(&exception, name)?;
        if context.is_none() {
            return Ok(());
        }
        if context.bind().is_instance(cancelled.bind())? {
            let error = timeout_error(py)?;
            call::set_attr(&error, intern!(py, "__cause__"), &context)?;
            call::set_attr(&error, name, &context)?;
            return call::set_attr(&exception, name, &error);
        }
        exception = context;
    }
}

fn timeout_error(py: Python<'_>) -> Outcome {
    call::call0(&Obj::from(py.get_type::<PyTimeoutError>()))
}

/// `except CancelledError as cause: raise TimeoutError from cause`
pub fn timed_out_in(cause: &Obj) -> Raised {
    let py = cause.py();
    let made = timeout_error(py).and_then(|error| {
        call::set_attr(&error, intern!(py, "__cause__"), cause)?;
        call::set_attr(&error, intern!(py, "__context__"), cause)?;
        Ok(error)
    });
    match made {
        Ok(error) => Raised::raise(error),
        Err(raised) => raised,
    }
}

/// `raise TimeoutError from cause`
pub fn timed_out(py: Python<'_>, cause: Option<&Obj>) -> Raised {
    let made = timeout_error(py).and_then(|error| {
        let none = Obj::none(py);
        call::set_attr(&error, intern!(py, "__cause__"), cause.unwrap_or(&none))?;
        Ok(error)
    });
    match made {
        Ok(error) => call::raise(&error),
        Err(raised) => raised,
    }
}

/// What differs between bugfix releases of asyncio, read off the running Python's own code.
#[derive(Clone, Copy)]
struct Dialect {
    /// A subclass of CancelledError counts as one (gh-113848).
    knows_subclasses: bool,
    /// An exception raised while the cancellation was handled is told apart (since 3.13).
    marks_contexts: bool,
}

/// Looks how the running Python's timeouts are before anybody can have put ours in their place.
pub fn prepare(py: Python<'_>) {
    Dialect::current(py);
}

impl Dialect {
    fn current(py: Python<'_>) -> Self {
        static CURRENT: PyOnceLock<Dialect> = PyOnceLock::new();
        *CURRENT.get_or_init(py, || Self::read(py).unwrap_or(Self::NEWEST))
    }

    /// What is right where the code cannot be read.
    const NEWEST: Self = Self {
        knows_subclasses: true,
        marks_contexts: true,
    };

    fn read(py: Python<'_>) -> PyResult<Self> {
        let class = imports::timeouts(py).bind().getattr("Timeout")?;
        let names = class
            .getattr("__aexit__")?
            .getattr("__code__")?
            .getattr("co_names")?;
        Ok(Self {
            knows_subclasses: names.contains("issubclass")?,
            marks_contexts: class.hasattr("_insert_timeout_error")?,
        })
    }
}
