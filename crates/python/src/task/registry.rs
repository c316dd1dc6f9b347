//! `asyncio.all_tasks()`: telling asyncio which tasks exist.
//!
//! Stdlib finds tasks that are not its own in a WeakSet. `WeakSet.add` is Python code (475 ns to add and discard on 3.13)
//! and makes a weak reference of 80 bytes; here the set inside it gets a `BackRef` of 32 bytes, which answers the same
//! question, and loses it when the task ends.

use pyo3::types::{PyAnyMethods, PyList, PyListMethods, PySet, PySetMethods};
use pyo3::{Python, intern};

use super::current;
use super::ensure::loop_of;
use super::task::TaskData;
use crate::future::any::is_done;
use crate::py::args::{Args, Signature};
use crate::py::backref::BackRefOwner;
use crate::py::call;
use crate::py::errors::Outcome;
use crate::py::imports;
use crate::py::instance::Ref;
use crate::py::object::Obj;
use crate::py::version::PY_3_12;

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

/// `asyncio.all_tasks(loop=None)`, up to 3.13: later on it is asyncio's, whose C module alone knows its own tasks.
///
/// # Errors
/// RuntimeError where no loop runs and none is given; what tasks that are not ours raise.
pub fn all_tasks(py: Python<'_>, args: Args<'_>) -> Outcome {
    const SIGNATURE: Signature<1> = Signature::new("all_tasks", ["loop"], 1, 0);
    let loop_ = match SIGNATURE.bind(py, args)? {
        [Some(loop_)] if !loop_.is_none() => loop_.clone(),
        _ => current::running_loop(py)?,
    };
    let tasks = PySet::empty(py)?;
    // Eager ones first: one that becomes an ordinary task on another thread meanwhile is seen nevertheless.
    let mut found = match imports::eager_tasks(py) {
        Some(eager) => eager
            .bind()
            .try_iter()?
            .map(|task| task.map(Obj::from))
            .collect::<Result<_, _>>()?,
        None => Vec::new(),
    };
    found.extend(scheduled(py)?);
    for task in found {
        if loop_of(&task)?.is(&loop_) && !is_done(&task)? {
            tasks.add(task.bind())?;
        }
    }
    Ok(Obj::from(tasks))
}

/// The tasks that are alive in the set.
fn scheduled(py: Python<'_>) -> Outcome<Vec<Obj>> {
    let Some(registry) = imports::task_registry(py) else {
        let name = if PY_3_12 {
            "_scheduled_tasks"
        } else {
            "_all_tasks"
        };
        let tasks = imports::tasks(py).bind().getattr(name)?;
        let tasks = py.get_type::<PyList>().call1((tasks,))?;
        return Ok(tasks.cast::<PyList>()?.iter().map(Obj::from).collect());
    };
    // A copy: to ask a reference can end others.
    let references: Vec<Obj> = registry
        .get(py)
        .bind()
        .cast::<PySet>()?
        .iter()
        .map(Obj::from)
        .collect();
    let mut tasks = Vec::with_capacity(references.len());
    for reference in references {
        let task = call::call0(&reference)?;
        if !task.is_none() {
            tasks.push(task);
        }
    }
    Ok(tasks)
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
