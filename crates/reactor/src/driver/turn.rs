//! `Driver`: the parts of a loop, and the turn made of them.

use std::cell::{Cell, RefCell};
use std::io;
use std::sync::Arc;
use std::time::Duration;

use rustix::io::Errno;

use crate::poll::{Event, Events, Interest, Poller, Resolved, Sources, Token};
use crate::queue::Remote;
use crate::sys::Fd;
use crate::time::{Clock, Deadline, Expiry, Timers};

use super::policy::{FirstTimer, decide};
use super::{PollBudget, Wait};

/// The parts of a loop. `T` is what timers carry, `R` what the remote queue brings, `S` what a
/// registered source is, `C` the clock.
///
/// It belongs to the loop's thread. Only [`Driver::poller`] (during a wait) and [`Driver::remote`]
/// (always) may be used by others.
#[derive(Debug)]
pub struct Driver<T: Expiry, R, S: Clone, C: Clock> {
    clock: C,
    poller: Poller,
    remote: Arc<Remote<R>>,
    sources: RefCell<Sources<S>>,
    timers: RefCell<Timers<T>>,
    /// What the last wait found.
    events: RefCell<Events>,
    /// How many of `events` were handed out.
    handed_out: Cell<usize>,
    budget: RefCell<PollBudget>,
    /// The turn's reading of the clock.
    now_ns: Cell<u64>,
    parked: Cell<bool>,
    /// An orphan was seen; the poller is rebuilt at the end of the turn.
    rebuild_due: Cell<bool>,
}

impl<T: Expiry, R, S: Clone, C: Clock> Driver<T, R, S, C> {
    /// A timer that is due within this time makes a turn read the clock: more than an estimate within
    /// the budget's 100 µs can be wrong by.
    const NEAR_NS: u64 = 1_000_000;

    /// An empty driver with its own poller and waker.
    ///
    /// # Errors
    /// Those of epoll_create1(2) and eventfd(2), EMFILE above all.
    pub fn new(clock: C) -> io::Result<Self> {
        let poller = Poller::new()?;
        let remote = Remote::new()?;
        poller.add_waker(remote.waker())?;
        Ok(Self {
            now_ns: Cell::new(clock.now_ns()),
            clock,
            poller,
            remote: Arc::new(remote),
            sources: RefCell::new(Sources::new()),
            timers: RefCell::new(Timers::new()),
            events: RefCell::new(Events::new()),
            handed_out: Cell::new(0),
            budget: RefCell::new(PollBudget::exhausted()),
            parked: Cell::new(false),
            rebuild_due: Cell::new(false),
        })
    }

    /// The clock.
    pub fn clock(&self) -> &C {
        &self.clock
    }

    /// The turn's reading of the clock, in nanoseconds: made by [`Driver::plan`], and once more
    /// after a look at the sources.
    pub fn now_ns(&self) -> u64 {
        self.now_ns.get()
    }

    /// The poller.
    pub fn poller(&self) -> &Poller {
        &self.poller
    }

    /// The door for other threads, to be cloned for them.
    pub fn remote(&self) -> &Arc<Remote<R>> {
        &self.remote
    }

    // The turn, in its order.

    /// Begins a turn: reads the clock and decides how to look at the sources.
    ///
    /// `has_ready`: callbacks are waiting to run. `force`: look even if the budget would allow to
    /// skip it, for the first turn of `run_forever`, a turn with a stop pending, the turn after a
    /// source was added or resumed, debug mode, and `poll_every_turn`. (A stop pending is work too:
    /// with `force`, pass `has_ready` true to keep the turn from waiting.)
    ///
    /// After [`Wait::Park`], [`Driver::wait_with`] must follow, or [`Driver::unpark`] if the loop
    /// does not wait after all.
    pub fn plan(&self, has_ready: bool, force: bool) -> Wait {
        debug_assert!(
            !self.parked.get(),
            "a plan was made before the last one was carried out"
        );
        if has_ready && !force && self.skips_cheaply() {
            return Wait::Skip;
        }
        let now_ns = self.clock.now_ns();
        self.now_ns.set(now_ns);
        let first = self.first_timer(now_ns);
        match decide(
            &mut self.budget.borrow_mut(),
            now_ns,
            has_ready,
            force,
            first,
        ) {
            park @ Wait::Park { .. } if self.remote.park() => {
                self.parked.set(true);
                park
            }
            Wait::Park { .. } => Wait::Poll,
            look => look,
        }
    }

    /// The cheap half of [`Driver::plan`], for a turn that has work and is not forced to look: true if there is no timer and
    /// the turns before it were so quick that it may skip its look without any reading of the time. It is planned then.
    #[inline]
    #[must_use]
    pub fn skips_unread(&self) -> bool {
        self.timers.borrow().is_empty() && self.budget.borrow_mut().spend_unread()
    }

