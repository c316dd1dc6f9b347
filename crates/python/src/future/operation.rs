//! `Operation`: an awaitable of ours that is a small state machine: `lock.acquire()`, `queue.get()`, `sleep()`.
//!
//! What asyncio writes as a hot `async def` is a struct here, with the arguments and what is kept across awaits as its
//! fields, and one function: `resume`. It is called with `Input::Start` by the first `await`, and with `Input::Resumed`
//! when what it waited for is over. It answers what it wants: to end with a value, to wait for an awaitable, to let the
//! others have their turn. An operation that can end at once does so in its first `resume`, and nothing is suspended.
//!
//! ```text
//! match input {
//!     Input::Start if lock.is_free() => { lock.take(); Ok(Progress::Done(true)) }
//!     Input::Start => { make a waiter, enqueue it; Ok(Progress::Wait(waiter)) }
//!     Input::Resumed(outcome) => { dequeue the waiter; outcome?; lock.take(); Ok(Progress::Done(true)) }
//! }
//! ```
//!
//! `Input::Resumed(Err(_))` is what the awaitable raised, or what was thrown in (a cancellation, GeneratorExit from
//! `close()`): the function does what an `except` or `finally` of the `async def` would, and returns the error again, or
//! does not. To run Python with the exception pending, `take` it first and `Raised::raise` it afterwards.
//!
//! Everything else that a coroutine does is `lifecycle.rs`. An `async` block (`coroutine.rs`) is easier to write and costs
//! two allocations more: it is for what is cold.

use std::cell::Cell;

use pyo3::Python;

use super::awaiting;
use super::lifecycle::{self, Lifecycle, Stage};
use super::state::FutureData;
use crate::py::cell::Slot;
use crate::py::coroutine::{self, Sent};
use crate::py::errors::{Outcome, Raised, set_aside};
use crate::py::gc::Visitor;
use crate::py::instance::{Payload, Ref, TypeSlot};
use crate::py::object::Obj;
use crate::py::slots::TypeBuilder;

/// Why an operation runs.
pub enum Input {
    /// It is awaited for the first time.
    Start,
    /// What it waited for is over: with a value, or with an exception, which may also have been thrown in.
    Resumed(Outcome),
}

/// What an operation wants next.
pub enum Progress {
    /// It ends with this value.
    Done(Obj),
    /// It waits for this awaitable: a future of ours is given to the task as it is, anything else through `__await__`.
    Wait(Obj),
    /// A bare yield: everybody else's turn.
    Pause,
}

/// A state machine. Its fields are cells; no Python is called while one is borrowed.
pub trait Operation: Sized + 'static {
    /// Where its type is kept.
    const TYPE: &'static TypeSlot;

    /// `__qualname__` of the function that it stands for: `Lock.acquire`.
    const NAME: &'static str;

    /// The same, for a type that stands for several functions.
    fn name(&self) -> &'static str {
        Self::NAME
    }

    /// Shows the collector every reference held.
    fn visit(&self, visitor: &mut Visitor);

    /// Drops the references.
    fn clear(&self);

    /// One run, from one await to the next.
    ///
    /// # Errors
    /// What awaiting the operation raises.
    fn resume(this: &Machine<Self>, input: Input) -> Outcome<Progress>;
}

/// An operation as an object. Its own fields are reached through `own`.
pub type Machine<T> = Ref<OperationData<T>>;

/// The payload.
pub struct OperationData<T: Operation> {
    /// The operation's own fields; none in what `blank` makes, which is never seen: there is no constructor.
    own: Option<T>,
    stage: Cell<Stage>,
    /// The future of ours, or the iterator, that is being awaited; nothing during a bare yield.
    awaited: Slot,
    /// `cr_origin`
    origin: Slot,
}

impl<T: Operation> OperationData<T> {
    /// The operation's own fields.
    ///
    /// # Panics
    /// Never: only `make` makes operations.
    #[inline]
    pub fn own(&self) -> &T {
        self.own
            .as_ref()
            .expect("an operation is made with its fields")
    }
}

impl<T: Operation> Payload for OperationData<T> {
    const TYPE: &'static TypeSlot = T::TYPE;
    const RECYCLED: bool = true;

    fn blank() -> Self {
        Self {
            own: None,
            stage: Cell::new(Stage::Finished),
            awaited: Slot::default(),
            origin: Slot::default(),
        }
    }

    fn visit(&self, visitor: &mut Visitor) {
        visitor.slot(&self.awaited);
        visitor.slot(&self.origin);
        if let Some(own) = &self.own {
            own.visit(visitor);
        }
    }

    fn clear(&self) {
        self.stage.set(Stage::Finished);
        self.awaited.set(None);
        self.origin.set(None);
        self.abandon();
    }

