//! The way through `Condition.wait()`: release the lock, wait to be notified, acquire the lock again, come what may.

use std::cell::Cell;

use pyo3::intern;
use pyo3::types::PyInt;

use super::condition::{ConditionData, is_locked};
use crate::future::operation::Progress;
use crate::py::call;
use crate::py::cell::Slot;
use crate::py::errors::{Outcome, Raised};
use crate::py::gc::Visitor;
use crate::py::imports;
use crate::py::instance::Ref;
use crate::py::object::Obj;
use crate::py::version::PY_3_13;
use crate::sync::acquisition::{Acquire, is_cancellation};
use crate::sync::object::settled;

/// What is waited for.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Stage {
    /// To be notified.
    #[default]
    Notification,
    /// The lock.
    Lock,
}

/// One `wait()`; may be used again when it is over.
#[derive(Default)]
pub struct Waiting {
    stage: Cell<Stage>,
    /// The future in the condition's queue.
    waiter: Slot,
    /// The future in the lock's queue.
    lock_waiter: Slot,
    /// What ended the wait for the notification.
    failure: Slot,
    /// The CancelledError that came last while the lock was waited for.
    cancellation: Slot,
}

impl Waiting {
    /// Begins.
    ///
    /// # Errors
    /// RuntimeError when the lock is not held, or the condition is bound to another loop.
    pub fn begin(&self, condition: &Ref<ConditionData>) -> Outcome<Progress> {
        if !is_locked(condition)? {
            let text = "cannot wait on un-acquired lock";
            return Err(Raised::runtime_error(condition.py(), text));
        }
        // Before 3.13 the lock is released first, and acquired again when there can be no future.
        let future = if PY_3_13 {
            Some(make_future(condition)?)
        } else {
            None
        };
        ConditionData::release(condition)?;
        match enqueue(condition, future) {
            Ok(future) => {
                self.stage.set(Stage::Notification);
                self.waiter.set(Some(future.clone()));
                Ok(Progress::Wait(future))
            }
            Err(raised) => {
                self.failure.set(Some(raised.take(condition.py())));
                self.lock_again(condition)
            }
        }
    }

    /// What was waited for is over.
    ///
    /// # Errors
    /// What `wait()` raises.
    pub fn resumed(&self, condition: &Ref<ConditionData>, waited: Outcome) -> Outcome<Progress> {
        if self.stage.get() == Stage::Lock {
            let progress = ConditionData::resumed(condition, &self.lock_waiter, waited);
            return self.lock_progress(condition, progress);
        }
        if let Err(exception) = settled(condition.py(), waited) {
            self.failure.set(Some(exception));
        }
        if let Some(future) = self.waiter.take()
            && let Err(raised) = condition.waiters.remove(&future)
        {
            self.failure.set(Some(raised.take(condition.py())));
        }
        self.lock_again(condition)
    }

    fn lock_again(&self, condition: &Ref<ConditionData>) -> Outcome<Progress> {
        self.stage.set(Stage::Lock);
        let progress = ConditionData::begin(condition, &self.lock_waiter);
        self.lock_progress(condition, progress)
    }

    fn lock_progress(
        &self,
        condition: &Ref<ConditionData>,
        progress: Outcome<Progress>,
    ) -> Outcome<Progress> {
        match progress {
            Ok(Progress::Done(_)) => self.end(condition),
            Ok(waiting) => Ok(waiting),
            Err(raised) => {
                let exception = raised.take(condition.py());
                if !is_cancellation(&exception)? {
                    self.forget();
                    return fail(condition, exception);
                }
                // The lock has to be held again all the same.
                if let Some(failure) = self.failure.get() {
                    chain(&exception, &failure)?;
                }
                self.cancellation.set(Some(exception));
                self.lock_again(condition)
            }
        }
    }

    /// The lock is held again.
    fn end(&self, condition: &Ref<ConditionData>) -> Outcome<Progress> {
        let py = condition.py();
        match (self.cancellation.take(), self.failure.take()) {
            (None, None) => Ok(Progress::Done(Obj::bool(py, true))),
            (None, Some(failure)) => fail(condition, failure),
            (Some(cancellation), _) if PY_3_13 => fail(condition, cancellation),
            (Some(_), failure) => {
                let fresh = call::call0(imports::cancelled_error(py))?;
                if let Some(failure) = failure {
                    chain(&fresh, &failure)?;
                }
                fail(condition, fresh)
            }
        }
    }

    fn forget(&self) {
        self.failure.set(None);
        self.cancellation.set(None);
    }

    /// Shows everything to the collector.
    pub fn visit(&self, visitor: &mut Visitor) {
        visitor.slot(&self.waiter);
        visitor.slot(&self.lock_waiter);
        visitor.slot(&self.failure);
        visitor.slot(&self.cancellation);
    }

    /// Drops everything.
    pub fn clear(&self) {
        self.waiter.set(None);
        self.lock_waiter.set(None);
        self.forget();
    }
}

fn make_future(condition: &Ref<ConditionData>) -> Outcome {
    condition.common.bound.make_future(condition.as_obj())
}

fn enqueue(condition: &Ref<ConditionData>, future: Option<Obj>) -> Outcome {
    let future = match future {
        Some(future) => future,
        None => make_future(condition)?,
    };
    condition.waiters.push(&future)?;
    Ok(future)
}

/// Raises `exception`. Since 3.13 whoever leaves this way may have been notified, and passes it on.
fn fail(condition: &Ref<ConditionData>, exception: Obj) -> Outcome<Progress> {
    if PY_3_13 {
        condition.wake(&Obj::from(PyInt::new(condition.py(), 1).into_any()))?;
    }
    Err(Raised::raise(exception))
}

/// `exception` was raised while `context` was handled.
fn chain(exception: &Obj, context: &Obj) -> Outcome<()> {
    let name = intern!(exception.py(), "__context__");
    if exception.is(context) || !call::attr(exception, name)?.is_none() {
        return Ok(());
    }
    call::set_attr(exception, name, context)
}
