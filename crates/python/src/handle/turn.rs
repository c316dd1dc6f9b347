//! `Turn`: what the transports of a loop share while a turn lasts.
//!
//! The buffer they all read into, the turn's number, by which a transport knows that it has sent in this turn already,
//! and the list of those that gather what is written for the turn's end.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use pyo3::Python;
use pyo3::types::PyByteArray;
use reactor::ReadBuffer;

use super::schedule::Source;
use crate::py::cell::Slot;
use crate::py::object::Obj;

/// The turn of a loop, as its transports see it.
#[derive(Default)]
pub struct Turn {
    number: Cell<u64>,
    buffer: Cell<Option<ReadBuffer>>,
    plaintext: Slot,
    /// Limit: a source enters when it begins to gather, and gathers once at a time.
    gathering: RefCell<Vec<Rc<dyn Source>>>,
}

impl Turn {
    /// The turn's number.
    #[inline]
    pub fn number(&self) -> u64 {
        self.number.get()
    }

    /// A new turn begins.
    #[inline]
    pub fn begin(&self) {
        self.number.set(self.number.get().wrapping_add(1));
    }

    /// `source.end_turn()` is to be called at the end of the turn.
    pub fn gather(&self, source: Rc<dyn Source>) {
        self.gathering.borrow_mut().push(source);
    }

    /// Whether somebody gathers.
    #[inline]
    pub fn has_gathered(&self) -> bool {
        !self.gathering.borrow().is_empty()
    }

    /// Those who gather, oldest first.
    pub fn take_gathered(&self) -> Vec<Rc<dyn Source>> {
        std::mem::take(&mut *self.gathering.borrow_mut())
    }

    /// Lets `read` use the loop's one read buffer, made when it is first needed. No Python runs in `read`, and if it did,
    /// it would find another buffer.
    #[inline]
    pub fn with_buffer<R>(&self, read: impl FnOnce(&mut [u8]) -> R) -> R {
        let mut buffer = self.buffer.take().unwrap_or_default();
        let result = read(buffer.as_mut_slice());
        self.buffer.set(Some(buffer));
        result
    }

    /// Takes the `bytearray` into which the loop's TLS connections decrypt, made when it is first needed. It comes back by
    /// `return_plaintext`; whoever comes meanwhile finds another one.
    pub fn take_plaintext(&self, py: Python<'_>) -> Obj {
        match self.plaintext.take() {
            Some(buffer) => buffer,
            None => Obj::from(PyByteArray::new(py, &[0; Self::PLAINTEXT_BYTES])),
        }
    }

    /// Puts it back.
    pub fn return_plaintext(&self, buffer: Obj) {
        self.plaintext.set(Some(buffer));
    }

    /// What that buffer holds: as much as one read of records can bring.
    pub const PLAINTEXT_BYTES: usize = 64 * 1024;
}
