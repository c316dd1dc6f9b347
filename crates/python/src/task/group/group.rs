//! The type `TaskGroup`: its fields, and its methods as Python sees them.

use std::cell::Cell;
use std::mem::offset_of;

use pyo3::types::{PyAnyMethods, PyList, PyListMethods, PySet, PySetMethods, PyString};
use pyo3::{Bound, Python, intern};

use super::create::create_task;
use super::dialect::Dialect;
use super::functions;
use super::members::{self, Member, cancel, cancel_members, task_done};
use crate::py::args::{Args, exactly, no_arguments};
use crate::py::call;
use crate::py::cell::Slot;
use crate::py::errors::{Outcome, Raised, leaves_the_loop};
use crate::py::gc::Visitor;
use crate::py::instance::{Dict, Payload, Ref, TypeSlot, WeakList};
use crate::py::object::Obj;
use crate::py::slots::TypeBuilder;
use crate::task::current;

static TYPE: TypeSlot = TypeSlot::new();

/// The fields of `asyncio.TaskGroup`.
pub struct TaskGroupData {
    weak: WeakList,
    dict: Dict,
    /// `_loop`
    pub loop_: Slot,
    /// `_parent_task`
    pub parent: Slot,
    /// `_tasks`: a set, made when it is needed.
    pub tasks: Slot,
    /// `_errors`: a list, made when it is needed; None once the group has let go of them.
    errors: Slot,
    /// `_base_error`
    pub base_error: Slot,
    /// `_on_completed_fut`
    pub completed: Slot,
    /// What the tasks are watched by.
    pub member: Slot<Ref<Member>>,
    /// `_entered`
    pub entered: Cell<bool>,
    /// `_exiting`
    pub exiting: Cell<bool>,
    /// `_aborting`
    pub aborting: Cell<bool>,
    /// `_parent_cancel_requested`
    pub parent_cancel_requested: Cell<bool>,
    /// `_cancel_on_enter`
    pub cancel_on_enter: Cell<bool>,
}

impl Payload for TaskGroupData {
    const TYPE: &'static TypeSlot = &TYPE;

    fn blank() -> Self {
        Self {
            weak: WeakList::default(),
            dict: Dict::default(),
            loop_: Slot::default(),
            parent: Slot::default(),
            tasks: Slot::default(),
            errors: Slot::default(),
            base_error: Slot::default(),
            completed: Slot::default(),
            member: Slot::default(),
            entered: Cell::new(false),
            exiting: Cell::new(false),
            aborting: Cell::new(false),
            parent_cancel_requested: Cell::new(false),
            cancel_on_enter: Cell::new(false),
        }
    }

    fn visit(&self, visitor: &mut Visitor) {
        self.dict.visit(visitor);
        for slot in self.objects() {
            visitor.slot(slot);
        }
        visitor.slot(&self.member);
    }

    fn clear(&self) {
        self.dict.clear();
        for slot in self.objects() {
            slot.set(None);
        }
        self.member.set(None);
    }
}

impl TaskGroupData {
    fn objects(&self) -> [&Slot; 6] {
        [
            &self.loop_,
            &self.parent,
            &self.tasks,
            &self.errors,
            &self.base_error,
            &self.completed,
        ]
    }

    /// Whether a task of the group is not done.
    pub fn has_tasks(&self) -> bool {
        self.tasks
            .get()
            .is_some_and(|tasks| set_of(&tasks).is_ok_and(|tasks| !tasks.is_empty()))
    }

    /// `_tasks`
    ///
    /// # Errors
    /// `MemoryError`.
    pub fn tasks(&self, py: Python<'_>) -> Outcome {
        if let Some(tasks) = self.tasks.get() {
            return Ok(tasks);
        }
        let tasks = Obj::from(PySet::empty(py)?);
        self.tasks.set(Some(tasks.clone()));
        Ok(tasks)
    }

    /// `_errors`; None once they were let go.
    fn errors(&self, py: Python<'_>) -> Obj {
        self.errors.get().unwrap_or_else(|| {
            let errors = Obj::from(PyList::empty(py));
            self.errors.set(Some(errors.clone()));
            errors
        })
    }

    /// The errors, if there are any.
    pub fn errors_found(&self) -> Option<Obj> {
        self.errors
            .get()
            .filter(|errors| !errors.is_none() && errors.bind().is_truthy().unwrap_or(false))
    }

    /// `self._errors.append(error)`
    ///
    /// # Errors
    /// AttributeError once the group has let go of them.
    pub fn add_error(&self, error: &Obj) -> Outcome<()> {
        let py = error.py();
        let errors = self.errors(py);
        match errors.bind().cast::<PyList>() {
            Ok(list) => Ok(list.append(error.bind())?),
            Err(_) => call::method(&errors, intern!(py, "append"), [error]).map(drop),
        }
    }

