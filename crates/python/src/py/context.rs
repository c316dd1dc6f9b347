//! `contextvars.Context`: copying the current one and running inside one.
#![allow(unsafe_code, reason = "PyContext_* have no safe binding")]

use pyo3::types::{PyAnyMethods, PyTypeMethods};
use pyo3::{Python, ffi};

use super::errors::{Outcome, Raised};
use super::object::Obj;

/// A copy of the current context (`contextvars.copy_context()`).
///
/// # Errors
/// `MemoryError`.
#[inline]
pub fn copy_current(py: Python<'_>) -> Outcome {
    let _attached = py;
    // SAFETY: the thread is attached.
    let copy = unsafe { ffi::PyContext_CopyCurrent() };
    // SAFETY: a new reference or null with an exception.
    unsafe { Obj::from_result(copy) }
}

/// A copy of `context` (`Context.copy`).
///
/// # Errors
/// `MemoryError`; `TypeError` when it is no context.
#[inline]
pub fn copy(context: &Obj) -> Outcome {
    // SAFETY: `context` is alive; PyContext_Copy checks its type.
    let copy = unsafe { ffi::PyContext_Copy(context.as_ptr()) };
    // SAFETY: a new reference or null with an exception.
    unsafe { Obj::from_result(copy) }
}

/// TypeError when `object` is no context.
///
/// # Errors
/// As said, with the text that tasks have for it since 3.15.
pub fn check(object: &Obj) -> Outcome<()> {
    // SAFETY: `object` is alive.
    if unsafe { ffi::PyContext_CheckExact(object.as_ptr()) } != 0 {
        return Ok(());
    }
    let class = object.bind().get_type().name()?;
    let text = format!("a contextvars.Context was expected, got {class}");
    Err(Raised::type_error(object.py(), text))
}

/// Runs `body` inside `context` (`context.run`), and leaves it on every way out.
///
/// # Errors
/// `RuntimeError` when the context is already entered, `TypeError` when it is no context, or what `body` gave.
#[inline]
pub fn run_in<R>(context: &Obj, body: impl FnOnce() -> Outcome<R>) -> Outcome<R> {
    let _entered = Entered::enter(context)?;
    body()
}

/// An entered context; leaves it when dropped, also when a panic unwinds.
struct Entered<'a>(&'a Obj);

impl<'a> Entered<'a> {
    #[inline]
    fn enter(context: &'a Obj) -> Outcome<Self> {
        // SAFETY: `context` is alive; PyContext_Enter checks its type.
        if unsafe { ffi::PyContext_Enter(context.as_ptr()) } < 0 {
            return Err(Raised::indicated());
        }
        Ok(Self(context))
    }
}

impl Drop for Entered<'_> {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: entered by `enter` on this thread, and left in reverse order because this value is a local.
        let left = unsafe { ffi::PyContext_Exit(self.0.as_ptr()) };
        debug_assert_eq!(left, 0, "a context that we entered can be left");
    }
}
