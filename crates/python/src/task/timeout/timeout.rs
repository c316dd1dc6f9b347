//! The type `Timeout`: its fields, and its methods as Python sees them.

use std::cell::Cell;
use std::mem::offset_of;
use std::rc::Rc;

use pyo3::types::{PyAnyMethods, PyFloat, PyInt};
use pyo3::{Python, intern};

use super::{functions, timer};
use crate::handle::schedule::Scheduler;
use crate::py::args::{Args, exactly};
use crate::py::call;
use crate::py::cell::Slot;
use crate::py::errors::{Outcome, Raised};
use crate::py::freelist::FreeList;
use crate::py::gc::Visitor;
use crate::py::imports;
use crate::py::instance::{Dict, Payload, Ref, TypeSlot, WeakList};
use crate::py::object::Obj;
use crate::py::slots::TypeBuilder;

static TYPE: TypeSlot = TypeSlot::new();

/// Where a timeout is in its life (`asyncio.timeouts._State`).
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Not entered yet.
    Created,
    /// The task is inside.
    Entered,
    /// The time has come, and the task was cancelled.
    Expiring,
    /// The task has left after that.
    Expired,
    /// The task has left before the time came.
    Exited,
}

impl State {
    /// The name of asyncio's member, and its value, which texts use.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Created => ("CREATED", "created"),
            Self::Entered => ("ENTERED", "active"),
            Self::Expiring => ("EXPIRING", "expiring"),
            Self::Expired => ("EXPIRED", "expired"),
            Self::Exited => ("EXITED", "finished"),
        }
    }
}

/// When the time comes, in seconds on the loop's clock.
#[derive(Clone, Default)]
pub enum When {
    /// Never.
    #[default]
    Never,
    /// Reckoned by us.
    At(f64),
    /// As it was given.
    Given(Obj),
}

impl When {
    /// As `when` says.
    pub fn of(when: &Obj) -> Self {
        if when.is_none() {
            return Self::Never;
        }
        Self::Given(when.clone())
    }

    /// The number that Python sees; none for never.
    pub fn number(&self, py: Python<'_>) -> Option<Obj> {
        match self {
            Self::Never => None,
            Self::At(seconds) => Some(Obj::from(PyFloat::new(py, *seconds))),
            Self::Given(when) => Some(when.clone()),
        }
    }
}

/// The fields of a timeout.
pub struct TimeoutData {
    weak: WeakList,
    dict: Dict,
    /// The loop of ours that made it and keeps its memory.
    home: Slot<Ref<Scheduler>>,
    /// `_task`
    pub task: Slot,
    /// `_timeout_handler`
    pub handler: Slot,
    when: Cell<When>,
    /// `_cancelling`: how many requests to cancel there were when the task came in.
    pub cancelling: Cell<i64>,
    /// `_state`
    pub state: Cell<State>,
}

impl Payload for TimeoutData {
    const TYPE: &'static TypeSlot = &TYPE;

    fn blank() -> Self {
        Self::new(None, When::Never)
    }

    fn visit(&self, visitor: &mut Visitor) {
        self.dict.visit(visitor);
        visitor.slot(&self.home);
        visitor.slot(&self.task);
        visitor.slot(&self.handler);
        let when = self.when.take();
        if let When::Given(when) = &when {
            visitor.object(when);
        }
        self.when.set(when);
    }

    fn clear(&self) {
        self.dict.clear();
        self.task.set(None);
        self.handler.set(None);
        drop(self.when.take());
        self.home.set(None);
    }

    fn pool(&self) -> Option<Rc<FreeList>> {
        self.home
            .get()
            .map(|scheduler| scheduler.pools.timeouts.clone())
    }
}

impl TimeoutData {
    /// A timeout that is not entered.
    pub fn new(home: Option<Ref<Scheduler>>, when: When) -> Self {
        Self {
            weak: WeakList::default(),
            dict: Dict::default(),
            home: Slot::new(home),
            task: Slot::default(),
            handler: Slot::default(),
            when: Cell::new(when),
            cancelling: Cell::new(0),
            state: Cell::new(State::Created),
        }
    }

    /// The deadline.
    pub fn when(&self) -> When {
        let when = self.when.take();
        self.when.set(when.clone());
        when
    }

    /// Changes the deadline.
    pub fn set_when(&self, when: When) {
        drop(self.when.replace(when));
    }
}

/// Whether asyncio's steps can be taken here: no subclass and no attribute stands in the place of a method.
#[inline]
pub fn is_plain(this: &Ref<TimeoutData>) -> bool {
    this.is_exact() && this.dict.get().is_none()
}

/// `Timeout.reschedule`
fn reschedule(this: &Ref<TimeoutData>, when: &Obj) -> Outcome<()> {
    let py = this.py();
    match this.state.get() {
        State::Entered => timer::set(this, When::of(when), None),
        State::Created => Err(Raised::runtime_error(py, "Timeout has not been entered")),
        state => {
            let (_, state) = state.names();
            let text = format!("Cannot change state of {state} Timeout");
            Err(Raised::runtime_error(py, text))
        }
    }
}