    /// `self._errors = None`
    pub fn drop_errors(&self, py: Python<'_>) {
        self.errors.set(Some(Obj::none(py)));
    }

    /// What the group needed while it was entered, which nobody needs after it.
    pub fn forget_member(&self) {
        if let Some(member) = self.member.take() {
            member.base.forget_awaiter();
        }
    }
}

/// The set of tasks as what it is.
///
/// # Errors
/// None in practice.
pub fn set_of(tasks: &Obj) -> Outcome<&Bound<'_, PySet>> {
    Ok(tasks.bind().cast::<PySet>()?)
}

/// Whether asyncio's steps can be taken here: no subclass and no attribute stands in the place of a method.
#[inline]
pub fn is_plain(this: &Ref<TaskGroupData>) -> bool {
    this.is_exact() && this.dict.get().is_none()
}

/// `TaskGroup.__aenter__`
///
/// # Errors
/// RuntimeError for a second time, and outside a task.
pub fn enter(this: &Ref<TaskGroupData>) -> Outcome<()> {
    let py = this.py();
    if this.entered.get() {
        return Err(refused(this, "has already been entered"));
    }
    let loop_ = match this.loop_.get() {
        Some(loop_) => loop_,
        None => current::running_loop(py)?,
    };
    this.loop_.set(Some(loop_.clone()));
    let parent = current::task_of(&loop_)?;
    this.parent.set(parent.clone());
    if parent.is_none() {
        return Err(refused(this, "cannot determine the parent task"));
    }
    this.entered.set(true);
    if this.cancel_on_enter.get() {
        return hook(this, intern!(py, "cancel"), [], || cancel(this));
    }
    Ok(())
}

/// RuntimeError: the group cannot be used so.
pub fn refused(this: &Ref<TaskGroupData>, why: &str) -> Raised {
    let py = this.py();
    match this.as_obj().bind().repr() {
        Ok(repr) => Raised::runtime_error(py, format!("TaskGroup {repr} {why}")),
        Err(error) => Raised::from(error),
    }
}

/// `self.name(*args)`, which is `body` unless a subclass has it otherwise.
///
/// # Errors
/// What either raises.
pub fn hook<const N: usize>(
    this: &Ref<TaskGroupData>,
    name: &Bound<'_, PyString>,
    args: [&Obj; N],
    body: impl FnOnce() -> Outcome<()>,
) -> Outcome<()> {
    if is_plain(this) {
        return body();
    }
    call::method(this.as_obj(), name, args).map(drop)
}

fn initialise(this: &Ref<TaskGroupData>, args: Args<'_>) -> Outcome<()> {
    no_arguments(this.py(), "TaskGroup.__init__", args)?;
    for slot in this.objects() {
        slot.set(None);
    }
    this.member.set(None);
    for flag in [
        &this.entered,
        &this.exiting,
        &this.aborting,
        &this.parent_cancel_requested,
        &this.cancel_on_enter,
    ] {
        flag.set(false);
    }
    Ok(())
}

fn repr(this: &Ref<TaskGroupData>) -> Outcome {
    let py = this.py();
    let mut text = String::from("<TaskGroup");
    let count = |found: Option<Obj>| -> Outcome<usize> {
        match found.filter(|found| !found.is_none()) {
            Some(found) => Ok(found.bind().len()?),
            None => Ok(0),
        }
    };
    for (name, found) in [("tasks", this.tasks.get()), ("errors", this.errors.get())] {
        match count(found)? {
            0 => {}
            number => text.push_str(&format!(" {name}={number}")),
        }
    }
    if this.aborting.get() {
        text.push_str(" cancelling");
    } else if this.entered.get() {
        text.push_str(" entered");
    }
    text.push('>');
    Ok(Obj::str(py, &text))
}

/// Builds the type and that of its observer.
///
/// # Errors
/// What making a type raises.
pub fn build(py: Python<'_>) -> Outcome {
    members::build(py)?;
    let builder = TypeBuilder::<TaskGroupData>::new(
        c"asyncioxide.taskgroups.TaskGroup",
        c"TaskGroup()\n--\n\n\
          Asynchronous context manager for tasks that end together.\n\n\
          Leaving the block waits for the tasks made by create_task(). When one of them fails, or the block\n\
          does, the others are cancelled and waited for, and all exceptions but CancelledError are raised in\n\
          one ExceptionGroup. SystemExit and KeyboardInterrupt are raised as they are.",
    )
    .subclassable()
    .constructor(initialise)
    .weak_references(offset_of!(TaskGroupData, weak))
    .instance_dict(offset_of!(TaskGroupData, dict))
    .repr(repr);
    flags(attributes(methods(builder, Dialect::current(py))))
        .method0(
            c"__aenter__",
            c"__aenter__($self)\n--\n\n\
              Begin to take tasks; the group itself.\n\n\
              RuntimeError outside of a task, and for a second time.",
            functions::aenter,
        )
        .method(
            c"__aexit__",
            c"__aexit__($self, et, exc, tb)\n--\n\n\
              Wait for the tasks, after cancelling them if the block has raised.\n\n\
              Raises an ExceptionGroup of what they and the block raised, CancelledError aside.",
            functions::aexit,
        )
        .build(py)
}

