//! `Semaphore` and `BoundedSemaphore`. Follows the classes in `asyncio.locks`; what a cancelled `acquire` passes on
//! changed in 3.13.

use std::mem::offset_of;

use pyo3::Python;
use pyo3::intern;
use pyo3::types::{PyAnyMethods, PyStringMethods};

use super::acquisition::{self, Acquire, Types, is_cancellation};
use super::count::Count;
use super::object::{self, Common, Primitive, assigned, settled};
use super::waiters::Waiters;
use crate::future::any;
use crate::future::operation::Progress;
use crate::py::args::{Args, Signature};
use crate::py::call;
use crate::py::cell::Slot;
use crate::py::errors::{Outcome, Raised};
use crate::py::gc::Visitor;
use crate::py::instance::{Derived, Payload, Ref, TypeSlot};
use crate::py::object::Obj;
use crate::py::slots::TypeBuilder;
use crate::py::version::PY_3_13;

static TYPE: TypeSlot = TypeSlot::new();
static BOUNDED: TypeSlot = TypeSlot::new();
static TYPES: Types = Types::new();

/// The payload.
#[derive(Default)]
pub struct SemaphoreData {
    common: Common,
    /// Who waits.
    waiters: Waiters,
    value: Count,
}

/// What a bounded semaphore adds.
#[derive(Default)]
pub struct Bound(Count);

/// The payload of a bounded semaphore.
pub type BoundedSemaphoreData = Derived<SemaphoreData, Bound>;

impl Payload for SemaphoreData {
    const TYPE: &'static TypeSlot = &TYPE;

    fn blank() -> Self {
        Self::default()
    }

    fn visit(&self, visitor: &mut Visitor) {
        self.common.visit(visitor);
        self.waiters.visit(visitor);
        self.value.visit(visitor);
    }

    fn clear(&self) {
        self.common.clear();
        self.waiters.clear();
        self.value.clear();
    }
}

impl Payload for BoundedSemaphoreData {
    const TYPE: &'static TypeSlot = &BOUNDED;

    fn blank() -> Self {
        Self {
            base: SemaphoreData::default(),
            own: Bound::default(),
        }
    }

    fn visit(&self, visitor: &mut Visitor) {
        self.base.visit(visitor);
        self.own.0.visit(visitor);
    }

    fn clear(&self) {
        self.base.clear();
        self.own.0.clear();
    }
}

impl Primitive for SemaphoreData {
    const STATE: &'static [&'static str] = &["_waiters", "_value"];

    fn common(&self) -> &Common {
        &self.common
    }
}

impl Primitive for BoundedSemaphoreData {
    const STATE: &'static [&'static str] = &["_waiters", "_value", "_bound_value"];

    fn common(&self) -> &Common {
        &self.base.common
    }
}

impl SemaphoreData {
    /// `locked()`, as this class has it: somebody else is first.
    #[inline]
    fn is_locked(&self) -> Outcome<bool> {
        Ok(self.value.is_zero()? || self.waiters.has_live()?)
    }

    /// Wakes the first who waits and was not woken yet; whether there was one (`_wake_up_next`).
    #[inline]
    fn wake_next(&self, py: Python<'_>) -> Outcome<bool> {
        let Some(next) = self.waiters.next_pending()? else {
            return Ok(false);
        };
        self.value.add(py, -1)?;
        any::set_result(&next, &Obj::bool(py, true))?;
        Ok(true)
    }

    /// `release()`, as this class has it.
    #[inline]
    fn give_back(&self, py: Python<'_>) -> Outcome<()> {
        self.value.add(py, 1)?;
        self.wake_next(py).map(drop)
    }

