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

use pyo3::types::{PyAnyMethods, PyList, PyListMethods};
use pyo3::{Python, intern};

use super::awaiting;
use super::state::FutureData;
use crate::py::args::Args;
use crate::py::call;
use crate::py::cell::Slot;
use crate::py::coroutine::{self, Sent};
use crate::py::errors::{Outcome, Raised};
use crate::py::gc::Visitor;
use crate::py::imports;
use crate::py::instance::{Payload, Ref, TypeSlot};
use crate::py::object::Obj;
use crate::py::slots::TypeBuilder;

static TYPE: TypeSlot = TypeSlot::new();

/// `CO_ITERABLE_COROUTINE`: what `types.coroutine` marks a generator's code with.
const ITERABLE_COROUTINE: u32 = 0x100;

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
            match iterator_of(&awaitable) {
                Ok(iterator) => self.exchange.awaited.set(Some(iterator)),
                Err(raised) => return Poll::Ready(Err(raised)),
            }
        }
        let Some(iterator) = self.exchange.awaited.get() else {
            return Poll::Pending;
        };
        let sent = match self.exchange.thrown.take() {
            None => coroutine::send(&iterator, &Obj::none(iterator.py())),
            Some(exception) => throw_into(&iterator, &exception),
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

/// What `await awaitable` iterates over (`_PyCoro_GetAwaitableIter`).
fn iterator_of(awaitable: &Obj) -> Outcome {
    let py = awaitable.py();
    if let Some(future) = awaitable.downcast_exact::<FutureData>() {
        return awaiting::of(future);
    }
    if awaitable.type_is(imports::coroutine_type(py)) {
        return Ok(awaitable.clone());
    }
    let class = Obj::from(awaitable.bind().get_type());
    if let Some(function) = call::optional_attr(&class, intern!(py, "__await__"))? {
        return call::call(&function, [awaitable]);
    }
    if awaitable.type_is(imports::generator_type(py)) {
        let code = awaitable.bind().getattr(intern!(py, "gi_code"))?;
        let flags: u32 = code.getattr(intern!(py, "co_flags"))?.extract()?;
        if flags & ITERABLE_COROUTINE != 0 {
            return Ok(awaitable.clone());
        }
    }
    let name = class.bind().getattr(intern!(py, "__name__"))?;
    Err(Raised::type_error(
        py,
        format!("object {name} can't be used in 'await' expression"),
    ))
}

/// Throws into an awaited iterator as a generator does that delegates to it (`_gen_throw`): GeneratorExit closes it.
fn throw_into(iterator: &Obj, exception: &Obj) -> Outcome<Sent> {
    let py = iterator.py();
    let is_exit = exception
        .bind()
        .is_instance_of::<pyo3::exceptions::PyGeneratorExit>();
    let name = if is_exit {
        intern!(py, "close")
    } else {
        intern!(py, "throw")
    };
    let Some(method) = call::optional_attr(iterator, name)? else {
        return Err(Raised::raise(exception.clone()));
    };
    if is_exit {
        call::call0(&method)?;
        return Err(Raised::raise(exception.clone()));
    }
    coroutine::throw(iterator, exception)
}

/// Where a coroutine is in its life.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nobody has awaited it.
    Created,
    /// Inside a poll.
    Running,
    /// Waiting.
    Suspended,
    /// Returned, raised, or closed.
    Finished,
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
    state: Cell<State>,
}

impl Payload for CoroutineData {
    const TYPE: &'static TypeSlot = &TYPE;

