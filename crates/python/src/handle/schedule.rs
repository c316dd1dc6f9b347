//! `Scheduler`: the loop as handles, futures, tasks and transports see it.
//!
//! It is the lower half of the event loop's object: the ready queue, the reactor's driver, the free lists and the few
//! flags that decide how a callback is scheduled. Whoever holds a `Ref<Scheduler>` can put work into the loop; how a turn
//! runs it is `event_loop`'s business. Everything here belongs to the loop's thread; other threads use `remote`. (One that
//! calls `call_soon` all the same, which asyncio lets pass outside debug mode, comes in with the GIL held.)

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use pyo3::{Python, intern};
use reactor::driver::Driver;
use reactor::poll::{Event, Interest, Token};
use reactor::queue::Ready;
use reactor::sys::Fd;
use reactor::time::{Clock, Deadline, Monotonic, seconds};

use super::handle::{self, HandleData};
use super::phase::{Life, Phase};
use super::pools::Pools;
use super::threadsafe::Called;
use super::timer_handle::{self, TimerHandleData};
use super::turn::Turn;
use crate::py::call;
use crate::py::cell::Slot;
use crate::py::context;
use crate::py::errors::{Outcome, Raised};
use crate::py::gc::Visitor;
use crate::py::instance::{Payload, Ref, TypeSlot};
use crate::py::object::Obj;
use crate::py::slots::TypeBuilder;
use crate::py::snapshot::Snapshot;
use crate::py::thread;

static TYPE: TypeSlot = TypeSlot::new();

/// One piece of work in the ready queue. A task step never becomes a Python callable.
pub enum Entry {
    /// `call_soon` and due timers.
    Handle(Ref<HandleData>),
    /// A step of a task that waits for nothing, or that gets the exception thrown in.
    Step(Obj, Option<Obj>),
    /// A task whose future (the second) is done.
    Wakeup(Obj, Obj),
    /// An observer is told that a future (the second) is done, in a copy of a context (the third).
    Tell(Obj, Obj, Obj),
    /// A future's done-callback.
    Callback {
        /// What to call.
        callback: Obj,
        /// Its one argument.
        future: Obj,
        /// The context it runs in.
        context: Obj,
    },
    /// A file descriptor is ready.
    Fired(Rc<dyn Source>, Event),
}

impl Entry {
    fn visit(&self, visitor: &mut Visitor) {
        match self {
            Self::Handle(handle) => handle::visit_queued(handle, visitor),
            Self::Step(task, exception) => {
                visitor.object(task);
                if let Some(exception) = exception {
                    visitor.object(exception);
                }
            }
            Self::Wakeup(task, future) => {
                visitor.object(task);
                visitor.object(future);
            }
            Self::Tell(callback, future, context)
            | Self::Callback {
                callback,
                future,
                context,
            } => {
                visitor.object(callback);
                visitor.object(future);
                visitor.object(context);
            }
            Self::Fired(..) => {}
        }
    }
}

/// Something registered with the poller: a watched descriptor, a transport, a listening socket.
pub trait Source {
    /// The poller reports readiness. No Python runs here: put what has to run into the ready queue, in asyncio's order.
    fn ready(self: Rc<Self>, scheduler: &Scheduler, event: Event);

    /// The turn comes to an `Entry::Fired` of this source.
    ///
    /// # Errors
    /// An exception that the loop reports.
    fn fire(&self, event: Event) -> Outcome<()>;

    /// The turn ends, and the source has asked to be told (`Turn::gather`).
    ///
    /// # Errors
    /// KeyboardInterrupt and SystemExit.
    fn end_turn(&self) -> Outcome<()> {
        Ok(())
    }

    /// Shows the collector what the source holds.
    fn visit(&self, visitor: &mut Visitor);

    /// The source as what `add_reader` made, if it did.
    fn as_watch(&self) -> Option<&dyn std::any::Any> {
        None
    }

    /// This is a forked child, and the source the parent's: what is queued for writing is the parent's to write.
    fn disown(&self) {}

    /// The transport that owns the descriptor, if one does: nobody else may watch it.
    fn transport(&self) -> Option<Obj> {
        None
    }
}

/// The reactor's driver with our timers, what other threads bring, and our sources.
pub type LoopDriver = Driver<Ref<TimerHandleData>, Ref<HandleData>, Rc<dyn Source>, Monotonic>;

