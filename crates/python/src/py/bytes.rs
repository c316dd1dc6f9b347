//! Bytes going in and out: new `bytes` objects, and views of other people's buffers.
#![allow(unsafe_code, reason = "the buffer protocol")]

use pyo3::types::{PyBytes, PyBytesMethods};
use pyo3::{Python, ffi};

use super::errors::{Outcome, Raised};
use super::object::Obj;

/// A new `bytes` object with a copy of `data`.
///
/// # Errors
/// `MemoryError`.
#[inline]
pub fn bytes(py: Python<'_>, data: &[u8]) -> Outcome {
    let _attached = py;
    let len = ffi::Py_ssize_t::try_from(data.len()).expect("a slice is at most isize::MAX bytes");
    // SAFETY: `data` is valid for `len` bytes.
    let made = unsafe { ffi::PyBytes_FromStringAndSize(data.as_ptr().cast(), len) };
    // SAFETY: a new reference or null with an exception.
    unsafe { Obj::from_result(made) }
}

/// A contiguous view of an object's memory, held until dropped (PEP 3118).
pub struct BufferView {
    view: Box<ffi::Py_buffer>,
}

impl BufferView {
    /// A view for reading.
    ///
    /// # Errors
    /// TypeError for an object without the buffer protocol, BufferError when it is not contiguous.
    pub fn read_only(object: &Obj) -> Outcome<Self> {
        Self::with_flags(object, ffi::PyBUF_SIMPLE)
    }

    /// A view for writing.
    ///
    /// # Errors
    /// As `read_only`, and BufferError for read-only memory.
    pub fn writable(object: &Obj) -> Outcome<Self> {
        Self::with_flags(object, ffi::PyBUF_WRITABLE)
    }

    fn with_flags(object: &Obj, flags: std::ffi::c_int) -> Outcome<Self> {
        let mut view = Box::new(ffi::Py_buffer::new());
        // SAFETY: `view` is a place for one buffer description, at an address that does not change.
        if unsafe { ffi::PyObject_GetBuffer(object.as_ptr(), &raw mut *view, flags) } < 0 {
            return Err(Raised::indicated());
        }
        Ok(Self { view })
    }

    /// The size in bytes.
    pub fn len(&self) -> usize {
        self.view.len.unsigned_abs()
    }

    /// The address and the size in bytes, for a system call that fills or reads the memory while `self` lives.
    ///
    /// Other code can hold the same memory, so no slice of it is ever lent while Python may run; a system call between
    /// two Python calls sees it alone, because the GIL is held.
    pub fn with_mut<R>(&mut self, fill: impl FnOnce(&mut [u8]) -> R) -> R {
        debug_assert_eq!(self.view.readonly, 0, "only writable views are filled");
        if self.view.buf.is_null() || self.view.len == 0 {
            return fill(&mut []);
        }
        // SAFETY: the exporter guarantees `len` writable bytes at `buf` until the view is released; `fill` gets no
        // token and runs no Python, so nobody else touches the memory meanwhile.
        fill(unsafe {
            std::slice::from_raw_parts_mut(self.view.buf.cast(), self.view.len.unsigned_abs())
        })
    }

    /// Lets `read` look at the memory; it runs no Python.
    pub fn with<R>(&self, read: impl FnOnce(&[u8]) -> R) -> R {
        if self.view.buf.is_null() || self.view.len == 0 {
            return read(&[]);
        }
        // SAFETY: as in `with_mut`, for reading.
        read(unsafe {
            std::slice::from_raw_parts(self.view.buf.cast::<u8>(), self.view.len.unsigned_abs())
        })
    }
}

impl Drop for BufferView {
    fn drop(&mut self) {
        // SAFETY: acquired by `with_flags` and released once; views live in locals and fields that are dropped attached.
        unsafe { ffi::PyBuffer_Release(&raw mut *self.view) };
    }
}

/// Immutable bytes waiting to be sent: the `bytes` object itself, no copy.
pub struct Segment(Obj);

impl Segment {
    /// Keeps `object` if it is exactly `bytes`; a snapshot of its memory if it is another buffer.
    ///
    /// # Errors
    /// As `BufferView::read_only`, and `MemoryError`.
    pub fn of(object: &Obj) -> Outcome<Self> {
        let py = object.py();
        // SAFETY: `object` is alive.
        if unsafe { ffi::PyBytes_CheckExact(object.as_ptr()) } != 0 {
            return Ok(Self(object.clone()));
        }
        let view = BufferView::read_only(object)?;
        view.with(|data| bytes(py, data)).map(Self)
    }

    /// A snapshot of `data`.
    ///
    /// # Errors
    /// `MemoryError`.
    pub fn copy(py: Python<'_>, data: &[u8]) -> Outcome<Self> {
        bytes(py, data).map(Self)
    }
}

impl AsRef<[u8]> for Segment {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: `Segment` holds exact `bytes` objects only, by its two constructors.
        unsafe { self.0.bind().cast_unchecked::<PyBytes>() }.as_bytes()
    }
}
