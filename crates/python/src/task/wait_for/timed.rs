//! `wait_for()` since Python 3.12: `async with timeout(limit): return await fut`.

use pyo3::Python;
use pyo3::types::PyAnyMethods;

use super::ending::Ending;
use crate::future::any::is_done;
use crate::future::operation::{Input, Machine, Operation, Progress};
use crate::py::cell::Slot;
use crate::py::errors::{Outcome, Raised};
use crate::py::gc::Visitor;
use crate::py::instance::{Ref, TypeSlot};
use crate::py::object::Obj;
use crate::task::ensure::Ensurer;
use crate::task::timeout::enter;
use crate::task::timeout::leave::{self, Left};
use crate::task::timeout::timeout::TimeoutData;
use crate::task::{any, current};

static TYPE: TypeSlot = TypeSlot::new();

/// A wait with a limit.
pub struct Timed {
    awaitable: Slot,
    /// In seconds; None for no limit.
    limit: Slot,
    /// Entered while the awaitable is awaited.
    timeout: Slot<Ref<TimeoutData>>,
    /// There was no time: the awaitable's end.
    ending: Ending,
}

impl Timed {
    /// A wait that has not begun.
    #[inline]
    pub fn new(awaitable: &Obj, limit: &Obj) -> Self {
        Self {
            awaitable: Slot::new(Some(awaitable.clone())),
            limit: Slot::new(Some(limit.clone())),
            timeout: Slot::default(),
            ending: Ending::default(),
        }
    }

    #[inline]
    fn begin(&self, py: Python<'_>) -> Outcome<Progress> {
        let none = Obj::none(py);
        let awaitable = self.awaitable.take().unwrap_or_else(|| none.clone());
        let limit = self.limit.take().filter(|limit| !limit.is_none());
        if let Some(limit) = &limit
            && limit.bind().le(0)?
        {
            return self.begin_too_late(&awaitable);
        }
        let loop_ = current::running_loop(py)?;
        let timeout = enter::make_on(&loop_, limit.as_ref())?;
        enter::enter_on(&timeout, &loop_)?;
        self.timeout.set(Some(timeout));
        Ok(Progress::Wait(awaitable))
    }

    fn begin_too_late(&self, awaitable: &Obj) -> Outcome<Progress> {
        let future = Ensurer::default().future_for(awaitable)?;
        if is_done(&future)? {
            return any::result(&future).map(Progress::Done);
        }
        self.ending.begin(&future).map(Progress::Wait)
    }
}

impl Operation for Timed {
    const TYPE: &'static TypeSlot = &TYPE;
    const NAME: &'static str = "wait_for";

    fn visit(&self, visitor: &mut Visitor) {
        visitor.slot(&self.awaitable);
        visitor.slot(&self.limit);
        visitor.slot(&self.timeout);
        self.ending.visit(visitor);
    }

    fn clear(&self) {
        self.awaitable.set(None);
        self.limit.set(None);
        self.timeout.set(None);
        self.ending.clear();
    }

    fn resume(this: &Machine<Self>, input: Input) -> Outcome<Progress> {
        let (py, own) = (this.py(), this.own());
        let outcome = match input {
            Input::Start => return own.begin(py),
            Input::Resumed(outcome) => outcome,
        };
        let Some(timeout) = own.timeout.take() else {
            own.ending.end(py, outcome)?;
            return own.ending.result(py).map(Progress::Done);
        };
        finish(&timeout, outcome).map(Progress::Done)
    }
}

/// Leaves the timeout with what the awaitable gave.
#[inline]
fn finish(timeout: &Ref<TimeoutData>, outcome: Outcome) -> Outcome {
    let py = timeout.py();
    let raised = match outcome {
        Ok(value) => {
            leave::leave(timeout, None, None)?;
            return Ok(value);
        }
        Err(raised) => raised,
    };
    let exception = raised.take(py);
    let class = Obj::from(exception.bind().get_type());
    match leave::leave(timeout, Some(&class), Some(&exception)) {
        Ok(Left::Quietly) => Err(Raised::raise(exception)),
        Ok(Left::TimedOut) => Err(leave::timed_out_in(&exception)),
        Err(raised) => Err(raised.while_handling(&exception)),
    }
}
