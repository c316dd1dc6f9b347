//! `Buffer`: what a `StreamReader` has not given away yet, and the `bytearray` that Python sees of it.
//!
//! The bytes lie in the reactor's `Unread`. Whoever asks for `reader._buffer` gets a real `bytearray`, and while somebody
//! else holds that, it is the buffer: what they change is changed, and what is read leaves it. Once nobody else has it, the
//! next access moves its bytes back.

use std::cell::RefCell;

use pyo3::types::{PyAnyMethods, PyByteArray, PyBytes};
use pyo3::{Python, intern};
use reactor::Unread;

use crate::py::bytes::{Segment, bytes, with_bytes};
use crate::py::call;
use crate::py::cell::Slot;
use crate::py::errors::{Outcome, Raised};
use crate::py::gc::Visitor;
use crate::py::object::Obj;

/// The unread bytes.
#[derive(Default)]
pub struct Buffer {
    unread: RefCell<Unread<Segment>>,
    /// The `bytearray` that holds them in place of `unread`.
    exposed: Slot,
}

impl Buffer {
    /// The `bytearray`, while somebody else holds it.
    #[inline]
    fn lent(&self) -> Outcome<Option<Obj>> {
        if !self.exposed.is_some() {
            return Ok(None);
        }
        if self.exposed.is_unshared() {
            self.take_back()?;
        }
        Ok(self.exposed.get())
    }

    /// Moves the bytes of the `bytearray` back.
    #[cold]
    fn take_back(&self) -> Outcome<()> {
        let Some(array) = self.exposed.take() else {
            return Ok(());
        };
        let spent = with_bytes(&array, |all| {
            let mut unread = self.unread.borrow_mut();
            let spent = unread.clear();
            unread.push(all);
            spent
        })?;
        drop(spent);
        Ok(())
    }

    /// How many bytes there are.
    ///
    /// # Errors
    /// `MemoryError`.
    #[inline]
    pub fn len_bytes(&self) -> Outcome<usize> {
        match self.lent()? {
            None => Ok(self.unread.borrow().len_bytes()),
            Some(array) => Ok(array.bind().len()?),
        }
    }

    /// Lets `look` see all of it; no Python runs in `look`.
    ///
    /// # Errors
    /// As `len_bytes`.
    #[inline]
    pub fn with<R>(&self, look: impl FnOnce(&[u8]) -> R) -> Outcome<R> {
        match self.lent()? {
            None => Ok(look(self.unread.borrow().as_slice())),
            Some(array) => with_bytes(&array, look),
        }
    }

    /// `buffer.extend(data)`
    ///
    /// # Errors
    /// TypeError for what is no bytes; BufferError while somebody has a view of the `bytearray`.
    #[inline]
    pub fn push(&self, data: &Obj) -> Outcome<()> {
        if self.lent()?.is_some() || !data.bind().is_exact_instance_of::<PyBytes>() {
            return self.push_any(data);
        }
        let chunk = Segment::of(data)?;
        let refused = self.unread.borrow_mut().keep(chunk);
        if let Some(chunk) = refused {
            let spent = self.unread.borrow_mut().push(chunk.as_ref());
            drop(spent);
        }
        Ok(())
    }

    /// The same by way of the `bytearray`, which knows what it accepts.
    #[cold]
    fn push_any(&self, data: &Obj) -> Outcome<()> {
        let py = data.py();
        let array = self.expose(py)?;
        call::method(&array, intern!(py, "extend"), [data]).map(drop)
    }

    /// The first bytes, `most_bytes` or all there are, as a `bytes` object.
    ///
    /// # Errors
    /// `MemoryError`; BufferError while somebody has a view of the `bytearray`.
    #[inline]
    pub fn take(&self, py: Python<'_>, most_bytes: usize) -> Outcome {
        if self.lent()?.is_none() {
            let chunk = self.unread.borrow_mut().take_chunk(most_bytes);
            if let Some(chunk) = chunk {
                return Ok(chunk.into_obj());
            }
        }
        let (taken, count) = self.with(|all| {
            let taken = &all[..most_bytes.min(all.len())];
            (bytes(py, taken), taken.len())
        })?;
        let taken = taken?;
        self.consume(py, count)?;
        Ok(taken)
    }

    /// All there is, as a `bytes` object.
    ///
    /// # Errors
    /// As `take`.
    pub fn take_all(&self, py: Python<'_>) -> Outcome {
        self.take(py, usize::MAX)
    }

    /// `del buffer[:count]`
    ///
    /// # Errors
    /// As `take`.
    #[inline]
    pub fn consume(&self, py: Python<'_>, count: usize) -> Outcome<()> {
        if let Some(array) = self.lent()? {
            let slice = py.get_type::<pyo3::types::PySlice>().call1((0, count))?;
            return Ok(array.bind().del_item(slice)?);
        }
        let mut unread = self.unread.borrow_mut();
        let count = count.min(unread.len_bytes());
        let spent = unread.consume(count);
        drop(unread);
        drop(spent);
        Ok(())
    }

    /// `buffer.clear()`
    ///
    /// # Errors
    /// As `take`.
    pub fn clear(&self, py: Python<'_>) -> Outcome<()> {
        self.consume(py, usize::MAX >> 1)
    }

    /// The `bytearray` that is the buffer as long as somebody holds it.
    ///
    /// # Errors
    /// `MemoryError`.
    pub fn expose(&self, py: Python<'_>) -> Outcome {
        if let Some(array) = self.exposed.get() {
            return Ok(array);
        }
        let spent = {
            let mut unread = self.unread.borrow_mut();
            let array = PyByteArray::new(py, unread.as_slice());
            self.exposed.set(Some(Obj::from(array)));
            unread.clear()
        };
        drop(spent);
        self.exposed
            .get()
            .ok_or_else(|| Raised::runtime_error(py, "the collector took the buffer"))
    }

    /// Makes `array` the buffer.
    ///
    /// # Errors
    /// TypeError for what is no `bytearray`.
    pub fn replace(&self, array: &Obj) -> Outcome<()> {
        let array = array.bind().cast::<PyByteArray>()?;
        let spent = self.unread.borrow_mut().clear();
        drop(spent);
        self.exposed.set(Some(Obj::from(array.clone())));
        Ok(())
    }

    /// For the collector. `bytes` refer to nothing; a subclass of `bytearray` may.
    pub fn visit(&self, visitor: &mut Visitor) {
        visitor.slot(&self.exposed);
    }

    /// For the collector.
    pub fn let_go(&self) {
        self.exposed.set(None);
    }
}
