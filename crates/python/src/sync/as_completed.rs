//! `as_completed()`: futures, or coroutines for their results, in the order in which they are done.
//!
//! Follows `asyncio.tasks.as_completed`, which is over a queue, and so this is in the layer of queues. Since 3.13 the object
//! is an asynchronous iterator as well; before that it is asyncio's generator, which does nothing until it is asked.

use std::cell::Cell;

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PySet, PySetMethods};
use pyo3::{Python, intern};

use super::queue::hooks::is_empty;
use super::queue::operations::Get;
use super::queue::queue::{QueueData, get_nowait, put_nowait};
use crate::future::future::loop_or_current;
use crate::future::observer::{Observer, observe, stop_observing};
use crate::future::operation::{self, Input, Machine, Operation, Progress};
use crate::py::args::{Args, Signature};
use crate::py::call;
use crate::py::cell::Slot;
use crate::py::coroutine::Sent;
use crate::py::errors::{Outcome, Raised};
use crate::py::function;
use crate::py::gc::Visitor;
use crate::py::imports;
use crate::py::instance::{Derived, Payload, Ref, TypeSlot};
use crate::py::object::Obj;
use crate::py::slots::TypeBuilder;
use crate::py::version::{PY_3_13, PY_3_14};
use crate::task::ensure::{Ensurer, is_future};
use crate::task::timeout::timer;
use crate::task::{any, current};

static TYPE: TypeSlot = TypeSlot::new();
static OBSERVER_TYPE: TypeSlot = TypeSlot::new();
static NEXT_TYPE: TypeSlot = TypeSlot::new();
static ANEXT_TYPE: TypeSlot = TypeSlot::new();

/// The iterator.
#[derive(Default)]
pub struct Arrivals {
    /// What was given, until it is begun with.
    given: Slot,
    timeout: Slot,
    /// What is done and not asked for yet; None for what the timeout came before.
    queue: Slot<Ref<QueueData>>,
    /// A set of the futures that are not done.
    todo: Slot,
    /// How many are still to be given out.
    left: Cell<usize>,
    timer: Slot,
    observer: Slot<Ref<ArrivalObserver>>,
}

impl Payload for Arrivals {
    const TYPE: &'static TypeSlot = &TYPE;

    fn blank() -> Self {
        Self::default()
    }

    fn visit(&self, visitor: &mut Visitor) {
        for slot in [&self.given, &self.timeout, &self.todo, &self.timer] {
            visitor.slot(slot);
        }
        visitor.slot(&self.queue);
        visitor.slot(&self.observer);
    }

    fn clear(&self) {
        for slot in [&self.given, &self.timeout, &self.todo, &self.timer] {
            slot.set(None);
        }
        self.queue.set(None);
        self.observer.set(None);
    }
}

/// What the futures report to: the iterator.
type ArrivalObserver = Derived<Observer, Slot<Ref<Arrivals>>>;

impl Payload for ArrivalObserver {
    const TYPE: &'static TypeSlot = &OBSERVER_TYPE;

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

/// `asyncio.as_completed(fs, *, timeout=None)`
///
/// # Errors
/// TypeError for what is no iterable of awaitables, since 3.13; before that the first `next` raises it.
fn as_completed(py: Python<'_>, args: Args<'_>) -> Outcome {
    const SIGNATURE: Signature<2> = Signature::new("as_completed", ["fs", "timeout"], 1, 1);
    let [given, timeout] = SIGNATURE.bind(py, args)?;
    let arrivals = Arrivals {
        given: Slot::new(given.cloned()),
        timeout: Slot::new(timeout.filter(|timeout| !timeout.is_none()).cloned()),
        ..Arrivals::default()
    };
    let arrivals = Ref::alloc(py, arrivals, None)?;
    if PY_3_13 {
        begin(&arrivals)?;
    }
    Ok(arrivals.into_obj())
}

/// Has the awaitables run and report.
fn begin(this: &Ref<Arrivals>) -> Outcome<()> {
    let py = this.py();
    let Some(given) = this.given.take() else {
        return Ok(());
    };
    refuse_single(&given)?;
    let queue = call::call0(&QueueData::TYPE.object(py))?;
    let loop_ = loop_or_current(py, None)?;
    let awaiter = match PY_3_14 {
        true => current::task_of(&current::running_loop(py)?)?,
        false => None,
    };
    let todo = PySet::empty(py)?;
    let mut ensurer = Ensurer::new(Some(loop_.clone()));
    let distinct = py.get_type::<PySet>().call1((given.bind(),))?;
    for awaitable in distinct.cast::<PySet>()?.iter() {
        todo.add(ensurer.future_for(&Obj::from(awaitable))?.bind())?;
    }
    let name = if PY_3_13 {
        "_AsCompletedIterator._handle_completion"
    } else {
        "as_completed.<locals>._on_completion"
    };
    let observer = ArrivalObserver {
        base: Observer::new(name, arrived, awaiter),
        own: Slot::new(Some(this.clone())),
    };
    let observer = Ref::alloc(py, observer, None)?;
    this.queue.set(queue.into_ref().ok());
    this.observer.set(Some(observer.clone()));
    this.todo.set(Some(Obj::from(todo.clone())));
    for future in members(&todo) {
        observe(&future, &observer)?;
    }
    if let Some(timeout) = this.timeout.take().filter(|_| !todo.is_empty()) {
        let call_later = intern!(py, "call_later");
        let too_late = call::attr(this.as_obj(), intern!(py, "_handle_timeout"))?;
        let timer = call::method(&loop_, call_later, [&timeout, &too_late])?;
        this.timer.set(Some(timer));
    }
    this.left.set(todo.len());
    Ok(())
}

/// What is one awaitable, and no iterable of several.
fn refuse_single(given: &Obj) -> Outcome<()> {
    let py = given.py();
    let (module, question) = if PY_3_13 {
        (imports::inspect(py), intern!(py, "isawaitable"))
    } else {
        (imports::coroutines(py), intern!(py, "iscoroutine"))
    };
    let is_single = (!PY_3_13 && is_future(given)?)
        || call::method(module, question, [given])?
            .bind()
            .is_truthy()?;
    if !is_single {
        return Ok(());
    }
    let name = given.bind().get_type().getattr(intern!(py, "__name__"))?;
    let text = if PY_3_13 {
        format!("expects an iterable of awaitables, not {name}")
    } else {
        format!("expect an iterable of futures, not {name}")
    };
    Err(Raised::type_error(py, text))
}

/// A copy of the members: whatever is asked of one can change the set.
fn members(futures: &Bound<'_, PySet>) -> Vec<Obj> {
    futures.iter().map(Obj::from).collect()
}

/// The futures that are not done; none once the time was up.
fn todo_of<'py>(this: &'py Ref<Arrivals>) -> Outcome<Option<Bound<'py, PySet>>> {
    let Some(todo) = this.todo.get() else {
        return Ok(None);
    };
    let todo = todo.bind().cast::<PySet>()?.clone().unbind();
    Ok(Some(todo.into_bound(this.py())).filter(|todo| !todo.is_empty()))
}

