//! Errors on their way to Python.
//!
//! In this crate a failed call has already set the interpreter's error indicator and `Raised` says so; it has no size, so
//! `Outcome` is one machine word. PyO3's `PyErr` allocates, and its drop needs what raw slots do not provide (see
//! `object.rs`); it is turned into `Raised` where it appears.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use pyo3::exceptions::{
    PyBlockingIOError, PyInterruptedError, PyOSError, PyRuntimeError, PySystemError, PyTypeError,
    PyValueError,
};
use pyo3::intern;
use pyo3::prelude::*;

use super::indicator;
use super::object::Obj;

/// Proof that the error indicator of this thread is set.
#[derive(Debug)]
#[must_use = "an exception is pending: return it, or take it"]
pub struct Raised(());

/// What a call into Python gives: a value, or an exception that is already set.
pub type Outcome<T = Obj> = Result<T, Raised>;

impl Raised {
    /// Says that the error indicator is set; the caller has just seen a C API call fail.
    pub(in crate::py) fn indicated() -> Self {
        Self(())
    }

    /// Sets `exception` (an instance) as the current error again, exactly as it was taken. A new one is raised by
    /// `call::raise`, which makes the exception being handled its context.
    pub fn raise(exception: Obj) -> Self {
        indicator::put(exception);
        Self(())
    }

    /// Takes the exception out of the error indicator, as an instance with its traceback.
    pub fn take(self, py: Python<'_>) -> Obj {
        match indicator::take(py) {
            Some(exception) => exception,
            // A callee failed without saying why, which CPython calls a SystemError too.
            None => {
                let silent = Self::set(
                    py,
                    PySystemError::new_err("error return without exception set"),
                );
                indicator::take(py).unwrap_or_else(|| silent.take(py))
            }
        }
    }

    /// The same exception, raised while `handled` was being handled: that is its context.
    pub fn while_handling(self, handled: &Obj) -> Self {
        let py = handled.py();
        let exception = self.take(py);
        match chain(&exception, handled) {
            Ok(()) => Self::raise(exception),
            Err(raised) => raised,
        }
    }

    /// The exception as PyO3 carries it, for functions that PyO3 calls.
    pub fn into_error(self, py: Python<'_>) -> PyErr {
        PyErr::from_value(self.take(py).bind().clone())
    }

    /// Whether the pending exception is a StopIteration.
    pub fn is_stop_iteration(&self, py: Python<'_>) -> bool {
        indicator::is_stop_iteration(py)
    }

    /// `TypeError(text)`.
    pub fn type_error(py: Python<'_>, text: impl Into<String>) -> Self {
        Self::set(py, PyTypeError::new_err(text.into()))
    }

    /// `ValueError(text)`.
    pub fn value_error(py: Python<'_>, text: impl Into<String>) -> Self {
        Self::set(py, PyValueError::new_err(text.into()))
    }

    /// `RuntimeError(text)`.
    pub fn runtime_error(py: Python<'_>, text: impl Into<String>) -> Self {
        Self::set(py, PyRuntimeError::new_err(text.into()))
    }

    /// Raises `class(text)`, an exception class of the import table.
    pub fn of(class: &Obj, text: &str) -> Self {
        match Self::instance(class, text) {
            Ok(exception) => super::call::raise(&exception),
            Err(raised) => raised,
        }
    }

    /// An exception of `class` with `text`, made but not raised.
    ///
    /// # Errors
    /// What the constructor raises.
    pub fn instance(class: &Obj, text: &str) -> Outcome {
        super::call::call(class, [&Obj::str(class.py(), text)])
    }

    /// What a caught panic becomes: `SystemError`, so that neither `except Exception` nor the loop's handler misses it.
    #[cold]
    pub fn panicked(py: Python<'_>, payload: &(dyn Any + Send)) -> Self {
        Self::system_error(py, panic_text(payload))
    }

    /// `SystemError(text)`.
    pub(in crate::py) fn system_error(py: Python<'_>, text: String) -> Self {
        Self::set(py, PySystemError::new_err(text))
    }

    /// Reports the exception where nobody can receive it (`sys.unraisablehook`).
    pub fn unraisable(self, py: Python<'_>, at: Option<&Obj>) {
        PyErr::fetch(py).write_unraisable(py, at.map(Obj::bind));
    }

