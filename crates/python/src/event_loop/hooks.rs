//! What a running loop sets in the interpreter and puts back: the running loop, the hooks for asynchronous generators,
//! the tracking of coroutine origins, the wakeup descriptor for signals.

use pyo3::types::{PyAnyMethods, PyTuple};
use pyo3::{Python, intern};

use super::core::EventLoopData;
use super::wakeup_fd;
use crate::future::lifecycle;
use crate::future::state::FutureData;
use crate::handle::phase::Phase;
use crate::py::call;
use crate::py::errors::{First, Outcome, Raised};
use crate::py::imports;
use crate::py::instance::Ref;
use crate::py::object::Obj;
use crate::py::thread;

/// What `install` found and `restore` puts back.
pub struct Installed {
    asyncgen_hooks: Obj,
}

/// RuntimeError when this loop, or another one on this thread, is running.
///
/// # Errors
/// asyncio's two texts.
pub fn check_running(this: &Ref<EventLoopData>) -> Outcome<()> {
    let py = this.py();
    if this.base.is_running() {
        return Err(Raised::runtime_error(
            py,
            "This event loop is already running",
        ));
    }
    let running = call::method(imports::events(py), intern!(py, "_get_running_loop"), [])?;
    if running.is_none() {
        return Ok(());
    }
    Err(Raised::runtime_error(
        py,
        "Cannot run the event loop while another loop is running",
    ))
}

/// Prepares the interpreter for a run.
///
/// # Errors
/// What the functions of `sys` and `signal` raise.
pub fn install(this: &Ref<EventLoopData>) -> Outcome<Installed> {
    let py = this.py();
    let sys = imports::sys(py);
    let asyncgen_hooks = call::method(sys, intern!(py, "get_asyncgen_hooks"), [])?;
    let firstiter = call::attr(this.as_obj(), intern!(py, "_asyncgen_firstiter_hook"))?;
    let finalizer = call::attr(this.as_obj(), intern!(py, "_asyncgen_finalizer_hook"))?;
    wakeup_fd::begin_run(this)?;
    set_origin_tracking(this, this.base.is_debug())?;
    this.base.set_phase(Phase::Running(thread::ident(py)));
    call::method(
        sys,
        intern!(py, "set_asyncgen_hooks"),
        [&firstiter, &finalizer],
    )?;
    announce(this.as_obj())?;
    Ok(Installed { asyncgen_hooks })
}

/// Puts everything back after a run.
///
/// # Errors
/// As `install`.
pub fn restore(this: &Ref<EventLoopData>, installed: Installed) -> Outcome<()> {
    let py = this.py();
    let mut first = First::default();
    first.keep(py, announce(&Obj::none(py)));
    first.keep(py, set_origin_tracking(this, false));
    first.keep(py, set_asyncgen_hooks(&installed.asyncgen_hooks));
    first.keep(py, wakeup_fd::end_run(this));
    first.outcome()
}

/// `events._set_running_loop(loop)`. A program may have put another function there, such as asyncio's in Python; asyncio's
/// C code, which since 3.14 takes the current task of no loop but the running one, has to know all the same.
fn announce(loop_: &Obj) -> Outcome<()> {
    let py = loop_.py();
    let function = call::attr(imports::events(py), intern!(py, "_set_running_loop"))?;
    let asyncios = imports::set_running_loop(py);
    if !function.is(asyncios) {
        call::call(asyncios, [loop_])?;
    }
    call::call(&function, [loop_]).map(drop)
}

/// `sys.set_asyncgen_hooks(*hooks)`
fn set_asyncgen_hooks(hooks: &Obj) -> Outcome<()> {
    let py = hooks.py();
    imports::sys(py).bind().call_method1(
        intern!(py, "set_asyncgen_hooks"),
        hooks.bind().cast::<PyTuple>()?,
    )?;
    Ok(())
}

/// `_set_coroutine_origin_tracking`: coroutines made in debug mode know where.
///
/// # Errors
/// What `sys.set_coroutine_origin_tracking_depth` raises.
pub fn set_origin_tracking(this: &Ref<EventLoopData>, enabled: bool) -> Outcome<()> {
    let py = this.py();
    let sys = imports::sys(py).bind();
    let set = intern!(py, "set_coroutine_origin_tracking_depth");
    match (enabled, this.own.saved_origin_depth.take()) {
        (true, None) => {
            let before = sys
                .call_method0(intern!(py, "get_coroutine_origin_tracking_depth"))?
                .extract()?;
            let depth = imports::constants(py)
                .bind()
                .getattr(intern!(py, "DEBUG_STACK_DEPTH"))?;
            sys.call_method1(set, (depth,))?;
            this.own.saved_origin_depth.set(Some(before));
        }
        (true, saved) => this.own.saved_origin_depth.set(saved),
        (false, Some(before)) => {
            sys.call_method1(set, (before,))?;
        }
        (false, None) => {}
    }
    lifecycle::look_for_origin_tracking(py)
}

/// `ensure_future(future, loop=self)`, and whether it made a task.
///
/// # Errors
/// TypeError for what cannot be awaited, ValueError for a future of another loop.
pub fn ensure_future(this: &Ref<EventLoopData>, future: &Obj) -> Outcome<(Obj, bool)> {
    let py = this.py();
    let is_future = call::method(imports::futures(py), intern!(py, "isfuture"), [future])?;
    let is_new = !is_future.bind().is_truthy()?;
    let ensure = call::attr(imports::tasks(py), intern!(py, "ensure_future"))?;
    let future = call::call_keywords(&ensure, [future, this.as_obj()], &[intern!(py, "loop")])?;
    if is_new {
        // If it does not complete an exception says so; the report of a destroyed task would only repeat it.
        call::set_attr(
            &future,
            intern!(py, "_log_destroy_pending"),
            &Obj::bool(py, false),
        )?;
    }
    Ok((future, is_new))
}

/// Stdlib's own callback, which anyio looks for.
///
/// # Errors
/// None in practice.
pub fn run_until_complete_callback(py: Python<'_>) -> Outcome {
    call::attr(
        imports::base_events(py),
        intern!(py, "_run_until_complete_cb"),
    )
}

/// `future.add_done_callback(callback)`.
///
/// # Errors
/// What the future raises.
pub fn add_done_callback(future: &Obj, callback: &Obj) -> Outcome<()> {
    let py = future.py();
    call::method(future, intern!(py, "add_done_callback"), [callback]).map(drop)
}

/// `future.remove_done_callback(callback)`.
///
/// # Errors
/// What the future raises.
pub fn remove_done_callback(future: &Obj, callback: &Obj) -> Outcome<()> {
    let py = future.py();
    call::method(future, intern!(py, "remove_done_callback"), [callback]).map(drop)
}

/// `future.question()` as a truth value.
///
/// # Errors
/// What the future raises.
pub fn ask(future: &Obj, question: &str) -> Outcome<bool> {
    if let Some(own) = future.downcast_exact::<FutureData>()
        && question == "done"
    {
        return Ok(own.is_done());
    }
    Ok(future.bind().call_method0(question)?.is_truthy()?)
}
