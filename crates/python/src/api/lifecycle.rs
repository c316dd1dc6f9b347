//! Making, running, stopping and closing a loop.

use pyo3::types::{PyAnyMethods, PyDict, PyDictMethods};
use pyo3::{Python, intern};
use reactor::driver::Driver;
use reactor::time::Monotonic;

use super::signals;
use crate::event_loop::core::EventLoopData;
use crate::event_loop::{fork, hooks, run, wakeup_fd};
use crate::handle::phase::Phase;
use crate::handle::schedule::discard;
use crate::py::args::{Args, Signature, no_arguments};
use crate::py::call;
use crate::py::errors::{First, Outcome, Raised};
use crate::py::imports;
use crate::py::instance::Ref;
use crate::py::object::Obj;
use crate::py::replaced;
use crate::py::slots::TypeBuilder;

/// Adds this file's methods.
pub fn methods(builder: TypeBuilder<EventLoopData>) -> TypeBuilder<EventLoopData> {
    builder
        .constructor(initialise)
        .method(
            c"run_forever",
            c"run_forever($self, /)\n--\n\nRun until stop() is called.",
            |this, args| {
                no_arguments(this.py(), "BaseEventLoop.run_forever", args)?;
                see_overrides(this)?;
                run::run_forever(this).map(|()| Obj::none(this.py()))
            },
        )
        .method(
            c"run_until_complete",
            c"run_until_complete($self, future)\n--\n\nRun until the future (or coroutine) is done; its result.",
            run_until_complete,
        )
        .method(
            c"stop",
            c"stop($self, /)\n--\n\nStop after the present turn: what is ready now still runs.",
            |this, args| {
                no_arguments(this.py(), "BaseEventLoop.stop", args)?;
                this.own.stopping.set(true);
                Ok(Obj::none(this.py()))
            },
        )
        .method(
            c"close", c"close($self, /)\n--\n\nFree everything the loop holds. It must not be running.", close)
        .method(c"is_running", c"is_running($self, /)\n--\n\nWhether the loop runs.", |this, args| {
                no_arguments(this.py(), "BaseEventLoop.is_running", args)?;
            Ok(Obj::bool(this.py(), this.base.is_running()))
        })
        .method(c"is_closed", c"is_closed($self, /)\n--\n\nWhether close() was called.", |this, args| {
                no_arguments(this.py(), "BaseEventLoop.is_closed", args)?;
            Ok(Obj::bool(this.py(), this.base.phase().is_closed()))
        })
        .method0(c"_check_closed", c"_check_closed($self, /)\n--\n\nRuntimeError if the loop is closed.", |this| {
            this.base.check_closed(this.py()).map(|()| Obj::none(this.py()))
        })
        .method0(c"_check_running", c"_check_running($self, /)\n--\n\nRuntimeError if a loop is running.", |this| {
            hooks::check_running(this).map(|()| Obj::none(this.py()))
        })
        .getter(c"_closed", c"Whether close() was called.", |this| {
            Ok(Obj::bool(this.py(), this.base.phase().is_closed()))
        })
        .getter(c"_stopping", c"Whether stop() was called.", |this| {
            Ok(Obj::bool(this.py(), this.own.stopping.get()))
        })
        .getter(c"_thread_id", c"The thread that runs the loop, or None.", thread_id)
        .attribute(
            c"_asyncgens",
            c"The asynchronous generators that run on the loop.",
            |this| Ok(this.own.asyncgens.get().unwrap_or_else(|| Obj::none(this.py()))),
            |this, value| {
                this.own.asyncgens.set(value.cloned());
                Ok(())
            },
        )
        .attribute(
            c"_asyncgens_shutdown_called",
            c"Whether shutdown_asyncgens() was called.",
            |this| Ok(Obj::bool(this.py(), this.own.asyncgens_shutdown.get())),
            |this, value| {
                this.own.asyncgens_shutdown.set(value.is_some_and(|value| value.bind().is_truthy().unwrap_or(true)));
                Ok(())
            },
        )
        .repr(repr)
        .on_assignment(assigned)
}

fn thread_id(this: &Ref<EventLoopData>) -> Outcome {
    let py = this.py();
    match this.base.phase() {
        Phase::Running(thread) => Ok(Obj::from(pyo3::types::PyInt::new(py, thread))),
        _ => Ok(Obj::none(py)),
    }
}

fn run_until_complete(this: &Ref<EventLoopData>, args: Args<'_>) -> Outcome {
    const SIGNATURE: Signature<1> =
        Signature::new("BaseEventLoop.run_until_complete", ["future"], 1, 1);
    let py = this.py();
    let [future] = SIGNATURE.bind(py, args)?;
    see_overrides(this)?;
    run::run_until_complete(this, future.unwrap_or(&Obj::none(py)))
}

