//! Which thread this is, as Python counts them.
#![allow(unsafe_code, reason = "one C function without a safe binding")]

use pyo3::{Python, ffi};

/// `threading.get_ident()`.
#[inline]
pub fn ident(py: Python<'_>) -> u64 {
    let _attached = py;
    // SAFETY: takes nothing and reads the thread's own identity.
    unsafe { ffi::PyThread_get_thread_ident() }
}
