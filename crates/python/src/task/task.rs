//! `Task` as Python sees it (`asyncio.Task`): fields, construction, methods and attributes.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};

use pyo3::types::{PyAnyMethods, PyDict, PyDictMethods, PyString};
use pyo3::{Python, intern};

use super::{cancel, eager, registry, wakeup};
use crate::future::future::{initialise_for, loop_or_current, refuse_second_initialisation};
use crate::future::native;
use crate::future::state::FutureData;
use crate::handle::schedule::Scheduler;
use crate::py::args::{Args, Signature};
use crate::py::backref::BackRefOwner;
use crate::py::call;
use crate::py::cell::Slot;
use crate::py::context;
use crate::py::errors::{Outcome, Raised};
use crate::py::freelist::FreeList;
use crate::py::gc::Visitor;
use crate::py::imports;
use crate::py::instance::{Derived, Payload, Ref, TypeSlot};
use crate::py::object::Obj;
use crate::py::slots::TypeBuilder;
use crate::py::snapshot::SharedContext;
use crate::py::version::{PY_3_12, PY_3_15};

static TYPE: TypeSlot = TypeSlot::new();

/// A task's name: a number until somebody asks for the text.
#[derive(Clone)]
enum Name {
    /// "Task-{number}"
    Numbered(u64),
    Given(Obj),
}

impl Name {
    fn next() -> Self {
        static COUNTER: AtomicU64 = AtomicU64::new(1);
        Self::Numbered(COUNTER.fetch_add(1, Ordering::Relaxed))
    }
}

/// What a task adds to a future.
pub struct TaskState {
    /// The coroutine; gone once an eager task is done.
    pub coro: Slot,
    /// What the coroutine runs in.
    pub context: SharedContext,
    /// `_fut_waiter`: what the task waits for.
    pub waiter: Slot,
    name: Cell<Option<Name>>,
    /// How asyncio's `all_tasks` knows the task.
    pub registration: Cell<Option<BackRefOwner>>,
    /// Whether asyncio was told by `_register_task`, where its set could not be found.
    pub registered: Cell<bool>,
    /// How often `cancel` was called, less `uncancel`.
    pub cancels: Cell<u32>,
    /// `_must_cancel`: the next step throws CancelledError in.
    pub must_cancel: Cell<bool>,
    /// `_log_destroy_pending`
    log_destroy_pending: Cell<bool>,
}

/// The fields of `asyncio.Task`.
pub type TaskData = Derived<FutureData, TaskState>;

impl Payload for TaskData {
    const TYPE: &'static TypeSlot = &TYPE;

    fn blank() -> Self {
        Self {
            base: FutureData::blank(),
            own: TaskState {
                coro: Slot::default(),
                context: SharedContext::default(),
                waiter: Slot::default(),
                name: Cell::new(None),
                registration: Cell::new(None),
                registered: Cell::new(false),
                cancels: Cell::new(0),
                must_cancel: Cell::new(false),
                log_destroy_pending: Cell::new(false),
            },
        }
    }

    fn visit(&self, visitor: &mut Visitor) {
        self.base.visit(visitor);
        visitor.slot(&self.own.coro);
        self.own.context.visit(visitor);
        visitor.slot(&self.own.waiter);
    }

    fn clear(&self) {
        self.own.coro.set(None);
        self.own.context.clear();
        self.own.waiter.set(None);
        self.base.clear();
    }

    fn wants_finalize(&self) -> bool {
        self.base.wants_finalize() || (self.own.log_destroy_pending.get() && !self.base.is_done())
    }

    fn finalize(this: &Ref<Self>) {
        // Weak references die before finalizers run, so a task that its report keeps alive is not in `all_tasks` either.
        if let Err(raised) = registry::unregister(this) {
            raised.unraisable(this.py(), Some(this.as_obj()));
        }
        if this.own.log_destroy_pending.get() && !this.base.is_done() {
            this.own.log_destroy_pending.set(false);
            if let Err(raised) = this.report_destroyed() {
                raised.unraisable(this.py(), Some(this.as_obj()));
            }
        }
        this.base.report_never_retrieved(this);
    }

    fn pool(&self) -> Option<Rc<FreeList>> {
        self.base
            .scheduler()
            .map(|scheduler| scheduler.pools.tasks.clone())
    }
}

impl Drop for TaskState {
    fn drop(&mut self) {
        // Only a registered task has something to do here, and only if it dies pending.
        if let Some(reference) = self.registration.take() {
            Python::attach(|py| registry::bury(py, &reference));
        }
    }
}

