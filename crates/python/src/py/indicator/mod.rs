//! The interpreter's error indicator: taking the exception out and putting it back.
//!
//! PyO3's `PyErr` is avoided here: dropping it inside a raw slot defers the drop of the exception, and with it of every
//! frame in its traceback, to some later time. Since 3.12 the indicator is one exception instance; before, it was a class,
//! a value and a traceback, which need not have met yet.
#![allow(unsafe_code, reason = "PyErr_ExceptionMatches")]

use pyo3::{Python, ffi};

#[cfg(not(Py_3_12))]
mod fetched;
#[cfg(Py_3_12)]
mod raised;

#[cfg(not(Py_3_12))]
pub(in crate::py) use fetched::{put, take};
#[cfg(Py_3_12)]
pub(in crate::py) use raised::{put, take};

/// Whether what is pending is a StopIteration.
#[inline]
pub(in crate::py) fn is_stop_iteration(py: Python<'_>) -> bool {
    let _attached = py;
    // SAFETY: a class that is never freed.
    let class = unsafe { ffi::PyExc_StopIteration };
    // SAFETY: the thread is attached; looks at the pending exception, if there is one.
    unsafe { ffi::PyErr_ExceptionMatches(class) != 0 }
}
