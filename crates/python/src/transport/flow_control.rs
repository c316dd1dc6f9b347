//! `FlowControl`: a protocol is told to stop writing and to go on. Every transport that queues bytes has one.
//!
//! Follows `transports._FlowControlMixin`; the marks themselves are the reactor's `Flow`.

use std::cell::RefCell;

use pyo3::Python;
use pyo3::types::{PyAnyMethods, PyInt, PyString};
use reactor::Flow;
use reactor::flow::BadLimits;

use super::endpoint::Endpoint;
use super::report;
use crate::py::call;
use crate::py::errors::{Outcome, Raised};
use crate::py::instance::Ref;
use crate::py::object::Obj;

/// The marks, and whether the protocol is paused.
#[derive(Default)]
pub struct FlowControl(RefCell<Flow>);

impl FlowControl {
    /// Whether `pause_writing` was called last.
    pub fn is_paused(&self) -> bool {
        self.0.borrow().is_paused()
    }

    /// The marks in bytes, low first.
    pub fn limits(&self) -> (usize, usize) {
        self.0.borrow().limits()
    }

    /// `_set_write_buffer_limits(high, low)`. The caller tells the protocol next (`grown`), if its marks are to hold at once.
    ///
    /// # Errors
    /// ValueError for marks in the wrong order.
    pub fn set_limits(&self, py: Python<'_>, high: Option<&Obj>, low: Option<&Obj>) -> Outcome<()> {
        let (high, low) = marks(high, low, Flow::DEFAULT_HIGH_BYTES)?;
        let set = match (usize::try_from(high), usize::try_from(low)) {
            (Ok(high), Ok(low)) => self
                .0
                .borrow_mut()
                .set_limits(Some(high), Some(low))
                .map_err(|BadLimits { .. }| ()),
            _ => Err(()),
        };
        set.map_err(|()| wrong_order(py, high, low))
    }

    /// `_maybe_pause_protocol`: the queue has grown to `len_bytes`, or the marks have changed.
    ///
    /// # Errors
    /// KeyboardInterrupt and SystemExit.
    pub fn grown<T: Endpoint>(&self, this: &Ref<T>, len_bytes: usize) -> Outcome<()> {
        let pause = self.0.borrow_mut().after_growth(len_bytes);
        match pause {
            Some(reactor::Pause) => tell(this, "pause_writing"),
            None => Ok(()),
        }
    }

    /// `_maybe_resume_protocol`: the queue has shrunk to `len_bytes`.
    ///
    /// # Errors
    /// KeyboardInterrupt and SystemExit.
    pub fn shrunk<T: Endpoint>(&self, this: &Ref<T>, len_bytes: usize) -> Outcome<()> {
        let resume = self.0.borrow_mut().after_drain(len_bytes);
        match resume {
            Some(reactor::Resume) => tell(this, "resume_writing"),
            None => Ok(()),
        }
    }
}

/// Calls a method of flow control. What it raises is reported and ends nothing.
fn tell<T: Endpoint>(this: &Ref<T>, method: &str) -> Outcome<()> {
    let py = this.py();
    let protocol = this.protocol_or_none(py);
    let name = PyString::intern(py, method);
    match call::method(&protocol, &name, []) {
        Ok(_) => Ok(()),
        Err(raised) => report::report(this, raised, &format!("protocol.{method}() failed")),
    }
}

/// `add_flowcontrol_defaults(high, low, kb)`: sets the marks of TLS.
///
/// # Errors
/// ValueError for marks in the wrong order.
pub fn set_marks(
    py: Python<'_>,
    target: &reactor::tls::Marks,
    high: Option<&Obj>,
    low: Option<&Obj>,
    default_high: usize,
) -> Outcome<()> {
    let (high, low) = marks(high, low, default_high)?;
    let set = match (usize::try_from(high), usize::try_from(low)) {
        (Ok(high), Ok(low)) => target.set(high, low).map_err(|BadLimits { .. }| ()),
        _ => Err(()),
    };
    set.map_err(|()| wrong_order(py, high, low))
}

/// Both marks in bytes, with asyncio's defaults.
fn marks(high: Option<&Obj>, low: Option<&Obj>, default_high: usize) -> Outcome<(i64, i64)> {
    let (high, low) = (mark(high)?, mark(low)?);
    let high = high.unwrap_or_else(|| match low {
        Some(low) => low.saturating_mul(4),
        None => i64::try_from(default_high).unwrap_or(i64::MAX),
    });
    let low = low.unwrap_or_else(|| high.div_euclid(4));
    Ok((high, low))
}

fn wrong_order(py: Python<'_>, high: i64, low: i64) -> Raised {
    let text = format!("high ({high}) must be >= low ({low}) must be >= 0");
    Raised::value_error(py, text)
}

/// A mark in bytes, or None. Beyond the largest number it means "never".
fn mark(value: Option<&Obj>) -> Outcome<Option<i64>> {
    let Some(value) = value.filter(|value| !value.is_none()) else {
        return Ok(None);
    };
    if let Ok(number) = value.bind().cast::<PyInt>() {
        let largest = if number.lt(0)? { i64::MIN } else { i64::MAX };
        return Ok(Some(number.extract::<i64>().unwrap_or(largest)));
    }
    let number: f64 = value.bind().extract()?;
    #[expect(clippy::cast_possible_truncation, reason = "saturates, as meant")]
    Ok(Some(number as i64))
}