/// The lower half of an event loop.
pub struct Scheduler {
    ready: RefCell<Ready<Entry>>,
    driver: RefCell<Option<Rc<LoopDriver>>>,
    /// The free lists.
    pub pools: Pools,
    /// The context that callbacks are scheduled in.
    pub snapshot: Snapshot,
    /// What transports share.
    pub turn: Turn,
    /// The task that asyncio was last told is running; see `task/current.rs`.
    pub current: Slot,
    /// The callback of `call_soon_threadsafe` that runs.
    pub called: Called,
    /// A signal has arrived: its handler is to be put into the queue.
    pub signals_pending: Cell<bool>,
    /// A source was added or resumed since the last look at the sources: the turn must not skip its own.
    pub poll_soon: Cell<bool>,
    /// A Python subclass tells the time or takes timers in its own way (loops with virtual time).
    pub own_clock: Cell<bool>,
    /// `set_task_factory`
    pub task_factory: Slot,
    /// A Python subclass makes tasks in its own way.
    pub own_tasks: Cell<bool>,
    /// `create_future` was replaced, and futures come from it alone.
    pub own_futures: Cell<bool>,
    life: Life,
    debug: Cell<bool>,
    patched: Cell<bool>,
}

impl Payload for Scheduler {
    const TYPE: &'static TypeSlot = &TYPE;

    fn blank() -> Self {
        Self {
            ready: RefCell::new(Ready::new()),
            driver: RefCell::new(None),
            pools: Pools::new(),
            snapshot: Snapshot::default(),
            turn: Turn::default(),
            current: Slot::default(),
            called: Called::default(),
            signals_pending: Cell::new(false),
            poll_soon: Cell::new(false),
            own_clock: Cell::new(false),
            task_factory: Slot::default(),
            own_tasks: Cell::new(false),
            life: Life::default(),
            debug: Cell::new(false),
            patched: Cell::new(false),
            own_futures: Cell::new(false),
        }
    }

    fn visit(&self, visitor: &mut Visitor) {
        visitor.slot(&self.current);
        visitor.slot(&self.task_factory);
        self.snapshot.visit(visitor);
        self.called.visit(visitor);
        if let Ok(ready) = self.ready.try_borrow() {
            ready.iter().for_each(|entry| entry.visit(visitor));
        }
        if let Some(driver) = self.driver() {
            let visitor = RefCell::new(visitor);
            driver.visit(
                &mut |timer| handle::visit_queued(timer.upcast(), &mut visitor.borrow_mut()),
                &mut |source: &Rc<dyn Source>| source.visit(&mut visitor.borrow_mut()),
            );
        }
    }

    fn clear(&self) {
        self.current.set(None);
        self.task_factory.set(None);
        self.snapshot.clear();
        discard(self.driver().as_deref(), self.take_ready());
    }
}

/// Drops pending work. Handles that somebody still holds become the collector's business.
pub fn discard(driver: Option<&LoopDriver>, entries: VecDeque<Entry>) {
    for entry in entries {
        if let Entry::Handle(handle) = &entry {
            handle::leave_queue(handle);
        }
    }
    if let Some(driver) = driver {
        let (sources, timers, called) = driver.drain();
        for timer in &timers {
            timer_handle::leave(timer);
        }
        called.iter().for_each(handle::leave_queue);
        drop(sources);
    }
}

impl Scheduler {
    /// Gives the loop its driver.
    pub fn open(&self, driver: LoopDriver) {
        *self.driver.borrow_mut() = Some(Rc::new(driver));
        self.life.set(Phase::Idle);
    }

    /// A subclass or somebody's assignment has replaced `call_soon`, so nothing may go past it.
    pub fn set_patched(&self) {
        self.patched.set(true);
    }

    /// The driver; none before `__init__` and after `close`.
    #[inline]
    pub fn driver(&self) -> Option<Rc<LoopDriver>> {
        self.driver.borrow().clone()
    }

    /// Takes the driver and all pending work away; the caller drops them, which can run Python.
    #[must_use]
    pub fn close(&self) -> (Option<Rc<LoopDriver>>, VecDeque<Entry>) {
        self.end(Phase::Closed)
    }

    /// The same in a forked child, whose loop this is not. The caller drops neither: see `event_loop/fork.rs`.
    #[must_use]
    pub fn disown(&self) -> (Option<Rc<LoopDriver>>, VecDeque<Entry>) {
        self.end(Phase::Inherited)
    }

    fn end(&self, phase: Phase) -> (Option<Rc<LoopDriver>>, VecDeque<Entry>) {
        self.set_phase(phase);
        let driver = self.driver.borrow_mut().take();
        (driver, self.take_ready())
    }

    fn take_ready(&self) -> VecDeque<Entry> {
        self.ready.borrow_mut().drain()
    }

    /// Where the loop is in its life.
    #[inline]
    pub fn phase(&self) -> Phase {
        self.life.phase()
    }

