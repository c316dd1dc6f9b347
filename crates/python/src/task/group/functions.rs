//! What Python awaits of a group: `__aenter__` and `__aexit__`.

use pyo3::Python;

use super::exit::{Exit, let_go};
use super::group::{TaskGroupData, enter};
use crate::future::operation::{self, Input, Machine, Operation, Progress};
use crate::py::args::{Args, exactly};
use crate::py::cell::Slot;
use crate::py::errors::Outcome;
use crate::py::gc::Visitor;
use crate::py::instance::{Ref, TypeSlot};
use crate::py::object::Obj;

static ENTERING: TypeSlot = TypeSlot::new();
static LEAVING: TypeSlot = TypeSlot::new();

/// `TaskGroup.__aenter__()`, awaited.
struct Entering(Slot<Ref<TaskGroupData>>);

impl Operation for Entering {
    const TYPE: &'static TypeSlot = &ENTERING;
    const NAME: &'static str = "TaskGroup.__aenter__";

    fn visit(&self, visitor: &mut Visitor) {
        visitor.slot(&self.0);
    }

    fn clear(&self) {
        self.0.set(None);
    }

    fn resume(this: &Machine<Self>, _input: Input) -> Outcome<Progress> {
        let Some(group) = this.own().0.get() else {
            return Ok(Progress::Done(Obj::none(this.py())));
        };
        enter(&group)?;
        Ok(Progress::Done(group.into_obj()))
    }
}

/// `TaskGroup.__aexit__(et, exc, tb)`, awaited.
struct Leaving {
    group: Slot<Ref<TaskGroupData>>,
    exit: Exit,
}

impl Operation for Leaving {
    const TYPE: &'static TypeSlot = &LEAVING;
    const NAME: &'static str = "TaskGroup.__aexit__";

    fn visit(&self, visitor: &mut Visitor) {
        visitor.slot(&self.group);
        self.exit.visit(visitor);
    }

    fn clear(&self) {
        self.group.set(None);
        self.exit.clear();
    }

    fn resume(this: &Machine<Self>, input: Input) -> Outcome<Progress> {
        let own = this.own();
        let Some(group) = own.group.get() else {
            return Ok(Progress::Done(Obj::none(this.py())));
        };
        let progress = advance(&own.exit, &group, input);
        if !matches!(progress, Ok(Progress::Wait(_))) {
            let_go(&group);
        }
        progress
    }
}

fn advance(exit: &Exit, group: &Ref<TaskGroupData>, input: Input) -> Outcome<Progress> {
    match input {
        Input::Start => exit.begin(group)?,
        Input::Resumed(outcome) => exit.waited(group, outcome)?,
    }
    match exit.next(group)? {
        Some(completed) => Ok(Progress::Wait(completed)),
        None => exit.end(group).map(Progress::Done),
    }
}

/// `TaskGroup.__aenter__()`
///
/// # Errors
/// `MemoryError`.
pub fn aenter(this: &Ref<TaskGroupData>) -> Outcome {
    operation::make(this.py(), Entering(Slot::new(Some(this.clone()))))
}

/// `TaskGroup.__aexit__(et, exc, tb)`
///
/// # Errors
/// TypeError for wrong arguments.
pub fn aexit(this: &Ref<TaskGroupData>, args: Args<'_>) -> Outcome {
    let py = this.py();
    let [class, exception, _traceback] =
        exactly(py, "TaskGroup.__aexit__", ["et", "exc", "tb"], args)?;
    let leaving = Leaving {
        group: Slot::new(Some(this.clone())),
        exit: Exit::new(class, exception),
    };
    operation::make(py, leaving)
}

/// Builds the types of the operations.
///
/// # Errors
/// What making a type raises.
pub fn build(py: Python<'_>) -> Outcome<()> {
    operation::build::<Entering>(py)?;
    operation::build::<Leaving>(py).map(drop)
}
