//! `Handle`: a callback that a loop will run, and the means to cancel it (`asyncio.Handle`).
//!
//! Made by `call_soon` and everything that calls back. The loop runs it through `run`; it never schedules itself.

use std::cell::Cell;
use std::mem::offset_of;
use std::rc::Rc;

use pyo3::types::PyAnyMethods;
use pyo3::{Python, intern};

use super::schedule::Scheduler;
use super::threadsafe;
use crate::py::args::{Args, Signature};
use crate::py::call;
use crate::py::cell::Slot;
use crate::py::errors::{Outcome, Raised};
use crate::py::freelist::FreeList;
use crate::py::gc::Visitor;
use crate::py::imports;
use crate::py::instance::{Payload, Ref, TypeSlot, WeakList};
use crate::py::object::Obj;
use crate::py::slots::TypeBuilder;
use crate::py::snapshot::SharedContext;
use crate::py::version::{PY_3_12, PY_3_14};

pub use super::arguments::Arguments;

static TYPE: TypeSlot = TypeSlot::new();

/// What debug mode adds to a handle.
#[derive(Default)]
struct Debug {
    source_traceback: Slot,
    repr: Slot,
}

/// The fields of `asyncio.Handle`.
pub struct HandleData {
    weak: WeakList,
    scheduler: Slot<Ref<Scheduler>>,
    callback: Slot,
    arguments: Cell<Arguments>,
    context: SharedContext,
    debug: Cell<Option<Box<Debug>>>,
    cancelled: Cell<bool>,
    threadsafe: Cell<bool>,
}

impl Payload for HandleData {
    const TYPE: &'static TypeSlot = &TYPE;

    fn blank() -> Self {
        Self {
            weak: WeakList::default(),
            scheduler: Slot::default(),
            callback: Slot::default(),
            arguments: Cell::default(),
            context: SharedContext::default(),
            debug: Cell::default(),
            cancelled: Cell::new(false),
            threadsafe: Cell::new(false),
        }
    }

    fn visit(&self, visitor: &mut Visitor) {
        visitor.slot(&self.scheduler);
        visitor.slot(&self.callback);
        self.context.visit(visitor);
        let arguments = self.arguments.take();
        for argument in arguments.as_slice() {
            visitor.object(argument);
        }
        self.arguments.set(arguments);
        if let Some(debug) = self.debug.take() {
            visitor.slot(&debug.source_traceback);
            visitor.slot(&debug.repr);
            self.debug.set(Some(debug));
        }
    }

    fn clear(&self) {
        drop(self.callback.take());
        drop(self.arguments.take());
        self.context.clear();
        drop(self.debug.take());
        drop(self.scheduler.take());
    }

    fn pool(&self) -> Option<Rc<FreeList>> {
        self.scheduler
            .get()
            .map(|scheduler| scheduler.pools.handles.clone())
    }
}

impl HandleData {
    /// The fields of a new handle. In debug mode the caller adds `remember_source`.
    ///
    /// # Errors
    /// `MemoryError`.
    #[inline(always)]
    pub fn new(
        scheduler: &Ref<Scheduler>,
        callback: &Obj,
        arguments: Arguments,
        context: Option<&Obj>,
    ) -> Outcome<Self> {
        let given = context.filter(|context| !context.is_none());
        let context = SharedContext::new(scheduler.py(), given, Some(&scheduler.snapshot))?;
        Ok(Self {
            weak: WeakList::default(),
            scheduler: Slot::new(Some(scheduler.clone())),
            callback: Slot::new(Some(callback.clone())),
            arguments: Cell::new(arguments),
            context,
            debug: Cell::new(None),
            cancelled: Cell::new(false),
            threadsafe: Cell::new(false),
        })
    }

    /// Makes it a handle of `call_soon_threadsafe`, which differs from others since 3.14; see `threadsafe.rs`.
    #[inline]
    pub fn set_threadsafe(&self) {
        self.threadsafe.set(true);
    }

    #[inline]
    fn is_threadsafe(&self) -> bool {
        PY_3_14 && self.threadsafe.get()
    }

