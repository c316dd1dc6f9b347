//! The fields of a future and its transitions: pending, then finished or cancelled, once.
//!
//! `Task` extends these fields, so everything here works on the part they share. Follows `FutureObj` of
//! `_asynciomodule.c`: the texts, the order of effects, and when a traceback counts as retrieved.

use std::cell::Cell;
use std::rc::Rc;

use pyo3::types::{PyAnyMethods, PyDict, PyDictMethods, PyTypeMethods};
use pyo3::{Python, intern};

use super::callbacks::{Callback, Callbacks};
use crate::handle::schedule::{self, LoopRef, Scheduler};
use crate::py::call;
use crate::py::cell::Slot;
use crate::py::errors::{Outcome, Raised};
use crate::py::freelist::FreeList;
use crate::py::gc::Visitor;
use crate::py::imports;
use crate::py::instance::{Dict, Payload, Ref, TypeSlot, WeakList};
use crate::py::object::Obj;
use crate::py::version::PY_3_13;

pub(super) static TYPE: TypeSlot = TypeSlot::new();

/// What became of a future.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// Nothing yet.
    Pending,
    /// `cancel` was called.
    Cancelled,
    /// There is a result.
    Returned,
    /// There is an exception.
    Raised,
}

impl State {
    /// `Future._state`, asyncio's words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Cancelled => "CANCELLED",
            Self::Returned | Self::Raised => "FINISHED",
        }
    }
}

/// What few futures have.
#[derive(Default)]
pub struct Rare {
    /// A loop that is not ours.
    pub foreign_loop: Slot,
    /// Where the future was made (debug mode).
    pub source_traceback: Slot,
    /// `cancel(msg)`.
    pub cancel_message: Slot,
    /// The CancelledError that ended a task.
    pub cancelled_error: Slot,
    /// The exception's traceback when it was set.
    pub exception_traceback: Slot,
    /// Who `future_add_to_awaited_by` said waits.
    waiters: Cell<Vec<Obj>>,
}

impl Rare {
    /// Notes that `waiter` waits, once.
    pub fn add_waiter(&self, waiter: &Obj) {
        let mut waiters = self.waiters.take();
        if !waiters.iter().any(|known| known.is(waiter)) {
            waiters.push(waiter.clone());
        }
        self.waiters.set(waiters);
    }

    /// Forgets a waiter.
    pub fn discard_waiter(&self, waiter: &Obj) {
        let mut waiters = self.waiters.take();
        let index = waiters.iter().position(|known| known.is(waiter));
        let known = index.map(|index| waiters.swap_remove(index));
        self.waiters.set(waiters);
        drop(known);
    }

    /// The waiters noted.
    pub fn waiters_told(&self) -> Vec<Obj> {
        let waiters = self.waiters.take();
        let copy = waiters.clone();
        self.waiters.set(waiters);
        copy
    }

    fn visit(&self, visitor: &mut Visitor) {
        visitor.slot(&self.foreign_loop);
        visitor.slot(&self.source_traceback);
        visitor.slot(&self.cancel_message);
        visitor.slot(&self.cancelled_error);
        visitor.slot(&self.exception_traceback);
        let waiters = self.waiters.take();
        waiters.iter().for_each(|waiter| visitor.object(waiter));
        self.waiters.set(waiters);
    }
}

/// The fields of `asyncio.Future`.
pub struct FutureData {
    pub(super) weak: WeakList,
    pub(super) dict: Dict,
    scheduler: Slot<Ref<Scheduler>>,
    callbacks: Callbacks,
    /// The result or the exception.
    outcome: Slot,
    rare: Cell<Option<Rc<Rare>>>,
    state: Cell<State>,
    /// `_asyncio_future_blocking`: an `await` has just given the future to a task.
    pub blocking: Cell<bool>,
    /// `_log_traceback`: an exception is set that nobody has asked for.
    pub log_traceback: Cell<bool>,
}

impl Payload for FutureData {
    const TYPE: &'static TypeSlot = &TYPE;

    fn blank() -> Self {
        Self::new(None)
    }

    fn visit(&self, visitor: &mut Visitor) {
        self.dict.visit(visitor);
        visitor.slot(&self.scheduler);
        self.callbacks.visit(visitor);
        visitor.slot(&self.outcome);
        if let Some(rare) = self.rare() {
            rare.visit(visitor);
        }
    }

    fn clear(&self) {
        drop(self.callbacks.take());
        drop(self.outcome.take());
        drop(self.rare.take());
        drop(self.scheduler.take());
        self.dict.clear();
    }

    fn wants_finalize(&self) -> bool {
        self.log_traceback.get()
    }

