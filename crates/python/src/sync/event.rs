//! `Event`. Follows `asyncio.locks.Event`, which is the same from 3.11 to 3.15.

use std::cell::Cell;
use std::mem::offset_of;

use pyo3::Python;
use pyo3::types::PyAnyMethods;

use super::object::{self, Common, Primitive, assigned, settled};
use crate::future::any;
use crate::future::operation::{self, Input, Machine, Operation, Progress};
use crate::py::args::{Args, no_arguments};
use crate::py::cell::Slot;
use crate::py::errors::{Outcome, Raised};
use crate::py::function::add_coroutine_method;
use crate::py::gc::Visitor;
use crate::py::instance::{Payload, Ref, TypeSlot};
use crate::py::object::Obj;
use crate::py::slots::TypeBuilder;

static TYPE: TypeSlot = TypeSlot::new();
static WAITING: TypeSlot = TypeSlot::new();

/// The payload.
#[derive(Default)]
pub struct EventData {
    common: Common,
    is_set: Cell<bool>,
}

impl Payload for EventData {
    const TYPE: &'static TypeSlot = &TYPE;

    fn blank() -> Self {
        Self::default()
    }

    fn visit(&self, visitor: &mut Visitor) {
        self.common.visit(visitor);
    }

    fn clear(&self) {
        self.common.clear();
    }
}

impl Primitive for EventData {
    const STATE: &'static [&'static str] = &["_waiters", "_value"];

    fn common(&self) -> &Common {
        &self.common
    }
}

/// `wait()`, awaited.
struct Waiting {
    event: Ref<EventData>,
    waiter: Slot,
}

impl Operation for Waiting {
    const TYPE: &'static TypeSlot = &WAITING;
    const NAME: &'static str = "Event.wait";

    fn visit(&self, visitor: &mut Visitor) {
        visitor.object(self.event.as_obj());
        visitor.slot(&self.waiter);
    }

    fn clear(&self) {
        self.waiter.set(None);
    }

    #[inline]
    fn resume(this: &Machine<Self>, input: Input) -> Outcome<Progress> {
        let (own, py) = (this.own(), this.py());
        let common = &own.event.common;
        match input {
            Input::Start if own.event.is_set.get() => {}
            Input::Start => {
                let future = common.bound.make_future(own.event.as_obj())?;
                common.waiters.push(&future)?;
                own.waiter.set(Some(future.clone()));
                return Ok(Progress::Wait(future));
            }
            Input::Resumed(waited) => {
                let waited = settled(py, waited);
                if let Some(future) = own.waiter.take() {
                    common.waiters.remove(&future)?;
                }
                waited.map_err(Raised::raise)?;
            }
        }
        Ok(Progress::Done(Obj::bool(py, true)))
    }
}

/// `set()`
fn set(this: &Ref<EventData>) -> Outcome {
    let py = this.py();
    if this.is_set.replace(true) {
        return Ok(Obj::none(py));
    }
    let woken = Obj::bool(py, true);
    // No waiter leaves the queue before its task runs, so each is met once.
    this.common.waiters.find(|waiter| {
        if !any::is_done(waiter)? {
            any::set_result(waiter, &woken)?;
        }
        Ok(false)
    })?;
    Ok(Obj::none(py))
}

fn wait(this: &Ref<EventData>, args: Args<'_>) -> Outcome {
    let py = this.py();
    no_arguments(py, "Event.wait", args)?;
    let waiting = Waiting {
        event: this.clone(),
        waiter: Slot::default(),
    };
    operation::make(py, waiting)
}

fn repr(this: &Ref<EventData>) -> Outcome {
    let state = if this.is_set.get() { "set" } else { "unset" };
    let waiters = object::waiters_text(&this.common)?;
    object::repr_with(this.as_obj(), &format!("{state}{waiters}"))
}

/// Builds the type and that of its operation.
///
/// # Errors
/// What making a type raises.
pub fn build(py: Python<'_>) -> Outcome {
    let builder = TypeBuilder::<EventData>::new(
        c"asyncioxide.locks.Event",
        c"Event()\n--\n\n\
          A flag that tasks of one event loop can wait for. It is not set at first.\n\n\
          Not for several threads.",
    )
    .constructor(|this, args| {
        no_arguments(this.py(), "Event.__init__", args)?;
        this.common.waiters.clear();
        this.is_set.set(false);
        Ok(())
    })
    .repr(repr)
    .method0(
        c"is_set",
        c"is_set($self)\n--\n\nWhether the flag is set.",
        |this| Ok(Obj::bool(this.py(), this.is_set.get())),
    )
    .method0(
        c"set",
        c"set($self)\n--\n\nSet the flag: all who wait for it go on, and nobody waits while it is set.",
        set,
    )
    .method0(
        c"clear",
        c"clear($self)\n--\n\nTake the flag back: wait() waits for the next set().",
        |this| {
            this.is_set.set(false);
            Ok(Obj::none(this.py()))
        },
    )
    .attribute(
        c"_value",
        c"Whether the flag is set.",
        |this| Ok(Obj::bool(this.py(), this.is_set.get())),
        |this, value| {
            let is_set = assigned(this, value)?.bind().is_truthy()?;
            this.is_set.set(is_set);
            Ok(())
        },
    )
    .attribute(
        c"_waiters",
        c"The futures of those who wait.",
        |this| this.common.waiters.share(this.py()),
        |this, value| {
            this.common.waiters.replace(&assigned(this, value)?);
            Ok(())
        },
    );
    let class = object::build(py, object::common(builder, offset_of!(EventData, common)))?;
    operation::build::<Waiting>(py)?;
    add_coroutine_method::<EventData, _>(
        &class,
        "wait(self)\n--\n\nWait until the flag is set; not at all if it is. True, always.",
        wait,
    )?;
    Ok(class)
}