    /// Carries the plan out. `wait` is called, unless the plan is to skip, to make the one system
    /// call (with the interpreter's lock released, if it likes), typically `poller.wait(timeout,
    /// events)`. True when a signal interrupted it.
    ///
    /// # Errors
    /// Those of `wait`, and of reading the waker's eventfd; none is expected. The wait is over in
    /// any case.
    pub fn wait_with<W>(&self, plan: Wait, wait: W) -> io::Result<bool>
    where
        W: FnOnce(&Poller, Option<Duration>, &mut Events) -> io::Result<()>,
    {
        let timeout = match plan {
            Wait::Skip => return Ok(false),
            Wait::Poll => Some(Duration::ZERO),
            Wait::Park { timeout } => timeout,
        };
        // Out of the cell while foreign code may run, as it can when the lock is released.
        let mut events = self.events.take();
        let waited = wait(&self.poller, timeout, &mut events);
        let is_interrupted = events.interrupted();
        self.events.replace(events);
        self.handed_out.set(0);
        let unparked = self.unpark();
        // Both the wait and getting the interpreter's lock back take time, and timers are due by
        // the time after them.
        self.now_ns.set(self.clock.now_ns());
        self.budget
            .borrow_mut()
            .refill(self.now_ns.get(), self.clock.ticks());
        waited.and(unparked)?;
        Ok(is_interrupted)
    }

    /// Ends what [`Wait::Park`] began, without a wait. Does nothing when the driver is not parked.
    ///
    /// # Errors
    /// Those of reading the waker's eventfd; none is expected.
    pub fn unpark(&self) -> io::Result<()> {
        if self.parked.replace(false) {
            self.remote.unpark()
        } else {
            Ok(())
        }
    }

    /// The next source that the last wait found ready, and for what. Sources that earlier callbacks
    /// of this turn removed or disabled are passed over. asyncio first turns all of them into ready
    /// callbacks and then runs those.
    pub fn next_event(&self) -> Option<(S, Event)> {
        let (events, sources) = (self.events.borrow(), self.sources.borrow());
        loop {
            let event = events.event(self.handed_out.get())?;
            self.handed_out.set(self.handed_out.get() + 1);
            match sources.resolve(event) {
                Resolved::Ready(source, event) => return Some((source.clone(), event)),
                Resolved::Stale => {}
                Resolved::Orphan => self.rebuild_due.set(true),
            }
        }
    }

    /// The next timer that is due in this turn, or that was cancelled, earliest first. To be asked
    /// until it answers `None` before any of them runs: a callback may schedule new ones in the
    /// past, which are the next turn's.
    #[inline]
    pub fn pop_due(&self) -> Option<T> {
        let mut timers = self.timers.borrow_mut();
        if timers.is_empty() {
            return None;
        }
        timers.pop(Deadline::at_ns(self.now_ns.get()))
    }

    /// Appends what other threads have brought to `into`. One atomic load when there is nothing.
    pub fn drain_remote(&self, into: &mut Vec<R>) {
        if self.remote.has_pending() {
            self.remote.drain(into);
        }
    }

    /// Ends a turn: slots of removed sources become free, events that nobody asked for are
    /// forgotten (they come again), and the poller sheds its orphans.
    ///
    /// # Errors
    /// Those of epoll_create1(2), when an orphan was seen and no new epoll instance can be made.
    /// Tried again next turn.
    ///
    /// After [`Wait::Skip`] there were no events, and it may be left out.
    pub fn finish_turn(&self) -> io::Result<()> {
        self.events.borrow_mut().clear();
        self.handed_out.set(0);
        self.sources.borrow_mut().recycle();
        if self.rebuild_due.get() {
            self.sources.borrow_mut().rebuild(&self.poller)?;
            self.rebuild_due.set(false);
        }
        Ok(())
    }

    // Timers.

    /// Adds a timer due at `deadline` on the driver's clock.
    pub fn schedule(&self, deadline: Deadline, timer: T) {
        self.timers.borrow_mut().insert(deadline, timer);
    }

    /// Notes that a timer was cancelled which [`Driver::pop_due`] has not returned yet. Returns
    /// what is cleared out of the heap on this occasion, mostly nothing; the caller drops it.
    #[must_use]
    pub fn cancelled(&self) -> Vec<T> {
        let mut timers = self.timers.borrow_mut();
        if timers.note_cancelled() {
            timers.compact()
        } else {
            Vec::new()
        }
    }

    /// How many timers there are, cancelled ones included.
    pub fn timers_len(&self) -> usize {
        self.timers.borrow().len()
    }