    fn finalize(this: &Ref<Self>) {
        this.report_never_retrieved(this);
    }

    fn pool(&self) -> Option<Rc<FreeList>> {
        self.scheduler
            .get()
            .map(|scheduler| scheduler.pools.futures.clone())
    }
}

impl FutureData {
    /// A pending future of a native loop, or of none yet.
    #[inline]
    pub fn new(scheduler: Option<Ref<Scheduler>>) -> Self {
        Self {
            weak: WeakList::default(),
            dict: Dict::default(),
            scheduler: Slot::new(scheduler),
            callbacks: Callbacks::default(),
            outcome: Slot::default(),
            rare: Cell::new(None),
            state: Cell::new(State::Pending),
            blocking: Cell::new(false),
            log_traceback: Cell::new(false),
        }
    }

    /// Pending, finished or cancelled.
    #[inline]
    pub fn state(&self) -> State {
        self.state.get()
    }

    /// Whether nothing can change any more.
    #[inline]
    pub fn is_done(&self) -> bool {
        self.state.get() != State::Pending
    }

    /// The rare fields, if there are any.
    #[inline]
    pub fn rare(&self) -> Option<Rc<Rare>> {
        let rare = self.rare.take()?;
        let copy = rare.clone();
        self.rare.set(Some(rare));
        Some(copy)
    }

    /// The rare fields, made when needed.
    pub fn rare_mut(&self) -> Rc<Rare> {
        let rare = self.rare.take().unwrap_or_default();
        self.rare.set(Some(rare.clone()));
        rare
    }

    /// Our loop's queues, when the loop is ours.
    #[inline]
    pub fn scheduler(&self) -> Option<Ref<Scheduler>> {
        self.scheduler.get()
    }

    /// Whether `scheduler` is this future's loop.
    #[inline]
    pub fn belongs_to(&self, scheduler: &Ref<Scheduler>) -> bool {
        self.scheduler.holds(scheduler.as_obj())
    }

    /// The loop; none before `__init__`.
    #[inline]
    pub fn loop_ref(&self) -> Option<LoopRef> {
        match self.scheduler.get() {
            Some(scheduler) => Some(LoopRef::Native(scheduler)),
            None => self.rare()?.foreign_loop.get().map(LoopRef::Foreign),
        }
    }

    /// Binds the future to a loop, once.
    pub fn bind_loop(&self, loop_: LoopRef) {
        match loop_ {
            LoopRef::Native(scheduler) => self.scheduler.set(Some(scheduler)),
            LoopRef::Foreign(object) => self.rare_mut().foreign_loop.set(Some(object)),
        }
    }

    /// Whether the instance has a `__dict__` yet.
    pub fn has_dict(&self) -> bool {
        self.dict.exists()
    }

    /// Whether `name` was assigned on the instance.
    ///
    /// # Errors
    /// What comparing keys raises.
    pub fn dict_has(&self, name: &pyo3::Bound<'_, pyo3::types::PyString>) -> Outcome<bool> {
        match self.dict.get() {
            Some(dict) => Ok(dict.bind().contains(name)?),
            None => Ok(false),
        }
    }

    /// Forgets everything a previous `__init__` left.
    pub fn reset(&self) {
        drop(self.callbacks.take());
        self.outcome.set(None);
        drop(self.rare.take());
        self.scheduler.set(None);
        self.state.set(State::Pending);
        self.blocking.set(false);
        self.log_traceback.set(false);
    }

    /// Whether `__init__` has run.
    #[inline]
    pub fn has_loop(&self) -> bool {
        self.scheduler.is_some() || self.rare().is_some_and(|rare| rare.foreign_loop.is_some())
    }

    /// RuntimeError when `__init__` has not run.
    ///
    /// # Errors
    /// `RuntimeError('Future object is not initialized.')`.
    #[inline]
    pub fn ensure_alive(&self, py: Python<'_>) -> Outcome<()> {
        if self.has_loop() {
            return Ok(());
        }
        Err(Raised::runtime_error(
            py,
            "Future object is not initialized.",
        ))
    }

    /// The result, once there is one; `None` otherwise. Marks nothing as retrieved.
    pub fn peek_result(&self) -> Option<Obj> {
        (self.state.get() == State::Returned)
            .then(|| self.outcome.get())
            .flatten()
    }

    /// The exception, once there is one; `None` otherwise. Marks nothing as retrieved.
    pub fn peek_exception(&self) -> Option<Obj> {
        (self.state.get() == State::Raised)
            .then(|| self.outcome.get())
            .flatten()
    }