impl Ref<TaskData> {
    /// The context that the coroutine runs in, which from now on is the task's own.
    ///
    /// # Errors
    /// RuntimeError before `__init__`; `MemoryError`.
    pub fn context(&self) -> Outcome {
        match self.own.context.get()? {
            Some(context) => Ok(context),
            None => Err(Raised::runtime_error(
                self.py(),
                "uninitialized Task object",
            )),
        }
    }

    /// Destroying the task while it is pending is not reported.
    #[inline]
    pub fn keep_destruction_quiet(&self) {
        self.own.log_destroy_pending.set(false);
    }

    fn report_destroyed(&self) -> Outcome<()> {
        let py = self.py();
        let report = PyDict::new(py);
        report.set_item(intern!(py, "task"), self.as_obj().bind())?;
        report.set_item(
            intern!(py, "message"),
            "Task was destroyed but it is pending!",
        )?;
        self.base.send_report(report)
    }

    /// Whether `coro` is a generator and the task of a class that takes generators: a Python subclass says so by
    /// `_drives_generators = True`, as that of `asyncioxide.legacy` does. asyncio's tasks took them up to 3.11.
    fn drives_generator(&self, coro: &Obj) -> Outcome<bool> {
        let py = self.py();
        if self.is_exact() || !coro.type_is(imports::generator_type(py)) {
            return Ok(false);
        }
        let class = Obj::from(self.as_obj().bind().get_type());
        match call::optional_attr(&class, intern!(py, "_drives_generators"))? {
            Some(says) => Ok(says.bind().is_truthy()?),
            None => Ok(false),
        }
    }

    /// Gives the task its coroutine, context and name; schedules nothing.
    fn fill(&self, coro: &Obj, name: Option<&Obj>, context: Option<&Obj>) -> Outcome<()> {
        let py = self.py();
        if !is_coroutine(coro)? && !self.drives_generator(coro)? {
            self.own.log_destroy_pending.set(false);
            let text = format!("a coroutine was expected, got {}", coro.bind().repr()?);
            return Err(Raised::type_error(py, text));
        }
        let given = context.filter(|context| !context.is_none());
        if PY_3_15 && let Some(given) = given {
            self.own.log_destroy_pending.set(false);
            context::check(given)?;
        }
        let scheduler = self.base.scheduler();
        let snapshot = scheduler.as_ref().map(|scheduler| &scheduler.snapshot);
        let context = SharedContext::new(py, given, snapshot)?;
        let name = match name {
            Some(name) if !name.is_none() => Name::Given(text_of(name)?),
            _ => Name::next(),
        };
        self.own.context.set(context);
        drop(self.own.name.replace(Some(name)));
        self.own.coro.set(Some(coro.clone()));
        self.own.log_destroy_pending.set(true);
        Ok(())
    }
}

/// `asyncio.iscoroutine(object)`
///
/// # Errors
/// What asking a foreign object raises.
#[inline]
pub fn is_coroutine(object: &Obj) -> Outcome<bool> {
    let py = object.py();
    if object.type_is(imports::coroutine_type(py)) {
        return Ok(true);
    }
    let answer = call::method(
        imports::coroutines(py),
        intern!(py, "iscoroutine"),
        [object],
    )?;
    Ok(answer.bind().is_truthy()?)
}

fn text_of(name: &Obj) -> Outcome {
    if name.bind().is_exact_instance_of::<PyString>() {
        return Ok(name.clone());
    }
    Ok(Obj::from(name.bind().str()?))
}

/// A scheduled and registered task of a loop of ours (`loop.create_task()` without a factory).
///
/// # Errors
/// TypeError for what is no coroutine.
#[inline]
pub fn make(
    scheduler: &Ref<Scheduler>,
    coro: &Obj,
    name: Option<&Obj>,
    context: Option<&Obj>,
) -> Outcome<Ref<TaskData>> {
    let py = scheduler.py();
    let mut fields = TaskData::blank();
    fields.base = FutureData::new(Some(scheduler.clone()));
    let task = Ref::alloc(py, fields, Some(&scheduler.pools.tasks))?;
    if scheduler.is_debug() {
        task.base.remember_source(py)?;
    }
    task.fill(coro, name, context)?;
    wakeup::step_soon(&task, None)?;
    registry::register(&task)?;
    Ok(task)
}

