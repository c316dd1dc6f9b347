//! `_release_waiter`: ends the wait for a future of `wait_for()` when something else is done, or when the time has come.

use pyo3::{Python, intern};

use crate::future::any::{is_done, set_result};
use crate::future::observer::Observer;
use crate::handle::handle::Arguments;
use crate::handle::native::Native;
use crate::handle::schedule::{Scheduler, now};
use crate::handle::timer_handle;
use crate::py::call;
use crate::py::cell::Slot;
use crate::py::errors::Outcome;
use crate::py::gc::Visitor;
use crate::py::imports;
use crate::py::instance::{Derived, Payload, Ref, TypeSlot};
use crate::py::object::Obj;
use crate::py::slots::TypeBuilder;

use super::timeout::timer;

static TYPE: TypeSlot = TypeSlot::new();

/// What a timer of ours calls, with the waiter.
static RELEASE: Native = Native {
    run: release,
    callable: |waiter| {
        let py = waiter.py();
        call::attr(imports::tasks(py), intern!(py, "_release_waiter"))
    },
    arguments: |waiter| vec![waiter.clone()],
};

/// An observer that releases a waiter.
pub type Releaser = Derived<Observer, Slot>;

impl Payload for Releaser {
    const TYPE: &'static TypeSlot = &TYPE;

    fn blank() -> Self {
        Self {
            base: Observer::blank(),
            own: Slot::default(),
        }
    }

    fn visit(&self, visitor: &mut Visitor) {
        self.base.visit(visitor);
        visitor.slot(&self.own);
    }

    fn clear(&self) {
        self.base.clear();
        self.own.set(None);
    }
}

/// An observer for `waiter`; `awaiter` may be known as the task that waits.
///
/// # Errors
/// `MemoryError`.
pub fn observer(waiter: &Obj, awaiter: Option<Obj>) -> Outcome<Ref<Releaser>> {
    let told = |observer: &Obj, _future: &Obj| match observer
        .downcast::<Releaser>()
        .and_then(|releaser| releaser.own.get())
    {
        Some(waiter) => release(&waiter),
        None => Ok(()),
    };
    let releaser = Releaser {
        base: Observer::new("_release_waiter", told, awaiter),
        own: Slot::new(Some(waiter.clone())),
    };
    Ref::alloc(waiter.py(), releaser, None)
}

/// `loop.call_later(delay, _release_waiter, waiter)`
///
/// # Errors
/// What the loop raises.
pub fn later(loop_: &Obj, delay: &Obj, waiter: &Obj) -> Outcome {
    let py = loop_.py();
    let ours = loop_
        .downcast::<Scheduler>()
        .filter(|scheduler| !scheduler.own_clock.get());
    if let Some(scheduler) = ours
        && let Some(seconds) = timer::plain_seconds(delay)?
    {
        timer::check(scheduler)?;
        let arguments = Arguments::Native(&RELEASE);
        let timer = timer_handle::schedule(scheduler, now() + seconds, waiter, arguments, None)?;
        return Ok(timer.into_obj());
    }
    let release = call::attr(imports::tasks(py), intern!(py, "_release_waiter"))?;
    call::method(loop_, intern!(py, "call_later"), [delay, &release, waiter])
}

/// `waiter.set_result(None)`, unless it is done.
///
/// # Errors
/// What the waiter raises.
pub fn release(waiter: &Obj) -> Outcome<()> {
    if is_done(waiter)? {
        return Ok(());
    }
    set_result(waiter, &Obj::none(waiter.py()))
}

/// Builds the observer's type.
///
/// # Errors
/// What making a type raises.
pub fn build(py: Python<'_>) -> Outcome {
    TypeBuilder::<Releaser>::new(
        c"asyncioxide.Releaser",
        c"What ends a wait when a future is done.",
    )
    .base(Observer::TYPE)
    .no_constructor()
    .build(py)
}