    /// Entries to be called when the future is done.
    pub fn callbacks(&self) -> &Callbacks {
        &self.callbacks
    }

    /// A new CancelledError, or the one that ended the task (`create_cancelled_error`).
    ///
    /// # Errors
    /// What the constructor raises.
    pub fn make_cancelled_error(&self, py: Python<'_>) -> Outcome {
        let class = imports::cancelled_error(py);
        let Some(rare) = self.rare() else {
            return call::call0(class);
        };
        if let Some(exception) = rare.cancelled_error.take() {
            return Ok(exception);
        }
        match rare.cancel_message.get() {
            Some(message) if !message.is_none() => call::call(class, [&message]),
            _ => call::call0(class),
        }
    }

    /// What `await` and `result()` give.
    ///
    /// # Errors
    /// The exception, CancelledError, or InvalidStateError while pending.
    #[inline]
    pub fn result(&self, py: Python<'_>) -> Outcome {
        match self.state.get() {
            State::Returned => Ok(self.outcome.get().unwrap_or_else(|| Obj::none(py))),
            State::Pending => Err(Raised::of(
                imports::invalid_state_error(py),
                "Result is not set.",
            )),
            State::Cancelled => Err(call::raise(&self.make_cancelled_error(py)?)),
            State::Raised => {
                self.log_traceback.set(false);
                let Some(exception) = self.outcome.get() else {
                    return Err(Raised::runtime_error(
                        py,
                        "the collector took the exception",
                    ));
                };
                let traceback = self.rare().and_then(|rare| rare.exception_traceback.take());
                call::set_traceback(&exception, traceback.as_ref())?;
                Err(call::raise(&exception))
            }
        }
    }

    /// What `exception()` gives.
    ///
    /// # Errors
    /// CancelledError, or InvalidStateError while pending.
    pub fn exception(&self, py: Python<'_>) -> Outcome {
        match self.state.get() {
            State::Returned => Ok(Obj::none(py)),
            State::Pending => Err(Raised::of(
                imports::invalid_state_error(py),
                "Exception is not set.",
            )),
            State::Cancelled => Err(call::raise(&self.make_cancelled_error(py)?)),
            State::Raised => {
                self.log_traceback.set(false);
                Ok(self.outcome.get().unwrap_or_else(|| Obj::none(py)))
            }
        }
    }

    /// Pending becomes finished. `this` is the object that these fields belong to.
    ///
    /// # Errors
    /// InvalidStateError when done already, or what scheduling raises.
    #[inline]
    pub fn set_result(&self, this: &Obj, result: Obj) -> Outcome<()> {
        let py = this.py();
        self.ensure_pending(py)?;
        self.outcome.set(Some(result));
        self.state.set(State::Returned);
        self.schedule_callbacks(this)
    }

    /// Pending becomes finished with an exception (an instance or a class).
    ///
    /// # Errors
    /// InvalidStateError when done already, TypeError for what cannot be raised, or what scheduling raises.
    pub fn set_exception(&self, this: &Obj, exception: &Obj) -> Outcome<()> {
        let py = this.py();
        self.ensure_pending(py)?;
        let exception = self.raisable(exception)?;
        if let Some(traceback) = call::traceback(&exception) {
            self.rare_mut().exception_traceback.set(Some(traceback));
        }
        self.outcome.set(Some(exception));
        self.state.set(State::Raised);
        self.schedule_callbacks(this)?;
        self.log_traceback.set(true);
        Ok(())
    }

    fn ensure_pending(&self, py: Python<'_>) -> Outcome<()> {
        if self.state.get() == State::Pending {
            return Ok(());
        }
        Err(Raised::of(
            imports::invalid_state_error(py),
            "invalid state",
        ))
    }

    /// The instance to raise for what `set_exception` was given.
    fn raisable(&self, exception: &Obj) -> Outcome {
        const TEXT: &str =
            "StopIteration interacts badly with generators and cannot be raised into a Future";
        let py = exception.py();
        let base = py.get_type::<pyo3::exceptions::PyBaseException>();
        let exception = match exception.bind().cast::<pyo3::types::PyType>() {
            Ok(class) if class.is_subclass(&base)? => {
                let made = call::call0(exception)?;
                self.ensure_pending(py)?;
                made
            }
            _ => exception.clone(),
        };
        if !call::is_exception(&exception) {
            return Err(Raised::type_error(py, "invalid exception object"));
        }
        let stop = py.get_type::<pyo3::exceptions::PyStopIteration>();
        if !PY_3_13 {
            if exception.bind().get_type().is(&stop) {
                return Err(Raised::type_error(py, TEXT));
            }
        } else if exception.bind().is_instance(&stop)? {
            let class = Obj::from(py.get_type::<pyo3::exceptions::PyRuntimeError>());
            let error = Raised::instance(&class, TEXT)?;
            call::set_attr(&error, intern!(py, "__cause__"), &exception)?;
            call::set_attr(&error, intern!(py, "__context__"), &exception)?;
            return Ok(error);
        }
        Ok(exception)
    }

