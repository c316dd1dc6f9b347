//! `wrap_future()` and `run_coroutine_threadsafe()`: futures of threads and futures of loops that end alike.
//!
//! Follows `asyncio.futures._chain_future`. One observer of each of the two futures refers to both; it is told on the thread
//! on which its future ends, so what is to be done on a loop of another thread goes there by `call_soon_threadsafe`.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::{Python, intern};

use super::any;
use super::ensure::{Ensurer, is_future, loop_of};
use crate::future::any::{cancel, is_cancelled, is_done, set_exception, set_result};
use crate::future::future::{loop_or_current, make_for};
use crate::future::observer::{Observer, observe};
use crate::py::args::{Args, Signature, exactly, no_arguments};
use crate::py::call;
use crate::py::cell::Slot;
use crate::py::errors::{Outcome, Raised, leaves_the_loop};
use crate::py::gc::Visitor;
use crate::py::imports;
use crate::py::instance::{Derived, Payload, Ref, TypeSlot};
use crate::py::object::Obj;
use crate::py::slots::TypeBuilder;

static LINK_TYPE: TypeSlot = TypeSlot::new();
static SUBMISSION_TYPE: TypeSlot = TypeSlot::new();

/// Two futures: when `source` is done, `destination` becomes what it became; when `destination` is cancelled, so is
/// `source`.
#[derive(Default)]
pub struct Ends {
    source: Slot,
    /// None of a future that belongs to no loop.
    source_loop: Slot,
    destination: Slot,
    destination_loop: Slot,
}

type Link = Derived<Observer, Ends>;

impl Payload for Link {
    const TYPE: &'static TypeSlot = &LINK_TYPE;

    fn blank() -> Self {
        Self {
            base: Observer::blank(),
            own: Ends::default(),
        }
    }

    fn visit(&self, visitor: &mut Visitor) {
        self.base.visit(visitor);
        for slot in self.own.slots() {
            visitor.slot(slot);
        }
    }

    fn clear(&self) {
        self.base.clear();
        for slot in self.own.slots() {
            slot.set(None);
        }
    }
}

impl Ends {
    fn slots(&self) -> [&Slot; 4] {
        [
            &self.source,
            &self.source_loop,
            &self.destination,
            &self.destination_loop,
        ]
    }

    fn copy(&self) -> Self {
        let slots = self.slots().map(|slot| Slot::new(slot.get()));
        let [source, source_loop, destination, destination_loop] = slots;
        Self {
            source,
            source_loop,
            destination,
            destination_loop,
        }
    }

    fn link(&self, py: Python<'_>, name: &'static str, told: Told) -> Outcome<Ref<Link>> {
        let link = Link {
            base: Observer::new(name, told, None),
            own: self.copy(),
        };
        Ref::alloc(py, link, None)
    }
}

type Told = fn(&Obj, &Obj) -> Outcome<()>;

/// `futures._chain_future(source, destination)`
///
/// # Errors
/// TypeError for what is no future of either kind.
pub fn chain(source: &Obj, destination: &Obj) -> Outcome<()> {
    let py = source.py();
    let ends = Ends {
        source: Slot::new(Some(source.clone())),
        source_loop: Slot::new(loop_behind(source, "source")?),
        destination: Slot::new(Some(destination.clone())),
        destination_loop: Slot::new(loop_behind(destination, "destination")?),
    };
    let names = [
        "_chain_future.<locals>._call_check_cancel",
        "_chain_future.<locals>._call_set_state",
    ];
    observe(destination, &ends.link(py, names[0], destination_done)?)?;
    observe(source, &ends.link(py, names[1], source_done)?)
}

/// The loop of one of asyncio's futures; none of a thread's.
fn loop_behind(future: &Obj, which: &str) -> Outcome<Option<Obj>> {
    if is_future(future)? {
        return loop_of(future).map(Some);
    }
    if is_threads(future)? {
        return Ok(None);
    }
    let text = format!("A future is required for {which} argument");
    Err(Raised::type_error(future.py(), text))
}

/// Whether it is a `concurrent.futures.Future`.
fn is_threads(future: &Obj) -> Outcome<bool> {
    let py = future.py();
    let class = call::attr(imports::concurrent_futures(py), intern!(py, "Future"))?;
    Ok(future.bind().is_instance(class.bind())?)
}

/// Whether what belongs to `own` is done with here and now, and does not have to be sent there.
fn is_here(own: &Obj, other: Option<&Obj>) -> Outcome<bool> {
    if !asks_running_loop(own.py()) {
        return Ok(other.is_some_and(|other| other.is(own)));
    }
    let running = call::call0(imports::running_loop_or_none(own.py()))?;
    Ok(running.is(own))
}

