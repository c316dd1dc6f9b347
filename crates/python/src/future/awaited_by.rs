//! Who waits for a future (`_asyncio_awaited_by`), which the call graphs of Python 3.14 ask.
//!
//! A task that awaits a future, and an observer through which a task waits, are found among the future's callbacks, so
//! this costs nothing until somebody asks. Only what `future_add_to_awaited_by` is told from outside is kept in a list.

use pyo3::types::{PyAnyMethods, PyFrozenSet, PyStringMethods};
use pyo3::{Python, intern};

use super::callbacks::Callback;
use super::observer::Observer;
use super::state::FutureData;
use crate::py::args::{Args, exactly};
use crate::py::call;
use crate::py::errors::{Outcome, Raised};
use crate::py::imports;
use crate::py::instance::Ref;
use crate::py::object::Obj;
use crate::py::version::PY_3_14;

/// Records that `waiter` waits for `future`. Nothing happens before 3.14, and for what is no future.
///
/// # Errors
/// What a lying object raises; `MemoryError`.
pub fn add(future: &Obj, waiter: &Obj) -> Outcome<()> {
    if !PY_3_14 {
        return Ok(());
    }
    let Some(fields) = future.downcast::<FutureData>() else {
        return tell_asyncio(imports::add_to_awaited_by(future.py()), future, waiter);
    };
    let is_future = call::method(
        imports::futures(waiter.py()),
        intern!(waiter.py(), "isfuture"),
        [waiter],
    )?;
    if is_future.bind().is_truthy()? {
        fields.rare_mut().add_waiter(waiter);
    }
    Ok(())
}

/// Takes back what `add` recorded.
///
/// # Errors
/// What asyncio's own function raises for a future of its own.
pub fn discard(future: &Obj, waiter: &Obj) -> Outcome<()> {
    if !PY_3_14 {
        return Ok(());
    }
    let Some(fields) = future.downcast::<FutureData>() else {
        let discard = imports::discard_from_awaited_by(future.py());
        return tell_asyncio(discard, future, waiter);
    };
    if let Some(rare) = fields.rare() {
        rare.discard_waiter(waiter);
    }
    Ok(())
}

/// asyncio's C function, which passes over futures that are not its own.
fn tell_asyncio(function: Option<&Obj>, future: &Obj, waiter: &Obj) -> Outcome<()> {
    match function {
        Some(function) => call::call(function, [future, waiter]).map(drop),
        None => Ok(()),
    }
}

/// `future._asyncio_awaited_by`: a frozenset, or None.
///
/// # Errors
/// What hashing a waiter raises; `MemoryError`.
pub fn get(this: &Ref<FutureData>) -> Outcome {
    let py = this.py();
    let mut waiters = this
        .rare()
        .map_or_else(Vec::new, |rare| rare.waiters_told());
    for callback in this.callbacks().snapshot() {
        waiters.extend(waiter_behind(&callback)?);
    }
    if waiters.is_empty() {
        return Ok(Obj::none(py));
    }
    let waiters = waiters.iter().map(Obj::bind);
    Ok(Obj::from(PyFrozenSet::new(py, waiters)?))
}

/// The task that a callback would wake.
fn waiter_behind(callback: &Callback) -> Outcome<Option<Obj>> {
    match callback {
        Callback::Waiter(waiter) => Ok(Some(waiter.clone())),
        Callback::Tell { observer, .. } => {
            let observer = observer.downcast::<Observer>();
            Ok(observer.and_then(|observer| observer.awaiter()))
        }
        Callback::Call { callback, .. } => task_woken_by(callback),
    }
}

/// The task that `callback` is the wakeup of: a C task's, or one of ours on a loop that is not.
fn task_woken_by(callback: &Obj) -> Outcome<Option<Obj>> {
    let py = callback.py();
    let (Some(receiver), Some(name)) = (
        call::optional_attr(callback, intern!(py, "__self__"))?,
        call::optional_attr(callback, intern!(py, "__qualname__"))?,
    ) else {
        return Ok(None);
    };
    let is_wakeup = name
        .bind()
        .cast::<pyo3::types::PyString>()
        .is_ok_and(|name| name.to_string_lossy().ends_with(".task_wakeup"));
    let is_task = is_wakeup
        && receiver
            .bind()
            .is_instance(imports::task_class(py).bind())?;
    Ok(is_task.then_some(receiver))
}

/// `asyncio.future_add_to_awaited_by(fut, waiter, /)`.
///
/// # Errors
/// As `add`; TypeError for wrong arguments.
pub fn add_function(py: Python<'_>, args: Args<'_>) -> Outcome {
    let [future, waiter] = two(py, "future_add_to_awaited_by", args)?;
    add(future, waiter)?;
    Ok(Obj::none(py))
}

/// `asyncio.future_discard_from_awaited_by(fut, waiter, /)`.
///
/// # Errors
/// As `discard`; TypeError for wrong arguments.
pub fn discard_function(py: Python<'_>, args: Args<'_>) -> Outcome {
    let [future, waiter] = two(py, "future_discard_from_awaited_by", args)?;
    discard(future, waiter)?;
    Ok(Obj::none(py))
}

/// Two positional arguments, and nothing else.
fn two<'a>(py: Python<'_>, function: &'static str, args: Args<'a>) -> Outcome<[&'a Obj; 2]> {
    if args.has_keywords() {
        let text = format!("{function}() takes no keyword arguments");
        return Err(Raised::type_error(py, text));
    }
    exactly(py, function, ["fut", "waiter"], args)
}
