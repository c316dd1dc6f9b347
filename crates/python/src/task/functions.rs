//! The functions of `asyncio.tasks` and `asyncio.futures` as Python sees them: names, signatures, docstrings.

use pyo3::prelude::*;

use super::{chain, create, current, ensure, gather, registry, shield, sleep, wait};
use crate::future::awaited_by;
use crate::py::errors::Outcome;
use crate::py::function::{self, Function};
use crate::py::instance::Ref;
use crate::py::version::PY_3_14;

const TASKS: &str = "asyncioxide.tasks";
const FUTURES: &str = "asyncioxide.futures";

const CREATE_TASK: &str = if PY_3_14 {
    "create_task(coro, **kwargs)\n--\n\n\
     A new task of the running loop, which begins soon.\n\n\
     The keywords, name and context among them, go to the loop. Keep a reference to the task. RuntimeError\n\
     where no loop runs."
} else {
    "create_task(coro, *, name=None, context=None)\n--\n\n\
     A new task of the running loop, which begins soon.\n\n\
     Keep a reference to it. RuntimeError where no loop runs."
};

/// Adds the functions to the module.
///
/// # Errors
/// `MemoryError`.
pub fn add_to(module: &Bound<'_, PyModule>) -> Outcome<()> {
    let py = module.py();
    for function in ways_to_wait(py)?.into_iter().chain(futures_and_tasks(py)?) {
        let object = function.as_obj().bind();
        module.add(
            object
                .getattr("__name__")?
                .cast::<pyo3::types::PyString>()?
                .to_str()?,
            object,
        )?;
    }
    if PY_3_14 {
        add_awaited_by(module)
    } else {
        add_inspection(module)
    }
}

fn ways_to_wait(py: Python<'_>) -> Outcome<[Ref<Function>; 4]> {
    Ok([
        function::make(
            py,
            TASKS,
            "gather(*coros_or_futures, return_exceptions=False)\n--\n\n\
             A future for the list of all results, in the order of the arguments.\n\n\
             Coroutines and other awaitables become tasks. The first exception is raised at once and the\n\
             others go on, unless return_exceptions is true: then exceptions are results like any other.\n\
             Cancelling the future cancels all that are pending. TypeError for what cannot be awaited,\n\
             ValueError for futures of several loops.",
            gather::gather,
        )?,
        function::make(
            py,
            TASKS,
            "shield(arg)\n--\n\n\
             A future that ends as arg does, and whose cancellation does not reach arg.\n\n\
             A coroutine or other awaitable becomes a task; keep a reference to it. If arg itself is\n\
             cancelled, so is the future. TypeError for what cannot be awaited.",
            shield::shield,
        )?,
        function::make_coroutine_function(
            py,
            TASKS,
            "sleep(delay, result=None)\n--\n\n\
             Wait for delay seconds; the result is what awaiting it gives.\n\n\
             Zero or less lets everything else that is ready run once. ValueError for NaN, since 3.13.",
            sleep::sleep,
        )?,
        function::make_coroutine_function(
            py,
            TASKS,
            "wait(fs, *, timeout=None, return_when='ALL_COMPLETED')\n--\n\n\
             Wait for several futures and tasks; two sets, of those that are done and of the others.\n\n\
             return_when is ALL_COMPLETED, FIRST_COMPLETED or FIRST_EXCEPTION. After timeout seconds the wait\n\
             is over too, and no TimeoutError is raised. ValueError if there are none; TypeError for coroutines.",
            wait::wait,
        )?,
    ])
}

fn futures_and_tasks(py: Python<'_>) -> Outcome<[Ref<Function>; 5]> {
    Ok([
        function::make(py, TASKS, CREATE_TASK, create::create_task)?,
        function::make(
            py,
            TASKS,
            "ensure_future(coro_or_future, *, loop=None)\n--\n\n\
             The argument if it is a future, or a new task that awaits it.\n\n\
             The task is made by loop, by default the running one. TypeError for what cannot be awaited,\n\
             ValueError for a future of another loop than the one given.",
            ensure::ensure_future,
        )?,
        function::make(
            py,
            FUTURES,
            "isfuture(obj)\n--\n\n\
             Whether obj is a Future or behaves like one.\n\n\
             That is so when its class has the attribute _asyncio_future_blocking, and it is not None.",
            ensure::isfuture,
        )?,
        function::make(
            py,
            FUTURES,
            "wrap_future(future, *, loop=None)\n--\n\n\
             A future of loop, by default the current one, that ends as a concurrent.futures.Future does.\n\n\
             Cancelling either cancels the other. One of asyncio's futures is returned as it is.",
            chain::wrap_future,
        )?,
        function::make(
            py,
            TASKS,
            "run_coroutine_threadsafe(coro, loop)\n--\n\n\
             Have loop, which runs on another thread, run coro; a concurrent.futures.Future of its result.\n\n\
             Cancelling that cancels the task. TypeError for what is no coroutine.",
            chain::run_coroutine_threadsafe,
        )?,
    ])
}

/// Later on asyncio's own functions are in C, and know of our tasks.
fn add_inspection(module: &Bound<'_, PyModule>) -> Outcome<()> {
    let py = module.py();
    let current_task = function::make(
        py,
        TASKS,
        "current_task(loop=None)\n--\n\n\
         The task that a loop, by default the running one, executes now, or None.\n\n\
         RuntimeError where no loop runs and none is given.",
        current::current_task,
    )?;
    let all_tasks = function::make(
        py,
        TASKS,
        "all_tasks(loop=None)\n--\n\n\
         The set of the tasks of a loop, by default the running one, that are not done.\n\n\
         RuntimeError where no loop runs and none is given.",
        registry::all_tasks,
    )?;
    module.add("current_task", current_task.as_obj().bind())?;
    module.add("all_tasks", all_tasks.as_obj().bind())?;
    Ok(())
}

fn add_awaited_by(module: &Bound<'_, PyModule>) -> Outcome<()> {
    let py = module.py();
    let add = function::make(
        py,
        FUTURES,
        "future_add_to_awaited_by(fut, waiter, /)\n--\n\n\
         Record for call graphs that fut is awaited by waiter.\n\n\
         Both are Futures; anything else is let pass.",
        awaited_by::add_function,
    )?;
    let discard = function::make(
        py,
        FUTURES,
        "future_discard_from_awaited_by(fut, waiter, /)\n--\n\n\
         Record for call graphs that fut is no longer awaited by waiter.\n\n\
         Both are Futures; anything else is let pass.",
        awaited_by::discard_function,
    )?;
    module.add("future_add_to_awaited_by", add.as_obj().bind())?;
    module.add("future_discard_from_awaited_by", discard.as_obj().bind())?;
    Ok(())
}
