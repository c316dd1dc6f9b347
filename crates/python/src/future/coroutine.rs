//! `Coroutine`: a Rust `async` block as a Python coroutine.
//!
//! What asyncio writes as `async def` (`create_connection`, `Server.wait_closed`) is an `async` block here, and this object
//! is what Python awaits, sends into and closes. There is no executor: one `send` is one poll with a waker that does
//! nothing, because it is always Python that resumes a coroutine.
//!
//! The block and the object meet in an `Exchange`. To wait is to put the awaited iterator there; each poll sends `None`
//! into it, or throws what was thrown into the coroutine, and what it yields goes out through the same place. The
//! collector cannot look into the block, so a Python object that the block needs after an `await` has its place in the
//! exchange too (`Kept`).

use std::cell::{Cell, RefCell};
use std::marker::PhantomData;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use pyo3::Python;

use super::lifecycle::{self, Lifecycle, Stage};
use crate::py::cell::Slot;
use crate::py::coroutine::{self, Sent};
use crate::py::errors::{Outcome, Raised};
use crate::py::gc::Visitor;
use crate::py::instance::{Payload, Ref, TypeSlot};
use crate::py::object::Obj;
use crate::py::slots::TypeBuilder;

static TYPE: TypeSlot = TypeSlot::new();

/// Where the block and the object meet.
#[derive(Default)]
struct Exchange {
    /// `throw`: what the awaited iterator has to be told next.
    thrown: Slot,
    /// What the awaited iterator has given out; nothing for a bare yield.
    yielded: Slot,
    /// The iterator being awaited (`cr_await`).
    awaited: Slot,
    /// What the block keeps across its awaits.
    kept: RefCell<Vec<Option<Obj>>>,
}

/// The block's side of a coroutine.
///
/// Beware of temporaries: in `co.wait(f(&kept.get())).await` what `get` gave lives until the await is over, where the
/// collector does not see it. What an `await` needs is made in a statement before it.
#[derive(Clone)]
pub struct Co(Rc<Exchange>);

impl Co {
    /// Keeps `object` where the collector sees it.
    pub fn keep(&self, object: Obj) -> Kept {
        let mut kept = self.0.kept.borrow_mut();
        let index = match kept.iter().position(Option::is_none) {
            Some(index) => {
                kept[index] = Some(object);
                index
            }
            None => {
                kept.push(Some(object));
                kept.len() - 1
            }
        };
        Kept {
            exchange: self.0.clone(),
            index,
        }
    }

    /// The same for an object whose type is known.
    pub fn keep_ref<T: Payload>(&self, object: Ref<T>) -> KeptRef<T> {
        KeptRef {
            kept: self.keep(object.into_obj()),
            payload: PhantomData,
        }
    }

    /// `await awaitable`.
    pub fn wait(&self, awaitable: Obj) -> Wait {
        Wait {
            exchange: self.0.clone(),
            awaitable: Some(awaitable),
        }
    }

    /// `await sleep(0)`: everybody else's turn.
    pub fn pause(&self) -> Pause {
        Pause {
            exchange: self.0.clone(),
            has_yielded: false,
        }
    }
}

/// A Python object that a block holds across an `await`.
pub struct Kept {
    exchange: Rc<Exchange>,
    index: usize,
}

impl Kept {
    /// The object.
    ///
    /// # Panics
    /// Never while the block is polled: the collector clears the exchange after it has dropped the block.
    pub fn get(&self) -> Obj {
        self.exchange.kept.borrow()[self.index]
            .clone()
            .expect("a kept object stays until its Kept is dropped")
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        let object = self.exchange.kept.borrow_mut()[self.index].take();
        drop(object);
    }
}

/// A `Kept` that knows its object's type.
pub struct KeptRef<T: Payload> {
    kept: Kept,
    payload: PhantomData<T>,
}

impl<T: Payload> KeptRef<T> {
    /// The object.
    ///
    /// # Panics
    /// As `Kept::get`.
    pub fn get(&self) -> Ref<T> {
        match self.kept.get().into_ref() {
            Ok(object) => object,
            Err(_) => unreachable!("a KeptRef is made from a Ref"),
        }
    }
}

/// An `await` of any Python awaitable.
pub struct Wait {
    exchange: Rc<Exchange>,
    awaitable: Option<Obj>,
}

impl Future for Wait {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Outcome> {
        if let Some(awaitable) = self.awaitable.take() {
            debug_assert!(
                !self.exchange.awaited.is_some(),
                "a block awaits one thing at a time"
            );
            match lifecycle::iterator_of(&awaitable) {
                Ok(iterator) => self.exchange.awaited.set(Some(iterator)),
                Err(raised) => return Poll::Ready(Err(raised)),
            }
        }
        let Some(iterator) = self.exchange.awaited.get() else {
            return Poll::Pending;
        };
        let sent = match self.exchange.thrown.take() {
            None => coroutine::send(&iterator, &Obj::none(iterator.py())),
            Some(exception) => lifecycle::throw_into(&iterator, &exception),
        };
        match sent {
            Ok(Sent::Yielded(value)) => {
                self.exchange.yielded.set(Some(value));
                Poll::Pending
            }
            Ok(Sent::Returned(value)) => {
                self.exchange.awaited.set(None);
                Poll::Ready(Ok(value))
            }
            Err(raised) => {
                let exception = raised.take(iterator.py());
                self.exchange.awaited.set(None);
                Poll::Ready(Err(Raised::raise(exception)))
            }
        }
    }
}

