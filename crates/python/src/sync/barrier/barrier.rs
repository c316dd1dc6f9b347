//! `Barrier` as Python sees it, and its states.

use std::cell::Cell;
use std::mem::offset_of;

use pyo3::types::{PyAnyMethods, PyInt, PyStringMethods};
use pyo3::{Python, intern};

use super::operations;
use crate::py::args::exactly;
use crate::py::call;
use crate::py::cell::Slot;
use crate::py::errors::{Outcome, Raised};
use crate::py::gc::Visitor;
use crate::py::imports;
use crate::py::instance::{Payload, Ref, TypeSlot};
use crate::py::object::Obj;
use crate::py::slots::TypeBuilder;
use crate::py::version::PY_3_14;
use crate::sync::condition::ConditionData;
use crate::sync::condition::condition::notify_all;
use crate::sync::object::{self, Common, Primitive, assigned};

static TYPE: TypeSlot = TypeSlot::new();

/// What a barrier is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// Tasks gather.
    Filling,
    /// All have come, and leave.
    Draining,
    /// Reset: those who were waiting leave with an error.
    Resetting,
    /// Aborted: nobody passes.
    Broken,
}

impl State {
    const ALL: [Self; 4] = [Self::Filling, Self::Draining, Self::Resetting, Self::Broken];

    /// The value of the member of asyncio's enumeration.
    fn value(self) -> &'static str {
        match self {
            Self::Filling => "filling",
            Self::Draining => "draining",
            Self::Resetting => "resetting",
            Self::Broken => "broken",
        }
    }

    /// The member of asyncio's enumeration.
    fn member(self, py: Python<'_>) -> Outcome {
        call::call(imports::barrier_state(py), [&Obj::str(py, self.value())])
    }

    /// The state that a member of asyncio's enumeration is.
    fn of(member: &Obj) -> Outcome<Self> {
        let py = member.py();
        for state in Self::ALL {
            if state.member(py)?.is(member) {
                return Ok(state);
            }
        }
        let text = format!("{} is no state of a barrier", member.bind().repr()?);
        Err(Raised::type_error(py, text))
    }
}

/// The payload.
pub struct BarrierData {
    common: Common,
    /// Its lock guards the fields, and it is notified of each change.
    condition: Slot<Ref<ConditionData>>,
    parties: Slot,
    state: Cell<State>,
    /// How many tasks are inside.
    count: Cell<i64>,
}

impl Payload for BarrierData {
    const TYPE: &'static TypeSlot = &TYPE;

    fn blank() -> Self {
        Self {
            common: Common::default(),
            condition: Slot::default(),
            parties: Slot::default(),
            state: Cell::new(State::Filling),
            count: Cell::new(0),
        }
    }

    fn visit(&self, visitor: &mut Visitor) {
        self.common.visit(visitor);
        visitor.slot(&self.condition);
        visitor.slot(&self.parties);
    }

    fn clear(&self) {
        self.common.clear();
        self.condition.set(None);
        self.parties.set(None);
    }
}

impl Primitive for BarrierData {
    const STATE: &'static [&'static str] = &["_cond", "_parties", "_state", "_count"];

    fn common(&self) -> &Common {
        &self.common
    }
}

impl BarrierData {
    /// What the barrier is doing.
    pub fn state(&self) -> State {
        self.state.get()
    }

    /// Does something else from now on; the caller notifies.
    pub fn set_state(&self, state: State) {
        self.state.set(state);
    }

    /// A task comes in; how many there were before.
    pub fn come(&self) -> i64 {
        self.count.replace(self.count.get() + 1)
    }

    /// A task leaves; whether it was the last.
    pub fn leave(&self) -> bool {
        self.count.set(self.count.get() - 1);
        self.count.get() == 0
    }

    /// How many tasks are inside.
    pub fn count(&self) -> i64 {
        self.count.get()
    }
}

/// The condition.
///
/// # Errors
/// AttributeError before `__init__`.
pub fn condition(this: &Ref<BarrierData>) -> Outcome<Ref<ConditionData>> {
    this.condition.get().ok_or_else(|| not_initialised(this))
}