    /// Whether `cancel` was called.
    #[inline]
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.get()
    }

    /// The loop, unless the collector has been here.
    pub fn scheduler(&self) -> Option<Ref<Scheduler>> {
        self.scheduler.get()
    }

    /// The callback as Python sees it, until the handle is cancelled.
    ///
    /// # Errors
    /// `MemoryError`.
    pub fn callback(&self) -> Outcome<Option<Obj>> {
        let callback = self.callback.get();
        match (callback, self.arguments()) {
            (Some(owner), Arguments::Native(native)) => (native.callable)(&owner).map(Some),
            (callback, _) => Ok(callback),
        }
    }

    /// The arguments as Python sees them, until the handle is cancelled.
    ///
    /// # Errors
    /// `MemoryError`.
    pub fn arguments_shown(&self) -> Outcome<Option<Obj>> {
        match self.callback.get() {
            Some(callback) => self.arguments().tuple(&callback).map(Some),
            None => Ok(None),
        }
    }

    /// The arguments, until the handle is cancelled.
    #[inline(always)]
    pub fn arguments(&self) -> Arguments {
        let arguments = self.arguments.take();
        let copy = arguments.clone();
        self.arguments.set(arguments);
        copy
    }

    /// The stack where the handle was made, in debug mode.
    pub fn source_traceback(&self) -> Option<Obj> {
        self.with_debug(|debug| debug.source_traceback.get())
    }

    fn kept_repr(&self) -> Option<Obj> {
        self.with_debug(|debug| debug.repr.get())
    }

    fn with_debug(&self, read: impl FnOnce(&Debug) -> Option<Obj>) -> Option<Obj> {
        let debug = self.debug.take()?;
        let found = read(&debug);
        self.debug.set(Some(debug));
        found
    }

    fn set_debug(&self, write: impl FnOnce(&Debug)) {
        let debug = self.debug.take().unwrap_or_default();
        write(&debug);
        self.debug.set(Some(debug));
    }

    /// Keeps the stack of the Python code that is asking for this handle (debug mode).
    ///
    /// # Errors
    /// What extracting a stack can raise.
    pub fn remember_source(&self, py: Python<'_>) -> Outcome<()> {
        let stack = extract_stack(py)?;
        self.set_debug(|debug| debug.source_traceback.set(Some(stack)));
        Ok(())
    }
}

/// `format_helpers.extract_stack(sys._getframe())`: the stack at the innermost Python frame, a native function's caller.
///
/// # Errors
/// What those functions raise.
pub fn extract_stack(py: Python<'_>) -> Outcome {
    let frame = call::method(imports::sys(py), intern!(py, "_getframe"), [])?;
    call::method(
        imports::format_helpers(py),
        intern!(py, "extract_stack"),
        [&frame],
    )
}

/// Makes a handle for `callback(*arguments)`, with the current context unless one is given.
///
/// # Errors
/// As `make_queued`.
pub fn make(
    scheduler: &Ref<Scheduler>,
    callback: &Obj,
    arguments: Arguments,
    context: Option<&Obj>,
) -> Outcome<Ref<HandleData>> {
    let handle = make_queued(scheduler, callback, arguments, context)?;
    handle.track();
    Ok(handle)
}

/// The same for a handle that goes into a queue of the loop, which answers for it to the collector: tens of thousands of
/// queued handles cost the collector nothing. It is tracked when it leaves the queue, or the loop stops, and somebody else
/// still holds it.
///
/// # Errors
/// `MemoryError`, and in debug mode what `remember_source` raises.
#[inline]
pub fn make_queued(
    scheduler: &Ref<Scheduler>,
    callback: &Obj,
    arguments: Arguments,
    context: Option<&Obj>,
) -> Outcome<Ref<HandleData>> {
    let py = scheduler.py();
    let fields = HandleData::new(scheduler, callback, arguments, context)?;
    let handle = Ref::alloc_untracked(py, fields, Some(&scheduler.pools.handles))?;
    if !scheduler.is_running() {
        handle.track();
    }
    if scheduler.is_debug() {
        handle.remember_source(py)?;
    }
    Ok(handle)
}

/// Runs the callback in its context; does nothing for a cancelled handle.
///
/// # Errors
/// Whatever the callback raised; the loop reports it.
#[inline]
pub fn run(this: &Ref<HandleData>) -> Outcome<()> {
    if this.is_threadsafe() && !is_ours_alone(this) {
        return threadsafe::run(this);
    }
    apply(this)
}

/// Whether nobody but the caller has the handle or can get it, were it from `gc.get_objects()`: nobody cancels it, waits
/// for it or asks for its context.
#[inline]
fn is_ours_alone(this: &Ref<HandleData>) -> bool {
    this.as_obj().is_unshared() && this.weak.is_empty() && !this.is_tracked()
}

