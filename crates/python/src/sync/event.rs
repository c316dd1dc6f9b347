//! `Event`. Follows `asyncio.locks.Event`, which is the same from 3.11 to 3.15.

use std::cell::Cell;
use std::mem::offset_of;

use pyo3::Python;
use pyo3::types::PyAnyMethods;

use super::object::{self, Common, Primitive, assigned, settled};
use super::waiters::Waiters;
use crate::future::any;
use crate::future::operation::{self, Input, Machine, Operation, Progress};
use crate::py::args::no_arguments;
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
    /// Who waits.
    waiters: Waiters,
    is_set: Cell<bool>,
}

impl Payload for EventData {
    const TYPE: &'static TypeSlot = &TYPE;

    fn blank() -> Self {
        Self::default()
    }

    fn visit(&self, visitor: &mut Visitor) {
        self.common.visit(visitor);
        self.waiters.visit(visitor);
    }

    fn clear(&self) {
        self.common.clear();
        self.waiters.clear();
    }
}

impl Primitive for EventData {
    const STATE: &'static [&'static str] = &["_waiters", "_value"];

    fn common(&self) -> &Common {
        &self.common
    }
}

impl EventData {
    /// A new event.
    ///
    /// # Errors
    /// `MemoryError`.
    pub fn make(py: Python<'_>, is_set: bool) -> Outcome<Ref<Self>> {
        let data = Self {
            is_set: Cell::new(is_set),
            ..Self::default()
        };
        Ref::alloc(py, data, None)
    }

    /// `clear()`
    #[inline]
    pub fn unset(&self) {
        self.is_set.set(false);
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
        let (event, waiters) = (&own.event, &own.event.waiters);
        match input {
            Input::Start if event.is_set.get() => {}
            Input::Start => {
                let future = event.common.bound.make_future(event.as_obj())?;
                waiters.push(&future)?;
                own.waiter.set(Some(future.clone()));
                return Ok(Progress::Wait(future));
            }
            Input::Resumed(waited) => {
                let waited = settled(py, waited);
                if let Some(future) = own.waiter.take() {
                    waiters.remove(&future)?;
                }
                waited.map_err(Raised::raise)?;
            }
        }
        Ok(Progress::Done(Obj::bool(py, true)))
    }
}

/// `set()`
///
/// # Errors
/// What a foreign future or the shared deque raises.
pub fn set(this: &Ref<EventData>) -> Outcome<()> {
    let py = this.py();
    if this.is_set.replace(true) {
        return Ok(());
    }
    let woken = Obj::bool(py, true);
    // No waiter leaves the queue before its task runs, so each is met once.
    this.waiters.find(|waiter| {
        if !any::is_done(waiter)? {
            any::set_result(waiter, &woken)?;
        }
        Ok(false)
    })?;
    Ok(())
}

/// `wait()`
///
/// # Errors
/// `MemoryError`.
pub fn wait(this: &Ref<EventData>) -> Outcome {
    let waiting = Waiting {
        event: this.clone(),
        waiter: Slot::default(),
    };
    operation::make(this.py(), waiting)
}

fn repr(this: &Ref<EventData>) -> Outcome {
    let state = if this.is_set.get() { "set" } else { "unset" };
    let waiters = object::waiters_text(&this.waiters)?;
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
        this.waiters.clear();
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
        |this| set(this).map(|()| Obj::none(this.py())),
    )
    .method0(
        c"clear",
        c"clear($self)\n--\n\nTake the flag back: wait() waits for the next set().",
        |this| {
            this.unset();
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
        |this| this.waiters.share(this.py()),
        |this, value| {
            this.waiters.replace(&assigned(this, value)?);
            Ok(())
        },
    );
    let class = object::build(py, object::common(builder, offset_of!(EventData, common)))?;
    operation::build::<Waiting>(py)?;
    add_coroutine_method::<EventData, _>(
        &class,
        "wait(self)\n--\n\nWait until the flag is set; not at all if it is. True, always.",
        |this, args| {
            no_arguments(this.py(), "Event.wait", args)?;
            wait(this)
        },
    )?;
    Ok(class)
}