/// Later releases of asyncio ask which loop runs, older ones whether both futures are of one loop.
fn asks_running_loop(py: Python<'_>) -> bool {
    static ANSWER: PyOnceLock<bool> = PyOnceLock::new();
    let look = || -> PyResult<bool> {
        let code = imports::futures(py)
            .bind()
            .getattr("_chain_future")?
            .getattr("__code__")?;
        for constant in code.getattr("co_consts")?.try_iter()? {
            if let Some(names) = constant?.getattr_opt("co_names")?
                && names.contains("_get_running_loop")?
            {
                return Ok(true);
            }
        }
        Ok(false)
    };
    *ANSWER.get_or_init(py, || look().unwrap_or(true))
}

/// `_call_check_cancel`
fn destination_done(link: &Obj, destination: &Obj) -> Outcome<()> {
    if !is_cancelled(destination)? {
        return Ok(());
    }
    let Some(link) = link.downcast_exact::<Link>() else {
        return Ok(());
    };
    let own = &link.own;
    let Some(source) = own.source.get() else {
        return Ok(());
    };
    match own.source_loop.get() {
        Some(loop_) if !is_here(&loop_, own.destination_loop.get().as_ref())? => {
            let py = loop_.py();
            let cancel = call::attr(&source, intern!(py, "cancel"))?;
            send(&loop_, [&cancel])
        }
        _ => cancel(&source),
    }
}

/// `_call_set_state`
fn source_done(link: &Obj, source: &Obj) -> Outcome<()> {
    let Some(link) = link.downcast_exact::<Link>() else {
        return Ok(());
    };
    let own = &link.own;
    let Some(destination) = own.destination.get() else {
        return Ok(());
    };
    let loop_ = own.destination_loop.get();
    if is_cancelled(&destination)?
        && let Some(loop_) = &loop_
        && is_closed(loop_)?
    {
        return Ok(());
    }
    match loop_ {
        Some(loop_) if !is_here(&loop_, own.source_loop.get().as_ref())? => {
            if is_closed(&loop_)? {
                return Ok(());
            }
            let name = "_chain_future.<locals>._set_state";
            let settle = own.link(source.py(), name, settle)?;
            send(&loop_, [settle.as_obj(), source])
        }
        _ => settle(link.as_obj(), source),
    }
}

/// `loop.call_soon_threadsafe(...)`
fn send<const N: usize>(loop_: &Obj, callback: [&Obj; N]) -> Outcome<()> {
    call::method(loop_, intern!(loop_.py(), "call_soon_threadsafe"), callback).map(drop)
}

fn is_closed(loop_: &Obj) -> Outcome<bool> {
    let answer = call::method(loop_, intern!(loop_.py(), "is_closed"), [])?;
    Ok(answer.bind().is_truthy()?)
}

/// `_set_state`
fn settle(link: &Obj, source: &Obj) -> Outcome<()> {
    let Some(destination) = link
        .downcast_exact::<Link>()
        .and_then(|link| link.own.destination.get())
    else {
        return Ok(());
    };
    if is_future(&destination)? {
        copy(source, &destination)
    } else {
        copy_to_thread(source, &destination)
    }
}

/// `_copy_future_state`
fn copy(source: &Obj, destination: &Obj) -> Outcome<()> {
    assert_that(source.py(), is_done(source)?)?;
    if is_cancelled(destination)? {
        return Ok(());
    }
    assert_that(source.py(), !is_done(destination)?)?;
    if is_cancelled(source)? {
        return cancel(destination);
    }
    match any::exception(source)? {
        Some(exception) => set_exception(destination, &converted(&exception)?),
        None => set_result(destination, &any::result(source)?),
    }
}

/// `_set_concurrent_future_state`
fn copy_to_thread(source: &Obj, destination: &Obj) -> Outcome<()> {
    assert_that(source.py(), is_done(source)?)?;
    if is_cancelled(source)? {
        cancel(destination)?;
    }
    if !begins(destination)? {
        return Ok(());
    }
    match any::exception(source)? {
        Some(exception) => set_exception(destination, &converted(&exception)?),
        None => set_result(destination, &any::result(source)?),
    }
}

/// `future.set_running_or_notify_cancel()` of a thread's future.
fn begins(future: &Obj) -> Outcome<bool> {
    let name = intern!(future.py(), "set_running_or_notify_cancel");
    Ok(call::method(future, name, [])?.bind().is_truthy()?)
}

/// A thread's exceptions become asyncio's of the same names.
fn converted(exception: &Obj) -> Outcome {
    let py = exception.py();
    let name = intern!(py, "_convert_future_exc");
    call::method(imports::futures(py), name, [exception])
}

