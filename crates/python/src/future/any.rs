//! Asking and settling any future: of ours past its methods, of another kind through them.

use pyo3::types::{PyAnyMethods, PyString};
use pyo3::{Bound, intern};

use super::native;
use super::state::State;
use crate::py::call;
use crate::py::errors::Outcome;
use crate::py::object::Obj;

/// What became of a future that is done.
pub enum Became {
    /// There is a result.
    Returned(Obj),
    /// There is an exception.
    Raised(Obj),
    /// It was cancelled.
    Cancelled,
}

/// `future.done()`
///
/// # Errors
/// What the future raises.
#[inline]
pub fn is_done(future: &Obj) -> Outcome<bool> {
    match native::fields(future) {
        Some(fields) => Ok(fields.is_done()),
        None => ask(future, intern!(future.py(), "done")),
    }
}

/// `future.cancelled()`
///
/// # Errors
/// What the future raises.
#[inline]
pub fn is_cancelled(future: &Obj) -> Outcome<bool> {
    match native::fields(future) {
        Some(fields) => Ok(fields.state() == State::Cancelled),
        None => ask(future, intern!(future.py(), "cancelled")),
    }
}

fn ask(future: &Obj, question: &Bound<'_, PyString>) -> Outcome<bool> {
    Ok(call::method(future, question, [])?.bind().is_truthy()?)
}

/// What became of a future that is done; its exception counts as retrieved.
///
/// # Errors
/// What the future raises; InvalidStateError for one that is pending.
#[inline]
pub fn outcome(future: &Obj) -> Outcome<Became> {
    let py = future.py();
    if let Some(fields) = native::fields(future) {
        return match fields.state() {
            State::Cancelled => Ok(Became::Cancelled),
            State::Returned => fields.result(py).map(Became::Returned),
            State::Raised | State::Pending => fields.exception(py).map(Became::Raised),
        };
    }
    if ask(future, intern!(py, "cancelled"))? {
        return Ok(Became::Cancelled);
    }
    let exception = call::method(future, intern!(py, "exception"), [])?;
    if !exception.is_none() {
        return Ok(Became::Raised(exception));
    }
    call::method(future, intern!(py, "result"), []).map(Became::Returned)
}

/// `future._make_cancelled_error()`
///
/// # Errors
/// What the future raises.
pub fn cancelled_error(future: &Obj) -> Outcome {
    match native::fields(future) {
        Some(fields) => fields.make_cancelled_error(future.py()),
        None => call::method(future, intern!(future.py(), "_make_cancelled_error"), []),
    }
}

/// `future.set_result(value)`
///
/// # Errors
/// InvalidStateError when it is done; what the future raises.
#[inline]
pub fn set_result(future: &Obj, value: &Obj) -> Outcome<()> {
    match native::fields(future) {
        Some(fields) => fields.set_result(future, value.clone()),
        None => call::method(future, intern!(future.py(), "set_result"), [value]).map(drop),
    }
}

/// `future.set_exception(exception)`
///
/// # Errors
/// As `set_result`.
pub fn set_exception(future: &Obj, exception: &Obj) -> Outcome<()> {
    let name = intern!(future.py(), "set_exception");
    call::method(future, name, [exception]).map(drop)
}

/// `future.cancel()`
///
/// # Errors
/// What the future raises.
pub fn cancel(future: &Obj) -> Outcome<()> {
    call::method(future, intern!(future.py(), "cancel"), []).map(drop)
}
