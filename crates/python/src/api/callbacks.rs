//! `call_soon`, `call_later`, `call_at`, `call_soon_threadsafe`, `time`.

use pyo3::types::{
    PyAnyMethods, PyDict, PyDictMethods, PyFloat, PyFloatMethods, PyInt, PySequenceMethods,
    PyTuple, PyTupleMethods,
};
use pyo3::{Python, intern};

use crate::event_loop::core::EventLoopData;
use crate::handle::handle::{self, Arguments, HandleData};
use crate::handle::phase::Phase;
use crate::handle::schedule::{Entry, now};
use crate::handle::timer_handle;
use crate::py::args::{Args, Signature, no_arguments};
use crate::py::call;
use crate::py::errors::{Outcome, Raised};
use crate::py::imports;
use crate::py::instance::Ref;
use crate::py::object::Obj;
use crate::py::slots::TypeBuilder;
use crate::py::thread;
use crate::py::version::PY_3_14;

/// Adds this file's methods.
pub fn methods(builder: TypeBuilder<EventLoopData>) -> TypeBuilder<EventLoopData> {
    builder
        .method(
            c"call_soon",
            c"call_soon($self, callback, *args, context=None)\n--\n\n\
              Call callback(*args) in the next turn, in the order of asking. Returns a Handle.",
            call_soon,
        )
        .method(
            c"call_later",
            c"call_later($self, delay, callback, *args, context=None)\n--\n\n\
              Call callback(*args) after delay seconds. Returns a TimerHandle.",
            call_later,
        )
        .method(
            c"call_at",
            c"call_at($self, when, callback, *args, context=None)\n--\n\n\
              Call callback(*args) at the time when, in seconds as time() tells them. Returns a TimerHandle.",
            call_at,
        )
        .method(
            c"call_soon_threadsafe",
            c"call_soon_threadsafe($self, callback, *args, context=None)\n--\n\n\
              call_soon() for other threads and signal handlers: wakes the loop. Returns a Handle.",
            call_soon_threadsafe,
        )
        .method(
            c"time",
            c"time($self, /)\n--\n\nThe loop's clock in seconds: time.monotonic().",
            |this, args| {
                no_arguments(this.py(), "BaseEventLoop.time", args)?;
                Ok(Obj::from(PyFloat::new(this.py(), now())))
            },
        )
        .method1(
            c"_timer_handle_cancelled",
            c"_timer_handle_cancelled($self, handle, /)\n--\n\nA stock TimerHandle of this loop was cancelled.",
            |this, _handle| Ok(Obj::none(this.py())),
        )
        .method0(
            c"_check_thread",
            c"_check_thread($self, /)\n--\n\nRuntimeError if the loop runs on another thread.",
            |this| this.base.check_thread(this.py()).map(|()| Obj::none(this.py())),
        )
        .method0(
            c"_write_to_self",
            c"_write_to_self($self, /)\n--\n\nWake the loop if it waits.",
            |this| wake(this).map(|()| Obj::none(this.py())),
        )
}

/// The parts of a scheduling call: a time (or nothing), `callback`, its arguments, `context`.
struct Request<'a> {
    when: Option<&'a Obj>,
    callback: &'a Obj,
    arguments: Arguments,
    context: Option<&'a Obj>,
}

impl<'a> Request<'a> {
    /// Divides `callback, *args, context=None`.
    #[inline(always)]
    fn without_time(
        py: Python<'_>,
        signature: &'static Signature<2>,
        args: Args<'a>,
    ) -> Outcome<Self> {
        let (bound, rest) = match args.positional() {
            [callback, rest @ ..] if !args.has_keywords() => ([Some(callback), None], rest),
            _ => signature.bind_leading(py, args)?,
        };
        let [callback, context] = bound;
        Ok(Self {
            when: None,
            callback: callback.expect("a required parameter was bound"),
            arguments: Arguments::of(rest),
            context,
        })
    }

    /// Divides `when, callback, *args, context=None`.
    #[inline(always)]
    fn with_time(
        py: Python<'_>,
        signature: &'static Signature<3>,
        args: Args<'a>,
    ) -> Outcome<Self> {
        let (bound, rest) = match args.positional() {
            [when, callback, rest @ ..] if !args.has_keywords() => {
                ([Some(when), Some(callback), None], rest)
            }
            _ => signature.bind_leading(py, args)?,
        };
        let [when, callback, context] = bound;
        Ok(Self {
            when,
            callback: callback.expect("a required parameter was bound"),
            arguments: Arguments::of(rest),
            context,
        })
    }
}

static CALL_SOON: Signature<2> =
    Signature::new("BaseEventLoop.call_soon", ["callback", "context"], 1, 1);
static CALL_LATER: Signature<3> = Signature::new(
    "BaseEventLoop.call_later",
    ["delay", "callback", "context"],
    2,
    2,
);
static CALL_AT: Signature<3> = Signature::new(
    "BaseEventLoop.call_at",
    ["when", "callback", "context"],
    2,
    2,
);
static CALL_SOON_THREADSAFE: Signature<2> = Signature::new(
    "BaseEventLoop.call_soon_threadsafe",
    ["callback", "context"],
    1,
    1,
);

#[inline]
fn call_soon(this: &Ref<EventLoopData>, args: Args<'_>) -> Outcome {
    let py = this.py();
    let request = Request::without_time(py, &CALL_SOON, args)?;
    this.base.check_closed(py)?;
    if this.base.is_debug() {
        this.base.check_thread(py)?;
        check_callback(this, request.callback, "call_soon")?;
    }
    let handle = handle::make_queued(
        this.upcast(),
        request.callback,
        request.arguments,
        request.context,
    )?;
    this.base.push(Entry::Handle(handle.clone()));
    Ok(handle.into_obj())
}

