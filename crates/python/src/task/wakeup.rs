//! How a task gets its next step: directly through our ready queue, or as a callable through any other loop.

use std::cell::Cell;

use pyo3::types::PyAnyMethods;
use pyo3::{Python, intern};

use super::step;
use super::task::TaskData;
use crate::handle::schedule::{self, Entry, LoopRef};
use crate::py::args::Args;
use crate::py::call;
use crate::py::cell::Slot;
use crate::py::errors::{Outcome, Raised};
use crate::py::gc::Visitor;
use crate::py::imports;
use crate::py::instance::{Payload, Ref, TypeSlot};
use crate::py::object::Obj;
use crate::py::slots::{Comparison, TypeBuilder};

static TYPE: TypeSlot = TypeSlot::new();

/// What a `TaskCallback` does when it is called.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// `task.__step(exception)`
    Step,
    /// `task.__wakeup(future)`
    Wakeup,
}

/// A task's step or wakeup as a Python callable, for loops and futures that are not ours.
pub struct TaskCallback {
    task: Slot<Ref<TaskData>>,
    exception: Slot,
    purpose: Cell<Purpose>,
}

impl Payload for TaskCallback {
    const TYPE: &'static TypeSlot = &TYPE;

    fn blank() -> Self {
        Self {
            task: Slot::default(),
            exception: Slot::default(),
            purpose: Cell::new(Purpose::Step),
        }
    }

    fn visit(&self, visitor: &mut Visitor) {
        visitor.slot(&self.task);
        visitor.slot(&self.exception);
    }

    fn clear(&self) {
        self.task.set(None);
        self.exception.set(None);
    }
}

/// Schedules a step for the loop's next turn.
///
/// # Errors
/// RuntimeError when the loop is closed, or what a foreign loop raises.
#[inline]
pub fn step_soon(task: &Ref<TaskData>, exception: Option<Obj>) -> Outcome<()> {
    let py = task.py();
    match task.base.loop_ref() {
        Some(LoopRef::Native(scheduler)) if !scheduler.is_patched() => {
            scheduler.check_closed(py)?;
            if scheduler.is_debug() {
                scheduler.check_thread(py)?;
            }
            scheduler.push(Entry::Step(task.as_obj().clone(), exception));
            Ok(())
        }
        Some(loop_) => {
            let callback = callable(task, Purpose::Step, exception)?;
            schedule::call_soon(loop_.object(), &callback, None, &task.context()?)
        }
        None => task.base.ensure_alive(py),
    }
}

/// `task.__step` as a callable.
///
/// # Errors
/// `MemoryError`.
pub fn step_callable(task: &Ref<TaskData>) -> Outcome {
    callable(task, Purpose::Step, None)
}

/// `task.__wakeup` as a callable.
///
/// # Errors
/// `MemoryError`.
pub fn wakeup_callable(task: &Ref<TaskData>) -> Outcome {
    callable(task, Purpose::Wakeup, None)
}

fn callable(task: &Ref<TaskData>, purpose: Purpose, exception: Option<Obj>) -> Outcome {
    let callback = TaskCallback {
        task: Slot::new(Some(task.clone())),
        exception: Slot::new(exception),
        purpose: Cell::new(purpose),
    };
    Ok(Ref::alloc(task.py(), callback, None)?.into_obj())
}

/// Runs the step as the current task of its loop. The loop has entered the context.
fn call(this: &Ref<TaskCallback>, args: Args<'_>) -> Outcome {
    let py = this.py();
    let Some(task) = this.task.get() else {
        return Ok(Obj::none(py));
    };
    let future = match (this.purpose.get(), args.positional()) {
        (Purpose::Step, []) => None,
        (Purpose::Wakeup, [future]) => Some(future),
        (_, given) => {
            let text = format!(
                "function takes no keyword arguments and was given {} arguments",
                given.len()
            );
            return Err(Raised::type_error(py, text));
        }
    };
    entered(&task, || match future {
        None => step::step(&task, this.exception.take()),
        Some(future) => step::wake(&task, future),
    })?;
    Ok(Obj::none(py))
}

/// `_enter_task`, `body`, `_leave_task`.
fn entered(task: &Ref<TaskData>, body: impl FnOnce() -> Outcome<()>) -> Outcome<()> {
    let py = task.py();
    let Some(loop_) = task.base.loop_ref() else {
        return task.base.ensure_alive(py);
    };
    let arguments = [loop_.object(), task.as_obj()];
    super::current::withdraw_of(&loop_)?;
    call::method(imports::tasks(py), intern!(py, "_enter_task"), arguments)?;
    let result = body();
    match result {
        Ok(()) => call::method(imports::tasks(py), intern!(py, "_leave_task"), arguments).map(drop),
        Err(raised) => {
            let exception = raised.take(py);
            call::method(imports::tasks(py), intern!(py, "_leave_task"), arguments)?;
            Err(Raised::raise(exception))
        }
    }
}

fn qualname(this: &Ref<TaskCallback>) -> Outcome {
    let name = match this.purpose.get() {
        Purpose::Step => "TaskStepMethWrapper",
        Purpose::Wakeup => "Task.task_wakeup",
    };
    Ok(Obj::str(this.py(), name))
}

/// Wakeups of one task are equal, so that `remove_done_callback` finds them; steps are equal to themselves.
fn compare(this: &Ref<TaskCallback>, other: &Obj, comparison: Comparison) -> Outcome<Option<bool>> {
    let Some(other) = other.downcast::<TaskCallback>() else {
        return Ok(None);
    };
    let both_wakeups =
        this.purpose.get() == Purpose::Wakeup && other.purpose.get() == Purpose::Wakeup;
    let same = this.as_obj().is(other.as_obj())
        || (both_wakeups && this.task.address() == other.task.address());
    Ok(match comparison {
        Comparison::Equal => Some(same),
        Comparison::NotEqual => Some(!same),
        _ => None,
    })
}

/// Builds the type.
///
/// # Errors
/// What making a type raises.
pub fn build(py: Python<'_>) -> Outcome {
    TypeBuilder::<TaskCallback>::new(
        c"asyncioxide.TaskCallback",
        c"A task's step or wakeup, for loops that are not ours.",
    )
    .no_constructor()
    .callable(call)
    .compare(compare)
    .hash(|this| match this.task.get() {
        Some(task) => Ok(task.as_obj().bind().hash()?),
        None => Ok(0),
    })
    .getter(c"__self__", c"The task.", |this| {
        Ok(this
            .task
            .get()
            .map_or_else(|| Obj::none(this.py()), Ref::into_obj))
    })
    .getter(c"__qualname__", c"The name in reprs.", qualname)
    .build(py)
}
