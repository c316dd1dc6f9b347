//! The tasks of a group: watching them, and what happens when one is done.
//!
//! A task of ours is watched by the group's `Member`, an observer, which also is the record of who waits for the task.

use pyo3::types::{PyAnyMethods, PyDict, PyDictMethods, PySetMethods};
use pyo3::{Python, intern};

use super::group::{TaskGroupData, hook, is_plain, set_of};
use crate::future::any::{is_cancelled, is_done, set_result};
use crate::future::awaited_by;
use crate::future::observer::{self, Observer};
use crate::py::call;
use crate::py::cell::Slot;
use crate::py::errors::{Outcome, leaves_the_loop};
use crate::py::gc::Visitor;
use crate::py::instance::{Derived, Payload, Ref, TypeSlot};
use crate::py::object::Obj;
use crate::py::slots::TypeBuilder;
use crate::py::version::PY_3_14;
use crate::task::any;

static TYPE: TypeSlot = TypeSlot::new();

/// What a task of the group has among its callbacks.
pub type Member = Derived<Observer, Slot<Ref<TaskGroupData>>>;

impl Payload for Member {
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

fn told(observer: &Obj, task: &Obj) -> Outcome<()> {
    match observer
        .downcast::<Member>()
        .and_then(|member| member.own.get())
    {
        Some(group) => task_done(&group, task),
        None => Ok(()),
    }
}

/// The group's one observer.
fn member(this: &Ref<TaskGroupData>) -> Outcome<Ref<Member>> {
    if let Some(member) = this.member.get() {
        return Ok(member);
    }
    let member = Member {
        base: Observer::new("TaskGroup._on_task_done", told, this.parent.get()),
        own: Slot::new(Some(this.clone())),
    };
    let member = Ref::alloc(this.py(), member, None)?;
    this.member.set(Some(member.clone()));
    Ok(member)
}

/// `task.add_done_callback(self._on_task_done)`
///
/// # Errors
/// What the task raises.
#[inline]
pub fn watch(this: &Ref<TaskGroupData>, task: &Obj) -> Outcome<()> {
    let py = this.py();
    if is_plain(this) {
        return observer::observe(task, &member(this)?);
    }
    let callback = call::attr(this.as_obj(), intern!(py, "_on_task_done"))?;
    call::method(task, intern!(py, "add_done_callback"), [&callback]).map(drop)
}

/// `TaskGroup._on_task_done`
///
/// # Errors
/// What the tasks raise, which the loop reports.
pub fn task_done(this: &Ref<TaskGroupData>, task: &Obj) -> Outcome<()> {
    let py = this.py();
    let parent = this.parent.get();
    if let Some(tasks) = this.tasks.get() {
        set_of(&tasks)?.discard(task.bind())?;
    }
    if PY_3_14 && !is_plain(this) {
        let none = Obj::none(py);
        awaited_by::discard(task, parent.as_ref().unwrap_or(&none))?;
    }
    if let Some(completed) = this.completed.get()
        && !this.has_tasks()
        && !is_done(&completed)?
    {
        set_result(&completed, &Obj::bool(py, true))?;
    }
    if is_cancelled(task)? {
        return Ok(());
    }
    let Some(error) = any::exception(task)? else {
        return Ok(());
    };
    this.add_error(&error)?;
    if is_base_error(this, &error)? && !this.base_error.is_some() {
        this.base_error.set(Some(error.clone()));
    }
    // Without a parent asyncio fails here too, with an AttributeError that the loop reports.
    let parent = parent.unwrap_or_else(|| Obj::none(py));
    if is_done(&parent)? {
        return report_orphan(this, task, &error, &parent);
    }
    if !this.aborting.get() && !this.parent_cancel_requested.get() {
        abort(this)?;
        this.parent_cancel_requested.set(true);
        any::cancel(&parent)?;
    }
    Ok(())
}

fn report_orphan(this: &Ref<TaskGroupData>, task: &Obj, error: &Obj, parent: &Obj) -> Outcome<()> {
    let py = this.py();
    let text = format!(
        "Task {} has errored out but its parent task {} is already completed",
        task.bind().repr()?,
        parent.bind().str()?
    );
    let report = PyDict::new(py);
    report.set_item(intern!(py, "message"), text)?;
    report.set_item(intern!(py, "exception"), error.bind())?;
    report.set_item(intern!(py, "task"), task.bind())?;
    let loop_ = this.loop_.get().unwrap_or_else(|| Obj::none(py));
    let name = intern!(py, "call_exception_handler");
    call::method(&loop_, name, [&Obj::from(report)]).map(drop)
}

/// `TaskGroup._is_base_error`
pub fn is_base_error(this: &Ref<TaskGroupData>, error: &Obj) -> Outcome<bool> {
    if is_plain(this) {
        return Ok(leaves_the_loop(error));
    }
    let name = intern!(this.py(), "_is_base_error");
    let answer = call::method(this.as_obj(), name, [error])?;
    Ok(answer.bind().is_truthy()?)
}

/// `TaskGroup._abort`
pub fn abort(this: &Ref<TaskGroupData>) -> Outcome<()> {
    hook(this, intern!(this.py(), "_abort"), [], || {
        cancel_members(this)
    })
}

/// The body of `_abort`.
///
/// # Errors
/// What a task raises.
pub fn cancel_members(this: &Ref<TaskGroupData>) -> Outcome<()> {
    this.aborting.set(true);
    let Some(tasks) = this.tasks.get() else {
        return Ok(());
    };
    for task in tasks.bind().try_iter()? {
        let task = Obj::from(task?);
        if !is_done(&task)? {
            any::cancel(&task)?;
        }
    }
    Ok(())
}

/// `TaskGroup.cancel` (since 3.15)
///
/// # Errors
/// What a task raises.
pub fn cancel(this: &Ref<TaskGroupData>) -> Outcome<()> {
    if !this.entered.get() {
        this.cancel_on_enter.set(true);
        return Ok(());
    }
    if this.exiting.get() && !this.has_tasks() || this.aborting.get() {
        return Ok(());
    }
    abort(this)?;
    if let Some(parent) = this
        .parent
        .get()
        .filter(|_| !this.parent_cancel_requested.get())
    {
        this.parent_cancel_requested.set(true);
        any::cancel(&parent)?;
    }
    Ok(())
}

/// Builds the observer's type.
///
/// # Errors
/// What making a type raises.
pub fn build(py: Python<'_>) -> Outcome {
    TypeBuilder::<Member>::new(
        c"asyncioxide.TaskGroupMember",
        c"What tells a TaskGroup that a task is done.",
    )
    .base(Observer::TYPE)
    .no_constructor()
    .build(py)
}
