//! `LoopBound`: a primitive belongs to the loop that it first waits on. Follows `mixins._LoopBoundMixin`.

use pyo3::types::PyAnyMethods;

use crate::future::future;
use crate::handle::schedule::Scheduler;
use crate::py::call;
use crate::py::cell::Slot;
use crate::py::errors::{Outcome, Raised};
use crate::py::gc::Visitor;
use crate::py::imports;
use crate::py::object::Obj;

/// `_loop`: none until the first wait.
#[derive(Default)]
pub struct LoopBound(Slot);

impl LoopBound {
    /// The running loop, which the primitive `this` is bound to from now on (`_get_loop`).
    ///
    /// # Errors
    /// RuntimeError when it is bound to another one.
    #[inline]
    pub fn running(&self, this: &Obj) -> Outcome {
        let py = this.py();
        let running = call::call0(imports::running_loop_or_none(py))?;
        if !self.0.is_some() && !running.is_none() {
            self.0.set(Some(running.clone()));
        }
        if self.0.is_some() && !self.0.holds(&running) {
            let text = format!("{} is bound to a different event loop", this.bind().repr()?);
            return Err(Raised::runtime_error(py, text));
        }
        Ok(running)
    }

    /// A pending future of the running loop.
    ///
    /// # Errors
    /// As `running`; what the loop raises.
    #[inline]
    pub fn make_future(&self, this: &Obj) -> Outcome {
        if let Some(bound) = self.0.get()
            && let Some(scheduler) = bound.downcast::<Scheduler>()
            && scheduler.runs_alone(this.py())
            && !scheduler.own_futures.get()
        {
            return Ok(future::make(scheduler)?.into_obj());
        }
        future::make_for(&self.running(this)?)
    }

    /// `_loop`
    pub fn get(&self) -> Option<Obj> {
        self.0.get()
    }

    /// `_loop = value`
    pub fn set(&self, value: &Obj) {
        self.0.set((!value.is_none()).then(|| value.clone()));
    }

    /// Shows the loop to the collector.
    pub fn visit(&self, visitor: &mut Visitor) {
        visitor.slot(&self.0);
    }

    /// Forgets the loop.
    pub fn clear(&self) {
        self.0.set(None);
    }
}
