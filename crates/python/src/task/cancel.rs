//! Cancelling a task (`Task.cancel`, `uncancel`, `cancelling`).
//!
//! The request is passed to what the task waits for; when it waits for nothing, the next step throws CancelledError in.

use pyo3::intern;
use pyo3::types::PyAnyMethods;

use super::task::TaskData;
use crate::future::state::FutureData;
use crate::py::call;
use crate::py::errors::{Outcome, Raised};
use crate::py::instance::{Payload, Ref};
use crate::py::object::Obj;
use crate::py::version::PY_3_13;

/// `task.cancel(msg)`: false when the task is done.
///
/// Tasks that wait for one another are walked along, not recursed into: a chain of them may be longer than the stack.
///
/// # Errors
/// What cancelling a foreign future raises; RecursionError when the tasks wait for each other in a circle.
pub fn cancel(task: &Ref<TaskData>, message: Option<&Obj>) -> Outcome<bool> {
    if !request(task) {
        return Ok(false);
    }
    let mut walk = Walk::from(task);
    let mut task = task.clone();
    while let Some(waiter) = task.own.waiter.get() {
        let Some(next) = as_task(&waiter)? else {
            if cancel_future(&waiter, message)? {
                // The waiter stays: it may refuse, and then has to be cancelled again.
                return Ok(true);
            }
            break;
        };
        if !request(next) {
            break;
        }
        walk.step_to(next)?;
        task = next.clone();
    }
    task.own.must_cancel.set(true);
    task.base.set_cancel_message(message);
    Ok(true)
}

/// Counts a request to cancel; false when the task is done.
fn request(task: &Ref<TaskData>) -> bool {
    task.base.log_traceback.set(false);
    if task.base.is_done() {
        return false;
    }
    let cancels = task.own.cancels.get();
    task.own.cancels.set(cancels.saturating_add(1));
    true
}

/// Notices that the tasks on the way go in a circle (Brent's algorithm: a mark that is moved up after 1, 2, 4... steps).
struct Walk {
    mark: Ref<TaskData>,
    steps: u64,
    limit: u64,
}

impl Walk {
    fn from(task: &Ref<TaskData>) -> Self {
        Self {
            mark: task.clone(),
            steps: 0,
            limit: 1,
        }
    }

    /// Goes on to `task`.
    ///
    /// # Errors
    /// RecursionError where the circle closes, which is where asyncio's recursion ends too.
    fn step_to(&mut self, task: &Ref<TaskData>) -> Outcome<()> {
        if task.as_obj().is(self.mark.as_obj()) {
            let text = "maximum recursion depth exceeded while calling a Python object";
            let error = pyo3::exceptions::PyRecursionError::new_err(text);
            return Err(Raised::from(error));
        }
        self.steps += 1;
        if self.steps == self.limit {
            *self = Self {
                mark: task.clone(),
                steps: 0,
                limit: self.limit * 2,
            };
        }
        Ok(())
    }
}

/// Cancels what the task waits for, with the message kept by `cancel`.
///
/// # Errors
/// As `cancel`.
pub fn cancel_waiter(task: &Ref<TaskData>) -> Outcome<bool> {
    let Some(waiter) = task.own.waiter.get() else {
        return Ok(false);
    };
    let message = task.base.rare().and_then(|rare| rare.cancel_message.get());
    match as_task(&waiter)? {
        Some(other) => cancel(other, message.as_ref()),
        None => cancel_future(&waiter, message.as_ref()),
    }
}

/// The waiter as a task of ours whose `cancel` is the one here: no subclass, and no assignment, has put another in its
/// place.
fn as_task(waiter: &Obj) -> Outcome<Option<&Ref<TaskData>>> {
    let Some(task) = waiter.downcast::<TaskData>() else {
        return Ok(None);
    };
    if task.is_exact() && !task.base.has_dict() {
        return Ok(Some(task));
    }
    let py = waiter.py();
    let name = intern!(py, "cancel");
    let native = TaskData::TYPE.object(py);
    let own = waiter.bind().get_type().getattr(name)?;
    let is_native = own.is(native.bind().getattr(name)?) && !task.base.dict_has(name)?;
    Ok(is_native.then_some(task))
}

/// `waiter.cancel(msg=message)` for what is no such task.
fn cancel_future(waiter: &Obj, message: Option<&Obj>) -> Outcome<bool> {
    let py = waiter.py();
    if let Some(future) = waiter.downcast_exact::<FutureData>() {
        return future.cancel(waiter, message);
    }
    let none = Obj::none(py);
    let cancelled = call::method_keywords(
        waiter,
        intern!(py, "cancel"),
        [message.unwrap_or(&none)],
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