fn call_later(this: &Ref<EventLoopData>, args: Args<'_>) -> Outcome {
    let py = this.py();
    let request = Request::with_time(py, &CALL_LATER, args)?;
    let none = Obj::none(py);
    let delay = request.when.unwrap_or(&none);
    if delay.is_none() {
        return Err(Raised::type_error(py, "delay must not be None"));
    }
    if this.base.own_clock.get() {
        let when = this
            .as_obj()
            .bind()
            .call_method0(intern!(py, "time"))?
            .add(delay.bind())?;
        return through_call_at(this, Obj::from(when), &request);
    }
    schedule(this, now() + seconds_of(delay)?, request)
}

fn call_at(this: &Ref<EventLoopData>, args: Args<'_>) -> Outcome {
    let py = this.py();
    let request = Request::with_time(py, &CALL_AT, args)?;
    let none = Obj::none(py);
    let when = request.when.unwrap_or(&none);
    if when.is_none() {
        return Err(Raised::type_error(py, "when cannot be None"));
    }
    schedule(this, seconds_of(when)?, request)
}

/// A number of seconds; what is no number fails as asyncio's `self.time() + delay` does.
#[inline]
fn seconds_of(value: &Obj) -> Outcome<f64> {
    let py = value.py();
    if value.bind().is_exact_instance_of::<PyInt>() {
        return call::int_as_f64(value);
    }
    if let Ok(float) = value.bind().cast::<PyFloat>() {
        return Ok(float.value());
    }
    if let Ok(int) = value.bind().cast::<PyInt>() {
        return Ok(int.extract()?);
    }
    Ok(PyFloat::new(py, 0.0).add(value.bind())?.extract()?)
}

#[inline(always)]
fn schedule(this: &Ref<EventLoopData>, when: f64, request: Request<'_>) -> Outcome {
    let py = this.py();
    this.base.check_closed(py)?;
    if this.base.is_debug() {
        this.base.check_thread(py)?;
        check_callback(this, request.callback, "call_at")?;
    }
    let timer = timer_handle::schedule(
        this.upcast(),
        when,
        request.callback,
        request.arguments,
        request.context,
    )?;
    Ok(timer.into_obj())
}

/// `self.call_at(when, callback, *args, context=context)`.
fn through_call_at(this: &Ref<EventLoopData>, when: Obj, request: &Request<'_>) -> Outcome {
    let py = this.py();
    let arguments = request.arguments.tuple(request.callback)?;
    let leading = PyTuple::new(py, [when.bind(), request.callback.bind()])?;
    let all = leading
        .as_sequence()
        .concat(arguments.bind().cast::<PyTuple>()?.as_sequence())?
        .to_tuple()?;
    let keywords = PyDict::new(py);
    if let Some(context) = request.context {
        keywords.set_item(intern!(py, "context"), context.bind())?;
    }
    Ok(Obj::from(this.as_obj().bind().call_method(
        intern!(py, "call_at"),
        all,
        Some(&keywords),
    )?))
}

fn call_soon_threadsafe(this: &Ref<EventLoopData>, args: Args<'_>) -> Outcome {
    let py = this.py();
    let request = Request::without_time(py, &CALL_SOON_THREADSAFE, args)?;
    this.base.check_closed(py)?;
    if this.base.is_debug() {
        check_callback(this, request.callback, "call_soon_threadsafe")?;
    }
    let handle = handle::make_queued(
        this.upcast(),
        request.callback,
        request.arguments,
        request.context,
    )?;
    handle.set_threadsafe();
    post(this, &handle)?;
    Ok(handle.into_obj())
}

/// Hands a handle to the loop from any thread. On the loop's own thread, or while the loop does not run, it goes straight
/// into the queue, where it keeps its place among the `call_soon`s.
fn post(this: &Ref<EventLoopData>, handle: &Ref<HandleData>) -> Outcome<()> {
    let py = this.py();
    let is_ours = match this.base.phase() {
        Phase::Running(owner) => thread::ident(py) == owner,
        Phase::Blank | Phase::Idle | Phase::Closed | Phase::Inherited => true,
    };
    if is_ours {
        this.base.push(Entry::Handle(handle.clone()));
        return Ok(());
    }
    let Some(driver) = this.base.driver() else {
        return this.base.check_closed(py);
    };
    driver
        .remote()
        .push(handle.clone())
        .map_err(|error| Raised::os_error(py, &error))
}

fn wake(this: &Ref<EventLoopData>) -> Outcome<()> {
    match this.base.driver() {
        Some(driver) => driver
            .remote()
            .wake()
            .map_err(|error| Raised::os_error(this.py(), &error)),
        None => Ok(()),
    }
}

/// `BaseEventLoop._check_callback` (debug mode).
///
/// # Errors
/// TypeError for coroutines and for what cannot be called.
pub fn check_callback(this: &Ref<EventLoopData>, callback: &Obj, method: &str) -> Outcome<()> {
    let py = this.py();
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
            format!("coroutines cannot be used with {method}()"),
        ));
    }
    if !callback.bind().is_callable() {
        let text = format!(
            "a callable object was expected by {method}(), got {}",
            callback.bind().repr()?
        );
        return Err(Raised::type_error(py, text));
    }
    Ok(())
}