    /// `OSError(errno, strerror)`, which picks the subclass.
    pub fn os_error(py: Python<'_>, error: &std::io::Error) -> Self {
        let errno = error.raw_os_error().unwrap_or(0);
        match super::imports::os(py)
            .bind()
            .call_method1("strerror", (errno,))
        {
            Ok(text) => Self::set(py, PyOSError::new_err((errno, text.unbind()))),
            Err(failed) => Self::set(py, failed),
        }
    }

    fn set(py: Python<'_>, error: PyErr) -> Self {
        error.restore(py);
        Self(())
    }
}

impl From<PyErr> for Raised {
    fn from(error: PyErr) -> Self {
        Python::attach(|py| error.restore(py));
        Self(())
    }
}

impl From<pyo3::CastError<'_, '_>> for Raised {
    fn from(error: pyo3::CastError<'_, '_>) -> Self {
        Self::from(PyErr::from(error))
    }
}

/// Makes `handled` the context of `exception`, and no circle (`_PyErr_SetObject`).
fn chain(exception: &Obj, handled: &Obj) -> Outcome<()> {
    let name = intern!(exception.py(), "__context__");
    let mut last = handled.clone();
    if last.is(exception) {
        return Ok(());
    }
    // Half as fast as `last`, which meets it if somebody has made a circle of the others already.
    let mut behind = handled.clone();
    let mut follows = false;
    loop {
        let context = super::call::attr(&last, name)?;
        if context.is_none() || context.is(&behind) {
            break;
        }
        if context.is(exception) {
            super::call::set_attr(&last, name, &Obj::none(exception.py()))?;
            break;
        }
        last = context;
        if follows {
            behind = super::call::attr(&behind, name)?;
        }
        follows = !follows;
    }
    super::call::set_attr(exception, name, handled)
}

/// Keeps the first exception of several steps that are all taken, whatever the others raise.
#[derive(Default)]
pub struct First(Option<Obj>);

impl First {
    /// A step is over. What it raised is kept; where something was raised before, it is reported as unraisable.
    pub fn keep(&mut self, py: Python<'_>, outcome: Outcome<()>) {
        match (outcome, &self.0) {
            (Ok(()), _) => {}
            (Err(raised), None) => self.0 = Some(raised.take(py)),
            (Err(raised), Some(_)) => raised.unraisable(py, None),
        }
    }

    /// Raises what was kept.
    ///
    /// # Errors
    /// As said.
    pub fn outcome(self) -> Outcome<()> {
        match self.0 {
            Some(exception) => Err(Raised::raise(exception)),
            None => Ok(()),
        }
    }
}

/// What the exception for a panic says.
pub(in crate::py) fn panic_text(payload: &(dyn Any + Send)) -> String {
    let text = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    format!("asyncioxide panicked: {text}")
}

/// Runs `body`; a panic in it becomes `SystemError`. Every way from C into this crate leads through here, because a panic
/// that left an `extern "C"` function would abort the process.
///
/// # Errors
/// What `body` raised, or `SystemError('asyncioxide panicked: ...')`.
#[inline]
pub fn guard<R>(py: Python<'_>, body: impl FnOnce() -> Outcome<R>) -> Outcome<R> {
    catch_unwind(AssertUnwindSafe(body))
        .unwrap_or_else(|payload| Err(Raised::panicked(py, &*payload)))
}

/// Runs `body` with the pending exception, if there is one, set aside: for what happens while an error is on its way.
pub fn set_aside<R>(py: Python<'_>, body: impl FnOnce() -> R) -> R {
    let pending = indicator::take(py);
    let result = body();
    if let Some(pending) = pending {
        indicator::put(pending);
    }
    result
}

/// Whether an exception instance must leave the loop instead of being reported: `KeyboardInterrupt`, `SystemExit`.
pub fn leaves_the_loop(exception: &Obj) -> bool {
    let bound = exception.bind();
    bound.is_instance_of::<pyo3::exceptions::PyKeyboardInterrupt>()
        || bound.is_instance_of::<pyo3::exceptions::PySystemExit>()
}

/// What an operation on a socket gave; none when the socket is not ready for it.
///
/// # Errors
/// What it raised, except BlockingIOError and InterruptedError.
pub fn unless_blocked(py: Python<'_>, operation: Outcome) -> Outcome<Option<Obj>> {
    let raised = match operation {
        Ok(value) => return Ok(Some(value)),
        Err(raised) => raised,
    };
    let exception = raised.take(py);
    let bound = exception.bind();
    if bound.is_instance_of::<PyBlockingIOError>() || bound.is_instance_of::<PyInterruptedError>() {
        return Ok(None);
    }
    Err(Raised::raise(exception))
}
