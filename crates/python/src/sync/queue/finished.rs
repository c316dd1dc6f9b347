//! `_finished`: the event of a queue that is set while all items are done, and at which those wait who join.
//!
//! It is one of ours, whose methods are called directly, unless somebody has put another there.

use pyo3::intern;

use super::queue::QueueData;
use crate::py::call;
use crate::py::errors::Outcome;
use crate::py::instance::Ref;
use crate::py::object::Obj;
use crate::sync::event::{self as sync_event, EventData};
use crate::sync::object::{is_plain, no_attribute};

/// `_finished`
///
/// # Errors
/// AttributeError for a queue whose `__init__` was not called.
#[inline]
pub fn event(this: &Ref<QueueData>) -> Outcome {
    let event = this.finished.get();
    event.ok_or_else(|| no_attribute(this.as_obj(), "_finished"))
}

/// `self._finished.clear()`
///
/// # Errors
/// What an event of somebody else's raises.
#[inline]
pub fn begin_work(this: &Ref<QueueData>) -> Outcome<()> {
    let finished = event(this)?;
    match own_event(&finished) {
        Some(event) => {
            event.unset();
            Ok(())
        }
        None => call::method(&finished, intern!(this.py(), "clear"), []).map(drop),
    }
}

/// `self._finished.set()`
///
/// # Errors
/// What an event of somebody else's, or a foreign future, raises.
pub fn end_work(this: &Ref<QueueData>) -> Outcome<()> {
    let finished = event(this)?;
    match own_event(&finished) {
        Some(event) => sync_event::set(event),
        None => call::method(&finished, intern!(this.py(), "set"), []).map(drop),
    }
}

/// `self._finished.wait()`
///
/// # Errors
/// What an event of somebody else's raises.
pub fn wait(this: &Ref<QueueData>) -> Outcome {
    let finished = event(this)?;
    match own_event(&finished) {
        Some(event) => sync_event::wait(event),
        None => call::method(&finished, intern!(this.py(), "wait"), []),
    }
}

/// An event whose methods are known to be ours.
#[inline]
fn own_event(event: &Obj) -> Option<&Ref<EventData>> {
    event
        .downcast_exact::<EventData>()
        .filter(|event| is_plain(event))
}
