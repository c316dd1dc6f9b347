//! Acquiring and releasing: `acquire()` and `async with`, for whatever can be acquired.
//!
//! Follows `locks._ContextManagerMixin`.

use pyo3::types::PyAnyMethods;
use pyo3::{Python, intern};

use super::object::{Primitive, is_plain};
use crate::future::operation::{self, Input, Machine, Operation, Progress};
use crate::py::args::{Args, exactly, no_arguments};
use crate::py::call;
use crate::py::cell::Slot;
use crate::py::errors::Outcome;
use crate::py::function::add_coroutine_method;
use crate::py::gc::Visitor;
use crate::py::imports;
use crate::py::instance::{Ref, TypeSlot};
use crate::py::object::Obj;

/// A primitive with `acquire` and `release`.
pub trait Acquire: Primitive {
    /// Where the types of its operations are kept.
    const TYPES: &'static Types;

    /// `__qualname__` of its `acquire`.
    const ACQUIRE: &'static str;

    /// Whether its `acquire` and `release` are those below.
    fn has_own_methods(this: &Ref<Self>) -> bool {
        is_plain(this)
    }

    /// `acquire()` begins: takes it if that is possible, else waits for the future that it puts into `waiter`.
    ///
    /// # Errors
    /// RuntimeError when it is bound to another loop.
    fn begin(this: &Ref<Self>, waiter: &Slot) -> Outcome<Progress>;

    /// What `waiter` was waited for is over.
    ///
    /// # Errors
    /// What the wait raised.
    fn resumed(this: &Ref<Self>, waiter: &Slot, waited: Outcome) -> Outcome<Progress>;

    /// `release()`
    ///
    /// # Errors
    /// What it raises when it was not acquired.
    fn release(this: &Ref<Self>) -> Outcome<()>;
}

/// The types of the operations of one primitive.
pub struct Types {
    acquiring: TypeSlot,
    entering: TypeSlot,
    leaving: TypeSlot,
}

impl Types {
    /// Empty places.
    pub const fn new() -> Self {
        Self {
            acquiring: TypeSlot::new(),
            entering: TypeSlot::new(),
            leaving: TypeSlot::new(),
        }
    }
}

/// `acquire()`, awaited.
struct Acquiring<T: Acquire> {
    subject: Ref<T>,
    waiter: Slot,
}

impl<T: Acquire> Operation for Acquiring<T> {
    const TYPE: &'static TypeSlot = &T::TYPES.acquiring;
    const NAME: &'static str = T::ACQUIRE;

    fn visit(&self, visitor: &mut Visitor) {
        visitor.object(self.subject.as_obj());
        visitor.slot(&self.waiter);
    }

    fn clear(&self) {
        self.waiter.set(None);
    }

    #[inline]
    fn resume(this: &Machine<Self>, input: Input) -> Outcome<Progress> {
        let own = this.own();
        match input {
            Input::Start => T::begin(&own.subject, &own.waiter),
            Input::Resumed(waited) => T::resumed(&own.subject, &own.waiter, waited),
        }
    }
}

/// `__aenter__()`, awaited.
struct Entering<T: Acquire> {
    subject: Ref<T>,
    waiter: Slot,
}

impl<T: Acquire> Operation for Entering<T> {
    const TYPE: &'static TypeSlot = &T::TYPES.entering;
    const NAME: &'static str = "_ContextManagerMixin.__aenter__";

    fn visit(&self, visitor: &mut Visitor) {
        visitor.object(self.subject.as_obj());
        visitor.slot(&self.waiter);
    }

    fn clear(&self) {
        self.waiter.set(None);
    }

    #[inline]
    fn resume(this: &Machine<Self>, input: Input) -> Outcome<Progress> {
        let (own, py) = (this.own(), this.py());
        let progress = match input {
            Input::Start if T::has_own_methods(&own.subject) => {
                T::begin(&own.subject, &own.waiter)?
            }
            Input::Start => Progress::Wait(acquire_any(own.subject.as_obj())?),
            Input::Resumed(waited) if own.waiter.is_some() => {
                T::resumed(&own.subject, &own.waiter, waited)?
            }
            Input::Resumed(waited) => Progress::Done(waited?),
        };
        Ok(match progress {
            Progress::Done(_) => Progress::Done(Obj::none(py)),
            waiting => waiting,
        })
    }
}