/// `run`, for a handle that has just left the loop's queue.
///
/// # Errors
/// As `run`.
#[inline]
pub fn run_queued(this: &Ref<HandleData>, scheduler: &Scheduler) -> Outcome<()> {
    if !is_ours_alone(this) {
        return run(this);
    }
    let Some(callback) = this.callback.get() else {
        return Ok(());
    };
    let arguments = this.arguments();
    this.context
        .run_alone(&scheduler.snapshot, || arguments.apply(&callback))
        .map(drop)
}

/// Lets go of a handle that has run: it ends, or, if somebody still has it, becomes the collector's business.
#[inline]
pub fn finish(this: Ref<HandleData>, scheduler: &Scheduler) {
    leave_queue(&this);
    this.retire(&scheduler.pools.handles);
}

/// `run`, whatever kind of handle it is.
///
/// # Errors
/// As `run`.
#[inline]
pub(super) fn apply(this: &Ref<HandleData>) -> Outcome<()> {
    let Some(callback) = this.callback.get() else {
        return Ok(());
    };
    let arguments = this.arguments();
    let apply = || arguments.apply(&callback);
    match this.scheduler.get() {
        Some(scheduler) => this.context.run_once(&scheduler.snapshot, apply),
        None => this.context.run(apply),
    }
    .map(drop)
}

/// `Handle.cancel`: the callback will not run, and what it refers to is let go.
///
/// # Errors
/// In debug mode what the repr raises; it is kept for the log.
#[inline]
pub fn cancel(this: &Ref<HandleData>) -> Outcome<()> {
    if this.cancelled.replace(true) {
        return Ok(());
    }
    let debug = this
        .scheduler
        .get()
        .is_some_and(|scheduler| scheduler.is_debug());
    let kept = if debug { keep_repr(this) } else { Ok(()) };
    // Also when there is no repr: without its callback the handle does nothing.
    drop(this.callback.take());
    drop(this.arguments.take());
    kept
}

#[cold]
fn keep_repr(this: &Ref<HandleData>) -> Outcome<()> {
    let text = Obj::from(this.as_obj().bind().repr()?);
    this.set_debug(|debug| debug.repr.set(Some(text)));
    Ok(())
}

/// The handle leaves its queue: from now on the collector has to know it, if there is somebody who holds it.
#[inline]
pub fn leave_queue(this: &Ref<HandleData>) {
    if !this.as_obj().is_unshared() {
        this.track();
    }
}

/// Shows the collector a handle in a queue: as an object, or, where only the queue holds it, by what it refers to.
pub fn visit_queued(this: &Ref<HandleData>, visitor: &mut Visitor) {
    if this.as_obj().is_unshared() && !this.is_tracked() {
        this.visit(visitor);
    } else {
        visitor.object(this.as_obj());
    }
}

fn initialise(this: &Ref<HandleData>, args: Args<'_>) -> Outcome<()> {
    const SIGNATURE: Signature<4> =
        Signature::new("Handle", ["callback", "args", "loop", "context"], 4, 3);
    let py = this.py();
    let [callback, arguments, loop_, context] = SIGNATURE.bind(py, args)?;
    let scheduler = loop_
        .and_then(Obj::downcast::<Scheduler>)
        .cloned()
        .ok_or_else(|| {
            Raised::type_error(py, "an asyncioxide handle belongs to an asyncioxide loop")
        })?;
    fill(this, &scheduler, callback, arguments, context)
}

/// The body of both constructors.
pub(super) fn fill(
    this: &Ref<HandleData>,
    scheduler: &Ref<Scheduler>,
    callback: Option<&Obj>,
    arguments: Option<&Obj>,
    context: Option<&Obj>,
) -> Outcome<()> {
    let py = this.py();
    let values: Vec<Obj> = match arguments {
        Some(arguments) => arguments
            .bind()
            .try_iter()?
            .map(|value| value.map(Obj::from))
            .collect::<Result<_, _>>()?,
        None => Vec::new(),
    };
    let given = context.filter(|context| !context.is_none());
    let context = SharedContext::new(py, given, None)?;
    this.scheduler.set(Some(scheduler.clone()));
    this.callback.set(callback.cloned());
    drop(this.arguments.replace(Arguments::of(&values)));
    this.context.set(context);
    if scheduler.is_debug() {
        this.remember_source(py)?;
    }
    Ok(())
}

fn or_none(py: Python<'_>, value: Option<Obj>) -> Outcome {
    Ok(value.unwrap_or_else(|| Obj::none(py)))
}

