//! `FutureIter`: what `future.__await__()` and `iter(future)` return.
//!
//! It gives the future to the task once, then answers with its result. The future could be its own iterator and save this
//! object; then every future would have `__next__` and pass for an iterator, which asyncio's do not.

use std::cell::Cell;
use std::rc::Rc;

use pyo3::types::{PyAnyMethods, PyTuple, PyType, PyTypeMethods};
use pyo3::{Python, intern};

use super::state::FutureData;
use crate::py::args::{Args, Signature};
use crate::py::call;
use crate::py::cell::Slot;
use crate::py::coroutine::Sent;
use crate::py::errors::{Outcome, Raised};
use crate::py::freelist::FreeList;
use crate::py::gc::Visitor;
use crate::py::instance::{Payload, Ref, TypeSlot};
use crate::py::object::Obj;
use crate::py::slots::TypeBuilder;
use crate::py::version::PY_3_12;

static TYPE: TypeSlot = TypeSlot::new();

/// The payload: the future, and whether its result was taken.
pub struct FutureIter {
    future: Slot<Ref<FutureData>>,
    finished: Cell<bool>,
}

impl Payload for FutureIter {
    const TYPE: &'static TypeSlot = &TYPE;

    fn blank() -> Self {
        Self {
            future: Slot::default(),
            finished: Cell::new(false),
        }
    }

    fn visit(&self, visitor: &mut Visitor) {
        visitor.slot(&self.future);
    }

    fn clear(&self) {
        self.future.set(None);
    }

    fn pool(&self) -> Option<Rc<FreeList>> {
        let scheduler = self.future.get()?.scheduler()?;
        Some(scheduler.pools.iterators.clone())
    }
}

/// `future.__await__()`.
///
/// # Errors
/// RuntimeError when the future is not initialised.
#[inline]
pub fn of(future: &Ref<FutureData>) -> Outcome {
    let py = future.py();
    future.ensure_alive(py)?;
    let iter = FutureIter {
        future: Slot::new(Some(future.clone())),
        finished: Cell::new(false),
    };
    let scheduler = future.scheduler();
    let pool = scheduler
        .as_ref()
        .map(|scheduler| &*scheduler.pools.iterators);
    Ok(Ref::alloc(py, iter, pool)?.into_obj())
}

/// One step of an `await` on `future`: gives it out while it is pending, then its result.
///
/// # Errors
/// The future's exception; RuntimeError when the task resumes while the future is still pending.
#[inline]
pub fn step(future: &Ref<FutureData>) -> Outcome<Sent> {
    let py = future.py();
    if future.is_done() {
        return future.result(py).map(Sent::Returned);
    }
    if future.blocking.replace(true) {
        return Err(Raised::runtime_error(py, "await wasn't used with future"));
    }
    Ok(Sent::Yielded(future.as_obj().clone()))
}

fn send(this: &Ref<FutureIter>, _value: &Obj) -> Outcome<Sent> {
    let py = this.py();
    match this.future.get() {
        Some(future) if !this.finished.get() => {
            this.finished.set(future.is_done());
            step(&future)
        }
        _ => Ok(Sent::Returned(Obj::none(py))),
    }
}

/// `send` as Python calls it: the end is a StopIteration.
fn send_method(this: &Ref<FutureIter>, value: &Obj) -> Outcome {
    match send(this, value)? {
        Sent::Yielded(future) => Ok(future),
        Sent::Returned(value) => {
            let py = this.py();
            let class = Obj::from(py.get_type::<pyo3::exceptions::PyStopIteration>());
            Err(call::raise(&call::call(&class, [&value])?))
        }
    }
}

/// `throw(type, value=None, traceback=None)`, as `FutureIter_throw`.
fn throw(this: &Ref<FutureIter>, args: Args<'_>) -> Outcome {
    let exception = thrown(this.py(), args)?;
    this.finished.set(true);
    Err(Raised::raise(exception))
}

