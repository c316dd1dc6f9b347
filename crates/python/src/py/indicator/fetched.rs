//! The indicator up to 3.11.
#![allow(unsafe_code, reason = "PyErr_Fetch and PyErr_Restore")]

use pyo3::{Python, ffi};

use crate::py::object::Obj;

/// Takes the pending exception as an instance with its traceback; none when nothing is pending.
pub(in crate::py) fn take(py: Python<'_>) -> Option<Obj> {
    let _attached = py;
    let (mut class, mut value, mut traceback) = (
        std::ptr::null_mut(),
        std::ptr::null_mut(),
        std::ptr::null_mut(),
    );
    // SAFETY: three places for owned references, each null or new afterwards.
    unsafe { ffi::PyErr_Fetch(&raw mut class, &raw mut value, &raw mut traceback) };
    if class.is_null() {
        return None;
    }
    // SAFETY: what PyErr_Fetch gave; replaced by a class, an instance and a traceback or null.
    unsafe { ffi::PyErr_NormalizeException(&raw mut class, &raw mut value, &raw mut traceback) };
    if !traceback.is_null() {
        // SAFETY: an exception instance and a traceback object; takes no reference over.
        let set = unsafe { ffi::PyException_SetTraceback(value, traceback) };
        debug_assert_eq!(set, 0, "a traceback object is accepted");
        // SAFETY: ours, and not used any more.
        unsafe { ffi::Py_DECREF(traceback) };
    }
    // SAFETY: ours, and not used any more.
    unsafe { ffi::Py_DECREF(class) };
    // SAFETY: normalising leaves an instance that we own.
    Some(unsafe { Obj::from_owned(value) })
}

/// Puts an exception instance back, exactly as it was taken.
pub(in crate::py) fn put(exception: Obj) {
    // SAFETY: `exception` is alive.
    let class = unsafe { ffi::Py_TYPE(exception.as_ptr()) };
    // SAFETY: as above.
    let class = unsafe { ffi::Py_NewRef(class.cast()) };
    // SAFETY: a live exception instance; a new reference or null.
    let traceback = unsafe { ffi::PyException_GetTraceback(exception.as_ptr()) };
    // SAFETY: gives three references away.
    unsafe { ffi::PyErr_Restore(class, exception.into_ptr(), traceback) };
}
