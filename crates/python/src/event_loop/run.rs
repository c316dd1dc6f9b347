//! `run_forever` and one turn of the loop, phase by phase.
//!
//! A turn looks at the sources (or skips that, see `Driver::plan`), moves what became ready into the queue in asyncio's
//! order (other threads, sources, timers), and runs what was in the queue at that moment. What these callbacks add runs
//! in the next turn.

use pyo3::types::PyAnyMethods;
use pyo3::{Python, intern};
use reactor::driver::Wait;

use super::core::EventLoopData;
use super::{hooks, ready, wakeup_fd};
use crate::handle::phase::Phase;
use crate::handle::schedule::{Entry, LoopDriver, Scheduler};
use crate::handle::timer_handle;
use crate::py::call;
use crate::py::errors::{First, Outcome, Raised, guard};
use crate::py::instance::Ref;
use crate::py::object::Obj;
use crate::py::replaced;
use crate::task::current;

/// Other threads get the interpreter at least this often, even if the loop never waits. CPython's own switch interval.
const YIELD_NS: u64 = 5_000_000;

/// After so many entries of one turn the clock is looked at, for the same purpose.
const ENTRIES_PER_LOOK: usize = 256;

/// `loop.run_forever()`.
///
/// # Errors
/// RuntimeError when this or another loop runs; KeyboardInterrupt, SystemExit and what signal handlers raise.
pub fn run_forever(this: &Ref<EventLoopData>) -> Outcome<()> {
    let py = this.py();
    this.base.check_closed(py)?;
    hooks::check_running(this)?;
    let Some(driver) = this.base.driver() else {
        return Ok(());
    };
    let installed = hooks::install(this)?;
    // Inside `attach`, PyO3 knows that this thread is attached and drops its own references at once.
    let result = Python::attach(|py| guard(py, || turns(this, &driver)));
    let exception = result.err().map(|raised| raised.take(py));
    if let Err(raised) = send_gathered(this) {
        raised.unraisable(py, Some(this.as_obj()));
    }
    this.own.stopping.set(false);
    // From now on other threads put their work straight into the queue: what they brought before comes first.
    this.base.collect_remote();
    if this.base.is_running() {
        this.base.set_phase(Phase::Idle);
    }
    this.base.snapshot.clear();
    this.base.track_queued();
    let mut restored = First::default();
    restored.keep(py, current::withdraw(this.upcast()));
    restored.keep(py, hooks::restore(this, installed));
    let restored = restored.outcome();
    match exception {
        Some(exception) => {
            if let Err(raised) = restored {
                raised.unraisable(py, Some(this.as_obj()));
            }
            Err(Raised::raise(exception))
        }
        None => restored,
    }
}

fn turns(this: &Ref<EventLoopData>, driver: &LoopDriver) -> Outcome<()> {
    let mut is_first = true;
    loop {
        turn(this, driver, is_first)?;
        // A signal handler may have forked, or an exception handler.
        this.base.check_inherited(this.py())?;
        if this.own.stopping.get() {
            return Ok(());
        }
        is_first = false;
    }
}

/// One turn.
fn turn(this: &Ref<EventLoopData>, driver: &LoopDriver, is_first: bool) -> Outcome<()> {
    let scheduler = this.upcast();
    scheduler.turn.begin();
    let has_looked = if !is_first && chains(this, driver) {
        scheduler.snapshot.release_unused();
        scheduler.collect_remote();
        false
    } else {
        gather(this, driver, is_first)?
    };
    run_ready(this, driver)?;
    send_gathered(this)?;
    if has_looked {
        return driver
            .finish_turn()
            .map_err(|error| Raised::os_error(this.py(), &error));
    }
    Ok(())
}

/// Whether callbacks chain and there is nothing else: the turn may go straight to them.
#[inline]
fn chains(this: &Ref<EventLoopData>, driver: &LoopDriver) -> bool {
    this.base.ready_len() > 0 && !must_look(this) && driver.skips_unread()
}

/// Brings into the queue what the turn has to run. True if it has looked at the sources for that.
#[inline(never)]
fn gather(this: &Ref<EventLoopData>, driver: &LoopDriver, is_first: bool) -> Outcome<bool> {
    let scheduler = this.upcast();
    if scheduler.ready_len() == 0 {
        // Nobody's task runs while the loop waits, and none must be kept alive by having run last, nor any variable's
        // value by a callback that was scheduled last. Before the plan is made: letting them go can run Python that
        // gives the turn work, or stops the loop.
        current::withdraw(scheduler)?;
        scheduler.snapshot.clear();
    } else {
        scheduler.snapshot.release_unused();
    }
    let has_ready = this.own.stopping.get() || scheduler.ready_len() > 0;
    let plan = driver.plan(has_ready, is_first || must_look(this));
    let has_looked = plan != Wait::Skip;
    if has_looked {
        look(this, driver, plan)?;
    }
    scheduler.collect_remote();
    if has_looked {
        collect_events(this, driver)?;
    }
    collect_due(scheduler, driver);
    Ok(has_looked)
}

