//! What a running loop sets in the interpreter and puts back: the running loop, the hooks for asynchronous generators,
//! the tracking of coroutine origins, the wakeup descriptor for signals.

use pyo3::types::{PyAnyMethods, PyTuple};
use pyo3::{Python, intern};
use reactor::poll::{Event, Interest};
use reactor::sys::SignalPipe;
use std::rc::Rc;

use super::core::EventLoopData;
use crate::future::state::FutureData;
use crate::handle::schedule::{Entry, Phase, Scheduler, Source};
use crate::py::call;
use crate::py::errors::{Outcome, Raised};
use crate::py::gc::Visitor;
use crate::py::imports;
use crate::py::instance::Ref;
use crate::py::object::Obj;
use crate::py::thread;

/// What `install` found and `restore` puts back.
pub struct Installed {
    asyncgen_hooks: Obj,
    wakeup: bool,
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
    let wakeup = install_wakeup(this)?;
    set_origin_tracking(this, this.base.is_debug())?;
    this.base.set_phase(Phase::Running(thread::ident(py)));
    call::method(
        sys,
        intern!(py, "set_asyncgen_hooks"),
        [&firstiter, &finalizer],
    )?;
    call::method(
        imports::events(py),
        intern!(py, "_set_running_loop"),
        [this.as_obj()],
    )?;
    Ok(Installed {
        asyncgen_hooks,
        wakeup,
    })
}

/// Puts everything back after a run.
///
/// # Errors
/// As `install`.
pub fn restore(this: &Ref<EventLoopData>, installed: Installed) -> Outcome<()> {
    let py = this.py();
    call::method(
        imports::events(py),
        intern!(py, "_set_running_loop"),
        [&Obj::none(py)],
    )?;
    set_origin_tracking(this, false)?;
    let hooks = installed.asyncgen_hooks.bind().cast::<PyTuple>()?;
    imports::sys(py)
        .bind()
        .call_method1(intern!(py, "set_asyncgen_hooks"), hooks)?;
    if installed.wakeup && !has_signal_handlers(this)? {
        remove_wakeup(this)?;
    }
    Ok(())
}

fn has_signal_handlers(this: &Ref<EventLoopData>) -> Outcome<bool> {
    match this.own.signal_handlers.get() {
        Some(handlers) => Ok(handlers.bind().len()? > 0),
        None => Ok(false),
    }
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
    Ok(())
}

/// Makes the interpreter write a byte to our socket for every signal, so that a waiting loop wakes up. Only the main
/// thread can; other threads' loops have nothing to do with signals. False when it was installed before.
///
/// # Errors
/// OSError when no socket pair can be made.
pub fn install_wakeup(this: &Ref<EventLoopData>) -> Outcome<bool> {
    let py = this.py();
    if this.own.saved_wakeup_fd.get().is_some() || !is_main_thread(py)? {
        return Ok(false);
    }
    let fd = signal_pipe_fd(this)?;
    let keyword = pyo3::types::PyDict::new(py);
    use pyo3::types::PyDictMethods;
    keyword.set_item(intern!(py, "warn_on_full_buffer"), false)?;
    let signal = imports::signal(py).bind();
    match signal.call_method(intern!(py, "set_wakeup_fd"), (fd,), Some(&keyword)) {
        Ok(before) => {
            this.own.saved_wakeup_fd.set(Some(before.extract()?));
            Ok(true)
        }
        // The main thread of another interpreter: signals are not ours.
        Err(error) if error.is_instance_of::<pyo3::exceptions::PyValueError>(py) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Takes our descriptor back and restores the one that was there.
///
/// # Errors
/// ValueError when called from another thread.
pub fn remove_wakeup(this: &Ref<EventLoopData>) -> Outcome<()> {
    let py = this.py();
    let Some(before) = this.own.saved_wakeup_fd.take() else {
        return Ok(());
    };
    let signal = imports::signal(py).bind();
    let current: i32 = signal
        .call_method1(intern!(py, "set_wakeup_fd"), (before,))?
        .extract()?;
    let ours = this.own.signals.borrow().as_ref().map(SignalPipe::write_fd);
    if Some(current) != ours {
        // Somebody has put another one in meanwhile: it stays.
        signal.call_method1(intern!(py, "set_wakeup_fd"), (current,))?;
    }
    Ok(())
}

fn is_main_thread(py: Python<'_>) -> Outcome<bool> {
    let main = imports::threading(py)
        .bind()
        .call_method0(intern!(py, "main_thread"))?;
    Ok(main
        .getattr(intern!(py, "ident"))?
        .extract::<Option<u64>>()?
        == Some(thread::ident(py)))
}

/// The socket pair for signals, made and registered when first needed.
fn signal_pipe_fd(this: &Ref<EventLoopData>) -> Outcome<i32> {
    let py = this.py();
    if let Some(pipe) = this.own.signals.borrow().as_ref() {
        return Ok(pipe.write_fd());
    }
    let failed = |error: std::io::Error| Raised::os_error(py, &error);
    let pipe = SignalPipe::new().map_err(failed)?;
    let (fd, read_fd) = (pipe.write_fd(), pipe.read_fd());
    this.base
        .register(py, read_fd, Interest::READABLE, Rc::new(SignalSource))?;
    *this.own.signals.borrow_mut() = Some(pipe);
    Ok(fd)
}

/// The readable end.
struct SignalSource;

impl Source for SignalSource {
    fn ready(self: Rc<Self>, scheduler: &Scheduler, _event: Event) {
        scheduler.signals_pending.set(true);
    }

    fn fire(&self, _event: Event) -> Outcome<()> {
        Ok(())
    }

    fn visit(&self, _visitor: &mut Visitor) {}
}

/// Puts the handlers of the signals that arrived into the ready queue.
///
/// # Errors
/// OSError from reading the socket.
pub fn deliver_signals(this: &Ref<EventLoopData>) -> Outcome<()> {
    let py = this.py();
    let mut numbers = Vec::new();
    let drained = match this.own.signals.borrow().as_ref() {
        Some(pipe) => pipe.drain(&mut numbers),
        None => Ok(()),
    };
    drained.map_err(|error| Raised::os_error(py, &error))?;
    let Some(handlers) = this.own.signal_handlers.get() else {
        return Ok(());
    };
    for number in numbers {
        let found = handlers.bind().get_item(number);
        let Some(handle) = found
            .ok()
            .and_then(|handle| Obj::from(handle).into_ref().ok())
        else {
            continue;
        };
        this.base.push(Entry::Handle(handle));
    }
    Ok(())
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