    /// A waiter that was `acquire`'s has left the queue.
    fn left(&self, future: &Obj, waited: &Result<Obj, Obj>) -> Outcome<()> {
        let py = future.py();
        let cancelled = match waited {
            Err(exception) => is_cancellation(exception)?,
            Ok(_) => false,
        };
        if !PY_3_13 {
            // Cancelled after it was woken: what it was woken for is somebody else's.
            if cancelled && !any::is_cancelled(future)? {
                self.value.add(py, 1)?;
                self.wake_next(py)?;
            }
            if waited.is_ok() && self.value.is_positive()? {
                self.wake_next(py)?;
            }
            return Ok(());
        }
        if cancelled && any::is_done(future)? && !any::is_cancelled(future)? {
            self.value.add(py, 1)?;
        }
        // Others may have come who had to wait for their turn.
        while self.value.is_positive()? && self.wake_next(py)? {}
        Ok(())
    }
}

/// The bound, if the semaphore is of that class itself.
fn bounded(this: &Ref<SemaphoreData>) -> Option<&Ref<BoundedSemaphoreData>> {
    this.as_obj().downcast_exact()
}

impl Acquire for SemaphoreData {
    const TYPES: &'static Types = &TYPES;
    const ACQUIRE: &'static str = "Semaphore.acquire";

    #[inline]
    fn has_own_methods(this: &Ref<Self>) -> bool {
        !this.common.has_attributes() && (this.is_exact() || bounded(this).is_some())
    }

    #[inline]
    fn begin(this: &Ref<Self>, waiter: &Slot) -> Outcome<Progress> {
        let py = this.py();
        let is_locked = if Self::has_own_methods(this) {
            this.is_locked()?
        } else {
            call::method(this.as_obj(), intern!(py, "locked"), [])?
                .bind()
                .is_truthy()?
        };
        if !is_locked {
            this.value.add(py, -1)?;
            return Ok(Progress::Done(Obj::bool(py, true)));
        }
        let future = this.common.bound.make_future(this.as_obj())?;
        this.waiters.push(&future)?;
        waiter.set(Some(future.clone()));
        Ok(Progress::Wait(future))
    }

    #[inline]
    fn resumed(this: &Ref<Self>, waiter: &Slot, waited: Outcome) -> Outcome<Progress> {
        let py = this.py();
        let waited = settled(py, waited);
        if let Some(future) = waiter.take() {
            this.waiters.remove(&future)?;
            this.left(&future, &waited)?;
        }
        waited.map_err(Raised::raise)?;
        Ok(Progress::Done(Obj::bool(py, true)))
    }

    #[inline]
    fn release(this: &Ref<Self>) -> Outcome<()> {
        match bounded(this) {
            Some(bounded) => release_bounded(bounded),
            None => this.give_back(this.py()),
        }
    }
}

fn release_bounded(this: &Ref<BoundedSemaphoreData>) -> Outcome<()> {
    let py = this.py();
    if this.base.value.reaches(py, &this.own.0)? {
        let text = "BoundedSemaphore released too many times";
        return Err(Raised::value_error(py, text));
    }
    this.base.give_back(py)
}

fn initialise(this: &Ref<SemaphoreData>, args: Args<'_>, signature: &Signature<1>) -> Outcome<Obj> {
    let py = this.py();
    let [value] = signature.bind(py, args)?;
    let value = match value {
        Some(value) => value.clone(),
        None => Obj::from(pyo3::types::PyInt::new(py, 1).into_any()),
    };
    if value.bind().lt(0)? {
        let text = "Semaphore initial value must be >= 0";
        return Err(Raised::value_error(py, text));
    }
    this.waiters.clear();
    this.value.set(&value);
    Ok(value)
}

fn repr(this: &Ref<SemaphoreData>) -> Outcome {
    let py = this.py();
    let is_locked = call::method(this.as_obj(), intern!(py, "locked"), [])?;
    let state = if is_locked.bind().is_truthy()? {
        String::from("locked")
    } else {
        let value = this.value.get(py);
        format!("unlocked, value:{}", value.bind().str()?.to_string_lossy())
    };
    let waiters = object::waiters_text(&this.waiters)?;
    object::repr_with(this.as_obj(), &format!("{state}{waiters}"))
}

