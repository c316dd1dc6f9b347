//! `_cancel_and_wait`: cancels a future and waits for its end, in a way that can itself be cancelled.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::{Python, intern};

use crate::future::observer::{observe, stop_observing};
use crate::py::call;
use crate::py::cell::Slot;
use crate::py::errors::{Outcome, Raised};
use crate::py::gc::Visitor;
use crate::py::imports;
use crate::py::instance::Ref;
use crate::py::object::Obj;
use crate::py::version::PY_3_14;
use crate::task::release::{self, Releaser};
use crate::task::timeout::leave;
use crate::task::{any, current};

/// A future that is to end, and what tells of it.
#[derive(Default)]
pub struct Ending {
    future: Slot,
    releaser: Slot<Ref<Releaser>>,
}

impl Ending {
    /// For the collector.
    pub fn visit(&self, visitor: &mut Visitor) {
        visitor.slot(&self.future);
        visitor.slot(&self.releaser);
    }

    /// Lets go of both.
    pub fn clear(&self) {
        self.future.set(None);
        self.releaser.set(None);
    }

    /// Cancels `future`. What is to be waited for is returned.
    ///
    /// # Errors
    /// What cancelling raises.
    pub fn begin(&self, future: &Obj) -> Outcome {
        let py = future.py();
        let loop_ = current::running_loop(py)?;
        let waiter = call::method(&loop_, intern!(py, "create_future"), [])?;
        let awaiter = match is_awaited(py) {
            true => current::task_of(&loop_)?,
            false => None,
        };
        let releaser = release::observer(&waiter, awaiter)?;
        observe(future, &releaser)?;
        self.future.set(Some(future.clone()));
        self.releaser.set(Some(releaser));
        match any::cancel(future) {
            Ok(()) => Ok(waiter),
            Err(raised) => Err(self.give_up(py, raised)),
        }
    }

    /// The wait is over.
    ///
    /// # Errors
    /// What ended it.
    pub fn end(&self, py: Python<'_>, outcome: Outcome) -> Outcome<()> {
        match outcome {
            Ok(_) => self.stop(),
            Err(raised) => Err(self.give_up(py, raised)),
        }
    }

    fn give_up(&self, py: Python<'_>, raised: Raised) -> Raised {
        let exception = raised.take(py);
        match self.stop() {
            Ok(()) => Raised::raise(exception),
            Err(raised) => raised,
        }
    }

    fn stop(&self) -> Outcome<()> {
        match (self.future.get(), self.releaser.take()) {
            (Some(future), Some(releaser)) => stop_observing(&future, &releaser),
            _ => Ok(()),
        }
    }

    /// What the future became, which ended because the time was up.
    ///
    /// # Errors
    /// Its exception, TimeoutError for a cancellation.
    pub fn result(&self, py: Python<'_>) -> Outcome {
        let Some(future) = self.future.take() else {
            return Ok(Obj::none(py));
        };
        let raised = match any::result(&future) {
            Ok(result) => return Ok(result),
            Err(raised) => raised,
        };
        let exception = raised.take(py);
        if exception
            .bind()
            .is_instance(imports::cancelled_error(py).bind())?
        {
            return Err(leave::timed_out_in(&exception));
        }
        Err(Raised::raise(exception))
    }
}

/// Whether the call graph shows who waits for such a future (gh-157058).
fn is_awaited(py: Python<'_>) -> bool {
    static ANSWER: PyOnceLock<bool> = PyOnceLock::new();
    let look = || -> PyResult<bool> {
        imports::tasks(py)
            .bind()
            .getattr("_cancel_and_wait")?
            .getattr("__code__")?
            .getattr("co_names")?
            .contains("future_add_to_awaited_by")
    };
    PY_3_14 && *ANSWER.get_or_init(py, || look().unwrap_or(true))
}