/// The repr is stdlib's own, word for word: it reads `_callback`, `_args`, `_cancelled`, `_source_traceback`, `_repr`.
fn repr(this: &Ref<HandleData>) -> Outcome {
    let py = this.py();
    call::method(
        imports::handle_class(py),
        intern!(py, "__repr__"),
        [this.as_obj()],
    )
}

fn class(this: &Ref<HandleData>) -> Outcome {
    let py = this.py();
    if this.is_threadsafe() {
        return call::attr(imports::events(py), intern!(py, "_ThreadSafeHandle"));
    }
    if this.is_exact() {
        return Ok(imports::handle_class(py).clone());
    }
    Ok(Obj::from(this.as_obj().bind().get_type()))
}

/// What a thread that asks has to wait for.
fn settle(this: &Ref<HandleData>) -> Outcome<()> {
    if this.is_threadsafe() {
        return threadsafe::wait_for_end(this);
    }
    Ok(())
}

fn arguments_or_none(this: &Ref<HandleData>) -> Outcome {
    or_none(this.py(), this.arguments_shown()?)
}

/// `Handle._run()`: what loops written in Python over our handles call.
fn run_method(this: &Ref<HandleData>) -> Outcome {
    let py = this.py();
    if let Err(raised) = run(this) {
        let exception = raised.take(py);
        if crate::py::errors::leaves_the_loop(&exception) {
            return Err(Raised::raise(exception));
        }
        super::report::callback_failed(this, &exception)?;
    }
    Ok(Obj::none(py))
}

/// Builds the type.
///
/// # Errors
/// What making a type raises.
pub fn build(py: Python<'_>) -> Outcome {
    let builder = TypeBuilder::<HandleData>::new(
        c"asyncioxide._asyncioxide.Handle",
        c"Handle(callback, args, loop, context=None)\n--\n\nA callback that waits for its turn; what `call_soon` returns.",
    )
    .subclassable()
    .constructor(initialise)
    .weak_references(offset_of!(HandleData, weak))
    .repr(repr)
    .method0(c"cancel", c"cancel($self, /)\n--\n\nKeep the callback from running.", |this| {
        settle(this)?;
        cancel(this)?;
        Ok(Obj::none(this.py()))
    })
    .method0(c"cancelled", c"cancelled($self, /)\n--\n\nWhether cancel() was called.", |this| {
        settle(this)?;
        Ok(Obj::bool(this.py(), this.is_cancelled()))
    })
    .when(PY_3_12, |builder| {
        builder.method0(
            c"get_context",
            c"get_context($self, /)\n--\n\nThe context the callback runs in.",
            |this| or_none(this.py(), this.context.get()?),
        )
    })
    .method0(c"_repr_info", c"_repr_info($self, /)\n--\n\nThe words of the repr.", |this| {
        let py = this.py();
        call::method(imports::handle_class(py), intern!(py, "_repr_info"), [this.as_obj()])
    })
    .method0(c"_run", c"_run($self, /)\n--\n\nRun the callback and report what it raises.", run_method);
    attributes(builder).build(py)
}

fn attributes(builder: TypeBuilder<HandleData>) -> TypeBuilder<HandleData> {
    builder
        .getter(c"__class__", c"asyncio.Handle, or the subclass.", class)
        .getter(
            c"_callback",
            c"The callback; None once cancelled.",
            |this| or_none(this.py(), this.callback()?),
        )
        .getter(
            c"_args",
            c"The arguments as a tuple; None once cancelled.",
            arguments_or_none,
        )
        .getter(c"_context", c"The context the callback runs in.", |this| {
            or_none(this.py(), this.context.get()?)
        })
        .getter(c"_cancelled", c"Whether cancel() was called.", |this| {
            Ok(Obj::bool(this.py(), this.is_cancelled()))
        })
        .getter(c"_loop", c"The event loop.", |this| {
            or_none(this.py(), this.scheduler.get().map(Ref::into_obj))
        })
        .attribute(
            c"_source_traceback",
            c"Where the handle was made (debug mode).",
            |this| or_none(this.py(), this.source_traceback()),
            |this, value| {
                let value = value.filter(|value| !value.is_none()).cloned();
                this.set_debug(|debug| debug.source_traceback.set(value));
                Ok(())
            },
        )
        .getter(
            c"_repr",
            c"The repr kept by cancel() in debug mode.",
            |this| or_none(this.py(), this.kept_repr()),
        )
}
