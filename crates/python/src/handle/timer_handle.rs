//! `TimerHandle`: a callback with a time (`asyncio.TimerHandle`).
//!
//! Made by `call_at` and `call_later`. It waits in the reactor's timers and is cancelled lazily: the entry stays there,
//! empty, until its time comes or a compaction sweeps it out.

use std::cell::Cell;
use std::rc::Rc;

use pyo3::types::PyAnyMethods;
use pyo3::{Python, intern};
use reactor::time::Expiry;

use super::handle::{self, Arguments, HandleData};
use super::schedule::Scheduler;
use crate::py::args::{Args, Signature};
use crate::py::call;
use crate::py::errors::{Outcome, Raised};
use crate::py::freelist::FreeList;
use crate::py::gc::Visitor;
use crate::py::imports;
use crate::py::instance::{Derived, Payload, Ref, TypeSlot};
use crate::py::object::Obj;
use crate::py::slots::{Comparison, TypeBuilder};

static TYPE: TypeSlot = TypeSlot::new();

/// What a timer adds to a handle.
pub struct Timer {
    /// Seconds on the loop's clock, exactly as asked for.
    when: Cell<f64>,
    /// Whether the entry is in the loop's timers.
    scheduled: Cell<bool>,
}

/// The fields of `asyncio.TimerHandle`.
pub type TimerHandleData = Derived<HandleData, Timer>;

impl Payload for TimerHandleData {
    const TYPE: &'static TypeSlot = &TYPE;

    fn blank() -> Self {
        Self {
            base: HandleData::blank(),
            own: Timer {
                when: Cell::new(0.0),
                scheduled: Cell::new(false),
            },
        }
    }

    fn visit(&self, visitor: &mut Visitor) {
        self.base.visit(visitor);
    }

    fn clear(&self) {
        self.base.clear();
    }

    fn pool(&self) -> Option<Rc<FreeList>> {
        self.base
            .scheduler()
            .map(|scheduler| scheduler.pools.timers.clone())
    }
}

impl Expiry for Ref<TimerHandleData> {
    fn is_cancelled(&self) -> bool {
        self.base.is_cancelled()
    }
}

/// The timer left its loop's heap for good: cancelling it is no longer the heap's business.
pub fn leave(this: &Ref<TimerHandleData>) {
    this.own.scheduled.set(false);
    handle::leave_queue(this.upcast());
}

/// The same, and it is let go of.
#[inline]
pub fn finish(this: Ref<TimerHandleData>, scheduler: &Scheduler) {
    leave(&this);
    this.retire(&scheduler.pools.timers);
}

/// Lets go of a handle that has run, which may be a timer's; see `handle::finish`.
#[inline]
pub fn finish_run(this: Ref<HandleData>, scheduler: &Scheduler) {
    if this.is_exact() {
        return handle::finish(this, scheduler);
    }
    match this.narrow::<TimerHandleData>() {
        Ok(timer) => finish(timer, scheduler),
        Err(handle) => handle::leave_queue(&handle),
    }
}

/// The timer goes from the heap into the ready queue, unless it was cancelled.
#[inline]
pub fn into_ready(this: Ref<TimerHandleData>, scheduler: &Scheduler) -> Option<Ref<HandleData>> {
    if this.base.is_cancelled() {
        finish(this, scheduler);
        return None;
    }
    this.own.scheduled.set(false);
    Some(this.into_base())
}

/// Makes a timer for `callback(*arguments)` at `when` seconds on the loop's clock and puts it into the loop's timers.
///
/// # Errors
/// `MemoryError`, and in debug mode what `remember_source` raises.
#[inline]
pub fn schedule(
    scheduler: &Ref<Scheduler>,
    when: f64,
    callback: &Obj,
    arguments: Arguments,
    context: Option<&Obj>,
) -> Outcome<Ref<TimerHandleData>> {
    let py = scheduler.py();
    let fields = Derived {
        base: HandleData::new(scheduler, callback, arguments, context)?,
        own: Timer {
            when: Cell::new(when),
            scheduled: Cell::new(true),
        },
    };
    let timer = Ref::alloc_untracked(py, fields, Some(&scheduler.pools.timers))?;
    if !scheduler.is_running() {
        timer.track();
    }
    if scheduler.is_debug() {
        timer.base.remember_source(py)?;
    }
    scheduler.set_timer(when, timer.clone())?;
    Ok(timer)
}

/// `TimerHandle.cancel`.
///
/// # Errors
/// As `handle::cancel`.
pub fn cancel(this: &Ref<TimerHandleData>) -> Outcome<()> {
    if this.base.is_cancelled() {
        return Ok(());
    }
    handle::cancel(this.upcast())?;
    if this.own.scheduled.get()
        && let Some(scheduler) = this.base.scheduler()
    {
        scheduler.timer_cancelled();
    }
    Ok(())
}

