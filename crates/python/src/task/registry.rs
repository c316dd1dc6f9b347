//! `asyncio.all_tasks()`: telling asyncio which tasks exist.
//!
//! Stdlib finds tasks that are not its own in a WeakSet. `WeakSet.add` is Python code (475 ns to add and discard on 3.13)
//! and makes a weak reference of 80 bytes; here the set inside it gets a `BackRef` of 32 bytes, which answers the same
//! question, and loses it when the task ends.

use pyo3::types::{PySet, PySetMethods};
use pyo3::{Python, intern};

use super::task::TaskData;
use crate::py::backref::BackRefOwner;
use crate::py::call;
use crate::py::errors::Outcome;
use crate::py::imports;
use crate::py::instance::Ref;

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
    let reference = BackRefOwner::new(task.as_obj())?;
    registry
        .get(py)
        .bind()
        .cast::<PySet>()?
        .add(reference.as_obj().bind())?;
    // A task made twice by calling `__init__` again leaves its first registration.
    match task.own.registration.replace(Some(reference)) {
        None => Ok(()),
        Some(former) => forget(py, &former),
    }
}

/// The task is done.
///
/// # Errors
/// None in practice.
#[inline]
pub fn unregister(task: &Ref<TaskData>) -> Outcome<()> {
    let py = task.py();
    if let Some(reference) = task.own.registration.take() {
        return forget(py, &reference);
    }
    if task.own.registered.replace(false) {
        call::method(
            imports::tasks(py),
            intern!(py, "_unregister_task"),
            [task.as_obj()],
        )?;
    }
    Ok(())
}

/// Takes a reference out of the set.
fn forget(py: Python<'_>, reference: &BackRefOwner) -> Outcome<()> {
    if let Some(registry) = imports::task_registry(py) {
        registry
            .get(py)
            .bind()
            .cast::<PySet>()?
            .discard(reference.as_obj().bind())?;
    }
    Ok(())
}

/// The task dies while it is registered. There is nobody to tell of an error.
pub fn bury(py: Python<'_>, reference: &BackRefOwner) {
    if let Err(raised) = forget(py, reference) {
        raised.unraisable(py, None);
    }
}
