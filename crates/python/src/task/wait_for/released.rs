//! `wait_for()` up to Python 3.11: a waiter that the future, or a timer, releases.

use std::cell::Cell;

use pyo3::types::PyAnyMethods;
use pyo3::{Python, intern};

use super::ending::Ending;
use crate::future::any::is_done;
use crate::future::observer::{observe, stop_observing};
use crate::future::operation::{Input, Machine, Operation, Progress};
use crate::py::call;
use crate::py::cell::Slot;
use crate::py::errors::{Outcome, Raised};
use crate::py::gc::Visitor;
use crate::py::imports;
use crate::py::instance::{Ref, TypeSlot};
use crate::py::object::Obj;
use crate::task::ensure::Ensurer;
use crate::task::release::{self, Releaser};
use crate::task::timeout::timer;
use crate::task::{any, current};

static TYPE: TypeSlot = TypeSlot::new();

/// What a wait is waiting for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The awaitable itself: there is no limit.
    Unlimited,
    /// The waiter.
    Waiting,
    /// The end of the future: the time was up.
    TimedOut,
    /// The end of the future: the wait was cancelled.
    Cancelled,
}

/// A wait with a limit.
pub struct Released {
    awaitable: Slot,
    /// In seconds; None for no limit.
    limit: Slot,
    stage: Cell<Stage>,
    future: Slot,
    timer: Slot,
    releaser: Slot<Ref<Releaser>>,
    ending: Ending,
    /// The CancelledError that is raised again at the end.
    cancellation: Slot,
}

impl Released {
    /// A wait that has not begun.
    #[inline]
    pub fn new(awaitable: &Obj, limit: &Obj) -> Self {
        Self {
            awaitable: Slot::new(Some(awaitable.clone())),
            limit: Slot::new(Some(limit.clone())),
            stage: Cell::new(Stage::Unlimited),
            future: Slot::default(),
            timer: Slot::default(),
            releaser: Slot::default(),
            ending: Ending::default(),
            cancellation: Slot::default(),
        }
    }

    fn begin(&self, py: Python<'_>) -> Outcome<Progress> {
        let none = Obj::none(py);
        let loop_ = current::running_loop(py)?;
        let awaitable = self.awaitable.take().unwrap_or_else(|| none.clone());
        let limit = self.limit.take().unwrap_or(none);
        if limit.is_none() {
            return Ok(Progress::Wait(awaitable));
        }
        if limit.bind().le(0)? {
            self.stage.set(Stage::TimedOut);
            return self.begin_too_late(&loop_, &awaitable);
        }
        self.stage.set(Stage::Waiting);
        let waiter = call::method(&loop_, intern!(py, "create_future"), [])?;
        // As in asyncio, from here on: whoever cannot be awaited leaves the timer behind.
        let timer = release::later(&loop_, &limit, &waiter)?;
        let awaiter = current::task_of(&loop_)?;
        let future = Ensurer::new(Some(loop_)).future_for(&awaitable)?;
        let releaser = release::observer(&waiter, awaiter)?;
        observe(&future, &releaser)?;
        self.timer.set(Some(timer));
        self.future.set(Some(future));
        self.releaser.set(Some(releaser));
        Ok(Progress::Wait(waiter))
    }

    fn begin_too_late(&self, loop_: &Obj, awaitable: &Obj) -> Outcome<Progress> {
        let future = Ensurer::new(Some(loop_.clone())).future_for(awaitable)?;
        if is_done(&future)? {
            return any::result(&future).map(Progress::Done);
        }
        self.ending.begin(&future).map(Progress::Wait)
    }

    /// The wait for the waiter is over.
    fn waited(&self, py: Python<'_>, outcome: Outcome) -> Outcome<Progress> {
        let Some(future) = self.future.get() else {
            return Ok(Progress::Done(Obj::none(py)));
        };
        let cancellation = match outcome {
            Ok(_) => None,
            Err(raised) => Some(cancelled_error(py, raised)?),
        };
        let progress = self.after_waiting(&future, cancellation.as_ref());
        match cancellation {
            None => progress,
            Some(cancellation) => progress.map_err(|raised| raised.while_handling(&cancellation)),
        }
    }

    fn after_waiting(&self, future: &Obj, cancellation: Option<&Obj>) -> Outcome<Progress> {
        if is_done(future)? {
            return any::result(future).map(Progress::Done);
        }
        if let Some(releaser) = self.releaser.take() {
            stop_observing(future, &releaser)?;
        }
        self.stage.set(match cancellation {
            None => Stage::TimedOut,
            Some(_) => Stage::Cancelled,
        });
        self.cancellation.set(cancellation.cloned());
        self.ending.begin(future).map(Progress::Wait)
    }

    /// The future has ended, or the wait for that has.
    fn ended(&self, py: Python<'_>, outcome: Outcome) -> Outcome<Progress> {
        let ended = self.ending.end(py, outcome);
        match self.cancellation.take() {
            None => {
                ended?;
                self.ending.result(py).map(Progress::Done)
            }
            Some(cancellation) => match ended {
                Ok(()) => Err(Raised::raise(cancellation)),
                Err(raised) => Err(raised.while_handling(&cancellation)),
            },
        }
    }

    /// `finally: timeout_handle.cancel()`
    fn stop_timer(&self, py: Python<'_>, progress: Outcome<Progress>) -> Outcome<Progress> {
        let Some(timer) = self.timer.take() else {
            return progress;
        };
        match progress {
            Ok(progress) => {
                timer::cancel(&timer)?;
                Ok(progress)
            }
            Err(raised) => {
                let exception = raised.take(py);
                timer::cancel(&timer)?;
                Err(Raised::raise(exception))
            }
        }
    }
}

/// The CancelledError that ended a wait.
///
/// # Errors
/// What ended it, if it was something else.
fn cancelled_error(py: Python<'_>, raised: Raised) -> Outcome {
    let exception = raised.take(py);
    let cancelled = imports::cancelled_error(py);
    if exception.bind().is_instance(cancelled.bind())? {
        return Ok(exception);
    }
    Err(Raised::raise(exception))
}

impl Operation for Released {
    const TYPE: &'static TypeSlot = &TYPE;
    const NAME: &'static str = "wait_for";

    fn visit(&self, visitor: &mut Visitor) {
        for slot in [
            &self.awaitable,
            &self.limit,
            &self.future,
            &self.timer,
            &self.cancellation,
        ] {
            visitor.slot(slot);
        }
        visitor.slot(&self.releaser);
        self.ending.visit(visitor);
    }

    fn clear(&self) {
        for slot in [
            &self.awaitable,
            &self.limit,
            &self.future,
            &self.timer,
            &self.cancellation,
        ] {
            slot.set(None);
        }
        self.releaser.set(None);
        self.ending.clear();
    }

    fn resume(this: &Machine<Self>, input: Input) -> Outcome<Progress> {
        let (py, own) = (this.py(), this.own());
        let outcome = match input {
            Input::Start => return own.begin(py),
            Input::Resumed(outcome) => outcome,
        };
        let progress = match own.stage.get() {
            Stage::Unlimited => outcome.map(Progress::Done),
            Stage::Waiting => own.waited(py, outcome),
            Stage::TimedOut | Stage::Cancelled => own.ended(py, outcome),
        };
        match progress {
            Ok(Progress::Wait(waiter)) => Ok(Progress::Wait(waiter)),
            progress => own.stop_timer(py, progress),
        }
    }
}