fn assert_that(py: Python<'_>, holds: bool) -> Outcome<()> {
    let _attached = py;
    if holds {
        return Ok(());
    }
    let error = pyo3::exceptions::PyAssertionError::new_err(());
    Err(Raised::from(error))
}

/// `asyncio.wrap_future(future, *, loop=None)`
///
/// # Errors
/// AssertionError for what is no future of a thread; what the loop raises.
pub fn wrap_future(py: Python<'_>, args: Args<'_>) -> Outcome {
    const SIGNATURE: Signature<2> = Signature::new("wrap_future", ["future", "loop"], 1, 1);
    let [future, loop_] = SIGNATURE.bind(py, args)?;
    let none = Obj::none(py);
    wrap(future.unwrap_or(&none), loop_)
}

/// The same. Without a loop it is the current one.
///
/// # Errors
/// As said.
pub fn wrap(future: &Obj, loop_: Option<&Obj>) -> Outcome {
    let py = future.py();
    if is_future(future)? {
        return Ok(future.clone());
    }
    if !is_threads(future)? {
        let shown = future.bind().repr()?;
        let text = format!("concurrent.futures.Future is expected, got {shown}");
        return Err(Raised::from(pyo3::exceptions::PyAssertionError::new_err(
            text,
        )));
    }
    let loop_ = loop_or_current(py, loop_)?;
    let wrapped = make_for(&loop_)?;
    chain(future, &wrapped)?;
    Ok(wrapped)
}

/// What `run_coroutine_threadsafe` has the loop call.
#[derive(Default)]
pub struct Submission {
    coroutine: Slot,
    loop_: Slot,
    future: Slot,
}

impl Payload for Submission {
    const TYPE: &'static TypeSlot = &SUBMISSION_TYPE;

    fn blank() -> Self {
        Self::default()
    }

    fn visit(&self, visitor: &mut Visitor) {
        for slot in [&self.coroutine, &self.loop_, &self.future] {
            visitor.slot(slot);
        }
    }

    fn clear(&self) {
        for slot in [&self.coroutine, &self.loop_, &self.future] {
            slot.set(None);
        }
    }
}

/// `asyncio.run_coroutine_threadsafe(coro, loop)`
///
/// # Errors
/// TypeError for what is no coroutine; what `call_soon_threadsafe` raises.
pub fn run_coroutine_threadsafe(py: Python<'_>, args: Args<'_>) -> Outcome {
    let [coroutine, loop_] = exactly(py, "run_coroutine_threadsafe", ["coro", "loop"], args)?;
    let iscoroutine = intern!(py, "iscoroutine");
    let is_coroutine = call::method(imports::coroutines(py), iscoroutine, [coroutine])?;
    if !is_coroutine.bind().is_truthy()? {
        return Err(Raised::type_error(py, "A coroutine object is required"));
    }
    let class = call::attr(imports::concurrent_futures(py), intern!(py, "Future"))?;
    let future = call::call0(&class)?;
    let submission = Submission {
        coroutine: Slot::new(Some(coroutine.clone())),
        loop_: Slot::new(Some(loop_.clone())),
        future: Slot::new(Some(future.clone())),
    };
    let submission = Ref::alloc(py, submission, None)?;
    send(loop_, [submission.as_obj()])?;
    Ok(future)
}

/// The loop has its turn.
fn submit(this: &Ref<Submission>, args: Args<'_>) -> Outcome {
    let py = this.py();
    no_arguments(py, "run_coroutine_threadsafe.<locals>.callback", args)?;
    let none = Obj::none(py);
    let (Some(coroutine), Some(future)) = (this.coroutine.take(), this.future.take()) else {
        return Ok(none);
    };
    let task = Ensurer::new(this.loop_.take()).future_for(&coroutine);
    let raised = match task.and_then(|task| chain(&task, &future)) {
        Ok(()) => return Ok(none),
        Err(raised) => raised,
    };
    let exception = raised.take(py);
    if !leaves_the_loop(&exception) && begins(&future)? {
        set_exception(&future, &exception)?;
    }
    Err(Raised::raise(exception))
}

/// Builds the types.
///
/// # Errors
/// What making a type raises.
pub fn build(py: Python<'_>) -> Outcome<()> {
    TypeBuilder::<Link>::new(c"asyncioxide.FutureLink", c"Has two futures end alike.")
        .base(Observer::TYPE)
        .no_constructor()
        .build(py)?;
    TypeBuilder::<Submission>::new(
        c"asyncioxide.Submission",
        c"Makes a task of a coroutine that came from another thread.",
    )
    .no_constructor()
    .callable(submit)
    .getter(c"__qualname__", c"The name in reprs.", |this| {
        Ok(Obj::str(
            this.py(),
            "run_coroutine_threadsafe.<locals>.callback",
        ))
    })
    .build(py)
    .map(drop)
}
