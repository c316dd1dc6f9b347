//! `Endpoint`: what the poller's entry, flow control and reports know of a transport, whatever it is made of.

use pyo3::Python;
use reactor::poll::Event;

use crate::handle::schedule::Scheduler;
use crate::py::errors::Outcome;
use crate::py::instance::{Payload, Ref};
use crate::py::object::Obj;

/// A transport over one descriptor.
pub trait Endpoint: Payload {
    /// The loop; none once the transport is closed.
    fn scheduler(&self) -> Option<Ref<Scheduler>>;

    /// The protocol; none once the transport is closed.
    fn protocol(&self) -> Option<Obj>;

    /// `transport.is_closing()`
    fn is_closing(&self) -> bool;

    /// The turn comes to an event of the descriptor.
    ///
    /// # Errors
    /// KeyboardInterrupt and SystemExit.
    fn fire(this: &Ref<Self>, event: Event) -> Outcome<()>;

    /// The turn ends, and the transport has asked to be told (`Turn::gather`).
    ///
    /// # Errors
    /// KeyboardInterrupt and SystemExit.
    fn end_turn(_this: &Ref<Self>) -> Outcome<()> {
        Ok(())
    }

    /// Whether it has asked to be told of the end of the turn, and must not be dropped before.
    fn awaits_end_of_turn(&self) -> bool {
        false
    }

    /// `_force_close`: what is queued is given up and `connection_lost(exception)` scheduled, once.
    ///
    /// # Errors
    /// RuntimeError when the loop is closed.
    fn force_close(this: &Ref<Self>, exception: Option<Obj>) -> Outcome<()>;

    /// This is a forked child, and the transport the parent's: nothing queued is written here.
    fn disown(&self) {}

    /// The protocol, or None once the transport is closed.
    fn protocol_or_none(&self, py: Python<'_>) -> Obj {
        self.protocol().unwrap_or_else(|| Obj::none(py))
    }

    /// Whether the loop is in debug mode.
    fn is_debug(&self) -> bool {
        self.scheduler()
            .is_some_and(|scheduler| scheduler.is_debug())
    }
}
