//! The indicator since 3.12.
#![allow(
    unsafe_code,
    reason = "PyErr_GetRaisedException and PyErr_SetRaisedException"
)]

use pyo3::{Python, ffi};

use crate::py::object::Obj;

/// Takes the pending exception as an instance with its traceback; none when nothing is pending.
#[inline]
pub(in crate::py) fn take(py: Python<'_>) -> Option<Obj> {
    let _attached = py;
    // SAFETY: the thread is attached; a new reference, or null when nothing is pending.
    let exception = unsafe { ffi::PyErr_GetRaisedException() };
    // SAFETY: ours when it is not null.
    (!exception.is_null()).then(|| unsafe { Obj::from_owned(exception) })
}

/// Puts an exception instance back, exactly as it was taken.
#[inline]
pub(in crate::py) fn put(exception: Obj) {
    // SAFETY: an exception instance, whose reference is given away.
    unsafe { ffi::PyErr_SetRaisedException(exception.into_ptr()) };
}
