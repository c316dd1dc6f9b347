//! Cancelling a task (`Task.cancel`, `uncancel`, `cancelling`).
//!
//! The request is passed to what the task waits for; when it waits for nothing, the next step throws CancelledError in.

use pyo3::intern;
use pyo3::types::PyAnyMethods;

use super::task::TaskData;
use crate::future::state::FutureData;
use crate::py::call;
use crate::py::errors::Outcome;
use crate::py::instance::Ref;
use crate::py::object::Obj;
use crate::py::version::PY_3_13;

/// `task.cancel(msg)`: false when the task is done.
///
/// # Errors
/// What cancelling a foreign future raises.
pub fn cancel(task: &Ref<TaskData>, message: Option<&Obj>) -> Outcome<bool> {
    task.base.log_traceback.set(false);
    if task.base.is_done() {
        return Ok(false);
    }
    task.own
        .cancels
        .set(task.own.cancels.get().saturating_add(1));
    if task.own.waiter.is_some() && cancel_waiter(task, message)? {
        // The waiter stays: it may be a task that refuses, and then has to be cancelled again.
        return Ok(true);
    }
    task.own.must_cancel.set(true);
    task.base.set_cancel_message(message);
    Ok(true)
}

/// Cancels what the task waits for; `message` defaults to the one kept by `cancel`.
///
/// # Errors
/// What cancelling a foreign future raises.
pub fn cancel_waiter(task: &Ref<TaskData>, message: Option<&Obj>) -> Outcome<bool> {
    let py = task.py();
    let Some(waiter) = task.own.waiter.get() else {
        return Ok(false);
    };
    let kept = task.base.rare().and_then(|rare| rare.cancel_message.get());
    let message = message
        .cloned()
        .or(kept)
        .filter(|message| !message.is_none());
    if let Some(future) = waiter.downcast_exact::<FutureData>() {
        return future.cancel(&waiter, message.as_ref());
    }
    if let Some(other) = waiter.downcast_exact::<TaskData>() {
        return cancel(other, message.as_ref());
    }
    let message = message.unwrap_or_else(|| Obj::none(py));
    let cancelled = call::method_keywords(
        &waiter,
        intern!(py, "cancel"),
        [&message],
        &[intern!(py, "msg")],
    )?;
    Ok(cancelled.bind().is_truthy()?)
}

/// `task.uncancel()`: the number of requests left. Since 3.13 the last one taken back also stops a pending cancellation.
pub fn uncancel(task: &Ref<TaskData>) -> u32 {
    let left = task.own.cancels.get().saturating_sub(1);
    if task.own.cancels.replace(left) > 0 && left == 0 && PY_3_13 {
        task.own.must_cancel.set(false);
    }
    left
}