fn initialise(this: &Ref<TimerHandleData>, args: Args<'_>) -> Outcome<()> {
    const SIGNATURE: Signature<5> = Signature::new(
        "TimerHandle",
        ["when", "callback", "args", "loop", "context"],
        5,
        4,
    );
    let py = this.py();
    let [when, callback, arguments, loop_, context] = SIGNATURE.bind(py, args)?;
    let scheduler = loop_
        .and_then(Obj::downcast::<Scheduler>)
        .cloned()
        .ok_or_else(|| {
            Raised::type_error(py, "an asyncioxide handle belongs to an asyncioxide loop")
        })?;
    let when = when.map_or(Ok(0.0), |when| when.bind().extract::<f64>())?;
    this.own.when.set(when);
    handle::fill(this.upcast(), &scheduler, callback, arguments, context)
}

/// `TimerHandle.__eq__`, as asyncio compares: time, callback, arguments, state.
fn equal(this: &Ref<TimerHandleData>, other: &Ref<TimerHandleData>) -> Outcome<bool> {
    let same_object = |left: Option<Obj>, right: Option<Obj>| -> Outcome<bool> {
        match (left, right) {
            (Some(left), Some(right)) => Ok(left.bind().eq(right.bind())?),
            (None, None) => Ok(true),
            _ => Ok(false),
        }
    };
    Ok(this.own.when.get() == other.own.when.get()
        && this.base.is_cancelled() == other.base.is_cancelled()
        && same_object(this.base.callback()?, other.base.callback()?)?
        && same_object(this.base.arguments_shown()?, other.base.arguments_shown()?)?)
}

fn compare(
    this: &Ref<TimerHandleData>,
    other: &Obj,
    comparison: Comparison,
) -> Outcome<Option<bool>> {
    let Some(other) = other.downcast::<TimerHandleData>() else {
        return Ok(None);
    };
    let (left, right) = (this.own.when.get(), other.own.when.get());
    Ok(Some(match comparison {
        Comparison::Less => left < right,
        Comparison::Greater => left > right,
        Comparison::LessOrEqual => left < right || equal(this, other)?,
        Comparison::GreaterOrEqual => left > right || equal(this, other)?,
        Comparison::Equal => equal(this, other)?,
        Comparison::NotEqual => !equal(this, other)?,
    }))
}

fn when(this: &Ref<TimerHandleData>) -> Outcome {
    let py = this.py();
    Ok(Obj::from(pyo3::types::PyFloat::new(
        py,
        this.own.when.get(),
    )))
}

fn class(this: &Ref<TimerHandleData>) -> Outcome {
    let py = this.py();
    if this.is_exact() {
        return Ok(imports::timer_handle_class(py).clone());
    }
    Ok(Obj::from(this.as_obj().bind().get_type()))
}

/// Stdlib's repr; see `handle::repr`.
fn repr(this: &Ref<TimerHandleData>) -> Outcome {
    let py = this.py();
    call::method(
        imports::timer_handle_class(py),
        intern!(py, "__repr__"),
        [this.as_obj()],
    )
}

/// Stdlib's `TimerHandle.__repr__` asks for this method of its own class.
fn repr_info(this: &Ref<TimerHandleData>) -> Outcome {
    let py = this.py();
    call::method(
        imports::timer_handle_class(py),
        intern!(py, "_repr_info"),
        [this.as_obj()],
    )
}

/// Builds the type.
///
/// # Errors
/// What making a type raises.
pub fn build(py: Python<'_>) -> Outcome {
    TypeBuilder::<TimerHandleData>::new(
        c"asyncioxide._asyncioxide.TimerHandle",
        c"TimerHandle(when, callback, args, loop, context=None)\n--\n\n\
          A callback that waits for its time; what `call_later` and `call_at` return.",
    )
    .base(HandleData::TYPE)
    .subclassable()
    .constructor(initialise)
    .repr(repr)
    .compare(compare)
    .hash(|this| Ok(when(this)?.bind().hash()?))
    .getter(c"__class__", c"asyncio.TimerHandle, or the subclass.", class)
    .getter(c"_when", c"The time of the callback in seconds on the loop's clock.", when)
    .getter(c"_scheduled", c"Whether the timer waits in its loop.", |this| {
        Ok(Obj::bool(this.py(), this.own.scheduled.get()))
    })
    .method0(c"cancel", c"cancel($self, /)\n--\n\nKeep the callback from running.", |this| {
        cancel(this)?;
        Ok(Obj::none(this.py()))
    })
    .method0(
        c"when",
        c"when($self, /)\n--\n\nThe time of the callback in seconds, on the same clock as loop.time().",
        when,
    )
    .method0(c"_repr_info", c"_repr_info($self, /)\n--\n\nThe words of the repr.", repr_info)
    .build(py)
}