    #[inline]
    fn wants_finalize(&self) -> bool {
        self.stage.get() != Stage::Finished
    }

    fn finalize(this: &Ref<Self>) {
        lifecycle::finalize(this);
    }
}

impl<T: Operation> Lifecycle for OperationData<T> {
    #[inline]
    fn stage(&self) -> Stage {
        self.stage.get()
    }

    #[inline]
    fn set_stage(&self, stage: Stage) {
        self.stage.set(stage);
    }

    fn qualified_name(&self) -> &'static str {
        self.own().name()
    }

    fn awaited(&self) -> Option<Obj> {
        self.awaited.get()
    }

    fn origin(&self) -> Option<Obj> {
        self.origin.get()
    }

    #[inline]
    fn resume(this: &Ref<Self>, from: Stage, thrown: Option<Obj>) -> Outcome<Sent> {
        if from == Stage::Created {
            return run(this, Input::Start);
        }
        let Some(awaited) = this.awaited.get() else {
            return run(this, Input::Resumed(after_pause(this.py(), thrown)));
        };
        match go_on(&awaited, thrown) {
            Ok(Sent::Yielded(yielded)) => Ok(Sent::Yielded(yielded)),
            Ok(Sent::Returned(value)) => {
                this.awaited.set(None);
                run(this, Input::Resumed(Ok(value)))
            }
            Err(raised) => {
                set_aside(this.py(), || this.awaited.set(None));
                run(this, Input::Resumed(Err(raised)))
            }
        }
    }

    fn abandon(&self) {
        if let Some(own) = &self.own {
            own.clear();
        }
    }
}

/// An operation with these fields, which nobody awaits yet.
///
/// # Errors
/// `MemoryError`.
#[inline]
pub fn make<T: Operation>(py: Python<'_>, own: T) -> Outcome {
    let data = OperationData {
        own: Some(own),
        stage: Cell::new(Stage::Created),
        awaited: Slot::default(),
        origin: Slot::new(lifecycle::origin(py)?),
    };
    Ok(Ref::alloc(py, data, None)?.into_obj())
}

/// Builds the type.
///
/// # Errors
/// What making a type raises.
pub fn build<T: Operation>(py: Python<'_>) -> Outcome {
    let builder = TypeBuilder::<OperationData<T>>::new(
        c"asyncioxide.Operation",
        c"A native coroutine: what a method of asyncio's gives to await.",
    );
    lifecycle::coroutine(builder).build(py)
}

/// Lets the operation run until it waits or ends.
#[inline]
fn run<T: Operation>(this: &Machine<T>, mut input: Input) -> Outcome<Sent> {
    loop {
        match T::resume(this, input) {
            Ok(Progress::Done(value)) => {
                this.abandon();
                return Ok(Sent::Returned(value));
            }
            Ok(Progress::Pause) => return Ok(Sent::Yielded(Obj::none(this.py()))),
            Ok(Progress::Wait(awaitable)) => match begin(this, awaitable) {
                Ok(Sent::Yielded(yielded)) => return Ok(Sent::Yielded(yielded)),
                Ok(Sent::Returned(value)) => input = Input::Resumed(Ok(value)),
                Err(raised) => input = Input::Resumed(Err(raised)),
            },
            Err(raised) => {
                set_aside(this.py(), || this.abandon());
                return Err(raised);
            }
        }
    }
}

/// Begins to wait for `awaitable`.
#[inline]
fn begin<T: Operation>(this: &Machine<T>, awaitable: Obj) -> Outcome<Sent> {
    let awaited = match awaitable.downcast_exact::<FutureData>() {
        Some(_) => awaitable,
        None => lifecycle::iterator_of(&awaitable)?,
    };
    let sent = go_on(&awaited, None);
    if let Ok(Sent::Yielded(_)) = &sent {
        this.awaited.set(Some(awaited));
    }
    sent
}

/// One step of what is awaited.
#[inline]
fn go_on(awaited: &Obj, thrown: Option<Obj>) -> Outcome<Sent> {
    let future = awaited.downcast_exact::<FutureData>();
    match (future, thrown) {
        (Some(future), None) => awaiting::step(future),
        (Some(_), Some(exception)) => Err(Raised::raise(exception)),
        (None, None) => coroutine::send(awaited, &Obj::none(awaited.py())),
        (None, Some(exception)) => lifecycle::throw_into(awaited, &exception),
    }
}

/// How a bare yield ends.
fn after_pause(py: Python<'_>, thrown: Option<Obj>) -> Outcome {
    match thrown {
        Some(exception) => Err(Raised::raise(exception)),
        None => Ok(Obj::none(py)),
    }
}
