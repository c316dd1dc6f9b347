//! `TaskGroup.create_task`: a task joins the group.

use pyo3::types::{PyAnyMethods, PyDict, PyDictMethods, PySetMethods};
use pyo3::{Python, intern};

use super::dialect::Dialect;
use super::group::{TaskGroupData, hook, is_plain, refused, set_of};
use super::members::{task_done, watch};
use crate::future::any::is_done;
use crate::future::awaited_by;
use crate::handle::schedule::Scheduler;
use crate::py::args::{Args, Signature};
use crate::py::call;
use crate::py::errors::Outcome;
use crate::py::imports;
use crate::py::instance::Ref;
use crate::py::object::Obj;
use crate::py::version::PY_3_14;
use crate::task::{any, task};

/// `TaskGroup.create_task`
///
/// # Errors
/// RuntimeError unless the group takes tasks; what making the task raises.
pub fn create_task(this: &Ref<TaskGroupData>, args: Args<'_>) -> Outcome {
    let py = this.py();
    let dialect = Dialect::current(py);
    let request = Request::of(py, dialect, args)?;
    if let Some(why) = why_refused(this) {
        if dialect.closes_refused {
            call::method(request.coro, intern!(py, "close"), [])?;
        }
        return Err(refused(this, why));
    }
    let task = request.create(this, dialect)?;
    if PY_3_14 && !is_plain(this) {
        let none = Obj::none(py);
        awaited_by::add(&task, &this.parent.get().unwrap_or(none))?;
    }
    if dialect.calls_back_at_once && is_done(&task)? {
        hook(this, intern!(py, "_on_task_done"), [&task], || {
            task_done(this, &task)
        })?;
        return Ok(task);
    }
    set_of(&this.tasks(py)?)?.add(task.bind())?;
    watch(this, &task)?;
    if dialect.cancels_late_members && this.aborting.get() && !is_done(&task)? {
        any::cancel(&task)?;
    }
    Ok(task)
}

fn why_refused(this: &Ref<TaskGroupData>) -> Option<&'static str> {
    if !this.entered.get() {
        return Some("has not been entered");
    }
    if this.exiting.get() && !this.has_tasks() {
        return Some("is finished");
    }
    this.aborting.get().then_some("is shutting down")
}

/// The arguments of `create_task`.
struct Request<'a> {
    coro: &'a Obj,
    name: Option<&'a Obj>,
    context: Option<&'a Obj>,
    /// What only a loop that takes more can make something of.
    args: Args<'a>,
    has_more: bool,
}

impl<'a> Request<'a> {
    #[inline]
    fn of(py: Python<'_>, dialect: Dialect, args: Args<'a>) -> Outcome<Self> {
        const SIGNATURE: Signature<3> =
            Signature::new("TaskGroup.create_task", ["coro", "name", "context"], 1, 1);
        if let ([coro], false) = (args.positional(), args.has_keywords()) {
            return Ok(Self {
                coro,
                name: None,
                context: None,
                args,
                has_more: false,
            });
        }
        let has_more =
            dialect.passes_keywords_on && args.keywords().any(|(name, _)| !is_own_keyword(&name));
        if has_more {
            return Ok(Self {
                coro: Self::coro(py, args)?,
                name: None,
                context: None,
                args,
                has_more,
            });
        }
        let [coro, name, context] = SIGNATURE.bind(py, args)?;
        Ok(Self {
            coro: coro.expect("a required parameter was bound"),
            name,
            context,
            args,
            has_more,
        })
    }

    /// The one parameter of a `create_task` that passes all other keywords on.
    fn coro(py: Python<'_>, args: Args<'a>) -> Outcome<&'a Obj> {
        const SIGNATURE: Signature<1> = Signature::new("TaskGroup.create_task", ["coro"], 1, 1);
        let (bound, _) = SIGNATURE.bind_open(py, args)?;
        let [coro] = bound;
        Ok(coro.expect("a required parameter was bound"))
    }

    /// The task.
    #[inline]
    fn create(&self, this: &Ref<TaskGroupData>, dialect: Dialect) -> Outcome {
        let py = this.py();
        let Some(loop_) = this.loop_.get() else {
            return Err(refused(this, "has not been entered"));
        };
        let ours = loop_
            .downcast::<Scheduler>()
            .filter(|scheduler| scheduler.makes_our_tasks() && !self.has_more);
        let made = match ours {
            Some(scheduler) => {
                scheduler.check_closed(py)?;
                let name = self.name.filter(|_| !dialect.names_afterwards);
                task::make(scheduler, self.coro, name, self.context)?.into_obj()
            }
            None => self.create_on(&loop_, dialect)?,
        };
        if dialect.names_afterwards {
            let none = Obj::none(py);
            call::method(
                imports::tasks(py),
                intern!(py, "_set_task_name"),
                [&made, self.name.unwrap_or(&none)],
            )?;
        }
        Ok(made)
    }

    /// `loop.create_task(...)` with the arguments that the running Python's group passes.
    fn create_on(&self, loop_: &Obj, dialect: Dialect) -> Outcome {
        let py = loop_.py();
        let create_task = call::attr(loop_, intern!(py, "create_task"))?;
        let keywords = PyDict::new(py);
        if dialect.passes_keywords_on {
            for (name, value) in self.args.keywords() {
                if name.bind().ne("coro")? {
                    keywords.set_item(name.bind(), value.bind())?;
                }
            }
        } else {
            if !dialect.names_afterwards {
                keywords.set_item(intern!(py, "name"), self.name.map(Obj::bind))?;
            }
            if let Some(context) = self.context.filter(|context| !context.is_none()) {
                keywords.set_item(intern!(py, "context"), context.bind())?;
            }
        }
        let task = create_task
            .bind()
            .call((self.coro.bind(),), Some(&keywords))?;
        Ok(Obj::from(task))
    }
}

fn is_own_keyword(name: &Obj) -> bool {
    name.bind()
        .extract::<&str>()
        .is_ok_and(|name| matches!(name, "coro" | "name" | "context"))
}
