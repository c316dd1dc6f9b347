//! Cancelling and asking a task of any kind, ours or not: what `Timeout`, `TaskGroup` and `wait_for()` do with theirs.
//!
//! Ours are asked without Python, as in `future/any.rs`. An instance of a Python subclass, one that was given attributes of its own, asyncio's
//! futures and anything that behaves like one are asked by their methods.

use pyo3::types::{PyAnyMethods, PyString};
use pyo3::{Bound, intern};

use super::cancel as cancellation;
use super::task::TaskData;
use crate::future::native;
use crate::future::state::FutureData;
use crate::py::call;
use crate::py::errors::Outcome;
use crate::py::instance::Ref;
use crate::py::object::Obj;

/// A task whose methods nobody can have replaced.
#[inline]
fn our_task(task: &Obj) -> Option<&Ref<TaskData>> {
    task.downcast_exact::<TaskData>()
        .filter(|task| !task.base.has_dict())
}

/// `future.cancel()`
///
/// # Errors
/// What cancelling raises.
#[inline]
pub fn cancel(future: &Obj) -> Outcome<()> {
    if let Some(task) = our_task(future) {
        return cancellation::cancel(task, None).map(drop);
    }
    match future.downcast_exact::<FutureData>() {
        Some(fields) if !fields.has_dict() => fields.cancel(future, None).map(drop),
        _ => call::method(future, intern!(future.py(), "cancel"), []).map(drop),
    }
}

/// `task.uncancel()`: how many requests to cancel remain.
///
/// # Errors
/// What the task raises.
#[inline]
pub fn uncancel(task: &Obj) -> Outcome<i64> {
    match our_task(task) {
        Some(task) => Ok(cancellation::uncancel(task).into()),
        None => number(task, intern!(task.py(), "uncancel")),
    }
}

/// `task.cancelling()`: how many requests to cancel there are.
///
/// # Errors
/// What the task raises.
#[inline]
pub fn cancelling(task: &Obj) -> Outcome<i64> {
    match our_task(task) {
        Some(task) => Ok(task.own.cancels.get().into()),
        None => number(task, intern!(task.py(), "cancelling")),
    }
}

/// `future.result()`
///
/// # Errors
/// The future's exception.
#[inline]
pub fn result(future: &Obj) -> Outcome {
    match native::fields(future) {
        Some(fields) => fields.result(future.py()),
        None => call::method(future, intern!(future.py(), "result"), []),
    }
}

/// `future.exception()` of one that is done and was not cancelled; none when it returned.
///
/// # Errors
/// What the future raises.
#[inline]
pub fn exception(future: &Obj) -> Outcome<Option<Obj>> {
    let exception = match native::fields(future) {
        Some(fields) => fields.exception(future.py())?,
        None => call::method(future, intern!(future.py(), "exception"), [])?,
    };
    Ok(Some(exception).filter(|exception| !exception.is_none()))
}

fn number(task: &Obj, method: &Bound<'_, PyString>) -> Outcome<i64> {
    Ok(call::method(task, method, [])?.bind().extract()?)
}