    fn blank() -> Self {
        Self {
            block: Cell::new(None),
            exchange: Rc::default(),
            name: Cell::new(""),
            origin: Slot::default(),
            state: Cell::new(State::Finished),
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
        self.state.set(State::Finished);
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
        self.state.get() != State::Finished
    }

    fn finalize(this: &Ref<Self>) {
        let py = this.py();
        let ended = match this.state.get() {
            State::Created => warn_never_awaited(this),
            State::Suspended => close(this).map(drop),
            State::Running | State::Finished => Ok(()),
        };
        if let Err(raised) = ended {
            raised.unraisable(py, Some(this.as_obj()));
        }
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
        origin: Slot::new(origin(py)?),
        state: Cell::new(State::Created),
    };
    Ok(Ref::alloc(py, data, None)?.into_obj())
}

/// Where the coroutine is made, as debug mode wants to know: a tuple of `(filename, lineno, function)`.
fn origin(py: Python<'_>) -> Outcome<Option<Obj>> {
    let sys = imports::sys(py).bind();
    let depth: usize = sys
        .call_method0(intern!(py, "get_coroutine_origin_tracking_depth"))?
        .extract()?;
    if depth == 0 {
        return Ok(None);
    }
    let places = PyList::empty(py);
    let mut frame = sys.call_method0(intern!(py, "_getframe"))?;
    while !frame.is_none() && places.len() < depth {
        let code = frame.getattr(intern!(py, "f_code"))?;
        places.append((
            code.getattr(intern!(py, "co_filename"))?,
            frame.getattr(intern!(py, "f_lineno"))?,
            code.getattr(intern!(py, "co_name"))?,
        ))?;
        frame = frame.getattr(intern!(py, "f_back"))?;
    }
    Ok(Some(Obj::from(places.to_tuple())))
}

/// RuntimeWarning "coroutine '...' was never awaited".
fn warn_never_awaited(this: &Ref<CoroutineData>) -> Outcome<()> {
    let py = this.py();
    this.state.set(State::Finished);
    call::method(
        imports::warnings(py),
        intern!(py, "_warn_unawaited_coroutine"),
        [this.as_obj()],
    )
    .map(drop)
}

/// Marks the coroutine finished when a poll does not come back: a panic must not leave it running for good.
struct Polling<'a>(&'a CoroutineData);

impl Drop for Polling<'_> {
    fn drop(&mut self) {
        if self.0.state.get() == State::Running {
            self.0.state.set(State::Finished);
        }
    }
}

/// One poll, with `thrown` raised where the block waits.
fn resume(this: &Ref<CoroutineData>, thrown: Option<Obj>) -> Outcome<Sent> {
    let py = this.py();
    match (this.state.get(), thrown) {
        (State::Running, _) => {
            return Err(Raised::value_error(py, "coroutine already executing"));
        }
        (State::Finished, _) => {
            let text = "cannot reuse already awaited coroutine";
            return Err(Raised::runtime_error(py, text));
        }
        (State::Created, Some(exception)) => {
            this.state.set(State::Finished);
            drop(this.block.take());
            return Err(Raised::raise(exception));
        }
        (State::Created | State::Suspended, thrown) => this.exchange.thrown.set(thrown),
    }
    let Some(mut block) = this.block.take() else {
        return Ok(Sent::Returned(Obj::none(py)));
    };
    this.state.set(State::Running);
    let polling = Polling(this);
    let polled = block.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    drop(polling);
    match polled {
        Poll::Pending => {
            let yielded = this.exchange.yielded.take();
            this.block.set(Some(block));
            this.state.set(State::Suspended);
            Ok(Sent::Yielded(yielded.unwrap_or_else(|| Obj::none(py))))
        }
        Poll::Ready(Ok(value)) => Ok(Sent::Returned(value)),
        Poll::Ready(Err(raised)) => Err(no_stop_iteration(py, raised)),
    }
}

/// A StopIteration that leaves the block would look like its end (PEP 479).
fn no_stop_iteration(py: Python<'_>, raised: Raised) -> Raised {
    let exception = raised.take(py);
    if !exception
        .bind()
        .is_instance_of::<pyo3::exceptions::PyStopIteration>()
    {
        return Raised::raise(exception);
    }
    let error = pyo3::exceptions::PyRuntimeError::new_err("coroutine raised StopIteration");
    let error = Obj::from(error.into_value(py).into_bound(py));
    match call::set_attr(&error, intern!(py, "__cause__"), &exception) {
        Ok(()) => Raised::raise(error),
        Err(raised) => raised,
    }
}

fn step(this: &Ref<CoroutineData>, value: &Obj) -> Outcome<Sent> {
    if this.state.get() == State::Created && !value.is_none() {
        return Err(Raised::type_error(
            this.py(),
            "can't send non-None value to a just-started coroutine",
        ));
    }
    resume(this, None)
}

/// What `send` and `throw` give to Python code: the end is a StopIteration.
fn as_python_sees(py: Python<'_>, sent: Sent) -> Outcome {
    match sent {
        Sent::Yielded(value) => Ok(value),
        Sent::Returned(value) => {
            let class = Obj::from(py.get_type::<pyo3::exceptions::PyStopIteration>());
            Err(call::raise(&call::call(&class, [&value])?))
        }
    }
}

