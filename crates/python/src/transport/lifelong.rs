//! `LifelongContext`: the one context of a server or a connection, since 3.15.
//!
//! Follows `_SelectorTransport._context` and `Server._context`. Before 3.15 a callback ran in a copy of what was current
//! where it was asked for. It never enters the context; whoever calls Python does.

use pyo3::Python;

use crate::py::cell::Slot;
use crate::py::context;
use crate::py::errors::Outcome;
use crate::py::gc::Visitor;
use crate::py::object::Obj;
use crate::py::version::PY_3_15;

/// A copy of the context in which its owner was made; none before 3.15.
#[derive(Default)]
pub struct LifelongContext(Slot);

impl LifelongContext {
    /// The owner is made now.
    ///
    /// # Errors
    /// `MemoryError`.
    pub fn begin(&self, py: Python<'_>) -> Outcome<()> {
        if PY_3_15 {
            self.0.set(Some(context::copy_current(py)?));
        }
        Ok(())
    }

    /// What a callback that is scheduled now is given as its context.
    pub fn get(&self) -> Option<Obj> {
        self.0.get()
    }

    /// What the callbacks of an event run in that is waited for from now on.
    ///
    /// # Errors
    /// `MemoryError`.
    pub fn for_events(&self, py: Python<'_>) -> Outcome {
        match self.0.get() {
            Some(context) => Ok(context),
            None => context::copy_current(py),
        }
    }

    /// For the collector.
    pub fn visit(&self, visitor: &mut Visitor) {
        visitor.slot(&self.0);
    }

    /// The owner is at its end.
    pub fn clear(&self) {
        self.0.set(None);
    }
}
