//! `Limit`: how much a `StreamReader` buffers, as the number that Python gave and as bytes.

use std::cell::Cell;

use pyo3::types::{PyAnyMethods, PyInt};
use pyo3::{Bound, PyAny, Python};

use crate::py::cell::Slot;
use crate::py::errors::{Outcome, Raised};
use crate::py::gc::Visitor;
use crate::py::object::Obj;

/// `asyncio.streams._DEFAULT_LIMIT`, 64 KiB.
pub const DEFAULT_BYTES: usize = 1 << 16;

/// Reading goes on at the limit, and stops beyond its double.
pub struct Limit {
    /// None: the default.
    given: Slot,
    low_bytes: Cell<usize>,
    high_bytes: Cell<usize>,
}

impl Default for Limit {
    fn default() -> Self {
        Self {
            given: Slot::default(),
            low_bytes: Cell::new(DEFAULT_BYTES),
            high_bytes: Cell::new(2 * DEFAULT_BYTES),
        }
    }
}

impl Limit {
    /// The limit in bytes.
    #[inline]
    pub fn low_bytes(&self) -> usize {
        self.low_bytes.get()
    }

    /// Its double.
    #[inline]
    pub fn high_bytes(&self) -> usize {
        self.high_bytes.get()
    }

    /// `_limit`
    pub fn get(&self, py: Python<'_>) -> Obj {
        self.given
            .get()
            .unwrap_or_else(|| Obj::from(PyInt::new(py, DEFAULT_BYTES)))
    }

    /// `_limit = limit`. Python compares lengths with the number, which need be no int: whole bytes below it do the same.
    ///
    /// # Errors
    /// TypeError for what is no number.
    pub fn set(&self, limit: &Obj) -> Outcome<()> {
        let py = limit.py();
        let low_bytes = whole_bytes(limit.bind())?;
        let high_bytes = whole_bytes(&limit.bind().mul(2)?)?;
        self.low_bytes.set(low_bytes);
        self.high_bytes.set(high_bytes);
        let is_default = limit.bind().is_exact_instance_of::<PyInt>() && low_bytes == DEFAULT_BYTES;
        self.given.set((!is_default).then(|| limit.clone()));
        let _attached = py;
        Ok(())
    }

    /// Whether it is the default.
    pub fn is_default(&self) -> bool {
        !self.given.is_some()
    }

    /// For the collector.
    pub fn visit(&self, visitor: &mut Visitor) {
        visitor.slot(&self.given);
    }

    /// For the collector.
    pub fn let_go(&self) {
        self.given.set(None);
    }
}

/// The largest length that is no more than `number`.
fn whole_bytes(number: &Bound<'_, PyAny>) -> Outcome<usize> {
    if number.is_instance_of::<PyInt>() {
        if number.lt(0)? {
            return Ok(0);
        }
        // More than there can ever be.
        return Ok(number.extract::<usize>().unwrap_or(usize::MAX));
    }
    let number: f64 = number.extract()?;
    if number.is_nan() {
        // Nothing is larger.
        return Ok(usize::MAX);
    }
    #[expect(clippy::cast_possible_truncation, reason = "saturates, as meant")]
    #[expect(clippy::cast_sign_loss, reason = "saturates, as meant")]
    Ok(number as usize)
}

/// ValueError for a limit of nothing (`StreamReader.__init__`).
///
/// # Errors
/// As said; TypeError for what cannot be compared with a number.
pub fn refuse_nothing(limit: &Obj) -> Outcome<()> {
    if limit.bind().le(0)? {
        return Err(Raised::value_error(limit.py(), "Limit cannot be <= 0"));
    }
    Ok(())
}
