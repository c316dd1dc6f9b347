//! What Python awaits of a condition: `wait()` and `wait_for()`.

use std::cell::Cell;

use pyo3::types::PyAnyMethods;
use pyo3::{Python, intern};

use super::condition::ConditionData;
use super::waiting::Waiting;
use crate::future::operation::{self, Input, Machine, Operation, Progress};
use crate::py::args::{Args, exactly, no_arguments};
use crate::py::call;
use crate::py::cell::Slot;
use crate::py::errors::Outcome;
use crate::py::function::add_coroutine_method;
use crate::py::gc::Visitor;
use crate::py::instance::{Ref, TypeSlot};
use crate::py::object::Obj;
use crate::sync::object::is_plain;

static WAIT: TypeSlot = TypeSlot::new();
static WAIT_FOR: TypeSlot = TypeSlot::new();

/// `wait()`, awaited.
struct Wait {
    condition: Ref<ConditionData>,
    waiting: Waiting,
}

impl Operation for Wait {
    const TYPE: &'static TypeSlot = &WAIT;
    const NAME: &'static str = "Condition.wait";

    fn visit(&self, visitor: &mut Visitor) {
        visitor.object(self.condition.as_obj());
        self.waiting.visit(visitor);
    }

    fn clear(&self) {
        self.waiting.clear();
    }

    fn resume(this: &Machine<Self>, input: Input) -> Outcome<Progress> {
        let own = this.own();
        match input {
            Input::Start => own.waiting.begin(&own.condition),
            Input::Resumed(waited) => own.waiting.resumed(&own.condition, waited),
        }
    }
}

/// `wait_for(predicate)`, awaited.
struct WaitFor {
    condition: Ref<ConditionData>,
    predicate: Slot,
    /// Whether it is `waiting` that goes on, or a `wait()` of a subclass's.
    is_own_wait: Cell<bool>,
    waiting: Waiting,
}

impl Operation for WaitFor {
    const TYPE: &'static TypeSlot = &WAIT_FOR;
    const NAME: &'static str = "Condition.wait_for";

    fn visit(&self, visitor: &mut Visitor) {
        visitor.object(self.condition.as_obj());
        visitor.slot(&self.predicate);
        self.waiting.visit(visitor);
    }

    fn clear(&self) {
        self.predicate.set(None);
        self.waiting.clear();
    }

    fn resume(this: &Machine<Self>, input: Input) -> Outcome<Progress> {
        let own = this.own();
        match input {
            Input::Start => {}
            Input::Resumed(waited) if own.is_own_wait.get() => {
                let progress = own.waiting.resumed(&own.condition, waited)?;
                if !matches!(progress, Progress::Done(_)) {
                    return Ok(progress);
                }
            }
            Input::Resumed(waited) => drop(waited?),
        }
        loop {
            let found = own.look(this.py())?;
            if found.bind().is_truthy()? {
                return Ok(Progress::Done(found));
            }
            let progress = own.wait()?;
            if !matches!(progress, Progress::Done(_)) {
                return Ok(progress);
            }
        }
    }
}

impl WaitFor {
    /// `predicate()`
    fn look(&self, py: Python<'_>) -> Outcome {
        match self.predicate.get() {
            Some(predicate) => call::call0(&predicate),
            None => Ok(Obj::none(py)),
        }
    }

    /// `self.wait()`, which a subclass can have its own way.
    fn wait(&self) -> Outcome<Progress> {
        self.is_own_wait.set(is_plain(&self.condition));
        if self.is_own_wait.get() {
            return self.waiting.begin(&self.condition);
        }
        let name = intern!(self.condition.py(), "wait");
        call::method(self.condition.as_obj(), name, []).map(Progress::Wait)
    }
}

fn wait(this: &Ref<ConditionData>, args: Args<'_>) -> Outcome {
    let py = this.py();
    no_arguments(py, "Condition.wait", args)?;
    let wait = Wait {
        condition: this.clone(),
        waiting: Waiting::default(),
    };
    operation::make(py, wait)
}

fn wait_for(this: &Ref<ConditionData>, args: Args<'_>) -> Outcome {
    let py = this.py();
    let [predicate] = exactly(py, "Condition.wait_for", ["predicate"], args)?;
    let wait_for = WaitFor {
        condition: this.clone(),
        predicate: Slot::new(Some(predicate.clone())),
        is_own_wait: Cell::new(false),
        waiting: Waiting::default(),
    };
    operation::make(py, wait_for)
}

/// Adds the two methods to the class.
///
/// # Errors
/// What making a type raises.
pub fn add_to(py: Python<'_>, class: &Obj) -> Outcome<()> {
    operation::build::<Wait>(py)?;
    operation::build::<WaitFor>(py)?;
    add_coroutine_method::<ConditionData, _>(
        class,
        "wait(self)\n--\n\n\
         Release the lock, wait to be notified, and hold the lock again.\n\n\
         True, always; it can also end without a notification, so look again at what you wait for.\n\
         RuntimeError when nobody holds the lock.",
        wait,
    )?;
    add_coroutine_method::<ConditionData, _>(
        class,
        "wait_for(self, predicate)\n--\n\n\
         Wait until predicate() is true; the result is what it gave.\n\n\
         It is called with the lock held, at first and after each notification.",
        wait_for,
    )
}