fn initialise(this: &Ref<EventLoopData>, args: Args<'_>) -> Outcome<()> {
    const SIGNATURE: Signature<2> =
        Signature::new("EventLoop", ["selector", "poll_every_turn"], 1, 0);
    let py = this.py();
    let [selector, poll_every_turn] = SIGNATURE.bind(py, args)?;
    if let Some(poll_every_turn) = poll_every_turn {
        this.own
            .poll_every_turn
            .set(poll_every_turn.bind().is_truthy()?);
    }
    if this.base.phase() != Phase::Blank {
        return Err(Raised::runtime_error(
            py,
            "an event loop is initialised once",
        ));
    }
    // As asyncio's, the loop takes the selector over. It has a poller of its own, and whoever goes on with the selector is
    // to learn that nobody looks at it.
    if let Some(selector) = selector.filter(|selector| !selector.is_none()) {
        call::method(selector, intern!(py, "close"), [])?;
    }
    let driver = Driver::new(Monotonic).map_err(|error| Raised::os_error(py, &error))?;
    let weak_set = call::attr(imports::weakref(py), intern!(py, "WeakSet"))?;
    this.own.asyncgens.set(Some(call::call0(&weak_set)?));
    this.own
        .signal_handlers
        .set(Some(Obj::from(PyDict::new(py))));
    see_overrides(this)?;
    this.base.open(driver);
    if let Err(raised) = fork::remember(this).and_then(|()| wakeup_fd::prepare(this)) {
        let exception = raised.take(py);
        let (driver, entries) = this.base.close();
        discard(driver.as_deref(), entries);
        return Err(Raised::raise(exception));
    }
    let debug = call::method(imports::coroutines(py), intern!(py, "_is_debug_mode"), [])?;
    this.base.set_debug(debug.bind().is_truthy()?);
    Ok(())
}

/// Looks which methods a Python subclass has, or its class was given. Asked again for each run.
fn see_overrides(this: &Ref<EventLoopData>) -> Outcome<()> {
    let py = this.py();
    let clock = [
        intern!(py, "time"),
        intern!(py, "call_at"),
        intern!(py, "call_later"),
    ];
    for name in clock {
        if replaced::in_class(this, name)? {
            this.base.own_clock.set(true);
        }
    }
    if replaced::in_class(this, intern!(py, "create_task"))? {
        this.base.own_tasks.set(true);
    }
    if replaced::in_class(this, intern!(py, "call_soon"))? {
        this.base.set_patched();
    }
    if replaced::in_class(this, intern!(py, "create_future"))? {
        this.base.own_futures.set(true);
    }
    Ok(())
}

/// Somebody assigned to an attribute of the loop: a replaced method is from now on asked like a subclass's own.
fn assigned(this: &Ref<EventLoopData>, name: &Obj) {
    match name.bind().extract::<&str>() {
        Ok("call_soon") => this.base.set_patched(),
        Ok("call_at" | "call_later" | "time") => this.base.own_clock.set(true),
        Ok("create_task") => this.base.own_tasks.set(true),
        Ok("create_future") => this.base.own_futures.set(true),
        _ => {}
    }
}

/// `BaseEventLoop.close`, and the Unix loop's: signal handlers are removed, the default executor is told to end.
fn close(this: &Ref<EventLoopData>, args: Args<'_>) -> Outcome {
    let py = this.py();
    no_arguments(py, "_UnixSelectorEventLoop.close", args)?;
    match this.base.phase() {
        Phase::Running(_) => {
            return Err(Raised::runtime_error(
                py,
                "Cannot close a running event loop",
            ));
        }
        Phase::Inherited => return Ok(Obj::none(py)),
        // It may have been closed in another thread, which can give no signals back.
        Phase::Closed => return give_signals_back(this).map(|()| Obj::none(py)),
        Phase::Blank | Phase::Idle => {}
    }
    if this.base.is_debug() {
        let format = Obj::str(py, "Close %r");
        call::method(
            imports::logger(py),
            intern!(py, "debug"),
            [&format, this.as_obj()],
        )?;
    }
    let (driver, entries) = this.base.close();
    discard(driver.as_deref(), entries);
    this.own.executor_shutdown.set(true);
    // The loop is closed, whatever the rest says: signals are the main thread's business, the executor the user's.
    let mut first = First::default();
    first.keep(py, end_executor(this));
    first.keep(py, give_signals_back(this));
    first.outcome().map(|()| Obj::none(py))
}

fn give_signals_back(this: &Ref<EventLoopData>) -> Outcome<()> {
    let mut first = First::default();
    first.keep(this.py(), signals::remove_all(this));
    first.keep(this.py(), wakeup_fd::close(this));
    first.outcome()
}

fn end_executor(this: &Ref<EventLoopData>) -> Outcome<()> {
    let py = this.py();
    if let Some(executor) = this.own.default_executor.take() {
        let wait = PyDict::new(py);
        wait.set_item(intern!(py, "wait"), false)?;
        executor
            .bind()
            .call_method(intern!(py, "shutdown"), (), Some(&wait))?;
    }
    Ok(())
}

fn repr(this: &Ref<EventLoopData>) -> Outcome {
    let py: Python<'_> = this.py();
    let name = this
        .as_obj()
        .bind()
        .get_type()
        .getattr(intern!(py, "__name__"))?;
    let word = |value: bool| if value { "True" } else { "False" };
    let text = format!(
        "<{name} running={} closed={} debug={}>",
        word(this.base.is_running()),
        word(this.base.phase().is_closed()),
        word(this.base.is_debug())
    );
    Ok(Obj::str(py, &text))
}