/// How many tasks have to come.
///
/// # Errors
/// AttributeError before `__init__`.
pub fn parties(this: &Ref<BarrierData>) -> Outcome {
    this.parties.get().ok_or_else(|| not_initialised(this))
}

#[cold]
fn not_initialised(this: &Ref<BarrierData>) -> Raised {
    let class = this.py().get_type::<pyo3::exceptions::PyAttributeError>();
    Raised::of(&Obj::from(class), "the barrier's __init__() was not called")
}

/// The barrier's state has changed: whoever waits looks again.
///
/// # Errors
/// RuntimeError when the condition's lock is not held.
pub fn tell(this: &Ref<BarrierData>) -> Outcome<()> {
    notify_all(&condition(this)?)
}

fn waiting(this: &Ref<BarrierData>) -> i64 {
    match this.state() {
        State::Filling => this.count(),
        State::Draining | State::Resetting | State::Broken => 0,
    }
}

fn int(py: Python<'_>, value: i64) -> Obj {
    Obj::from(PyInt::new(py, value).into_any())
}

fn repr(this: &Ref<BarrierData>) -> Outcome {
    let state = this.state();
    let mut extra = String::from(state.value());
    if state != State::Broken {
        let parties = parties(this)?;
        let parties = parties.bind().str()?;
        extra += &format!(", waiters:{}/{}", waiting(this), parties.to_string_lossy());
    }
    object::repr_with(this.as_obj(), &extra)
}

fn private_attributes(builder: TypeBuilder<BarrierData>) -> TypeBuilder<BarrierData> {
    builder
        .attribute(
            c"_cond",
            c"The condition that guards the other fields.",
            |this| condition(this).map(Ref::into_obj),
            |this, value| match assigned(this, value)?.into_ref::<ConditionData>() {
                Ok(condition) => {
                    this.condition.set(Some(condition));
                    Ok(())
                }
                Err(_) => Err(Raised::type_error(this.py(), "a Condition is required")),
            },
        )
        .attribute(
            c"_parties",
            c"How many tasks have to come.",
            parties,
            |this, value| {
                this.parties.set(Some(assigned(this, value)?));
                Ok(())
            },
        )
        .attribute(
            c"_state",
            c"What the barrier is doing.",
            |this| this.state().member(this.py()),
            |this, value| {
                this.set_state(State::of(&assigned(this, value)?)?);
                Ok(())
            },
        )
        .attribute(
            c"_count",
            c"How many tasks are inside.",
            |this| Ok(int(this.py(), this.count())),
            |this, value| {
                let count = assigned(this, value)?.bind().extract()?;
                this.count.set(count);
                Ok(())
            },
        )
}

/// Builds the type and those of its operations.
///
/// # Errors
/// What making a type raises.
pub fn build(py: Python<'_>) -> Outcome {
    let builder = TypeBuilder::<BarrierData>::new(
        c"asyncioxide.locks.Barrier",
        c"Barrier(parties)\n--\n\n\
          A place where tasks of one event loop wait until as many as parties have come.\n\n\
          Then all go on, and the barrier can be used again. ValueError when parties is less than 1.",
    )
    .constructor(|this, args| {
        let py = this.py();
        let [parties] = exactly(py, "Barrier.__init__", ["parties"], args)?;
        if parties.bind().lt(1)? {
            let text = if PY_3_14 {
                "parties must be >= 1"
            } else {
                "parties must be > 0"
            };
            return Err(Raised::value_error(py, text));
        }
        this.condition.set(Some(ConditionData::make(py)?));
        this.parties.set(Some(parties.clone()));
        this.state.set(State::Filling);
        this.count.set(0);
        Ok(())
    })
    .repr(repr)
    .getter(c"parties", c"How many tasks have to come.", |this| {
        call::attr(this.as_obj(), intern!(this.py(), "_parties"))
    })
    .getter(c"n_waiting", c"How many tasks wait.", |this| {
        Ok(int(this.py(), waiting(this)))
    })
    .getter(c"broken", c"Whether the barrier was aborted.", |this| {
        Ok(Obj::bool(this.py(), this.state() == State::Broken))
    });
    let builder = private_attributes(builder);
    let class = object::build(py, object::common(builder, offset_of!(BarrierData, common)))?;
    operations::add_to(py, &class)?;
    Ok(class)
}
