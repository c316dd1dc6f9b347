//! Eager start (3.12): the first step of a task runs inside the call that makes it.
//!
//! Follows `task_eager_start` of `_asynciomodule.c`. The task is in asyncio's set of eager tasks meanwhile; if it is not
//! done after its first step it becomes an ordinary, registered one.

use pyo3::intern;

use super::task::TaskData;
use super::{current, registry, step};
use crate::py::call;
use crate::py::errors::{Outcome, Raised};
use crate::py::imports;
use crate::py::instance::Ref;
use crate::py::object::Obj;

/// Runs the first step now.
///
/// # Errors
/// KeyboardInterrupt and SystemExit from the coroutine, or RuntimeError when its context is already entered.
pub fn start(task: &Ref<TaskData>, loop_: &Obj) -> Outcome<()> {
    let py = task.py();
    let before = current::swap(loop_, task.as_obj())?;
    call::method(
        imports::tasks(py),
        intern!(py, "_register_eager_task"),
        [task.as_obj()],
    )?;
    let result = match task.base.scheduler() {
        Some(scheduler) => {
            let snapshot = &scheduler.snapshot;
            task.own
                .context
                .run_step(snapshot, || step::step(task, None))
        }
        None => task.own.context.run(|| step::step(task, None)),
    };
    // What the step raised must survive the calls that put everything back.
    let exception = result.err().map(|raised| raised.take(py));
    call::method(
        imports::tasks(py),
        intern!(py, "_unregister_eager_task"),
        [task.as_obj()],
    )?;
    current::swap(loop_, &before)?;
    if task.base.is_done() {
        task.own.coro.set(None);
    } else {
        registry::register(task)?;
    }
    match exception {
        None => Ok(()),
        Some(exception) => Err(Raised::raise(exception)),
    }
}