/// The exception that the arguments of a `throw` ask for.
///
/// # Errors
/// TypeError for what cannot be raised; the deprecation warning of the three arguments, where it is an error.
pub(super) fn thrown(py: Python<'_>, args: Args<'_>) -> Outcome {
    const SIGNATURE: Signature<3> = Signature::new("throw", ["type", "value", "traceback"], 3, 1);
    let [class, value, traceback] = SIGNATURE.bind(py, args)?;
    if args.positional().len() > 1 {
        let warn = call::attr(crate::py::imports::warnings(py), intern!(py, "warn"))?;
        let text = "the (type, exc, tb) signature of throw() is deprecated, use the single-arg signature instead.";
        if PY_3_12 {
            let category = Obj::from(py.get_type::<pyo3::exceptions::PyDeprecationWarning>());
            call::call(&warn, [&Obj::str(py, text), &category])?;
        }
    }
    let given = |value: Option<&Obj>| value.filter(|value| !value.is_none()).cloned();
    let exception = exception_of(py, given(class), given(value))?;
    if let Some(traceback) = given(traceback) {
        if !traceback
            .bind()
            .is_instance_of::<pyo3::types::PyTraceback>()
        {
            return Err(Raised::type_error(
                py,
                "throw() third argument must be a traceback",
            ));
        }
        call::set_traceback(&exception, Some(&traceback))?;
    }
    Ok(exception)
}

/// The exception instance that `throw` was asked to raise.
fn exception_of(py: Python<'_>, class: Option<Obj>, value: Option<Obj>) -> Outcome {
    const NOT_RAISABLE: &str =
        "exceptions must be classes deriving BaseException or instances of such a class";
    let base = py.get_type::<pyo3::exceptions::PyBaseException>();
    let Some(class) = class else {
        return Err(Raised::type_error(py, NOT_RAISABLE));
    };
    if call::is_exception(&class) {
        if value.is_some() {
            return Err(Raised::type_error(
                py,
                "instance exception may not have a separate value",
            ));
        }
        return Ok(class);
    }
    let is_exception = match class.bind().cast::<PyType>() {
        Ok(type_) => type_.is_subclass(&base)?,
        Err(_) => false,
    };
    match (is_exception, value) {
        (false, _) => Err(Raised::type_error(py, NOT_RAISABLE)),
        (true, Some(value))
            if call::is_exception(&value) && value.bind().is_instance(class.bind())? =>
        {
            Ok(value)
        }
        (true, value) => instantiated(&class, value.as_ref()),
    }
}

/// `class(value)`, which need not be an exception: a class can make what it likes.
fn instantiated(class: &Obj, value: Option<&Obj>) -> Outcome {
    let py = class.py();
    let made = match value {
        Some(value) => match value.bind().cast::<PyTuple>() {
            Ok(values) => Obj::from(class.bind().call1(values)?),
            Err(_) => call::call(class, [value])?,
        },
        None => call::call0(class)?,
    };
    if call::is_exception(&made) {
        return Ok(made);
    }
    let text = format!(
        "calling {} should have returned an instance of BaseException, not {}",
        class.bind().repr()?,
        made.bind().get_type().repr()?
    );
    Err(Raised::type_error(py, text))
}

fn close(this: &Ref<FutureIter>) -> Outcome {
    this.finished.set(true);
    Ok(Obj::none(this.py()))
}

/// Builds the type.
///
/// # Errors
/// What making a type raises.
pub fn build(py: Python<'_>) -> Outcome {
    TypeBuilder::<FutureIter>::new(c"asyncioxide.FutureIter", c"The iterator behind `await future`.")
        .no_constructor()
        .iter(|this| Ok(this.as_obj().clone()))
        .step(send)
        .method1(c"send", c"send($self, value, /)\n--\n\nResume the await.", send_method)
        .method(
            c"throw",
            c"throw($self, type, value=None, traceback=None, /)\n--\n\nRaise an exception in place of the result.",
            throw,
        )
        .method0(c"close", c"close($self, /)\n--\n\nGive the future up.", close)
        .build(py)
}
