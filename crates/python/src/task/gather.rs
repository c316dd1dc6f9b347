//! `gather()`: one future for the results of many awaitables.
//!
//! Follows `asyncio.tasks.gather`. The children report to one observer, which counts them. It refers to the children and
//! to the future that was returned, and is referred to by the children only.

use std::cell::Cell;

use pyo3::types::{PyAnyMethods, PyDict, PyDictMethods, PyList, PyListMethods};
use pyo3::{Python, intern};

use super::ensure::{Ensurer, loop_of};
use super::task::TaskData;
use crate::future::any::{self, Became};
use crate::future::future::{initialise_for, loop_or_current};
use crate::future::observer::{self, Observer};
use crate::future::state::FutureData;
use crate::future::{awaited_by, native};
use crate::py::args::{Args, Signature};
use crate::py::call;
use crate::py::cell::Slot;
use crate::py::errors::{Outcome, Raised};
use crate::py::gc::Visitor;
use crate::py::imports;
use crate::py::instance::{Derived, Payload, Ref, TypeSlot};
use crate::py::object::Obj;
use crate::py::slots::TypeBuilder;
use crate::py::version::{PY_3_12, PY_3_14};

static FUTURE_TYPE: TypeSlot = TypeSlot::new();
static OBSERVER_TYPE: TypeSlot = TypeSlot::new();

/// What the future of `gather()` adds to a future.
pub struct Gathering {
    /// A list of all children, in the order of the arguments.
    children: Slot,
    /// `cancel` has cancelled a child.
    cancel_requested: Cell<bool>,
}

/// The fields of `asyncio.tasks._GatheringFuture`.
pub type GatheringFuture = Derived<FutureData, Gathering>;

impl Payload for GatheringFuture {
    const TYPE: &'static TypeSlot = &FUTURE_TYPE;

    fn blank() -> Self {
        Self {
            base: FutureData::blank(),
            own: Gathering {
                children: Slot::default(),
                cancel_requested: Cell::new(false),
            },
        }
    }

    fn visit(&self, visitor: &mut Visitor) {
        self.base.visit(visitor);
        visitor.slot(&self.own.children);
    }

    fn clear(&self) {
        self.own.children.set(None);
        self.base.clear();
    }

    fn wants_finalize(&self) -> bool {
        self.base.wants_finalize()
    }

    fn finalize(this: &Ref<Self>) {
        this.base.report_never_retrieved(this);
    }
}

/// What the children report to.
pub struct Progress {
    outer: Slot<Ref<GatheringFuture>>,
    children: Slot,
    unfinished: Cell<usize>,
    return_exceptions: Cell<bool>,
}

type GatherObserver = Derived<Observer, Progress>;

impl Payload for GatherObserver {
    const TYPE: &'static TypeSlot = &OBSERVER_TYPE;

    fn blank() -> Self {
        Self {
            base: Observer::blank(),
            own: Progress {
                outer: Slot::default(),
                children: Slot::default(),
                unfinished: Cell::new(0),
                return_exceptions: Cell::new(false),
            },
        }
    }

    fn visit(&self, visitor: &mut Visitor) {
        self.base.visit(visitor);
        visitor.slot(&self.own.outer);
        visitor.slot(&self.own.children);
    }

    fn clear(&self) {
        self.base.clear();
        self.own.outer.set(None);
        self.own.children.set(None);
    }
}

/// `asyncio.gather(*coros_or_futures, return_exceptions=False)`.
///
/// # Errors
/// TypeError for what cannot be awaited; ValueError for futures of several loops.
pub fn gather(py: Python<'_>, args: Args<'_>) -> Outcome {
    const SIGNATURE: Signature<1> = Signature::new("gather", ["return_exceptions"], 0, 0);
    let ([return_exceptions], awaitables) = SIGNATURE.bind_leading(py, args)?;
    let return_exceptions = match return_exceptions {
        Some(flag) => flag.bind().is_truthy()?,
        None => false,
    };
    if awaitables.is_empty() {
        return of_nothing(py);
    }
    let (loop_, awaiter) = running_task(py)?;
    let children = PyList::empty(py);
    let observer = Ref::alloc(
        py,
        Derived {
            base: Observer::new("gather.<locals>._done_callback", child_done, awaiter),
            own: Progress {
                outer: Slot::default(),
                children: Slot::new(Some(Obj::from(children.clone()))),
                unfinished: Cell::new(0),
                return_exceptions: Cell::new(return_exceptions),
            },
        },
        None,
    )?;
    let mut ensurer = Ensurer::new(loop_);
    let done = adopt(&observer, &mut ensurer, awaitables, &children)?;
    let loop_ = ensurer.loop_().expect("the first child had a loop");
    let outer = outer_future(loop_, Obj::from(children))?;
    observer.own.outer.set(Some(outer.clone()));
    for child in done {
        child_done(observer.as_obj(), &child)?;
    }
    Ok(outer.into_obj())
}