/// `__aexit__()`, awaited.
struct Leaving<T: Acquire> {
    subject: Ref<T>,
}

impl<T: Acquire> Operation for Leaving<T> {
    const TYPE: &'static TypeSlot = &T::TYPES.leaving;
    const NAME: &'static str = "_ContextManagerMixin.__aexit__";

    fn visit(&self, visitor: &mut Visitor) {
        visitor.object(self.subject.as_obj());
    }

    fn clear(&self) {}

    #[inline]
    fn resume(this: &Machine<Self>, _input: Input) -> Outcome<Progress> {
        let subject = &this.own().subject;
        if T::has_own_methods(subject) {
            T::release(subject)?;
        } else {
            release_any(subject.as_obj())?;
        }
        Ok(Progress::Done(Obj::none(this.py())))
    }
}

/// `subject.acquire()`, whatever it is.
///
/// # Errors
/// What it raises.
pub fn acquire_any(subject: &Obj) -> Outcome {
    call::method(subject, intern!(subject.py(), "acquire"), [])
}

/// `subject.release()`, whatever it is.
///
/// # Errors
/// What it raises.
pub fn release_any(subject: &Obj) -> Outcome<()> {
    call::method(subject, intern!(subject.py(), "release"), []).map(drop)
}

/// Whether an exception is a CancelledError.
///
/// # Errors
/// What an exception's class raises.
pub fn is_cancellation(exception: &Obj) -> Outcome<bool> {
    let class = imports::cancelled_error(exception.py());
    Ok(exception.bind().is_instance(class.bind())?)
}

fn aenter<T: Acquire>(this: &Ref<T>, args: Args<'_>) -> Outcome {
    let py = this.py();
    no_arguments(py, "_ContextManagerMixin.__aenter__", args)?;
    let entering = Entering {
        subject: this.clone(),
        waiter: Slot::default(),
    };
    operation::make(py, entering)
}

fn aexit<T: Acquire>(this: &Ref<T>, args: Args<'_>) -> Outcome {
    let py = this.py();
    let names = ["exc_type", "exc", "tb"];
    exactly(py, "_ContextManagerMixin.__aexit__", names, args)?;
    operation::make(
        py,
        Leaving {
            subject: this.clone(),
        },
    )
}

/// `acquire()`
fn acquire<T: Acquire>(this: &Ref<T>, args: Args<'_>) -> Outcome {
    let py = this.py();
    no_arguments(py, T::ACQUIRE, args)?;
    let acquiring = Acquiring {
        subject: this.clone(),
        waiter: Slot::default(),
    };
    operation::make(py, acquiring)
}

/// Adds `acquire` to a class, with the docstring `doc`.
///
/// # Errors
/// `MemoryError`.
pub fn add_acquire<T: Acquire>(class: &Obj, doc: &'static str) -> Outcome<()> {
    operation::build::<Acquiring<T>>(class.py())?;
    add_coroutine_method::<T, _>(class, doc, acquire)
}

/// Adds what `async with` needs to a class.
///
/// # Errors
/// `MemoryError`.
pub fn add_context_manager<T: Acquire>(py: Python<'_>, class: &Obj) -> Outcome<()> {
    operation::build::<Entering<T>>(py)?;
    operation::build::<Leaving<T>>(py)?;
    add_coroutine_method::<T, _>(
        class,
        "__aenter__(self)\n--\n\nAcquire; `as` gets None.",
        aenter,
    )?;
    add_coroutine_method::<T, _>(
        class,
        "__aexit__(self, exc_type, exc, tb)\n--\n\nRelease, whether or not there was an exception.",
        aexit,
    )
}