fn send(this: &Ref<CoroutineData>, value: &Obj) -> Outcome {
    as_python_sees(this.py(), step(this, value)?)
}

fn throw(this: &Ref<CoroutineData>, args: Args<'_>) -> Outcome {
    let py = this.py();
    let exception = awaiting::thrown(py, args)?;
    as_python_sees(py, resume(this, Some(exception))?)
}

fn close(this: &Ref<CoroutineData>) -> Outcome {
    let py = this.py();
    match this.state.get() {
        State::Finished => return Ok(Obj::none(py)),
        State::Created => {
            this.state.set(State::Finished);
            drop(this.block.take());
            return Ok(Obj::none(py));
        }
        State::Running | State::Suspended => {}
    }
    let exit = pyo3::exceptions::PyGeneratorExit::new_err(());
    let exit = Obj::from(exit.into_value(py).into_bound(py));
    match resume(this, Some(exit)) {
        Ok(Sent::Yielded(_)) => Err(Raised::runtime_error(py, "coroutine ignored GeneratorExit")),
        Ok(Sent::Returned(_)) => Ok(Obj::none(py)),
        Err(raised) => {
            let exception = raised.take(py);
            let is_exit = exception
                .bind()
                .is_instance_of::<pyo3::exceptions::PyGeneratorExit>();
            if is_exit {
                return Ok(Obj::none(py));
            }
            Err(Raised::raise(exception))
        }
    }
}

fn or_none(py: Python<'_>, value: Option<Obj>) -> Outcome {
    Ok(value.unwrap_or_else(|| Obj::none(py)))
}

fn name(this: &Ref<CoroutineData>) -> Outcome {
    let name = this.name.get();
    let last = name.rsplit('.').next().unwrap_or(name);
    Ok(Obj::str(this.py(), last))
}

fn repr(this: &Ref<CoroutineData>) -> Outcome {
    let text = format!(
        "<coroutine object {} at {:p}>",
        this.name.get(),
        this.as_obj().as_ptr()
    );
    Ok(Obj::str(this.py(), &text))
}

/// Builds the type.
///
/// # Errors
/// What making a type raises.
pub fn build(py: Python<'_>) -> Outcome {
    TypeBuilder::<CoroutineData>::new(c"asyncioxide.Coroutine", c"A coroutine of the loop's own.")
        .no_constructor()
        .finalizer()
        .repr(repr)
        // `yield from` in a generator-based coroutine asks for an iterator.
        .iter(|this| Ok(this.as_obj().clone()))
        .awaiting(|this| Ok(this.as_obj().clone()))
        .step(step)
        .method1(
            c"send",
            c"send($self, value, /)\n--\n\nResume the coroutine.",
            send,
        )
        .method(
            c"throw",
            c"throw($self, type, value=None, traceback=None, /)\n--\n\n\
              Raise an exception where the coroutine waits.",
            throw,
        )
        .method0(
            c"close",
            c"close($self, /)\n--\n\nRaise GeneratorExit where the coroutine waits.",
            close,
        )
        .getter(c"__name__", c"The method's name.", name)
        .getter(
            c"__qualname__",
            c"The method's name with its class.",
            |this| Ok(Obj::str(this.py(), this.name.get())),
        )
        .getter(c"cr_running", c"Whether the coroutine is executing.", |this| {
            Ok(Obj::bool(this.py(), this.state.get() == State::Running))
        })
        .getter(c"cr_suspended", c"Whether the coroutine waits.", |this| {
            Ok(Obj::bool(this.py(), this.state.get() == State::Suspended))
        })
        .getter(c"cr_await", c"What the coroutine waits for, or None.", |this| {
            or_none(this.py(), this.exchange.awaited.get())
        })
        .getter(
            c"cr_origin",
            c"Where the coroutine was made, or None.",
            |this| or_none(this.py(), this.origin.get()),
        )
        .getter(c"cr_frame", c"None: there is no Python frame.", |this| {
            Ok(Obj::none(this.py()))
        })
        .getter(c"cr_code", c"None: there is no Python code.", |this| {
            Ok(Obj::none(this.py()))
        })
        .build(py)
}