fn methods(builder: TypeBuilder<TaskGroupData>, dialect: Dialect) -> TypeBuilder<TaskGroupData> {
    builder
        .method(
            c"create_task",
            if dialect.passes_keywords_on {
                c"create_task($self, coro, **kwargs)\n--\n\n\
                  Run a coroutine as a task of this group; the keywords are those of the loop's create_task().\n\n\
                  Returns the task. RuntimeError unless the group is entered and neither finished nor shutting down."
            } else {
                c"create_task($self, coro, *, name=None, context=None)\n--\n\n\
                  Run a coroutine as a task of this group, with a name and in a context.\n\n\
                  Returns the task. RuntimeError unless the group is entered and neither finished nor shutting down."
            },
            create_task,
        )
        .when(dialect.can_be_cancelled, |builder| {
            builder.method0(
                c"cancel",
                c"cancel($self)\n--\n\n\
                  Cancel the group's tasks and the block, which is then left without CancelledError.\n\n\
                  Before the group is entered, it is cancelled as soon as it is. Nothing happens when it is finished.",
                |this| cancel(this).map(|()| Obj::none(this.py())),
            )
        })
        .method0(
            c"_abort",
            c"_abort($self)\n--\n\nCancel the tasks that are not done.",
            |this| cancel_members(this).map(|()| Obj::none(this.py())),
        )
        .method(
            c"_on_task_done",
            c"_on_task_done($self, task)\n--\n\nA task of the group is done.",
            |this, args| {
                let [task] = exactly(this.py(), "TaskGroup._on_task_done", ["task"], args)?;
                task_done(this, task).map(|()| Obj::none(this.py()))
            },
        )
        .method(
            c"_is_base_error",
            c"_is_base_error($self, exc)\n--\n\nWhether exc is SystemExit or KeyboardInterrupt.",
            |this, args| {
                let [error] = exactly(this.py(), "TaskGroup._is_base_error", ["exc"], args)?;
                Ok(Obj::bool(this.py(), leaves_the_loop(error)))
            },
        )
}

fn or_none(py: Python<'_>, value: Option<Obj>) -> Outcome {
    Ok(value.unwrap_or_else(|| Obj::none(py)))
}

fn attributes(builder: TypeBuilder<TaskGroupData>) -> TypeBuilder<TaskGroupData> {
    builder
        .getter(c"_loop", c"The event loop, once entered.", |this| {
            or_none(this.py(), this.loop_.get())
        })
        .getter(
            c"_parent_task",
            c"The task inside the group, or None.",
            |this| or_none(this.py(), this.parent.get()),
        )
        .getter(
            c"_tasks",
            c"The set of the tasks that are not done.",
            |this| this.tasks(this.py()),
        )
        .getter(
            c"_errors",
            c"A list of the tasks' exceptions, or None.",
            |this| Ok(this.errors(this.py())),
        )
        .getter(
            c"_base_error",
            c"The SystemExit or KeyboardInterrupt to raise, or None.",
            |this| or_none(this.py(), this.base_error.get()),
        )
        .getter(
            c"_on_completed_fut",
            c"The future that the end of the block waits for, or None.",
            |this| or_none(this.py(), this.completed.get()),
        )
}

fn flags(builder: TypeBuilder<TaskGroupData>) -> TypeBuilder<TaskGroupData> {
    builder
        .getter(c"_entered", c"Whether the group was entered.", |this| {
            Ok(Obj::bool(this.py(), this.entered.get()))
        })
        .getter(c"_exiting", c"Whether the block has ended.", |this| {
            Ok(Obj::bool(this.py(), this.exiting.get()))
        })
        .getter(c"_aborting", c"Whether the tasks were cancelled.", |this| {
            Ok(Obj::bool(this.py(), this.aborting.get()))
        })
        .getter(
            c"_parent_cancel_requested",
            c"Whether the group has cancelled the task inside it.",
            |this| Ok(Obj::bool(this.py(), this.parent_cancel_requested.get())),
        )
}