    /// Enters or leaves `run_forever`.
    pub fn set_phase(&self, phase: Phase) {
        self.life.set(phase);
    }

    /// Whether this loop is found to be the running one without asking asyncio; see `Life::runs_alone`.
    #[inline]
    pub fn runs_alone(&self, py: Python<'_>) -> bool {
        self.life.runs_alone(py)
    }

    /// The loop stops. It may be dropped now without being closed, in a cycle with a handle that waits in its queues and
    /// that somebody holds.
    pub fn track_queued(&self) {
        for entry in self.ready.borrow().iter() {
            if let Entry::Handle(handle) = entry {
                handle::leave_queue(handle);
            }
        }
        if let Some(driver) = self.driver() {
            driver.visit(
                &mut |timer| handle::leave_queue(timer.upcast()),
                &mut |_| {},
            );
        }
    }

    /// Whether the loop runs, on any thread.
    pub fn is_running(&self) -> bool {
        matches!(self.life.phase(), Phase::Running(_))
    }

    /// `loop.get_debug()`.
    #[inline]
    pub fn is_debug(&self) -> bool {
        self.debug.get()
    }

    /// `loop.set_debug()`.
    pub fn set_debug(&self, debug: bool) {
        self.debug.set(debug);
    }

    /// Whether work must go through the Python-visible `call_soon`.
    #[inline]
    pub fn is_patched(&self) -> bool {
        self.patched.get()
    }

    /// Whether `create_task` makes tasks of ours, so that nobody can tell whether it was called.
    #[inline]
    pub fn makes_our_tasks(&self) -> bool {
        !self.task_factory.is_some() && !self.own_tasks.get()
    }

    /// Registers a source with the poller, under a descriptor that was just made: whoever was registered under its number
    /// was closed behind our back and is forgotten.
    ///
    /// # Errors
    /// RuntimeError on a closed loop; OSError of epoll_ctl(2).
    pub fn register(
        &self,
        py: Python<'_>,
        fd: Fd,
        interest: Interest,
        source: Rc<dyn Source>,
    ) -> Outcome<Token> {
        let Some(driver) = self.driver() else {
            return Err(closed(py));
        };
        self.poll_soon.set(true);
        if let Some(stale) = driver.token_of(fd) {
            drop(driver.deregister(stale));
        }
        driver
            .register(fd, interest, source)
            .map_err(|error| Raised::os_error(py, &error))
    }

    /// Changes what a source waits for. A source that is gone, or a loop that is closed, is let pass.
    ///
    /// # Errors
    /// OSError of epoll_ctl(2).
    pub fn set_interest(&self, py: Python<'_>, token: Token, interest: Interest) -> Outcome<()> {
        let Some(driver) = self.driver() else {
            return Ok(());
        };
        if driver.interest(token).is_none() {
            return Ok(());
        }
        self.poll_soon.set(true);
        driver
            .set_interest(token, interest)
            .map_err(|error| Raised::os_error(py, &error))
    }

    /// Takes a source out of the poller, before its descriptor is closed.
    pub fn deregister(&self, token: Token) {
        if let Some(driver) = self.driver() {
            // Dropped here, with nothing borrowed.
            drop(driver.deregister(token));
        }
    }

    /// RuntimeError when the loop is closed (`BaseEventLoop._check_closed`).
    ///
    /// # Errors
    /// `RuntimeError('Event loop is closed')`.
    #[inline]
    pub fn check_closed(&self, py: Python<'_>) -> Outcome<()> {
        match self.life.phase() {
            Phase::Idle | Phase::Running(_) => Ok(()),
            Phase::Closed => Err(closed(py)),
            Phase::Inherited => Err(inherited(py)),
            Phase::Blank => Err(Raised::runtime_error(
                py,
                "the event loop's __init__() was not called",
            )),
        }
    }

    /// RuntimeError in a forked child whose parent's loop this is.
    ///
    /// # Errors
    /// As said.
    #[inline]
    pub fn check_inherited(&self, py: Python<'_>) -> Outcome<()> {
        match self.life.phase() {
            Phase::Inherited => Err(inherited(py)),
            _ => Ok(()),
        }
    }

    /// Appends to the ready queue, behind what other threads have asked for before.
    #[inline]
    pub fn push(&self, entry: Entry) {
        self.collect_remote();
        self.ready.borrow_mut().push(entry);
    }

    /// Moves what other threads have brought into the ready queue. One atomic load when there is nothing.
    #[inline]
    pub fn collect_remote(&self) {
        let driver = self.driver.borrow();
        if let Some(driver) = driver
            .as_ref()
            .filter(|driver| driver.remote().has_pending())
        {
            self.collect_remote_from(driver);
        }
    }

