//! `create_task()`: a task of the running loop.
//!
//! Follows `asyncio.tasks.create_task`: the loop gets what the running Python's function passes to it.

use pyo3::exceptions::PyDeprecationWarning;
use pyo3::types::{PyAnyMethods, PyDict, PyDictMethods};
use pyo3::{PyErr, Python, intern};

use super::{current, task};
use crate::handle::schedule::Scheduler;
use crate::py::args::{Args, Signature};
use crate::py::call;
use crate::py::errors::Outcome;
use crate::py::instance::Ref;
use crate::py::object::Obj;
use crate::py::version::{PY_3_13, PY_3_14};

/// `asyncio.create_task(coro, *, name=None, context=None)`; since 3.14 all keywords go to the loop.
///
/// # Errors
/// RuntimeError where no loop runs; what making the task raises.
pub fn create_task(py: Python<'_>, args: Args<'_>) -> Outcome {
    const SIGNATURE: Signature<3> =
        Signature::new("create_task", ["coro", "name", "context"], 1, 1);
    const SIGNATURE_3_14: Signature<1> = Signature::new("create_task", ["coro"], 1, 1);
    if let ([coro], false) = (args.positional(), args.has_keywords()) {
        return of_coroutine(py, coro);
    }
    let none = Obj::none(py);
    if PY_3_14 {
        let ([coro], keywords) = SIGNATURE_3_14.bind_open(py, args)?;
        let loop_ = current::running_loop(py)?;
        return by_loop(&loop_, coro.unwrap_or(&none), &keywords);
    }
    let [coro, name, context] = SIGNATURE.bind(py, args)?;
    let (coro, name) = (coro.unwrap_or(&none), name.unwrap_or(&none));
    let loop_ = current::running_loop(py)?;
    let keywords = PyDict::new(py);
    if PY_3_13 {
        keywords.set_item(intern!(py, "name"), name.bind())?;
    }
    if let Some(context) = context.filter(|context| !context.is_none()) {
        keywords.set_item(intern!(py, "context"), context.bind())?;
    }
    let task = by_loop(&loop_, coro, &keywords)?;
    if !PY_3_13 {
        set_name(&task, name)?;
    }
    Ok(task)
}

/// `create_task(coro)`
#[inline]
fn of_coroutine(py: Python<'_>, coro: &Obj) -> Outcome {
    let loop_ = current::running_loop(py)?;
    let ours = loop_
        .downcast::<Scheduler>()
        .filter(|scheduler| scheduler.makes_our_tasks());
    if let Some(scheduler) = ours {
        scheduler.check_closed(py)?;
        return task::make(scheduler, coro, None, None).map(Ref::into_obj);
    }
    let keywords = PyDict::new(py);
    if PY_3_13 && !PY_3_14 {
        keywords.set_item(intern!(py, "name"), py.None())?;
    }
    by_loop(&loop_, coro, &keywords)
}

fn by_loop(loop_: &Obj, coro: &Obj, keywords: &pyo3::Bound<'_, PyDict>) -> Outcome {
    let create_task = call::attr(loop_, intern!(loop_.py(), "create_task"))?;
    let keywords = Some(keywords).filter(|keywords| !keywords.is_empty());
    let task = create_task.bind().call((coro.bind(),), keywords)?;
    Ok(Obj::from(task))
}

/// `tasks._set_task_name`, gone with 3.13. The warning is about whoever calls `create_task()`, which is no frame here.
fn set_name(task: &Obj, name: &Obj) -> Outcome<()> {
    let py = task.py();
    if name.is_none() {
        return Ok(());
    }
    if let Some(set_name) = call::optional_attr(task, intern!(py, "set_name"))? {
        return call::call(&set_name, [name]).map(drop);
    }
    let text = c"Task.set_name() was added in Python 3.8, the method support will be mandatory for third-party task \
                 implementations since 3.13.";
    Ok(PyErr::warn(
        py,
        &py.get_type::<PyDeprecationWarning>(),
        text,
        1,
    )?)
}