/// Builds the type `Semaphore` and those of its operations.
///
/// # Errors
/// What making a type raises.
pub fn build(py: Python<'_>) -> Outcome {
    const SIGNATURE: Signature<1> = Signature::new("Semaphore.__init__", ["value"], 1, 0);
    let builder = TypeBuilder::<SemaphoreData>::new(
        c"asyncioxide.locks.Semaphore",
        c"Semaphore(value=1)\n--\n\n\
          A counter that acquire() takes one from and release() gives one to; it is never below zero.\n\n\
          Tasks of one event loop wait for their turn in the order in which they came. value is what\n\
          the counter begins with; ValueError when it is negative. `async with` acquires for the block.",
    )
    .constructor(|this, args| initialise(this, args, &SIGNATURE).map(drop))
    .repr(repr)
    .method0(
        c"locked",
        c"locked($self)\n--\n\nWhether acquire() would wait.",
        |this| Ok(Obj::bool(this.py(), this.is_locked()?)),
    )
    .method0(
        c"release",
        c"release($self)\n--\n\nAdd one to the counter, and wake the first of those who wait.",
        |this| this.give_back(this.py()).map(|()| Obj::none(this.py())),
    )
    .method0(
        c"_wake_up_next",
        c"_wake_up_next($self)\n--\n\nWake the first of those who wait; whether there was one.",
        |this| {
            let was_woken = this.wake_next(this.py())?;
            Ok(if PY_3_13 {
                Obj::bool(this.py(), was_woken)
            } else {
                Obj::none(this.py())
            })
        },
    )
    .attribute(
        c"_value",
        c"The counter.",
        |this| Ok(this.value.get(this.py())),
        |this, value| {
            this.value.set(&assigned(this, value)?);
            Ok(())
        },
    )
    .attribute(
        c"_waiters",
        c"The futures of those who wait; None before there was one.",
        |this| this.waiters.share_if_used(this.py()),
        |this, value| {
            this.waiters.replace(&assigned(this, value)?);
            Ok(())
        },
    );
    let class = object::build(
        py,
        object::common(builder, offset_of!(SemaphoreData, common)),
    )?;
    acquisition::add_acquire::<SemaphoreData>(
        &class,
        "acquire(self)\n--\n\n\
         Take one from the counter; wait while it is zero or others wait. True, always.",
    )?;
    acquisition::add_context_manager::<SemaphoreData>(py, &class)?;
    Ok(class)
}

/// Builds the type `BoundedSemaphore`.
///
/// # Errors
/// What making a type raises.
pub fn build_bounded(py: Python<'_>) -> Outcome {
    const SIGNATURE: Signature<1> = Signature::new("BoundedSemaphore.__init__", ["value"], 1, 0);
    let builder = TypeBuilder::<BoundedSemaphoreData>::new(
        c"asyncioxide.locks.BoundedSemaphore",
        c"BoundedSemaphore(value=1)\n--\n\n\
          A Semaphore that cannot be released more often than it was acquired.",
    )
    .base(&TYPE)
    .subclassable()
    .constructor(|this, args| {
        let value = initialise(this.upcast(), args, &SIGNATURE)?;
        this.own.0.set(&value);
        Ok(())
    })
    .method0(
        c"release",
        c"release($self)\n--\n\n\
          Add one to the counter, and wake the first of those who wait.\n\n\
          ValueError when that would be more than it began with.",
        |this| release_bounded(this).map(|()| Obj::none(this.py())),
    )
    .attribute(
        c"_bound_value",
        c"What the counter began with.",
        |this| Ok(this.own.0.get(this.py())),
        |this, value| {
            this.own.0.set(&assigned(this, value)?);
            Ok(())
        },
    );
    object::build(py, object::copying(builder))
}
