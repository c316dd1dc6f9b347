//! `Future` as Python sees it (`asyncio.Future`): the methods and attributes over `state.rs`.

use std::mem::offset_of;

use pyo3::types::{PyAnyMethods, PyTypeMethods};
use pyo3::{Python, intern};

use super::callbacks::Callback;
use super::state::FutureData;
use super::{awaited_by, awaiting};
use crate::handle::schedule::{LoopRef, Scheduler};
use crate::py::args::{Args, Signature};
use crate::py::call;
use crate::py::context;
use crate::py::errors::{Outcome, Raised};
use crate::py::imports;
use crate::py::instance::Ref;
use crate::py::object::Obj;
use crate::py::slots::TypeBuilder;
use crate::py::version::PY_3_15;

/// A pending future of `loop_`, which is ours (`loop.create_future()`).
///
/// # Errors
/// `MemoryError`, and in debug mode what extracting a stack raises.
#[inline]
pub fn make(scheduler: &Ref<Scheduler>) -> Outcome<Ref<FutureData>> {
    let py = scheduler.py();
    let future = Ref::alloc(
        py,
        FutureData::new(Some(scheduler.clone())),
        Some(&scheduler.pools.futures),
    )?;
    if scheduler.is_debug() {
        future.remember_source(py)?;
    }
    Ok(future)
}

/// `loop.create_future()` of any loop.
///
/// # Errors
/// As `make`; what another loop raises.
#[inline]
pub fn make_for(loop_: &Obj) -> Outcome {
    match loop_.downcast::<Scheduler>() {
        Some(scheduler) if !scheduler.own_futures.get() => make(scheduler).map(Ref::into_obj),
        _ => call::method(loop_, intern!(loop_.py(), "create_future"), []),
    }
}

/// The body of `__init__`: binds the fields to a loop, and in debug mode remembers where.
///
/// # Errors
/// What `loop.get_debug()` raises.
pub fn initialise_for(fields: &FutureData, loop_: &Obj) -> Outcome<()> {
    let py = loop_.py();
    fields.reset();
    let loop_ref = LoopRef::of(loop_);
    let debug = match &loop_ref {
        LoopRef::Native(scheduler) => scheduler.is_debug(),
        LoopRef::Foreign(object) => call::method(object, intern!(py, "get_debug"), [])?
            .bind()
            .is_truthy()?,
    };
    fields.bind_loop(loop_ref);
    if debug {
        fields.remember_source(py)?;
    }
    Ok(())
}

/// The loop that a constructor was given, or the current one.
///
/// # Errors
/// What `asyncio.get_event_loop()` raises.
pub fn loop_or_current(py: Python<'_>, loop_: Option<&Obj>) -> Outcome {
    match loop_ {
        Some(loop_) if !loop_.is_none() => Ok(loop_.clone()),
        // 3.11 has a variant without the deprecation warning, which its futures use.
        _ => match call::optional_attr(imports::events(py), intern!(py, "_get_event_loop"))? {
            Some(get) => call::call0(&get),
            None => call::method(imports::events(py), intern!(py, "get_event_loop"), []),
        },
    }
}

/// RuntimeError for a second `__init__`, since 3.15 (`future_init`).
///
/// # Errors
/// As said.
pub fn refuse_second_initialisation(object: &Obj, fields: &FutureData) -> Outcome<()> {
    if !PY_3_15 || !fields.has_loop() {
        return Ok(());
    }
    let class = object.bind().get_type().fully_qualified_name()?;
    let text = format!("{class} object is already initialized");
    Err(Raised::runtime_error(object.py(), text))
}

fn initialise(this: &Ref<FutureData>, args: Args<'_>) -> Outcome<()> {
    const SIGNATURE: Signature<1> = Signature::new("Future", ["loop"], 0, 0);
    let py = this.py();
    let [loop_] = SIGNATURE.bind(py, args)?;
    refuse_second_initialisation(this.as_obj(), this)?;
    initialise_for(this, &loop_or_current(py, loop_)?)
}

/// What reads the outcome of a future without `__init__` is told in asyncio's other way.
fn ensure_readable(this: &Ref<FutureData>) -> Outcome<()> {
    let py = this.py();
    if this.has_loop() {
        return Ok(());
    }
    Err(Raised::of(
        imports::invalid_state_error(py),
        "Future object is not initialized.",
    ))
}

fn result(this: &Ref<FutureData>) -> Outcome {
    ensure_readable(this)?;
    this.result(this.py())
}

fn exception(this: &Ref<FutureData>) -> Outcome {
    ensure_readable(this)?;
    this.exception(this.py())
}