/// A bare `yield`.
pub struct Pause {
    exchange: Rc<Exchange>,
    has_yielded: bool,
}

impl Future for Pause {
    type Output = Outcome<()>;

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Outcome<()>> {
        if !self.has_yielded {
            self.has_yielded = true;
            return Poll::Pending;
        }
        match self.exchange.thrown.take() {
            Some(exception) => Poll::Ready(Err(Raised::raise(exception))),
            None => Poll::Ready(Ok(())),
        }
    }
}

type Block = Pin<Box<dyn Future<Output = Outcome>>>;

/// The payload.
pub struct CoroutineData {
    block: Cell<Option<Block>>,
    exchange: Rc<Exchange>,
    /// `__qualname__`
    name: Cell<&'static str>,
    /// `cr_origin`
    origin: Slot,
    stage: Cell<Stage>,
}

impl Payload for CoroutineData {
    const TYPE: &'static TypeSlot = &TYPE;

    fn blank() -> Self {
        Self {
            block: Cell::new(None),
            exchange: Rc::default(),
            name: Cell::new(""),
            origin: Slot::default(),
            stage: Cell::new(Stage::Finished),
        }
    }

    fn visit(&self, visitor: &mut Visitor) {
        visitor.slot(&self.exchange.thrown);
        visitor.slot(&self.exchange.yielded);
        visitor.slot(&self.exchange.awaited);
        visitor.slot(&self.origin);
        if let Ok(kept) = self.exchange.kept.try_borrow() {
            kept.iter()
                .flatten()
                .for_each(|object| visitor.object(object));
        }
    }

    fn clear(&self) {
        self.stage.set(Stage::Finished);
        // The block first: it may still look at what it kept while it is dropped.
        drop(self.block.take());
        self.exchange.thrown.set(None);
        self.exchange.yielded.set(None);
        self.exchange.awaited.set(None);
        self.origin.set(None);
        let kept = std::mem::take(&mut *self.exchange.kept.borrow_mut());
        drop(kept);
    }

    fn wants_finalize(&self) -> bool {
        self.stage.get() != Stage::Finished
    }

    fn finalize(this: &Ref<Self>) {
        lifecycle::finalize(this);
    }
}

impl Lifecycle for CoroutineData {
    fn stage(&self) -> Stage {
        self.stage.get()
    }

    fn set_stage(&self, stage: Stage) {
        self.stage.set(stage);
    }

    fn qualified_name(&self) -> &'static str {
        self.name.get()
    }

    fn awaited(&self) -> Option<Obj> {
        self.exchange.awaited.get()
    }

    fn origin(&self) -> Option<Obj> {
        self.origin.get()
    }

    /// One poll.
    fn resume(this: &Ref<Self>, _from: Stage, thrown: Option<Obj>) -> Outcome<Sent> {
        let py = this.py();
        this.exchange.thrown.set(thrown);
        let Some(mut block) = this.block.take() else {
            return Ok(Sent::Returned(Obj::none(py)));
        };
        match block.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Pending => {
                let yielded = this.exchange.yielded.take();
                this.block.set(Some(block));
                Ok(Sent::Yielded(yielded.unwrap_or_else(|| Obj::none(py))))
            }
            Poll::Ready(outcome) => outcome.map(Sent::Returned),
        }
    }

    fn abandon(&self) {
        drop(self.block.take());
    }
}

/// A coroutine called `name` (its `__qualname__`) that runs the block made by `body`.
///
/// # Errors
/// `MemoryError`.
pub fn make<F>(py: Python<'_>, name: &'static str, body: impl FnOnce(Co) -> F) -> Outcome
where
    F: Future<Output = Outcome> + 'static,
{
    let exchange = Rc::new(Exchange::default());
    let data = CoroutineData {
        block: Cell::new(Some(Box::pin(body(Co(exchange.clone()))))),
        exchange,
        name: Cell::new(name),
        origin: Slot::new(lifecycle::origin(py)?),
        stage: Cell::new(Stage::Created),
    };
    Ok(Ref::alloc(py, data, None)?.into_obj())
}

/// Builds the type.
///
/// # Errors
/// What making a type raises.
pub fn build(py: Python<'_>) -> Outcome {
    let builder = TypeBuilder::<CoroutineData>::new(
        c"asyncioxide.Coroutine",
        c"A coroutine of the loop's own.",
    );
    lifecycle::coroutine(builder).build(py)
}