fn initialise(this: &Ref<TaskData>, args: Args<'_>) -> Outcome<()> {
    const SIGNATURE: Signature<5> = Signature::new(
        "Task",
        ["coro", "loop", "name", "context", "eager_start"],
        1,
        1,
    );
    const SIGNATURE_3_11: Signature<4> =
        Signature::new("Task", ["coro", "loop", "name", "context"], 1, 1);
    let py = this.py();
    let [coro, loop_, name, context, eager_start] = if PY_3_12 {
        SIGNATURE.bind(py, args)?
    } else {
        let [coro, loop_, name, context] = SIGNATURE_3_11.bind(py, args)?;
        [coro, loop_, name, context, None]
    };
    refuse_second_initialisation(this.as_obj(), &this.base)?;
    let loop_ = loop_or_current(py, loop_)?;
    initialise_for(&this.base, &loop_)?;
    this.own.waiter.set(None);
    this.own.cancels.set(0);
    this.own.must_cancel.set(false);
    let none = Obj::none(py);
    this.fill(coro.unwrap_or(&none), name, context)?;
    let eager = match eager_start {
        Some(eager) => eager.bind().is_truthy()?,
        None => false,
    };
    if eager
        && call::method(&loop_, intern!(py, "is_running"), [])?
            .bind()
            .is_truthy()?
    {
        let started = eager::start(this, &loop_);
        if PY_3_15 && started.is_err() {
            this.own.log_destroy_pending.set(false);
        }
        return started;
    }
    wakeup::step_soon(this, None)?;
    registry::register(this)
}

fn get_name(this: &Ref<TaskData>) -> Outcome {
    let py = this.py();
    let name = this.own.name.take();
    this.own.name.set(name.clone());
    match name {
        None => Ok(Obj::none(py)),
        Some(Name::Given(name)) => Ok(name),
        Some(Name::Numbered(number)) => {
            let text = Obj::str(py, &format!("Task-{number}"));
            this.own.name.set(Some(Name::Given(text.clone())));
            Ok(text)
        }
    }
}

fn set_name(this: &Ref<TaskData>, name: &Obj) -> Outcome {
    let name = text_of(name)?;
    drop(this.own.name.replace(Some(Name::Given(name))));
    Ok(Obj::none(this.py()))
}

fn cancel_method(this: &Ref<TaskData>, args: Args<'_>) -> Outcome {
    const SIGNATURE: Signature<1> = Signature::new("cancel", ["msg"], 1, 0);
    let py = this.py();
    let [message] = SIGNATURE.bind(py, args)?;
    Ok(Obj::bool(py, cancel::cancel(this, message)?))
}

fn get_stack(this: &Ref<TaskData>, args: Args<'_>) -> Outcome {
    const SIGNATURE: Signature<1> = Signature::new("get_stack", ["limit"], 0, 0);
    let py = this.py();
    let [limit] = SIGNATURE.bind(py, args)?;
    let limit = limit.cloned().unwrap_or_else(|| Obj::none(py));
    call::method(
        imports::base_tasks(py),
        intern!(py, "_task_get_stack"),
        [this.as_obj(), &limit],
    )
}

fn print_stack(this: &Ref<TaskData>, args: Args<'_>) -> Outcome {
    const SIGNATURE: Signature<2> = Signature::new("print_stack", ["limit", "file"], 0, 0);
    let py = this.py();
    let [limit, file] = SIGNATURE.bind(py, args)?;
    let none = Obj::none(py);
    let (limit, file) = (limit.unwrap_or(&none), file.unwrap_or(&none));
    call::method(
        imports::base_tasks(py),
        intern!(py, "_task_print_stack"),
        [this.as_obj(), limit, file],
    )
}

fn number(py: Python<'_>, value: u32) -> Outcome {
    Ok(Obj::from(pyo3::types::PyInt::new(py, value)))
}

fn or_none(py: Python<'_>, value: Option<Obj>) -> Outcome {
    Ok(value.unwrap_or_else(|| Obj::none(py)))
}

/// Stdlib's own repr, word for word.
fn repr(this: &Ref<TaskData>) -> Outcome {
    let py = this.py();
    this.base.ensure_alive(py)?;
    call::method(
        imports::base_tasks(py),
        intern!(py, "_task_repr"),
        [this.as_obj()],
    )
}

fn class(this: &Ref<TaskData>) -> Outcome {
    let py = this.py();
    if this.is_exact() {
        return Ok(imports::task_class(py).clone());
    }
    Ok(Obj::from(this.as_obj().bind().get_type()))
}