fn set_result(this: &Ref<FutureData>, result: &Obj) -> Outcome {
    let py = this.py();
    this.ensure_alive(py)?;
    this.set_result(this.as_obj(), result.clone())?;
    Ok(Obj::none(py))
}

fn set_exception(this: &Ref<FutureData>, exception: &Obj) -> Outcome {
    let py = this.py();
    this.ensure_alive(py)?;
    this.set_exception(this.as_obj(), exception)?;
    Ok(Obj::none(py))
}

fn cancel(this: &Ref<FutureData>, args: Args<'_>) -> Outcome {
    const SIGNATURE: Signature<1> = Signature::new("cancel", ["msg"], 1, 0);
    let py = this.py();
    let [message] = SIGNATURE.bind(py, args)?;
    this.ensure_alive(py)?;
    Ok(Obj::bool(py, this.cancel(this.as_obj(), message)?))
}

fn add_done_callback(this: &Ref<FutureData>, args: Args<'_>) -> Outcome {
    const SIGNATURE: Signature<2> = Signature::new("add_done_callback", ["fn", "context"], 1, 1);
    let py = this.py();
    let [callback, context] = SIGNATURE.bind(py, args)?;
    if !this.has_loop() {
        return Err(Raised::runtime_error(py, "uninitialized Future object"));
    }
    let context = match context {
        Some(context) if !context.is_none() => context.clone(),
        _ => context::copy_current(py)?,
    };
    let callback = callback.cloned().unwrap_or_else(|| Obj::none(py));
    this.add_callback(this.as_obj(), Callback::Call { callback, context })?;
    Ok(Obj::none(py))
}

fn remove_done_callback(this: &Ref<FutureData>, callback: &Obj) -> Outcome {
    let py = this.py();
    this.ensure_alive(py)?;
    let removed = this.callbacks().remove(callback)?;
    Ok(Obj::from(pyo3::types::PyInt::new(py, removed)))
}

fn get_loop(this: &Ref<FutureData>) -> Outcome {
    let py = this.py();
    this.ensure_alive(py)?;
    loop_or_none(this)
}

fn loop_or_none(this: &Ref<FutureData>) -> Outcome {
    let py = this.py();
    Ok(this
        .loop_ref()
        .map_or_else(|| Obj::none(py), |loop_| loop_.object().clone()))
}

/// Stdlib's own repr, word for word: it reads the private attributes below.
fn repr(this: &Ref<FutureData>) -> Outcome {
    let py = this.py();
    this.ensure_alive(py)?;
    call::method(
        imports::base_futures(py),
        intern!(py, "_future_repr"),
        [this.as_obj()],
    )
}

fn class(this: &Ref<FutureData>) -> Outcome {
    let py = this.py();
    if this.is_exact() {
        return Ok(imports::future_class(py).clone());
    }
    Ok(Obj::from(this.as_obj().bind().get_type()))
}

fn set_log_traceback(this: &Ref<FutureData>, value: Option<&Obj>) -> Outcome<()> {
    let py = this.py();
    let Some(value) = value else {
        return Err(cannot_delete(py));
    };
    if value.bind().is_truthy()? {
        return Err(Raised::value_error(
            py,
            "_log_traceback can only be set to False",
        ));
    }
    this.log_traceback.set(false);
    Ok(())
}

fn set_blocking(this: &Ref<FutureData>, value: Option<&Obj>) -> Outcome<()> {
    let Some(value) = value else {
        return Err(cannot_delete(this.py()));
    };
    this.blocking.set(value.bind().is_truthy()?);
    Ok(())
}

/// What asyncio's C classes say when such an attribute is deleted.
pub fn cannot_delete(py: Python<'_>) -> Raised {
    let _attached = py;
    Raised::from(pyo3::exceptions::PyAttributeError::new_err(
        "cannot delete attribute",
    ))
}

/// `Future[int]` for annotations.
///
/// # Errors
/// `MemoryError`.
pub fn generic_alias(class: &Obj, item: &Obj) -> Outcome {
    call::call(imports::generic_alias(class.py()), [class, item])
}

fn or_none(py: Python<'_>, value: Option<Obj>) -> Outcome {
    Ok(value.unwrap_or_else(|| Obj::none(py)))
}

