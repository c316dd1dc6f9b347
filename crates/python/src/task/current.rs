//! `asyncio.current_task()`: telling asyncio which task runs, as late as possible.
//!
//! Setting and resetting the current task around every step costs more than the step (55 ns). Here it is set before a
//! step and left until something else than a step runs: one dict store per step up to Python 3.13, one call from 3.14,
//! and nothing where a task runs twice in a row. A finished task stays there until the next entry of the ready queue, or
//! the loop's next wait, takes its place: before any other Python code runs, so nobody can see that it was kept.

use pyo3::exceptions::PyKeyError;
use pyo3::types::{PyDict, PyDictMethods};
use pyo3::{Python, intern};

use super::task::TaskData;
use crate::handle::schedule::{LoopRef, Scheduler};
use crate::py::args::{Args, Signature};
use crate::py::call;
use crate::py::errors::Outcome;
use crate::py::imports;
use crate::py::instance::Ref;
use crate::py::object::Obj;

/// Makes `task` the current task of its loop, which is running.
///
/// # Errors
/// None in practice.
#[inline]
pub fn publish(scheduler: &Ref<Scheduler>, task: &Ref<TaskData>) -> Outcome<()> {
    if scheduler.current.holds(task.as_obj()) {
        return Ok(());
    }
    store(scheduler, task.as_obj())?;
    scheduler.current.set(Some(task.as_obj().clone()));
    Ok(())
}

/// No task runs any more.
///
/// # Errors
/// None in practice.
#[inline]
pub fn withdraw(scheduler: &Ref<Scheduler>) -> Outcome<()> {
    if scheduler.current.is_some() {
        return withdraw_present(scheduler);
    }
    Ok(())
}

#[inline(never)]
fn withdraw_present(scheduler: &Ref<Scheduler>) -> Outcome<()> {
    let task = scheduler.current.take();
    remove(scheduler)?;
    drop(task);
    Ok(())
}

/// The same for a loop that may be any.
///
/// # Errors
/// None in practice.
pub fn withdraw_of(loop_: &LoopRef) -> Outcome<()> {
    match loop_.object().downcast::<Scheduler>() {
        Some(scheduler) => withdraw(scheduler),
        None => Ok(()),
    }
}

fn store(scheduler: &Ref<Scheduler>, task: &Obj) -> Outcome<()> {
    let py = task.py();
    match imports::current_tasks(py) {
        Some(current) => Ok(current
            .bind()
            .cast::<PyDict>()?
            .set_item(scheduler.as_obj().bind(), task.bind())?),
        None => call::call(imports::swap_current_task(py), [scheduler.as_obj(), task]).map(drop),
    }
}

fn remove(scheduler: &Ref<Scheduler>) -> Outcome<()> {
    let py = scheduler.py();
    match imports::current_tasks(py) {
        Some(current) => {
            let current = current.bind().cast::<PyDict>()?;
            match current.del_item(scheduler.as_obj().bind()) {
                Ok(()) => {}
                // Somebody has emptied it (`_leave_task` from outside).
                Err(error) if error.is_instance_of::<PyKeyError>(py) => {}
                Err(error) => return Err(error.into()),
            }
            Ok(())
        }
        None => call::call(
            imports::swap_current_task(py),
            [scheduler.as_obj(), &Obj::none(py)],
        )
        .map(drop),
    }
}

/// `_swap_current_task`, for the eager step inside another task.
///
/// # Errors
/// RuntimeError when the loop is not the running one (3.14).
pub fn swap(loop_: &Obj, task: &Obj) -> Outcome {
    let py = loop_.py();
    call::method(
        imports::tasks(py),
        intern!(py, "_swap_current_task"),
        [loop_, task],
    )
}

/// The running loop (`asyncio.get_running_loop()`).
///
/// # Errors
/// RuntimeError when there is none.
#[inline]
pub fn running_loop(py: Python<'_>) -> Outcome {
    call::call0(imports::running_loop(py))
}

/// The current task of `loop_`, whichever kind either is of (`asyncio.current_task(loop)`).
///
/// # Errors
/// None in practice.
#[inline]
pub fn task_of(loop_: &Obj) -> Outcome<Option<Obj>> {
    let py = loop_.py();
    let task = match imports::current_tasks(py) {
        Some(current) => {
            let current = current.bind().cast::<PyDict>()?;
            current.get_item(loop_.bind())?.map(Obj::from)
        }
        None => Some(call::call(imports::current_task(py), [loop_])?),
    };
    Ok(task.filter(|task| !task.is_none()))
}

/// `asyncio.current_task(loop=None)`, up to 3.13: later on it is asyncio's, whose C module alone knows.
///
/// # Errors
/// RuntimeError where no loop runs and none is given.
pub fn current_task(py: Python<'_>, args: Args<'_>) -> Outcome {
    const SIGNATURE: Signature<1> = Signature::new("current_task", ["loop"], 1, 0);
    let task = match SIGNATURE.bind(py, args)? {
        [Some(loop_)] if !loop_.is_none() => task_of(loop_)?,
        _ => task_of(&running_loop(py)?)?,
    };
    Ok(task.unwrap_or_else(|| Obj::none(py)))
}
