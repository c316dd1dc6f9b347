//! `Count`: what a semaphore counts with. A small int nearly always; any number that Python can count with otherwise
//! (`Semaphore(math.inf)`).

use std::cell::Cell;

use pyo3::Python;
use pyo3::types::{PyAnyMethods, PyInt};

use crate::py::cell::Slot;
use crate::py::errors::Outcome;
use crate::py::gc::Visitor;
use crate::py::object::Obj;

/// A number.
#[derive(Default)]
pub struct Count {
    small: Cell<i64>,
    /// Takes the place of `small`.
    other: Slot,
}

impl Count {
    /// `count = value`
    pub fn set(&self, value: &Obj) {
        let small = match value.bind().cast_exact::<PyInt>() {
            Ok(value) => value.extract::<i64>().ok(),
            Err(_) => None,
        };
        self.small.set(small.unwrap_or_default());
        self.other.set(match small {
            Some(_) => None,
            None => Some(value.clone()),
        });
    }

    /// The number.
    pub fn get(&self, py: Python<'_>) -> Obj {
        self.other
            .get()
            .unwrap_or_else(|| Obj::from(PyInt::new(py, self.small.get()).into_any()))
    }

    /// `count += change`
    ///
    /// # Errors
    /// What the number raises.
    #[inline]
    pub fn add(&self, py: Python<'_>, change: i64) -> Outcome<()> {
        if !self.other.is_some()
            && let Some(sum) = self.small.get().checked_add(change)
        {
            self.small.set(sum);
            return Ok(());
        }
        let sum = Obj::from(self.get(py).bind().add(change)?);
        self.set(&sum);
        Ok(())
    }

    /// `count == 0`
    ///
    /// # Errors
    /// What the number raises.
    #[inline]
    pub fn is_zero(&self) -> Outcome<bool> {
        match self.other.get() {
            Some(other) => Ok(other.bind().eq(0)?),
            None => Ok(self.small.get() == 0),
        }
    }

    /// `count > 0`
    ///
    /// # Errors
    /// What the number raises.
    #[inline]
    pub fn is_positive(&self) -> Outcome<bool> {
        match self.other.get() {
            Some(other) => Ok(other.bind().gt(0)?),
            None => Ok(self.small.get() > 0),
        }
    }

    /// `count >= bound`
    ///
    /// # Errors
    /// What a number raises.
    #[inline]
    pub fn reaches(&self, py: Python<'_>, bound: &Self) -> Outcome<bool> {
        if self.other.is_some() || bound.other.is_some() {
            return Ok(self.get(py).bind().ge(bound.get(py).bind())?);
        }
        Ok(self.small.get() >= bound.small.get())
    }

    /// Shows the number to the collector.
    pub fn visit(&self, visitor: &mut Visitor) {
        visitor.slot(&self.other);
    }

    /// Forgets the number.
    pub fn clear(&self) {
        self.other.set(None);
    }
}