/// Builds the type.
///
/// # Errors
/// What making a type raises.
pub fn build(py: Python<'_>) -> Outcome {
    let builder = TypeBuilder::<FutureData>::new(
        c"asyncioxide.Future",
        c"Future(*, loop=None)\n--\n\nA result that comes later; awaitable. Not safe to use from other threads.",
    )
    .subclassable()
    .constructor(initialise)
    .finalizer()
    .weak_references(offset_of!(FutureData, weak))
    .instance_dict(offset_of!(FutureData, dict))
    .repr(repr)
    .iter(awaiting::of)
    .awaiting(awaiting::of);
    private_attributes(methods(builder)).build(py)
}

fn methods(builder: TypeBuilder<FutureData>) -> TypeBuilder<FutureData> {
    builder
        .method0(
            c"result",
            c"result($self, /)\n--\n\nThe result. Raises the exception if one is set, CancelledError if cancelled, \
              InvalidStateError if pending.",
            result,
        )
        .method0(
            c"exception",
            c"exception($self, /)\n--\n\nThe exception, or None. Raises CancelledError if cancelled, \
              InvalidStateError if pending.",
            exception,
        )
        .method1(c"set_result", c"set_result($self, result, /)\n--\n\nMark the future done with a result.", set_result)
        .method1(
            c"set_exception",
            c"set_exception($self, exception, /)\n--\n\nMark the future done with an exception.",
            set_exception,
        )
        .method(
            c"cancel",
            c"cancel($self, /, msg=None)\n--\n\nCancel the future. False if it was done already.",
            cancel,
        )
        .method(
            c"add_done_callback",
            c"add_done_callback($self, fn, /, *, context=None)\n--\n\n\
              Call fn(future) soon after the future is done, in a context (default: the current one).",
            add_done_callback,
        )
        .method1(
            c"remove_done_callback",
            c"remove_done_callback($self, fn, /)\n--\n\nRemove all entries of fn; their number.",
            remove_done_callback,
        )
        .method0(c"cancelled", c"cancelled($self, /)\n--\n\nWhether the future was cancelled.", |this| {
            Ok(Obj::bool(this.py(), this.state() == super::state::State::Cancelled))
        })
        .method0(
            c"done",
            c"done($self, /)\n--\n\nWhether there is a result or an exception, or the future was cancelled.",
            |this| Ok(Obj::bool(this.py(), this.is_done())),
        )
        .method0(c"get_loop", c"get_loop($self, /)\n--\n\nThe event loop the future belongs to.", get_loop)
        .method0(
            c"_make_cancelled_error",
            c"_make_cancelled_error($self, /)\n--\n\nThe CancelledError to raise for a cancelled future.",
            |this| this.make_cancelled_error(this.py()),
        )
        .class_method1(
            c"__class_getitem__",
            c"__class_getitem__($cls, item, /)\n--\n\nFuture[T] for annotations.",
            generic_alias,
        )
}

fn private_attributes(builder: TypeBuilder<FutureData>) -> TypeBuilder<FutureData> {
    builder
        .getter(c"__class__", c"asyncio.Future, or the subclass.", class)
        .getter(c"_state", c"PENDING, CANCELLED or FINISHED.", |this| {
            Ok(Obj::str(this.py(), this.state().name()))
        })
        .attribute(
            c"_asyncio_future_blocking",
            c"Set while an await hands the future to its task.",
            |this| Ok(Obj::bool(this.py(), this.blocking.get())),
            set_blocking,
        )
        .getter(c"_loop", c"The event loop.", loop_or_none)
        .getter(
            c"_callbacks",
            c"A list of (callback, context), or None.",
            |this| this.callbacks().as_list(this.py()),
        )
        .getter(c"_result", c"The result, or None.", |this| {
            or_none(this.py(), this.peek_result())
        })
        .getter(c"_exception", c"The exception, or None.", |this| {
            or_none(this.py(), this.peek_exception())
        })
        .attribute(
            c"_log_traceback",
            c"Whether an exception is set that nobody has asked for.",
            |this| Ok(Obj::bool(this.py(), this.log_traceback.get())),
            set_log_traceback,
        )
        .getter(
            c"_source_traceback",
            c"Where the future was made (debug mode).",
            |this| {
                or_none(
                    this.py(),
                    this.rare().and_then(|rare| rare.source_traceback.get()),
                )
            },
        )
        .attribute(
            c"_cancel_message",
            c"The message of cancel().",
            |this| {
                or_none(
                    this.py(),
                    this.rare().and_then(|rare| rare.cancel_message.get()),
                )
            },
            |this, message| {
                let message = message.ok_or_else(|| cannot_delete(this.py()))?;
                this.set_cancel_message(Some(message));
                Ok(())
            },
        )
        .getter(
            c"_asyncio_awaited_by",
            c"The tasks that await this one, or None.",
            awaited_by::get,
        )
}
