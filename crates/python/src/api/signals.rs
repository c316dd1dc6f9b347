//! `add_signal_handler` and `remove_signal_handler`.
//!
//! The interpreter's own C handler writes the signal's number into our socket, which wakes the loop; Python's handler for
//! the signal does nothing. The callback then runs like any other.

use pyo3::exceptions::{PyOSError, PyRuntimeError, PyValueError};
use pyo3::types::{PyAnyMethods, PyDict, PyDictMethods, PyInt, PyListMethods};
use pyo3::{Python, intern};

use crate::event_loop::core::EventLoopData;
use crate::event_loop::wakeup_fd::{self, signal_module};
use crate::handle::handle::{self, Arguments};
use crate::py::args::{Args, exactly, leading};
use crate::py::call;
use crate::py::errors::{Outcome, Raised};
use crate::py::imports;
use crate::py::instance::Ref;
use crate::py::object::Obj;
use crate::py::slots::TypeBuilder;
use crate::py::version::PY_3_14;

/// Adds this file's methods.
pub fn methods(builder: TypeBuilder<EventLoopData>) -> TypeBuilder<EventLoopData> {
    builder
        .method(
            c"add_signal_handler",
            c"add_signal_handler($self, sig, callback, *args)\n--\n\nCall callback(*args) when the signal arrives.",
            add_signal_handler,
        )
        .method(
            c"remove_signal_handler",
            c"remove_signal_handler($self, sig)\n--\n\nGive the signal its default action back. False if it had no handler.",
            |this, args| {
                let py = this.py();
                let [signal] = exactly(py, "_UnixSelectorEventLoop.remove_signal_handler", ["sig"], args)?;
                Ok(Obj::bool(py, remove(this, signal)?))
            },
        )
        .getter(c"_signal_handlers", c"Handles by signal number.", |this| {
            Ok(this.own.signal_handlers.get().unwrap_or_else(|| Obj::none(this.py())))
        })
}

fn add_signal_handler(this: &Ref<EventLoopData>, args: Args<'_>) -> Outcome {
    let py = this.py();
    let ([signal, callback], rest) = leading(
        py,
        "_UnixSelectorEventLoop.add_signal_handler",
        ["sig", "callback"],
        args,
    )?;
    refuse_coroutines(callback)?;
    check_signal(signal)?;
    this.base.check_closed(py)?;
    let handle = handle::make(this.upcast(), callback, Arguments::of(rest), None)?;
    let handlers = handlers(this)?;
    let number: u8 = signal.bind().extract()?;
    this.own.wakeup.set_handled(number, true);
    if let Err(raised) = require_wakeup(this) {
        // Nothing of what stood here before is changed: that is another thread's business.
        let had_handler = handlers.bind().contains(signal.bind());
        this.own.wakeup.set_handled(number, had_handler?);
        return Err(raised);
    }
    handlers
        .bind()
        .set_item(signal.bind(), handle.as_obj().bind())?;
    if let Err(error) = let_the_interpreter_handle(signal) {
        handlers.bind().del_item(signal.bind())?;
        this.own.wakeup.set_handled(number, false);
        release(this)?;
        return Err(uncatchable(py, signal, error));
    }
    Ok(Obj::none(py))
}

fn refuse_coroutines(callback: &Obj) -> Outcome<()> {
    let py = callback.py();
    let coroutines = imports::coroutines(py);
    let is_coroutine = call::method(coroutines, intern!(py, "iscoroutine"), [callback])?;
    let function = if PY_3_14 {
        imports::inspect(py)
    } else {
        coroutines
    };
    let is_function = call::method(function, intern!(py, "iscoroutinefunction"), [callback])?;
    if is_coroutine.bind().is_truthy()? || is_function.bind().is_truthy()? {
        return Err(Raised::type_error(
            py,
            "coroutines cannot be used with add_signal_handler()",
        ));
    }
    Ok(())
}

/// `_UnixSelectorEventLoop._check_signal`.
fn check_signal(signal: &Obj) -> Outcome<()> {
    let py = signal.py();
    if !signal.bind().is_instance_of::<PyInt>() {
        let text = format!("sig must be an int, not {}", signal.bind().repr()?);
        return Err(Raised::type_error(py, text));
    }
    let module = signal_module(py)?;
    let valid = module.bind().call_method0(intern!(py, "valid_signals"))?;
    if !valid.contains(signal.bind())? {
        return Err(Raised::value_error(
            py,
            format!("invalid signal number {}", signal.bind().str()?),
        ));
    }
    Ok(())
}

/// Installs the wakeup descriptor, or says why this thread cannot.
fn require_wakeup(this: &Ref<EventLoopData>) -> Outcome<()> {
    let py = this.py();
    if wakeup_fd::require(this)? {
        return Ok(());
    }
    // Not the main thread: the interpreter's own refusal is the text.
    match signal_module(py)?
        .bind()
        .call_method1(intern!(py, "set_wakeup_fd"), (-1,))
    {
        Ok(_) => Ok(()),
        Err(error) => Err(Raised::runtime_error(py, error.value(py).to_string())),
    }
}