/// A future is done.
fn arrived(observer: &Obj, future: &Obj) -> Outcome<()> {
    let observer = observer.downcast_exact::<ArrivalObserver>();
    let Some(this) = observer.and_then(|observer| observer.own.get()) else {
        return Ok(());
    };
    let (Some(todo), Some(queue)) = (todo_of(&this)?, this.queue.get()) else {
        return Ok(());
    };
    if !todo.discard(future.bind())? {
        let error = pyo3::exceptions::PyKeyError::new_err((future.bind().clone().unbind(),));
        return Err(Raised::from(error));
    }
    put_nowait(&queue, future)?;
    if todo.is_empty()
        && let Some(timer) = this.timer.get()
    {
        timer::cancel(&timer)?;
    }
    Ok(())
}

/// `_AsCompletedIterator._handle_timeout`: nobody is waited for any more.
fn too_late(this: &Ref<Arrivals>) -> Outcome {
    let py = this.py();
    let none = Obj::none(py);
    let (Some(todo), Some(queue), Some(observer)) =
        (todo_of(this)?, this.queue.get(), this.observer.get())
    else {
        return Ok(none);
    };
    for future in members(&todo) {
        stop_observing(&future, &observer)?;
        put_nowait(&queue, &none)?;
    }
    todo.clear();
    Ok(none)
}

/// `next(...)`: a coroutine for the next result.
fn next(this: &Ref<Arrivals>, _: &Obj) -> Outcome<Sent> {
    begin(this)?;
    if !this.take_turn() {
        return Ok(Sent::Returned(Obj::none(this.py())));
    }
    operation::make(this.py(), NextResult(OneArrival::of(this))).map(Sent::Yielded)
}

/// `__anext__()`: a coroutine for the next future.
fn anext(this: &Ref<Arrivals>) -> Outcome {
    operation::make(this.py(), NextFuture(OneArrival::of(this)))
}

impl Arrivals {
    /// Whether there is another one to give out, which is then given out.
    fn take_turn(&self) -> bool {
        let left = self.left.get();
        self.left.set(left.saturating_sub(1));
        left > 0
    }
}

/// Waiting for one future to be done.
struct OneArrival {
    arrivals: Slot<Ref<Arrivals>>,
}

impl OneArrival {
    fn of(arrivals: &Ref<Arrivals>) -> Self {
        Self {
            arrivals: Slot::new(Some(arrivals.clone())),
        }
    }

    /// What to wait for, unless one is there already.
    fn begin(&self, py: Python<'_>) -> Outcome<Result<Obj, Obj>> {
        let Some(queue) = self.arrivals.get().and_then(|this| this.queue.get()) else {
            return Err(Raised::runtime_error(py, "the collector took the iterator"));
        };
        if !is_empty(&queue)? {
            return get_nowait(&queue).map(Ok);
        }
        operation::make(py, Get::new(&queue)).map(Err)
    }