fn initialise(this: &Ref<TimeoutData>, args: Args<'_>) -> Outcome<()> {
    let [when] = exactly(this.py(), "Timeout.__init__", ["when"], args)?;
    this.state.set(State::Created);
    this.handler.set(None);
    this.task.set(None);
    this.set_when(When::of(when));
    Ok(())
}

fn repr(this: &Ref<TimeoutData>) -> Outcome {
    let py = this.py();
    let (_, state) = this.state.get().names();
    if this.state.get() != State::Entered {
        return Ok(Obj::str(py, &format!("<Timeout [{state}]>")));
    }
    let when = match this.when().number(py) {
        None => Obj::none(py),
        Some(when) => {
            let round = call::attr(imports::builtins(py), intern!(py, "round"))?;
            let digits = Obj::from(PyInt::new(py, 3));
            call::call(&round, [&when, &digits])?
        }
    };
    let text = format!("<Timeout [{state}] when={}>", when.bind());
    Ok(Obj::str(py, &text))
}

fn or_none(py: Python<'_>, value: Option<Obj>) -> Outcome {
    Ok(value.unwrap_or_else(|| Obj::none(py)))
}

/// `asyncio.timeouts._State`'s member.
fn state(this: &Ref<TimeoutData>) -> Outcome {
    let py = this.py();
    let states = call::attr(imports::timeouts(py), intern!(py, "_State"))?;
    let (name, _) = this.state.get().names();
    Ok(Obj::from(states.bind().getattr(name)?))
}

/// Builds the type.
///
/// # Errors
/// What making a type raises.
pub fn build(py: Python<'_>) -> Outcome {
    let builder = TypeBuilder::<TimeoutData>::new(
        c"asyncioxide.timeouts.Timeout",
        c"Timeout(when)\n--\n\n\
          Asynchronous context manager that cancels what runs inside it when its time has come.\n\n\
          Made by timeout() and timeout_at(). when is the deadline in seconds on the loop's clock, or None for\n\
          no deadline; one that has passed expires in the loop's next turn. The task inside is cancelled, and\n\
          the CancelledError that leaves the block becomes a TimeoutError.",
    )
    .subclassable()
    .constructor(initialise)
    .weak_references(offset_of!(TimeoutData, weak))
    .instance_dict(offset_of!(TimeoutData, dict))
    .repr(repr);
    attributes(methods(builder))
        .method0(
            c"__aenter__",
            c"__aenter__($self)\n--\n\n\
              Begin to count; the timeout itself.\n\n\
              RuntimeError outside of a task, and for a second time.",
            functions::aenter,
        )
        .method(
            c"__aexit__",
            c"__aexit__($self, exc_type, exc_val, exc_tb)\n--\n\n\
              Count no longer. TimeoutError if the time has come and nothing else cancelled the task.",
            functions::aexit,
        )
        .build(py)
}

fn methods(builder: TypeBuilder<TimeoutData>) -> TypeBuilder<TimeoutData> {
    builder
        .method0(
            c"when",
            c"when($self)\n--\n\nThe deadline in seconds on the loop's clock, or None.",
            |this| or_none(this.py(), this.when().number(this.py())),
        )
        .method(
            c"reschedule",
            c"reschedule($self, when)\n--\n\n\
              Move the deadline to when, in seconds on the loop's clock; None for no deadline.\n\n\
              RuntimeError unless a task is inside and the time has not come.",
            |this, args| {
                let [when] = exactly(this.py(), "Timeout.reschedule", ["when"], args)?;
                reschedule(this, when)?;
                Ok(Obj::none(this.py()))
            },
        )
        .method0(
            c"expired",
            c"expired($self)\n--\n\nWhether the time came while a task was inside.",
            |this| {
                let expired = matches!(this.state.get(), State::Expiring | State::Expired);
                Ok(Obj::bool(this.py(), expired))
            },
        )
        .method0(
            c"_on_timeout",
            c"_on_timeout($self)\n--\n\nThe time has come.",
            |this| {
                timer::expire(this)?;
                Ok(Obj::none(this.py()))
            },
        )
}

fn attributes(builder: TypeBuilder<TimeoutData>) -> TypeBuilder<TimeoutData> {
    builder
        .getter(c"_state", c"A member of asyncio.timeouts._State.", state)
        .getter(c"_when", c"The deadline, or None.", |this| {
            or_none(this.py(), this.when().number(this.py()))
        })
        .getter(
            c"_timeout_handler",
            c"The handle of the timer, or None.",
            |this| or_none(this.py(), this.handler.get()),
        )
        .getter(c"_task", c"The task inside, or None.", |this| {
            or_none(this.py(), this.task.get())
        })
        .getter(
            c"_cancelling",
            c"How many requests to cancel there were on entering.",
            |this| Ok(Obj::from(PyInt::new(this.py(), this.cancelling.get()))),
        )
}
