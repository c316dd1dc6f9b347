//! `asyncio.all_tasks()`: telling asyncio which tasks exist.
//!
//! Stdlib finds tasks that are not its own in a WeakSet. `WeakSet.add` is Python code (475 ns to add and discard on 3.13);
//! here the set inside it gets the same weak reference that `add` would put there, and loses it when the task ends.

use pyo3::intern;
use pyo3::types::{PyAnyMethods, PySet, PySetMethods, PyWeakrefReference};

use super::task::TaskData;
use crate::py::call;
use crate::py::errors::Outcome;
use crate::py::imports;
use crate::py::instance::Ref;
use crate::py::object::Obj;

/// Makes the task visible to `asyncio.all_tasks()`.
///
/// # Errors
/// `MemoryError`.
#[inline]
pub fn register(task: &Ref<TaskData>) -> Outcome<()> {
    let py = task.py();
    let Some(registry) = imports::task_registry(py) else {
        task.own.registered.set(true);
        return call::method(
            imports::tasks(py),
            intern!(py, "_register_task"),
            [task.as_obj()],
        )
        .map(drop);
    };
    let (set, remove) = registry.parts(py);
    let reference = PyWeakrefReference::new_with(task.as_obj().bind(), remove.bind())?;
    set.bind().cast::<PySet>()?.add(&reference)?;
    task.own.registration.set(Some(Obj::from(reference)));
    Ok(())
}

/// The task is done.
///
/// # Errors
/// None in practice.
#[inline]
pub fn unregister(task: &Ref<TaskData>) -> Outcome<()> {
    let py = task.py();
    if let Some(reference) = task.own.registration.take()
        && let Some(registry) = imports::task_registry(py)
    {
        let (set, _remove) = registry.parts(py);
        set.bind().cast::<PySet>()?.discard(reference.bind())?;
    } else if task.own.registered.replace(false) {
        call::method(
            imports::tasks(py),
            intern!(py, "_unregister_task"),
            [task.as_obj()],
        )?;
    }
    Ok(())
}