    #[cold]
    fn collect_remote_from(&self, driver: &LoopDriver) {
        let mut brought = Vec::new();
        driver.drain_remote(&mut brought);
        let mut ready = self.ready.borrow_mut();
        for handle in brought {
            ready.push(Entry::Handle(handle));
        }
    }

    /// Takes the oldest entry.
    #[inline]
    pub fn pop(&self) -> Option<Entry> {
        self.ready.borrow_mut().pop()
    }

    /// The number of entries.
    #[inline]
    pub fn ready_len(&self) -> usize {
        self.ready.borrow().len()
    }

    /// Puts a timer into the heap.
    ///
    /// # Errors
    /// RuntimeError on a closed loop.
    #[inline]
    pub fn set_timer(&self, when: f64, timer: Ref<TimerHandleData>) -> Outcome<()> {
        let driver = self.driver.borrow();
        let Some(driver) = driver.as_ref() else {
            return self.check_closed(timer.py());
        };
        // asyncio's comparisons let a NaN run at once.
        driver.schedule(Deadline::at(when).unwrap_or(Deadline::PAST), timer);
        Ok(())
    }

    /// A timer in the heap was cancelled; sweeps the heap when too many of its entries are.
    #[inline]
    pub fn timer_cancelled(&self) {
        let swept = match &*self.driver.borrow() {
            Some(driver) => driver.cancelled(),
            None => return,
        };
        for timer in swept {
            timer_handle::finish(timer, self);
        }
    }

    /// RuntimeError when the loop runs on another thread (`BaseEventLoop._check_thread`, debug mode only).
    ///
    /// # Errors
    /// RuntimeError with asyncio's text.
    pub fn check_thread(&self, py: Python<'_>) -> Outcome<()> {
        let Phase::Running(owner) = self.life.phase() else {
            return Ok(());
        };
        if thread::ident(py) == owner {
            return Ok(());
        }
        Err(Raised::runtime_error(
            py,
            "Non-thread-safe operation invoked on an event loop other than the current one",
        ))
    }
}

/// `loop.time()` of a loop without a clock of its own.
#[inline]
pub fn now() -> f64 {
    seconds(Monotonic.now_ns())
}

fn closed(py: Python<'_>) -> Raised {
    Raised::runtime_error(py, "Event loop is closed")
}

#[cold]
fn inherited(py: Python<'_>) -> Raised {
    Raised::runtime_error(
        py,
        "This event loop is that of the process which this one was forked from: \
         use asyncio.run() or a new event loop here",
    )
}

/// How a future or task reaches its loop.
#[derive(Clone)]
pub enum LoopRef {
    /// One of ours, whose queue we may use directly (unless it is patched).
    Native(Ref<Scheduler>),
    /// Any other loop: everything goes through its methods.
    Foreign(Obj),
}

impl LoopRef {
    /// Looks at a loop once, when an object is made for it.
    #[inline]
    pub fn of(loop_: &Obj) -> Self {
        match loop_.downcast::<Scheduler>() {
            Some(scheduler) => Self::Native(scheduler.clone()),
            None => Self::Foreign(loop_.clone()),
        }
    }

    /// The loop object.
    #[inline]
    pub fn object(&self) -> &Obj {
        match self {
            Self::Native(scheduler) => scheduler.as_obj(),
            Self::Foreign(loop_) => loop_,
        }
    }
}

/// `loop.call_soon(callback, argument, context=context)` on any loop.
///
/// # Errors
/// What the loop raises.
pub fn call_soon(
    loop_: &Obj,
    callback: &Obj,
    argument: Option<&Obj>,
    context: &Obj,
) -> Outcome<()> {
    let py = loop_.py();
    let (name, keyword) = (intern!(py, "call_soon"), [intern!(py, "context")]);
    match argument {
        Some(argument) => {
            call::method_keywords(loop_, name, [callback, argument, context], &keyword)?
        }
        None => call::method_keywords(loop_, name, [callback, context], &keyword)?,
    };
    Ok(())
}

/// Runs a future's done-callback in its context.
///
/// # Errors
/// Whatever the callback raised.
#[inline]
pub fn run_callback(callback: &Obj, future: &Obj, context: &Obj) -> Outcome<()> {
    context::run_in(context, || call::call(callback, [future])).map(drop)
}

/// Builds the type.
///
/// # Errors
/// What making a type raises.
pub fn build(py: Python<'_>) -> Outcome {
    TypeBuilder::<Scheduler>::new(
        c"asyncioxide._Scheduler",
        c"The lower half of an event loop.",
    )
    .subclassable()
    .no_constructor()
    .build(py)
}