    /// The wait is over. In later releases one that was given up does not count.
    fn end(&self, py: Python<'_>, outcome: Outcome) -> Outcome {
        let raised = match outcome {
            Ok(future) => return Ok(future),
            Err(raised) => raised,
        };
        let exception = raised.take(py);
        if let Some(this) = self.arrivals.get().filter(|_| gives_back(py)) {
            this.left.set(this.left.get() + 1);
        }
        Err(Raised::raise(exception))
    }
}

/// Whether what was not waited for to its end can be asked for again.
fn gives_back(py: Python<'_>) -> bool {
    static ANSWER: PyOnceLock<bool> = PyOnceLock::new();
    let look = || -> PyResult<bool> {
        imports::tasks(py)
            .bind()
            .getattr("_AsCompletedIterator")?
            .getattr("_wait_for_one")?
            .getattr("__code__")?
            .getattr("co_names")?
            .contains("_todo_left")
    };
    PY_3_13 && *ANSWER.get_or_init(py, || look().unwrap_or(PY_3_14))
}

/// TimeoutError where the time was up before a future was done.
fn in_time(future: Obj) -> Outcome {
    if future.is_none() {
        let class = future.py().get_type::<pyo3::exceptions::PyTimeoutError>();
        return Err(call::raise(&call::call0(&Obj::from(class.into_any()))?));
    }
    Ok(future)
}

/// Of plain iteration.
struct NextResult(OneArrival);

impl Operation for NextResult {
    const TYPE: &'static TypeSlot = &NEXT_TYPE;
    const NAME: &'static str = if PY_3_13 {
        "_AsCompletedIterator._wait_for_one"
    } else {
        "as_completed.<locals>._wait_for_one"
    };

    fn visit(&self, visitor: &mut Visitor) {
        visitor.slot(&self.0.arrivals);
    }

    fn clear(&self) {
        self.0.arrivals.set(None);
    }

    fn resume(this: &Machine<Self>, input: Input) -> Outcome<Progress> {
        let (own, py) = (&this.own().0, this.py());
        let future = match input {
            Input::Start => match own.begin(py)? {
                Ok(future) => future,
                Err(wait) => return Ok(Progress::Wait(wait)),
            },
            Input::Resumed(outcome) => own.end(py, outcome)?,
        };
        any::result(&in_time(future)?).map(Progress::Done)
    }
}

/// Of asynchronous iteration.
struct NextFuture(OneArrival);

impl Operation for NextFuture {
    const TYPE: &'static TypeSlot = &ANEXT_TYPE;
    const NAME: &'static str = "_AsCompletedIterator.__anext__";

    fn visit(&self, visitor: &mut Visitor) {
        visitor.slot(&self.0.arrivals);
    }

    fn clear(&self) {
        self.0.arrivals.set(None);
    }

    fn resume(this: &Machine<Self>, input: Input) -> Outcome<Progress> {
        let (own, py) = (&this.own().0, this.py());
        let future = match input {
            Input::Start => {
                if !own
                    .arrivals
                    .get()
                    .is_some_and(|arrivals| arrivals.take_turn())
                {
                    let end = pyo3::exceptions::PyStopAsyncIteration::new_err(());
                    return Err(Raised::from(end));
                }
                match own.begin(py)? {
                    Ok(future) => future,
                    Err(wait) => return Ok(Progress::Wait(wait)),
                }
            }
            Input::Resumed(outcome) => own.end(py, outcome)?,
        };
        in_time(future).map(Progress::Done)
    }
}

/// Builds the types and adds the function to the module.
///
/// # Errors
/// What making a type raises.
pub fn add_to(module: &Bound<'_, PyModule>) -> Outcome<()> {
    let py = module.py();
    operation::build::<NextResult>(py)?;
    operation::build::<NextFuture>(py)?;
    TypeBuilder::<ArrivalObserver>::new(c"asyncioxide.ArrivalObserver", c"Tells the iterator.")
        .base(Observer::TYPE)
        .no_constructor()
        .build(py)?;
    TypeBuilder::<Arrivals>::new(
        c"asyncioxide.tasks._AsCompletedIterator",
        c"What as_completed() returns.",
    )
    .no_constructor()
    .iter(|this| Ok(this.as_obj().clone()))
    .step(next)
    .when(PY_3_13, |builder| builder.asynchronous_iterator(anext))
    .method0(
        c"_handle_timeout",
        c"_handle_timeout($self, /)\n--\n\nWait for nobody any more.",
        too_late,
    )
    .build(py)?;
    let function = function::make(py, "asyncioxide.tasks", DOC, as_completed)?;
    module.add("as_completed", function.as_obj().bind())?;
    Ok(())
}

const DOC: &str = if PY_3_13 {
    "as_completed(fs, *, timeout=None)\n--\n\n\
     An iterator over awaitables in the order in which they are done.\n\n\
     `async for` gives the futures and tasks themselves, and tasks for other awaitables. A plain `for`\n\
     gives coroutines, one for each result. TimeoutError is raised, by the one or the other, when the\n\
     time is up. TypeError for what is no iterable of awaitables."
} else {
    "as_completed(fs, *, timeout=None)\n--\n\n\
     An iterator over coroutines, each for the result of the next awaitable to be done.\n\n\
     They raise TimeoutError when the time is up. TypeError for what is no iterable of awaitables."
};