fn set_log_destroy_pending(this: &Ref<TaskData>, value: Option<&Obj>) -> Outcome<()> {
    let Some(value) = value else {
        return Err(crate::future::future::cannot_delete(this.py()));
    };
    this.own.log_destroy_pending.set(value.bind().is_truthy()?);
    Ok(())
}

/// Builds the type.
///
/// # Errors
/// What making a type raises.
pub fn build(py: Python<'_>) -> Outcome {
    let builder = TypeBuilder::<TaskData>::new(
        c"asyncioxide.Task",
        if PY_3_12 {
            c"Task(coro, *, loop=None, name=None, context=None, eager_start=False)\n--\n\n\
              A coroutine wrapped in a future and driven by the loop."
        } else {
            c"Task(coro, *, loop=None, name=None, context=None)\n--\n\n\
              A coroutine wrapped in a future and driven by the loop."
        },
    )
    .base(FutureData::TYPE)
    .subclassable()
    .constructor(initialise)
    .finalizer()
    .repr(repr);
    let type_ = attributes(methods(builder)).build(py)?;
    native::KINDS.admit::<TaskState>();
    Ok(type_)
}

fn refuse(this: &Ref<TaskData>, what: &str) -> Outcome {
    Err(Raised::runtime_error(
        this.py(),
        format!("Task does not support {what} operation"),
    ))
}

fn methods(builder: TypeBuilder<TaskData>) -> TypeBuilder<TaskData> {
    builder
        .method(
            c"cancel",
            c"cancel($self, /, msg=None)\n--\n\nAsk the task to end: CancelledError is raised where it waits. \
              False if it was done already.",
            cancel_method,
        )
        .method0(c"cancelling", c"cancelling($self, /)\n--\n\nHow many requests to cancel are pending.", |this| {
            number(this.py(), this.own.cancels.get())
        })
        .method0(
            c"uncancel",
            c"uncancel($self, /)\n--\n\nTake one request to cancel back; how many remain.",
            |this| number(this.py(), cancel::uncancel(this)),
        )
        .method1(c"set_result", c"set_result($self, result, /)\n--\n\nNot supported by tasks.", |this, _| {
            refuse(this, "set_result")
        })
        .method1(c"set_exception", c"set_exception($self, exception, /)\n--\n\nNot supported by tasks.", |this, _| {
            refuse(this, "set_exception")
        })
        .method0(c"get_coro", c"get_coro($self, /)\n--\n\nThe coroutine.", |this| or_none(this.py(), this.own.coro.get()))
        .when(PY_3_12, |builder| {
            builder.method0(
                c"get_context",
                c"get_context($self, /)\n--\n\nThe context the coroutine runs in.",
                |this| or_none(this.py(), this.own.context.get()?),
            )
        })
        .method0(c"get_name", c"get_name($self, /)\n--\n\nThe name.", get_name)
        .method1(c"set_name", c"set_name($self, value, /)\n--\n\nChange the name; any object, made a str.", set_name)
        .method(
            c"get_stack",
            c"get_stack($self, /, *, limit=None)\n--\n\nThe stack frames where the coroutine waits, or of its traceback.",
            get_stack,
        )
        .method(
            c"print_stack",
            c"print_stack($self, /, *, limit=None, file=None)\n--\n\nPrint the stack or traceback.",
            print_stack,
        )
}

fn attributes(builder: TypeBuilder<TaskData>) -> TypeBuilder<TaskData> {
    builder
        .getter(c"__class__", c"asyncio.Task, or the subclass.", class)
        .getter(c"_coro", c"The coroutine.", |this| {
            or_none(this.py(), this.own.coro.get())
        })
        .getter(c"_context", c"The context the coroutine runs in.", |this| {
            or_none(this.py(), this.own.context.get()?)
        })
        .getter(
            c"_fut_waiter",
            c"What the task waits for, or None.",
            |this| or_none(this.py(), this.own.waiter.get()),
        )
        .getter(
            c"_must_cancel",
            c"Whether the next step raises CancelledError.",
            |this| Ok(Obj::bool(this.py(), this.own.must_cancel.get())),
        )
        .getter(
            c"_num_cancels_requested",
            c"How many requests to cancel are pending.",
            |this| number(this.py(), this.own.cancels.get()),
        )
        .attribute(
            c"_log_destroy_pending",
            c"Whether destroying the task while it is pending is reported.",
            |this| Ok(Obj::bool(this.py(), this.own.log_destroy_pending.get())),
            set_log_destroy_pending,
        )
        .getter(
            c"_wakeup",
            c"The callback that resumes the task.",
            wakeup::wakeup_callable,
        )
}