    // Sources.

    /// Registers `fd`; see [`Sources::insert`].
    ///
    /// # Errors
    /// As there, EEXIST above all. The source is dropped.
    pub fn register(&self, fd: Fd, interest: Interest, source: S) -> io::Result<Token> {
        let inserted = self
            .sources
            .borrow_mut()
            .insert(&self.poller, fd, interest, source);
        // The rejected source is dropped here, with no borrow held.
        inserted.map_err(|(error, _source)| error)
    }

    /// Changes what a source is interested in; see [`Sources::set_interest`].
    ///
    /// # Errors
    /// As there.
    pub fn set_interest(&self, token: Token, interest: Interest) -> io::Result<()> {
        self.sources
            .borrow_mut()
            .set_interest(&self.poller, token, interest)
    }

    /// What a source is interested in; `None` when the token is dead.
    pub fn interest(&self, token: Token) -> Option<Interest> {
        self.sources.borrow().interest(token)
    }

    /// A source; `None` when the token is dead.
    pub fn source(&self, token: Token) -> Option<S> {
        self.sources.borrow().get(token).cloned()
    }

    /// The living source registered under the number `fd`.
    pub fn token_of(&self, fd: Fd) -> Option<Token> {
        self.sources.borrow().token_of(fd)
    }

    /// Puts `source` in the place of the present one, which is returned.
    ///
    /// # Errors
    /// ENOENT when the token is dead. The source is dropped.
    pub fn replace_source(&self, token: Token, source: S) -> io::Result<S> {
        let replaced = self.sources.borrow_mut().replace(token, source);
        replaced.map_err(|_source| Errno::NOENT.into())
    }

    /// Takes a source out of the poller and the book; to be called before its descriptor is closed.
    /// `None` when the token is dead.
    pub fn deregister(&self, token: Token) -> Option<S> {
        self.sources.borrow_mut().remove(&self.poller, token)
    }

    /// How many sources are registered.
    pub fn sources_len(&self) -> usize {
        self.sources.borrow().len()
    }

    /// Shows every timer and every source to a collector of garbage. What is borrowed at the moment
    /// is passed over: to show too little keeps objects alive, nothing worse.
    pub fn visit(&self, timer: &mut dyn FnMut(&T), source: &mut dyn FnMut(&S)) {
        if let Ok(timers) = self.timers.try_borrow() {
            timers.iter().for_each(timer);
        }
        if let Ok(sources) = self.sources.try_borrow() {
            sources.iter().for_each(|(_, _, _, found)| source(found));
        }
    }

    // The end.

    /// Takes everything out: all sources, all timers, and what other threads have brought. For
    /// `loop.close()`; the caller drops it.
    #[must_use]
    pub fn drain(&self) -> (Vec<S>, Vec<T>, Vec<R>) {
        let sources = self.sources.borrow_mut().drain(&self.poller);
        let timers = self.timers.borrow_mut().drain();
        let mut brought = Vec::new();
        self.remote.drain(&mut brought);
        (sources, timers, brought)
    }

    /// Takes everything out as [`Driver::drain`] does, and leaves the poller alone: it is shared with the process that this
    /// one was forked from.
    #[must_use]
    pub fn abandon(&self) -> (Vec<S>, Vec<T>, Vec<R>) {
        let sources = self.sources.borrow_mut().abandon();
        let timers = self.timers.borrow_mut().drain();
        let mut brought = Vec::new();
        self.remote.drain(&mut brought);
        (sources, timers, brought)
    }

    /// Whether this turn can be skipped without asking the clock: the budget is not used up, and no
    /// timer is near, by an estimate of the time (see [`Clock::ticks`]).
    fn skips_cheaply(&self) -> bool {
        if self.skips_unread() {
            return true;
        }
        let mut budget = self.budget.borrow_mut();
        let Some(now_ns) = budget.estimate_ns(self.clock.ticks()) else {
            return false;
        };
        let timers = self.timers.borrow();
        let is_near = timers.next_deadline().is_some_and(|deadline| {
            deadline < Deadline::at_ns(now_ns.saturating_add(Self::NEAR_NS))
                || timers.head_is_cancelled()
        });
        !is_near && budget.spend(now_ns)
    }

    fn first_timer(&self, now_ns: u64) -> FirstTimer {
        let timers = self.timers.borrow();
        match timers.next_deadline() {
            None => FirstTimer::None,
            Some(_) if timers.head_is_cancelled() => FirstTimer::Cancelled,
            Some(deadline) if deadline <= Deadline::at_ns(now_ns) => FirstTimer::Due,
            Some(deadline) => FirstTimer::In(deadline.ns().saturating_sub(now_ns)),
        }
    }
}
