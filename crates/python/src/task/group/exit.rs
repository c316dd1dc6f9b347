//! `TaskGroup.__aexit__`: waiting for the tasks, and what is raised then.
//!
//! A state machine without an await in it: `Exit::next` says what to wait for, `Exit::waited` takes how that went, and
//! `Exit::end` decides.

use pyo3::Python;
use pyo3::exceptions::PyGeneratorExit;
use pyo3::intern;
use pyo3::types::PyAnyMethods;

use super::dialect::Dialect;
use super::group::TaskGroupData;
use super::members::{abort, is_base_error};
use crate::py::call;
use crate::py::cell::Slot;
use crate::py::errors::{Outcome, Raised, set_aside};
use crate::py::gc::Visitor;
use crate::py::imports;
use crate::py::instance::Ref;
use crate::py::object::Obj;
use crate::task::any;
use crate::task::timeout::leave::is_subclass;

/// A group that is being left.
#[derive(Default)]
pub struct Exit {
    /// The class of what the block raised.
    class: Slot,
    /// What the block raised.
    exception: Slot,
    /// `propagate_cancellation_error`
    propagated: Slot,
    /// `pending_cancellation_error`
    late: Slot,
}

impl Exit {
    /// The block has raised `exception` of `class`; both are None if it has not.
    pub fn new(class: &Obj, exception: &Obj) -> Self {
        let given = |value: &Obj| Slot::new(Some(value.clone()).filter(|value| !value.is_none()));
        Self {
            class: given(class),
            exception: given(exception),
            propagated: Slot::default(),
            late: Slot::default(),
        }
    }

    /// For the collector.
    pub fn visit(&self, visitor: &mut Visitor) {
        for slot in [&self.class, &self.exception, &self.propagated, &self.late] {
            visitor.slot(slot);
        }
    }

    /// Lets go of everything.
    pub fn clear(&self) {
        for slot in [&self.class, &self.exception, &self.propagated, &self.late] {
            slot.set(None);
        }
    }

    /// The block has ended.
    ///
    /// # Errors
    /// What cancelling the tasks raises.
    pub fn begin(&self, group: &Ref<TaskGroupData>) -> Outcome<()> {
        let py = group.py();
        let dialect = Dialect::current(py);
        group.exiting.set(true);
        let class = self.class.get();
        if let Some(exception) = self.exception.get()
            && is_base_error(group, &exception)?
            && !group.base_error.is_some()
        {
            group.base_error.set(Some(exception));
        }
        if is_cancellation(py, dialect, class.as_ref())? {
            self.propagated.set(self.exception.get());
        }
        if !dialect.uncancels_late
            && group.parent_cancel_requested.get()
            && any::uncancel(&parent(group))? == 0
        {
            self.propagated.set(None);
        }
        if class.is_some() && !group.aborting.get() {
            abort(group)?;
        }
        Ok(())
    }

    /// The future to wait for; none when all tasks are done.
    ///
    /// # Errors
    /// What making a future raises.
    pub fn next(&self, group: &Ref<TaskGroupData>) -> Outcome<Option<Obj>> {
        let py = group.py();
        if !group.has_tasks() {
            return Ok(None);
        }
        if let Some(completed) = group.completed.get() {
            return Ok(Some(completed));
        }
        let loop_ = group.loop_.get().unwrap_or_else(|| Obj::none(py));
        let completed = call::method(&loop_, intern!(py, "create_future"), [])?;
        group.completed.set(Some(completed.clone()));
        Ok(Some(completed))
    }

    /// The wait for that future is over.
    ///
    /// # Errors
    /// What ended it, unless that was CancelledError.
    pub fn waited(&self, group: &Ref<TaskGroupData>, outcome: Outcome) -> Outcome<()> {
        let py = group.py();
        if let Err(raised) = outcome {
            let exception = raised.take(py);
            let cancelled = imports::cancelled_error(py);
            if !exception.bind().is_instance(cancelled.bind())? {
                return Err(Raised::raise(exception));
            }
            self.late.set(Some(exception.clone()));
            if !group.aborting.get() {
                self.propagated.set(Some(exception));
                abort(group)?;
            }
        }
        group.completed.set(None);
        Ok(())
    }

    /// All tasks are done: what `__aexit__` returns.
    ///
    /// # Errors
    /// SystemExit and KeyboardInterrupt of a task, CancelledError, or a group of all other exceptions.
    pub fn end(&self, group: &Ref<TaskGroupData>) -> Outcome {
        let py = group.py();
        let dialect = Dialect::current(py);
        if let Some(error) = group.base_error.get() {
            return Err(call::raise(&error));
        }
        if dialect.uncancels_late && group.parent_cancel_requested.get() {
            if any::uncancel(&parent(group))? == 0 {
                self.propagated.set(None);
            } else if dialect.keeps_late_cancellation && !self.propagated.is_some() {
                self.propagated.set(self.late.get());
            }
        }
        if let Some(error) = self.propagated.take()
            && group.errors_found().is_none()
        {
            return Err(call::raise(&error));
        }
        let class = self.class.get();
        if class.is_some() && !is_cancellation(py, dialect, class.as_ref())? {
            let exception = self.exception.get().unwrap_or_else(|| Obj::none(py));
            group.add_error(&exception)?;
        }
        if let Some(errors) = group.errors_found() {
            return Err(self.fail(group, dialect, &errors)?);
        }
        if dialect.can_be_cancelled {
            return Ok(Obj::bool(py, true));
        }
        Ok(Obj::none(py))
    }

    /// There are errors: the exception to raise.
    fn fail(&self, group: &Ref<TaskGroupData>, dialect: Dialect, errors: &Obj) -> Outcome<Raised> {
        let py = group.py();
        let parent = parent(group);
        if dialect.uncancels_late && any::cancelling(&parent)? != 0 {
            // Cancelled from outside: the count stays, and the task is told again.
            any::uncancel(&parent)?;
            any::cancel(&parent)?;
        }
        if dialect.passes_generator_exit
            && let (Some(class), Some(exception)) = (self.class.get(), self.exception.get())
            && is_subclass(&class, &Obj::from(py.get_type::<PyGeneratorExit>()))?
            && errors.bind().len()? == 1
        {
            return Ok(call::raise(&exception));
        }
        let text = Obj::str(py, "unhandled errors in a TaskGroup");
        let made = call::call(imports::base_exception_group(py), [&text, errors]);
        group.drop_errors(py);
        let error = made?;
        call::set_attr(&error, intern!(py, "__cause__"), &Obj::none(py))?;
        Ok(call::raise(&error))
    }
}

/// `__aexit__` is over, however: what could be part of a cycle is let go of.
pub fn let_go(group: &Ref<TaskGroupData>) {
    let py = group.py();
    set_aside(py, || {
        group.forget_member();
        if Dialect::current(py).lets_go {
            group.parent.set(None);
            group.base_error.set(None);
            group.drop_errors(py);
        }
    });
}

fn parent(group: &Ref<TaskGroupData>) -> Obj {
    group.parent.get().unwrap_or_else(|| Obj::none(group.py()))
}

/// Whether what the block raised is a CancelledError.
fn is_cancellation(py: Python<'_>, dialect: Dialect, class: Option<&Obj>) -> Outcome<bool> {
    let cancelled = imports::cancelled_error(py);
    match class {
        None => Ok(false),
        Some(class) if class.is(cancelled) => Ok(true),
        Some(class) if dialect.knows_subclasses => is_subclass(class, cancelled),
        Some(_) => Ok(false),
    }
}