fn let_the_interpreter_handle(signal: &Obj) -> pyo3::PyResult<()> {
    let py = signal.py();
    let module = signal_module(py).map_err(|raised| raised.into_error(py))?;
    let module = module.bind();
    let nothing = imports::unix_events(py)
        .bind()
        .getattr(intern!(py, "_sighandler_noop"))?;
    module.call_method1(intern!(py, "signal"), (signal.bind(), nothing))?;
    // SA_RESTART keeps system calls elsewhere in the program from failing with EINTR.
    module.call_method1(intern!(py, "siginterrupt"), (signal.bind(), false))?;
    Ok(())
}

/// The interpreter's refusal of SIGKILL and SIGSTOP in asyncio's words; other errors are what they are.
fn uncatchable(py: Python<'_>, signal: &Obj, error: pyo3::PyErr) -> Raised {
    let exception = Raised::from(error).take(py);
    match is_invalid(&exception).and_then(|invalid| Ok((invalid, signal.bind().str()?))) {
        Ok((true, signal)) => Raised::runtime_error(py, format!("sig {signal} cannot be caught")),
        Ok((false, _)) => Raised::raise(exception),
        Err(raised) => raised,
    }
}

/// `exc.errno == errno.EINVAL`
fn is_invalid(exception: &Obj) -> Outcome<bool> {
    if !exception.bind().is_instance_of::<PyOSError>() {
        return Ok(false);
    }
    let errno = call::attr(exception, intern!(exception.py(), "errno"))?;
    let number: Option<i32> = errno.bind().extract()?;
    Ok(number.is_some_and(|number| {
        std::io::Error::from_raw_os_error(number).kind() == std::io::ErrorKind::InvalidInput
    }))
}

fn handlers(this: &Ref<EventLoopData>) -> Outcome {
    let py = this.py();
    match this.own.signal_handlers.get() {
        Some(handlers) => Ok(handlers),
        None => Err(this
            .base
            .check_closed(py)
            .err()
            .unwrap_or_else(|| Raised::runtime_error(py, "no signal handlers"))),
    }
}

fn remove(this: &Ref<EventLoopData>, signal: &Obj) -> Outcome<bool> {
    let py = this.py();
    check_signal(signal)?;
    let handlers = handlers(this)?;
    let handlers = handlers.bind().cast::<PyDict>()?;
    if !handlers.contains(signal.bind())? {
        return Ok(false);
    }
    // asyncio forgets the handler before it finds that this is not the main thread.
    this.own.wakeup.set_handled(signal.bind().extract()?, false);
    handlers.del_item(signal.bind())?;
    let module = signal_module(py)?;
    let module = module.bind();
    let interrupt = module.getattr(intern!(py, "SIGINT"))?;
    let default = if signal.bind().eq(interrupt)? {
        "default_int_handler"
    } else {
        "SIG_DFL"
    };
    module
        .call_method1(
            intern!(py, "signal"),
            (signal.bind(), module.getattr(default)?),
        )
        .map_err(|error| uncatchable(py, signal, error))?;
    release(this)?;
    Ok(true)
}

/// A handler is gone. That the wakeup descriptor cannot be given up then is no reason to fail.
fn release(this: &Ref<EventLoopData>) -> Outcome<()> {
    let Err(raised) = wakeup_fd::release(this) else {
        return Ok(());
    };
    let py = this.py();
    let exception = raised.take(py);
    let bound = exception.bind();
    if !bound.is_instance_of::<PyValueError>() && !bound.is_instance_of::<PyRuntimeError>() {
        return Err(Raised::raise(exception));
    }
    call::method(
        imports::logger(py),
        intern!(py, "info"),
        [&Obj::str(py, "set_wakeup_fd(-1) failed: %s"), &exception],
    )
    .map(drop)
}

/// Closing a loop gives every signal back.
///
/// # Errors
/// ValueError in another thread than the main one, where the interpreter gives nothing back: the signals stay as they are.
pub fn remove_all(this: &Ref<EventLoopData>) -> Outcome<()> {
    let py = this.py();
    let Some(handlers) = this.own.signal_handlers.get() else {
        return Ok(());
    };
    let handlers = handlers.bind().cast::<PyDict>()?;
    if handlers.is_empty() {
        return Ok(());
    }
    let sys = call::attr(imports::unix_events(py), intern!(py, "sys"))?;
    let finalizing = call::method(&sys, intern!(py, "is_finalizing"), [])?;
    if finalizing.bind().is_truthy()? {
        handlers.clear();
        return warn_of_shutdown(this);
    }
    for signal in handlers.keys().iter().map(Obj::from) {
        call::method(
            this.as_obj(),
            intern!(py, "remove_signal_handler"),
            [&signal],
        )?;
    }
    Ok(())
}

/// The interpreter is ending and its signal handlers with it.
fn warn_of_shutdown(this: &Ref<EventLoopData>) -> Outcome<()> {
    let py = this.py();
    let text = format!(
        "Closing the loop {} on interpreter shutdown stage, skipping signal handlers removal",
        this.as_obj().bind().repr()?
    );
    let category = Obj::from(py.get_type::<pyo3::exceptions::PyResourceWarning>());
    call::method_keywords(
        imports::warnings(py),
        intern!(py, "warn"),
        [&Obj::str(py, &text), &category, this.as_obj()],
        &[intern!(py, "source")],
    )
    .map(drop)
}