/// Whether the turn must not skip its look at the sources.
#[inline]
fn must_look(this: &Ref<EventLoopData>) -> bool {
    this.own.stopping.get()
        || this.base.poll_soon.get()
        || this.base.is_debug()
        || this.own.poll_every_turn.get()
}

/// Looks at the sources, waiting if the plan says so, and lets signals in.
fn look(this: &Ref<EventLoopData>, driver: &LoopDriver, plan: Wait) -> Outcome<()> {
    let py = this.py();
    this.base.poll_soon.set(false);
    let parks = matches!(plan, Wait::Park { .. });
    let releases = parks || driver.now_ns().saturating_sub(this.own.yielded_ns.get()) > YIELD_NS;
    let waited = driver.wait_with(plan, |poller, timeout, events| {
        if releases {
            py.detach(|| poller.wait(timeout, events))
        } else {
            poller.wait(timeout, events)
        }
    });
    if releases {
        this.own.yielded_ns.set(driver.now_ns());
    }
    waited.map_err(|error| Raised::os_error(py, &error))?;
    py.check_signals()?;
    Ok(())
}

/// Moves the sources that became ready, and the handlers of signals, into the queue.
fn collect_events(this: &Ref<EventLoopData>, driver: &LoopDriver) -> Outcome<()> {
    let scheduler = this.upcast();
    while let Some((source, event)) = driver.next_event() {
        source.ready(scheduler, event);
    }
    if scheduler.signals_pending.take() {
        wakeup_fd::deliver(this)?;
    }
    Ok(())
}

/// Moves the timers that are due into the queue.
fn collect_due(scheduler: &Scheduler, driver: &LoopDriver) {
    while let Some(timer) = driver.pop_due() {
        if let Some(handle) = timer_handle::into_ready(timer, scheduler) {
            scheduler.push(Entry::Handle(handle));
        }
    }
}

/// Runs the entries that are in the queue now.
fn run_ready(this: &Ref<EventLoopData>, driver: &LoopDriver) -> Outcome<()> {
    let scheduler = this.upcast();
    for index in 0..scheduler.ready_len() {
        // A callback may have emptied the queue (`close` in a nested loop's clean-up).
        let Some(entry) = scheduler.pop() else {
            break;
        };
        ready::run(this, entry)?;
        // The entry may have forked, and this may be the child.
        scheduler.check_inherited(this.py())?;
        if index % ENTRIES_PER_LOOK == ENTRIES_PER_LOOK - 1 {
            give_way(this, driver)?;
        }
    }
    Ok(())
}

/// Sends what transports gathered in this turn. What that makes others gather leaves now too: the loop may wait next.
#[inline]
fn send_gathered(this: &Ref<EventLoopData>) -> Outcome<()> {
    if this.base.turn.has_gathered() {
        return send_all(this);
    }
    Ok(())
}

#[inline(never)]
fn send_all(this: &Ref<EventLoopData>) -> Outcome<()> {
    let scheduler = this.upcast();
    current::withdraw(scheduler)?;
    let mut first = First::default();
    while scheduler.turn.has_gathered() {
        for source in scheduler.turn.take_gathered() {
            // What one raises must not keep the others from sending.
            first.keep(this.py(), source.end_turn());
        }
    }
    first.outcome()
}

/// Lets other threads and signals in if it is time: entries that run no bytecode never reach the interpreter's own check.
fn give_way(this: &Ref<EventLoopData>, driver: &LoopDriver) -> Outcome<()> {
    use reactor::time::Clock;
    let py = this.py();
    let now_ns = driver.clock().now_ns();
    if now_ns.saturating_sub(this.own.yielded_ns.get()) > YIELD_NS {
        py.detach(|| {});
        this.own.yielded_ns.set(now_ns);
        py.check_signals()?;
    }
    Ok(())
}

/// `loop.run_until_complete(future)`, which runs the loop through its `run_forever`.
///
/// # Errors
/// The future's exception; RuntimeError when the loop stopped before the future was done.
pub fn run_until_complete(this: &Ref<EventLoopData>, future: &Obj) -> Outcome {
    let py = this.py();
    this.base.check_closed(py)?;
    hooks::check_running(this)?;
    let (future, is_new) = hooks::ensure_future(this, future)?;
    let done = hooks::run_until_complete_callback(py)?;
    hooks::add_done_callback(&future, &done)?;
    let result = if replaced::in_object(this, intern!(py, "run_forever"))? {
        call::method(this.as_obj(), intern!(py, "run_forever"), []).map(drop)
    } else {
        run_forever(this)
    };
    let exception = result.err().map(|raised| raised.take(py));
    hooks::remove_done_callback(&future, &done)?;
    let is_done = hooks::ask(&future, "done")?;
    if let Some(exception) = exception {
        if is_new && is_done && !hooks::ask(&future, "cancelled")? {
            // The coroutine raised it, and nobody else can ask the task for it.
            future.bind().call_method0("exception")?;
        }
        return Err(Raised::raise(exception));
    }
    if !is_done {
        return Err(Raised::runtime_error(
            py,
            "Event loop stopped before Future completed.",
        ));
    }
    Ok(Obj::from(future.bind().call_method0("result")?))
}