/// The running loop and its current task, which waits for the children; asked since 3.14.
fn running_task(py: Python<'_>) -> Outcome<(Option<Obj>, Option<Obj>)> {
    if !PY_3_14 {
        return Ok((None, None));
    }
    let loop_ = call::method(imports::events(py), intern!(py, "_get_running_loop"), [])?;
    if loop_.is_none() {
        return Ok((None, None));
    }
    let task = call::method(imports::tasks(py), intern!(py, "current_task"), [&loop_])?;
    Ok((Some(loop_), Some(task).filter(|task| !task.is_none())))
}

fn of_nothing(py: Python<'_>) -> Outcome {
    let loop_ = loop_or_current(py, None)?;
    let outer = call::method(&loop_, intern!(py, "create_future"), [])?;
    call::method(
        &outer,
        intern!(py, "set_result"),
        [&Obj::from(PyList::empty(py))],
    )?;
    Ok(outer)
}

/// Makes children of the awaitables. Gives those that are done, which since 3.12 report at once.
fn adopt(
    observer: &Ref<GatherObserver>,
    ensurer: &mut Ensurer,
    awaitables: &[Obj],
    children: &pyo3::Bound<'_, PyList>,
) -> Outcome<Vec<Obj>> {
    let py = observer.py();
    let known = PyDict::new(py);
    let mut done = Vec::new();
    for awaitable in awaitables {
        if let Some(child) = known.get_item(awaitable.bind())? {
            children.append(child)?;
            continue;
        }
        let child = ensurer.future_for(awaitable)?;
        if ensurer.loop_().is_none() {
            ensurer.set_loop(loop_of(&child)?);
        }
        if !child.is(awaitable) {
            keep_destruction_quiet(&child)?;
        }
        let unfinished = observer.own.unfinished.get() + 1;
        observer.own.unfinished.set(unfinished);
        known.set_item(awaitable.bind(), child.bind())?;
        children.append(child.bind())?;
        if PY_3_12 && any::is_done(&child)? {
            done.push(child);
        } else {
            observer::observe(&child, observer)?;
        }
    }
    Ok(done)
}

/// The child was made here and nobody else can see to it, so nobody is told when it is destroyed while pending.
fn keep_destruction_quiet(child: &Obj) -> Outcome<()> {
    if let Some(task) = child.downcast_exact::<TaskData>() {
        task.keep_destruction_quiet();
        return Ok(());
    }
    let py = child.py();
    let name = intern!(py, "_log_destroy_pending");
    call::set_attr(child, name, &Obj::bool(py, false))
}

fn outer_future(loop_: &Obj, children: Obj) -> Outcome<Ref<GatheringFuture>> {
    let mut fields = GatheringFuture::blank();
    fields.own.children = Slot::new(Some(children));
    let outer = Ref::alloc(loop_.py(), fields, None)?;
    initialise_for(&outer.base, loop_)?;
    Ok(outer)
}

/// A child is done.
fn child_done(observer: &Obj, child: &Obj) -> Outcome<()> {
    let Some(observer) = observer.downcast_exact::<GatherObserver>() else {
        return Ok(());
    };
    let own = &observer.own;
    own.unfinished.set(own.unfinished.get().saturating_sub(1));
    let outer = match own.outer.get() {
        Some(outer) if !outer.base.is_done() => outer,
        // Too late to tell anybody, but the exception has been seen.
        _ => return any::outcome(child).map(drop),
    };
    if !own.return_exceptions.get() {
        let exception = match any::outcome(child)? {
            Became::Cancelled => Some(any::cancelled_error(child)?),
            Became::Raised(exception) => Some(exception),
            Became::Returned(_) => None,
        };
        if let Some(exception) = exception {
            forget_awaiter(observer)?;
            return outer.base.set_exception(outer.as_obj(), &exception);
        }
    }
    if own.unfinished.get() > 0 {
        return Ok(());
    }
    finish(&outer, &own.children)
}

/// The task goes on, and the children that are pending are awaited by it no longer.
fn forget_awaiter(observer: &Ref<GatherObserver>) -> Outcome<()> {
    let (Some(awaiter), Some(children)) =
        (observer.base.forget_awaiter(), observer.own.children.get())
    else {
        return Ok(());
    };
    for child in children.bind().cast::<PyList>()?.iter() {
        let child = Obj::from(child);
        if native::fields(&child).is_none() {
            awaited_by::discard(&child, &awaiter)?;
        }
    }
    Ok(())
}

