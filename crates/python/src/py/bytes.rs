//! Bytes going in and out: new `bytes` objects, and views of other people's buffers.
#![allow(unsafe_code, reason = "the buffer protocol")]

use std::mem::MaybeUninit;

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

/// A new `bytes` object that `fill` writes straight into: at most `capacity` bytes, of which it says how many it wrote,
/// and what else there is to say. None when it wrote nothing.
///
/// # Errors
/// `MemoryError`.
pub fn bytes_filled<R>(
    py: Python<'_>,
    capacity: usize,
    fill: impl FnOnce(&mut [MaybeUninit<u8>]) -> (usize, R),
) -> Outcome<(Option<Obj>, R)> {
    let _attached = py;
    let size = ffi::Py_ssize_t::try_from(capacity).expect("a buffer is at most isize::MAX bytes");
    // SAFETY: without data the bytes are not initialized, and nobody else knows of the object yet.
    let object = unsafe { ffi::PyBytes_FromStringAndSize(std::ptr::null(), size) };
    // SAFETY: a new reference or null with an exception.
    let object = unsafe { Obj::from_result(object) }?;
    // SAFETY: exactly `bytes`.
    let memory = unsafe { ffi::PyBytes_AS_STRING(object.as_ptr()) };
    // SAFETY: the object has `capacity` bytes there, and no other reference is used while the slice lives.
    let memory = unsafe { std::slice::from_raw_parts_mut(memory.cast_mut().cast(), capacity) };
    let (count, rest) = fill(memory);
    debug_assert!(count <= capacity, "more was written than there is room for");
    if count == 0 {
        return Ok((None, rest));
    }
    if count == capacity {
        return Ok((Some(object), rest));
    }
    let mut raw = object.into_ptr();
    let size = ffi::Py_ssize_t::try_from(count).expect("less than the capacity");
    // SAFETY: the only reference; on failure it is gone, the pointer is null and an exception is set.
    unsafe { _PyBytes_Resize(&raw mut raw, size) };
    // SAFETY: as said.
    let object = unsafe { Obj::from_result(raw) }?;
    Ok((Some(object), rest))
}

unsafe extern "C" {
    // Documented C API, absent from pyo3-ffi.
    fn _PyBytes_Resize(object: *mut *mut ffi::PyObject, size: ffi::Py_ssize_t) -> std::ffi::c_int;
}

/// Lets `read` look at an object's memory (PEP 3118). It runs no Python.
///
/// # Errors
/// TypeError for an object without the buffer protocol, BufferError when it is not contiguous.
pub fn with_bytes<R>(object: &Obj, read: impl FnOnce(&[u8]) -> R) -> Outcome<R> {
    let mut view = ffi::Py_buffer::new();
    let view = View::acquire(object, &mut view, ffi::PyBUF_SIMPLE)?;
    let (memory, len) = view.memory();
    // SAFETY: the exporter guarantees `len` readable bytes until the view is released; `read` gets no token and runs no
    // Python, so nobody else touches the memory meanwhile.
    Ok(read(unsafe { std::slice::from_raw_parts(memory, len) }))
}

/// Lets `fill` write into an object's memory. It runs no Python.
///
/// Other code can hold the same memory, so no slice of it is lent while Python may run; a system call between two Python
/// calls sees it alone, because the GIL is held.
///
/// # Errors
/// As `with_bytes`, and BufferError for read-only memory.
pub fn with_memory<R>(object: &Obj, fill: impl FnOnce(&mut [u8]) -> R) -> Outcome<R> {
    let mut view = ffi::Py_buffer::new();
    let view = View::acquire(object, &mut view, ffi::PyBUF_WRITABLE)?;
    let (memory, len) = view.memory();
    // SAFETY: as in `with_bytes`; the view was asked to be writable.
    Ok(fill(unsafe { std::slice::from_raw_parts_mut(memory, len) }))
}

/// A contiguous view of an object's memory, released when dropped. The description stays where the exporter filled it in:
/// it may point into itself.
struct View<'a>(&'a mut ffi::Py_buffer);

impl<'a> View<'a> {
    fn acquire(
        object: &Obj,
        place: &'a mut ffi::Py_buffer,
        flags: std::ffi::c_int,
    ) -> Outcome<Self> {
        // SAFETY: `place` is a place for one description, and does not move while it is borrowed.
        if unsafe { ffi::PyObject_GetBuffer(object.as_ptr(), &raw mut *place, flags) } < 0 {
            return Err(Raised::indicated());
        }
        Ok(Self(place))
    }

    /// Where the memory begins, and its size in bytes.
    fn memory(&self) -> (*mut u8, usize) {
        match std::ptr::NonNull::new(self.0.buf) {
            Some(memory) => (memory.as_ptr().cast(), self.0.len.unsigned_abs()),
            None => (std::ptr::NonNull::dangling().as_ptr(), 0),
        }
    }
}

impl Drop for View<'_> {
    fn drop(&mut self) {
        // SAFETY: acquired by `acquire` and released once, on an attached thread.
        unsafe { ffi::PyBuffer_Release(&raw mut *self.0) };
    }
}

/// Immutable bytes waiting to be sent: the `bytes` object itself, no copy.
#[derive(Clone)]
pub struct Segment(Obj);

impl Segment {
    /// Keeps `object` if it is exactly `bytes`; a snapshot of its memory if it is another buffer.
    ///
    /// # Errors
    /// As `with_bytes`, and `MemoryError`.
    pub fn of(object: &Obj) -> Outcome<Self> {
        let py = object.py();
        // SAFETY: `object` is alive.
        if unsafe { ffi::PyBytes_CheckExact(object.as_ptr()) } != 0 {
            return Ok(Self(object.clone()));
        }
        with_bytes(object, |data| bytes(py, data))?.map(Self)
    }

    /// A snapshot of `data`.
    ///
    /// # Errors
    /// `MemoryError`.
    pub fn copy(py: Python<'_>, data: &[u8]) -> Outcome<Self> {
        bytes(py, data).map(Self)
    }

    /// The `bytes` object.
    pub fn as_obj(&self) -> &Obj {
        &self.0
    }

    /// The same, given away.
    pub fn into_obj(self) -> Obj {
        self.0
    }
}

impl AsRef<[u8]> for Segment {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: `Segment` holds exact `bytes` objects only, by its two constructors.
        unsafe { self.0.bind().cast_unchecked::<PyBytes>() }.as_bytes()
    }
}
