//! `wait()`: until the first, the first to fail, or all of several futures are done.
//!
//! Follows `asyncio.tasks.wait` and `_wait`. The futures report to one observer, which counts them and releases the one
//! future that is awaited.

use std::cell::Cell;

use pyo3::types::{PyAnyMethods, PySet, PySetMethods, PyTuple};
use pyo3::{Bound, PyErr, Python, intern};

use super::ensure::is_future;
use super::release::{self, release};
use super::timeout::timer;
use super::{any, current};
use crate::future::any::{is_cancelled, is_done};
use crate::future::future::make_for;
use crate::future::observer::{Observer, observe, stop_observing};
use crate::future::operation::{self, Input, Machine, Operation, Progress};
use crate::py::args::{Args, Signature};
use crate::py::call;
use crate::py::cell::Slot;
use crate::py::errors::{First, Outcome, Raised};
use crate::py::gc::Visitor;
use crate::py::imports;
use crate::py::instance::{Derived, Payload, Ref, TypeSlot};
use crate::py::object::Obj;
use crate::py::slots::TypeBuilder;

static TYPE: TypeSlot = TypeSlot::new();
static OBSERVER_TYPE: TypeSlot = TypeSlot::new();

/// What a wait is for (`return_when`).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Until {
    FirstCompleted,
    FirstException,
    AllCompleted,
}

impl Until {
    fn of(given: &Obj) -> Outcome<Self> {
        let kinds = [
            ("FIRST_COMPLETED", Self::FirstCompleted),
            ("FIRST_EXCEPTION", Self::FirstException),
            ("ALL_COMPLETED", Self::AllCompleted),
        ];
        for (name, until) in kinds {
            if given.bind().eq(name)? {
                return Ok(until);
            }
        }
        let shown = given.bind().call_method1("__format__", ("",))?;
        let text = format!("Invalid return_when value: {shown}");
        Err(Raised::value_error(given.py(), text))
    }
}

/// What the futures report to.
pub struct Count {
    waiter: Slot,
    timer: Slot,
    pending: Cell<usize>,
    until: Cell<Until>,
}

type WaitObserver = Derived<Observer, Count>;

impl Payload for WaitObserver {
    const TYPE: &'static TypeSlot = &OBSERVER_TYPE;

    fn blank() -> Self {
        Self {
            base: Observer::blank(),
            own: Count {
                waiter: Slot::default(),
                timer: Slot::default(),
                pending: Cell::new(0),
                until: Cell::new(Until::AllCompleted),
            },
        }
    }

    fn visit(&self, visitor: &mut Visitor) {
        self.base.visit(visitor);
        visitor.slot(&self.own.waiter);
        visitor.slot(&self.own.timer);
    }

    fn clear(&self) {
        self.base.clear();
        self.own.waiter.set(None);
        self.own.timer.set(None);
    }
}

/// `asyncio.wait(fs, *, timeout=None, return_when=ALL_COMPLETED)`
///
/// # Errors
/// TypeError for wrong arguments.
pub fn wait(py: Python<'_>, args: Args<'_>) -> Outcome {
    const SIGNATURE: Signature<3> = Signature::new("wait", ["fs", "timeout", "return_when"], 1, 1);
    let [futures, timeout, until] = SIGNATURE.bind(py, args)?;
    operation::make(
        py,
        Wait {
            futures: Slot::new(futures.cloned()),
            timeout: Slot::new(timeout.filter(|timeout| !timeout.is_none()).cloned()),
            until: Slot::new(until.cloned()),
            observer: Slot::default(),
        },
    )
}

/// The operation.
pub struct Wait {
    /// As given; a set once the wait has begun.
    futures: Slot,
    timeout: Slot,
    until: Slot,
    /// There while the wait goes on.
    observer: Slot<Ref<WaitObserver>>,
}

impl Operation for Wait {
    const TYPE: &'static TypeSlot = &TYPE;
    const NAME: &'static str = "wait";

    fn visit(&self, visitor: &mut Visitor) {
        for slot in [&self.futures, &self.timeout, &self.until] {
            visitor.slot(slot);
        }
        visitor.slot(&self.observer);
    }

    fn clear(&self) {
        for slot in [&self.futures, &self.timeout, &self.until] {
            slot.set(None);
        }
        self.observer.set(None);
    }

    fn resume(this: &Machine<Self>, input: Input) -> Outcome<Progress> {
        let (own, py) = (this.own(), this.py());
        match input {
            Input::Start => own.begin(py).map(Progress::Wait),
            Input::Resumed(outcome) => {
                own.end(py, outcome)?;
                own.sorted(py).map(Progress::Done)
            }
        }
    }
}