/// All children are done.
fn finish(outer: &Ref<GatheringFuture>, children: &Slot) -> Outcome<()> {
    let py = outer.py();
    let Some(children) = children.get() else {
        return Ok(());
    };
    let children = children.bind().cast::<PyList>()?;
    let results = PyList::empty(py);
    let mut last = None;
    for child in children.iter() {
        let child = Obj::from(child);
        let result = match any::outcome(&child)? {
            Became::Returned(value) | Became::Raised(value) => value,
            Became::Cancelled => cancellation_as_result(&child)?,
        };
        results.append(result.bind())?;
        last = Some(child);
    }
    if outer.own.cancel_requested.get()
        && let Some(last) = last
    {
        let exception = any::cancelled_error(&last)?;
        return outer.base.set_exception(outer.as_obj(), &exception);
    }
    outer.base.set_result(outer.as_obj(), Obj::from(results))
}

/// A CancelledError for the list of results. The one that the child would raise stays with the child.
fn cancellation_as_result(child: &Obj) -> Outcome {
    let py = child.py();
    let message = match native::fields(child) {
        Some(fields) => fields.rare().and_then(|rare| rare.cancel_message.get()),
        None => Some(call::attr(child, intern!(py, "_cancel_message"))?),
    };
    match message {
        Some(message) if !message.is_none() => call::call(imports::cancelled_error(py), [&message]),
        _ => call::call(imports::cancelled_error(py), [&Obj::str(py, "")]),
    }
}

/// `_GatheringFuture.cancel`: passes the request on to the children.
fn cancel(this: &Ref<GatheringFuture>, args: Args<'_>) -> Outcome {
    const SIGNATURE: Signature<1> = Signature::new("cancel", ["msg"], 1, 0);
    let py = this.py();
    let [message] = SIGNATURE.bind(py, args)?;
    let none = Obj::none(py);
    let message = message.unwrap_or(&none);
    this.base.ensure_alive(py)?;
    let Some(children) = this.own.children.get().filter(|_| !this.base.is_done()) else {
        return Ok(Obj::bool(py, false));
    };
    let mut is_any_cancelled = false;
    for child in children.bind().try_iter()? {
        let child = Obj::from(child?);
        let name = intern!(py, "cancel");
        let cancelled = call::method_keywords(&child, name, [message], &[intern!(py, "msg")])?;
        is_any_cancelled |= cancelled.bind().is_truthy()?;
    }
    if is_any_cancelled {
        // Then the future itself ends cancelled too, whatever `return_exceptions` says.
        this.own.cancel_requested.set(true);
    }
    Ok(Obj::bool(py, is_any_cancelled))
}

fn initialise(this: &Ref<GatheringFuture>, args: Args<'_>) -> Outcome<()> {
    const SIGNATURE: Signature<2> = Signature::new("_GatheringFuture", ["children", "loop"], 1, 1);
    let py = this.py();
    let [children, loop_] = SIGNATURE.bind(py, args)?;
    let Some(loop_) = loop_.filter(|loop_| !loop_.is_none()) else {
        let error = pyo3::exceptions::PyAssertionError::new_err("a loop is required");
        return Err(Raised::from(error));
    };
    initialise_for(&this.base, loop_)?;
    this.own.children.set(children.cloned());
    this.own.cancel_requested.set(false);
    Ok(())
}

/// asyncio's own class, which derives from `asyncio.Future`; a Python subclass is itself.
fn class(this: &Ref<GatheringFuture>) -> Outcome {
    let py = this.py();
    if this.is_exact() {
        return Ok(imports::gathering_future_class(py).clone());
    }
    Ok(Obj::from(this.as_obj().bind().get_type()))
}

/// Builds the types; the future's is returned.
///
/// # Errors
/// What making a type raises.
pub fn build(py: Python<'_>) -> Outcome {
    TypeBuilder::<GatherObserver>::new(c"asyncioxide.GatherObserver", c"Counts the children.")
        .base(Observer::TYPE)
        .no_constructor()
        .build(py)?;
    let type_ = TypeBuilder::<GatheringFuture>::new(
        c"asyncioxide.tasks._GatheringFuture",
        c"_GatheringFuture(children, *, loop)\n--\n\n\
          What gather() returns: a future whose cancel() cancels the children.",
    )
    .base(FutureData::TYPE)
    .subclassable()
    .constructor(initialise)
    .finalizer()
    .method(
        c"cancel",
        c"cancel($self, /, msg=None)\n--\n\n\
          Cancel the children that are pending. False if there is none, or if this future is done.",
        cancel,
    )
    .getter(
        c"__class__",
        c"asyncio's own class, or the subclass.",
        class,
    )
    .getter(c"_children", c"The list of children.", |this| {
        Ok(this
            .own
            .children
            .get()
            .unwrap_or_else(|| Obj::none(this.py())))
    })
    .attribute(
        c"_cancel_requested",
        c"Whether cancel() has cancelled a child.",
        |this| Ok(Obj::bool(this.py(), this.own.cancel_requested.get())),
        |this, value| {
            let Some(value) = value else {
                return Err(crate::future::future::cannot_delete(this.py()));
            };
            this.own.cancel_requested.set(value.bind().is_truthy()?);
            Ok(())
        },
    )
    .build(py)?;
    native::KINDS.admit::<Gathering>();
    Ok(type_)
}