    /// Pending becomes cancelled; false when it was done already.
    ///
    /// # Errors
    /// What scheduling raises.
    pub fn cancel(&self, this: &Obj, message: Option<&Obj>) -> Outcome<bool> {
        self.log_traceback.set(false);
        if self.is_done() {
            return Ok(false);
        }
        self.set_cancel_message(message);
        self.state.set(State::Cancelled);
        self.schedule_callbacks(this)?;
        Ok(true)
    }

    /// Keeps the message for the CancelledError.
    pub fn set_cancel_message(&self, message: Option<&Obj>) {
        match message {
            Some(message) if !message.is_none() => {
                self.rare_mut().cancel_message.set(Some(message.clone()))
            }
            _ => {
                if let Some(rare) = self.rare() {
                    rare.cancel_message.set(None);
                }
            }
        }
    }

    /// Adds an entry, or schedules it at once when the future is done.
    ///
    /// # Errors
    /// What scheduling raises.
    #[inline]
    pub fn add_callback(&self, this: &Obj, callback: Callback) -> Outcome<()> {
        if self.is_done() {
            return self.schedule(this, callback);
        }
        self.callbacks.add(callback);
        Ok(())
    }

    #[inline]
    fn schedule_callbacks(&self, this: &Obj) -> Outcome<()> {
        let (first, more) = self.callbacks.take();
        if let Some(first) = first {
            self.schedule(this, first)?;
        }
        for callback in more {
            self.schedule(this, callback)?;
        }
        Ok(())
    }

    #[inline]
    fn schedule(&self, this: &Obj, callback: Callback) -> Outcome<()> {
        let py = this.py();
        match self.loop_ref() {
            Some(LoopRef::Native(scheduler)) if !scheduler.is_patched() => {
                scheduler.check_closed(py)?;
                if scheduler.is_debug() {
                    scheduler.check_thread(py)?;
                    scheduler.push(callback.traced_entry(&scheduler, this)?);
                    return Ok(());
                }
                scheduler.push(callback.entry(this.clone()));
                Ok(())
            }
            Some(loop_) => {
                let (callback, context) = callback.parts()?;
                schedule::call_soon(loop_.object(), &callback, Some(this), &context)
            }
            None => self.ensure_alive(py),
        }
    }

    /// Keeps the stack of the Python code that makes this future (debug mode).
    ///
    /// # Errors
    /// What extracting a stack raises.
    pub fn remember_source(&self, py: Python<'_>) -> Outcome<()> {
        let stack = crate::handle::handle::extract_stack(py)?;
        self.rare_mut().source_traceback.set(Some(stack));
        Ok(())
    }

    /// `Future.__del__`: an exception that nobody asked for goes to the loop's exception handler.
    pub fn report_never_retrieved<T: Payload>(&self, this: &Ref<T>) {
        if !self.log_traceback.replace(false) {
            return;
        }
        let py = this.py();
        let report = || -> Outcome<()> {
            let exception = self.outcome.get().unwrap_or_else(|| Obj::none(py));
            let class = call::attr(this.as_obj(), intern!(py, "__class__"))?;
            let name = class.bind().getattr(intern!(py, "__name__"))?;
            let context = PyDict::new(py);
            context.set_item(
                intern!(py, "message"),
                format!("{name} exception was never retrieved"),
            )?;
            context.set_item(intern!(py, "exception"), exception.bind())?;
            context.set_item(intern!(py, "future"), this.as_obj().bind())?;
            self.send_report(context)
        };
        if let Err(raised) = report() {
            raised.unraisable(py, Some(this.as_obj()));
        }
    }

    /// Adds the place of creation and calls the loop's exception handler.
    ///
    /// # Errors
    /// What the handler raises.
    pub fn send_report(&self, context: pyo3::Bound<'_, PyDict>) -> Outcome<()> {
        let py = context.py();
        if let Some(stack) = self.rare().and_then(|rare| rare.source_traceback.get()) {
            context.set_item(intern!(py, "source_traceback"), stack.bind())?;
        }
        if let Some(loop_) = self.loop_ref() {
            let context = Obj::from(context);
            call::method(
                loop_.object(),
                intern!(py, "call_exception_handler"),
                [&context],
            )?;
        }
        Ok(())
    }
}
