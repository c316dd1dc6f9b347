//! Running one entry of the ready queue.
//!
//! A task step is its own kind of entry: no callable is built for it. What an entry raises goes to the exception handler,
//! except KeyboardInterrupt and SystemExit, which leave the loop.

use std::time::Instant;

use super::core::EventLoopData;
use super::report;
use crate::future::observer::{self, Observer};
use crate::handle::phase::Phase;
use crate::handle::schedule::{Entry, run_callback};
use crate::handle::{handle, timer_handle};
use crate::py::coroutine::{enter_step, leave_step};
use crate::py::errors::{Outcome, Raised, guard, leaves_the_loop};
use crate::py::instance::Ref;
use crate::task::task::TaskData;
use crate::task::{current, step};

/// Runs `entry`.
///
/// # Errors
/// KeyboardInterrupt and SystemExit.
#[inline]
pub fn run(this: &Ref<EventLoopData>, entry: Entry) -> Outcome<()> {
    if this.base.is_debug() {
        return run_timed(this, entry);
    }
    attempt(this, entry)
}

/// Runs `entry` and reports what it raises. A panic counts as raised: it costs the entry, not the loop.
#[inline(always)]
fn attempt(this: &Ref<EventLoopData>, entry: Entry) -> Outcome<()> {
    if let Err(raised) = guard(this.py(), || execute(this, &entry)) {
        return failed(this, &entry, raised);
    }
    if let Entry::Handle(handle) = entry {
        timer_handle::finish_run(handle, this.upcast());
    }
    Ok(())
}

#[inline]
fn execute(this: &Ref<EventLoopData>, entry: &Entry) -> Outcome<()> {
    match entry {
        Entry::Step(task, exception) => {
            let task = task
                .downcast::<TaskData>()
                .expect("only tasks are put into Step entries");
            let exception = exception.clone();
            run_task(this, task, || step::step(task, exception))
        }
        Entry::Wakeup(task, future) => {
            let task = task
                .downcast::<TaskData>()
                .expect("only tasks are put into Wakeup entries");
            run_task(this, task, || step::wake(task, future))
        }
        Entry::Tell(observer, future, context) => {
            current::withdraw(this.upcast())?;
            let observer = observer
                .downcast::<Observer>()
                .expect("only observers are put into Tell entries");
            let tell = || observer::tell(observer, future);
            this.base.snapshot.run_in_copy(context, tell)
        }
        Entry::Handle(handle) => {
            current::withdraw(this.upcast())?;
            handle::run_queued(handle, this.upcast())
        }
        Entry::Callback {
            callback,
            future,
            context,
        } => {
            current::withdraw(this.upcast())?;
            run_callback(callback, future, context)
        }
        Entry::Fired(source, event) => {
            current::withdraw(this.upcast())?;
            source.fire(*event)
        }
    }
}

/// Enters the task's context, makes it the current task, and lets it step.
#[inline]
fn run_task(
    this: &Ref<EventLoopData>,
    task: &Ref<TaskData>,
    body: impl FnOnce() -> Outcome<()>,
) -> Outcome<()> {
    current::publish(this.upcast(), task)?;
    enter_step();
    let result = task.own.context.run_step(&this.base.snapshot, body);
    leave_step(task.py());
    result
}

/// Debug mode: measures the entry, and logs it if it was slow.
#[cold]
fn run_timed(this: &Ref<EventLoopData>, entry: Entry) -> Outcome<()> {
    let handle = report::handle_of(this, &entry)?;
    this.own.current_handle.set(handle.clone());
    let begin = Instant::now();
    let result = attempt(this, entry);
    let seconds = begin.elapsed().as_secs_f64();
    this.own.current_handle.set(None);
    result?;
    if seconds >= this.own.slow_callback_seconds.get()
        && let Some(handle) = handle
    {
        report::slow(&handle, seconds)?;
    }
    Ok(())
}

#[cold]
fn failed(this: &Ref<EventLoopData>, entry: &Entry, raised: Raised) -> Outcome<()> {
    if let Entry::Handle(handle) = entry {
        // Whoever is told of the failure can keep it.
        handle.track();
    }
    let exception = raised.take(this.py());
    // In a child that the entry forked, the loop does not go on: there is nobody to report to.
    if leaves_the_loop(&exception) || this.base.phase() == Phase::Inherited {
        return Err(Raised::raise(exception));
    }
    current::withdraw(this.upcast())?;
    report::entry_failed(this, entry, &exception)
}