impl Wait {
    /// Has the futures report, and answers what is to be awaited.
    fn begin(&self, py: Python<'_>) -> Outcome {
        let given = self.futures.take().unwrap_or_else(|| Obj::none(py));
        refuse_single(&given)?;
        let until = match self.until.take() {
            Some(until) => Until::of(&until)?,
            None => Until::AllCompleted,
        };
        let futures = set_of(&given)?;
        let loop_ = current::running_loop(py)?;
        let waiter = make_for(&loop_)?;
        let timer = match self.timeout.take() {
            Some(timeout) => Some(release::later(&loop_, &timeout, &waiter)?),
            None => None,
        };
        let awaiter = current::task_of(&loop_)?;
        let observer = WaitObserver {
            base: Observer::new("_wait.<locals>._on_completion", completed, awaiter),
            own: Count {
                waiter: Slot::new(Some(waiter.clone())),
                timer: Slot::new(timer),
                pending: Cell::new(futures.len()),
                until: Cell::new(until),
            },
        };
        let observer = Ref::alloc(py, observer, None)?;
        // As in asyncio, from here on: what cannot report leaves the timer behind, and the futures before it.
        for future in members(&futures) {
            observe(&future, &observer)?;
        }
        self.futures.set(Some(Obj::from(futures)));
        self.observer.set(Some(observer));
        Ok(waiter)
    }

    /// The wait is over. Nothing reports any more.
    fn end(&self, py: Python<'_>, outcome: Outcome) -> Outcome<()> {
        let mut first = First::default();
        first.keep(py, outcome.map(drop));
        let (Some(observer), Some(futures)) = (self.observer.take(), self.futures.get()) else {
            return first.outcome();
        };
        if let Some(timer) = observer.own.timer.take() {
            first.keep(py, timer::cancel(&timer));
        }
        for future in members(futures.bind().cast::<PySet>()?) {
            first.keep(py, stop_observing(&future, &observer));
        }
        first.outcome()
    }

    /// `(done, pending)`
    fn sorted(&self, py: Python<'_>) -> Outcome {
        let (done, pending) = (PySet::empty(py)?, PySet::empty(py)?);
        if let Some(futures) = self.futures.take() {
            for future in members(futures.bind().cast::<PySet>()?) {
                let place = if is_done(&future)? { &done } else { &pending };
                place.add(future.bind())?;
            }
        }
        Ok(Obj::from(PyTuple::new(py, [done, pending])?))
    }
}

/// What is not several futures.
fn refuse_single(given: &Obj) -> Outcome<()> {
    let py = given.py();
    if is_future(given)? || is_coroutine(given)? {
        let name = given.bind().get_type().getattr(intern!(py, "__name__"))?;
        let text = format!("expect a list of futures, not {name}");
        return Err(Raised::type_error(py, text));
    }
    if !given.bind().is_truthy()? {
        return Err(Raised::value_error(py, "Set of Tasks/Futures is empty."));
    }
    Ok(())
}

/// The set of futures, in which there are no coroutines.
fn set_of(given: &Obj) -> Outcome<Bound<'_, PySet>> {
    let py = given.py();
    let set = py.get_type::<PySet>().call1((given.bind(),))?;
    let futures = set.cast_into().map_err(PyErr::from)?;
    for future in members(&futures) {
        if is_coroutine(&future)? {
            let text = "Passing coroutines is forbidden, use tasks explicitly.";
            return Err(Raised::type_error(py, text));
        }
    }
    Ok(futures)
}

/// A copy of the members: calling one can change the set.
fn members(futures: &Bound<'_, PySet>) -> Vec<Obj> {
    futures.iter().map(Obj::from).collect()
}

fn is_coroutine(object: &Obj) -> Outcome<bool> {
    let py = object.py();
    if crate::future::native::fields(object).is_some() {
        return Ok(false);
    }
    let name = intern!(py, "iscoroutine");
    let answer = call::method(imports::coroutines(py), name, [object])?;
    Ok(answer.bind().is_truthy()?)
}

/// A future is done.
fn completed(observer: &Obj, future: &Obj) -> Outcome<()> {
    let Some(observer) = observer.downcast_exact::<WaitObserver>() else {
        return Ok(());
    };
    let own = &observer.own;
    own.pending.set(own.pending.get().saturating_sub(1));
    let is_over = match own.until.get() {
        _ if own.pending.get() == 0 => true,
        Until::FirstCompleted => true,
        Until::FirstException => !is_cancelled(future)? && any::exception(future)?.is_some(),
        Until::AllCompleted => false,
    };
    if !is_over {
        return Ok(());
    }
    if let Some(timer) = own.timer.get() {
        timer::cancel(&timer)?;
    }
    match own.waiter.get() {
        Some(waiter) => release(&waiter),
        None => Ok(()),
    }
}

/// Builds the types.
///
/// # Errors
/// What making a type raises.
pub fn build(py: Python<'_>) -> Outcome<()> {
    operation::build::<Wait>(py)?;
    TypeBuilder::<WaitObserver>::new(c"asyncioxide.WaitObserver", c"Counts what a wait is for.")
        .base(Observer::TYPE)
        .no_constructor()
        .build(py)
        .map(drop)
}
