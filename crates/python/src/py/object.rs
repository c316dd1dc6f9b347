//! `Obj`, the owned reference that everything in this crate holds.
//!
//! PyO3's `Py<T>` may be dropped on a thread that is not attached to the interpreter, and pays for that freedom with a
//! thread-local look-up in every drop (and with a deferred drop where no PyO3 trampoline is below us on the stack, which
//! is the rule for raw slots). `Obj` gives the freedom up: it is neither `Send` nor `Sync`, so an `Obj` in scope proves
//! that the thread is attached, and clone and drop are a bare `Py_INCREF` and `Py_DECREF`. What has to sit in a static
//! or cross threads goes through [`Held`], which hands its object out only against a `Python` token.
#![allow(unsafe_code, reason = "reference counts are the subject of this file")]

use std::mem::ManuallyDrop;
use std::ptr::NonNull;

use pyo3::prelude::*;
use pyo3::{Bound, ffi};

use super::errors::{Outcome, Raised};

/// A strong reference to a Python object, or (behind `&`) a borrowed one.
#[repr(transparent)]
pub struct Obj(NonNull<ffi::PyObject>);

impl Obj {
    /// Takes over one reference.
    ///
    /// # Safety
    /// `ptr` is not null and the caller owns one reference to it; the thread is attached.
    pub unsafe fn from_owned(ptr: *mut ffi::PyObject) -> Self {
        debug_assert!(!ptr.is_null());
        // SAFETY: not null by the caller's promise.
        Self(unsafe { NonNull::new_unchecked(ptr) })
    }

    /// Makes a new reference to a borrowed object.
    ///
    /// # Safety
    /// `ptr` points to a live object and the thread is attached.
    pub unsafe fn from_borrowed(ptr: *mut ffi::PyObject) -> Self {
        // SAFETY: a live object by the caller's promise.
        unsafe { ffi::Py_INCREF(ptr) };
        // SAFETY: the reference just made is ours.
        unsafe { Self::from_owned(ptr) }
    }

    /// The result of a C API call that returns a new reference, or null with an exception set.
    ///
    /// # Safety
    /// `ptr` is an owned reference, or null while the thread's error indicator is set.
    pub unsafe fn from_result(ptr: *mut ffi::PyObject) -> Outcome {
        match NonNull::new(ptr) {
            Some(ptr) => Ok(Self(ptr)),
            None => Err(Raised::indicated()),
        }
    }

    /// Views a borrowed pointer as a reference that lives as long as the pointer's place.
    ///
    /// # Safety
    /// `*ptr` is not null and stays alive as long as `ptr`; the thread is attached.
    pub unsafe fn ref_from(ptr: &*mut ffi::PyObject) -> &Self {
        debug_assert!(!ptr.is_null());
        // SAFETY: `Obj` is a transparent non-null pointer, so the two places have one layout.
        unsafe { &*std::ptr::from_ref(ptr).cast() }
    }

    /// Views a C array of borrowed pointers as references.
    ///
    /// # Safety
    /// `args` holds `len` non-null pointers that stay alive for `'a` (it may be null when `len` is 0).
    pub unsafe fn slice_from<'a>(args: *const *mut ffi::PyObject, len: usize) -> &'a [Self] {
        if len == 0 {
            return &[];
        }
        // SAFETY: `Obj` has the layout of a non-null object pointer; the array is valid by the caller's promise.
        unsafe { std::slice::from_raw_parts(args.cast(), len) }
    }

    /// `None`.
    pub fn none(py: Python<'_>) -> Self {
        Self::from(py.None().into_bound(py))
    }

    /// `True` or `False`.
    pub fn bool(py: Python<'_>, value: bool) -> Self {
        Self::from(pyo3::types::PyBool::new(py, value).to_owned().into_any())
    }

    /// A Python string.
    pub fn str(py: Python<'_>, value: &str) -> Self {
        Self::from(pyo3::types::PyString::new(py, value).into_any())
    }

    /// The pointer, still owned by `self`.
    #[inline]
    pub fn as_ptr(&self) -> *mut ffi::PyObject {
        self.0.as_ptr()
    }

    /// Gives the reference away.
    #[inline]
    pub fn into_ptr(self) -> *mut ffi::PyObject {
        ManuallyDrop::new(self).0.as_ptr()
    }

    /// The token that the existence of an `Obj` stands for.
    #[inline]
    pub fn py(&self) -> Python<'_> {
        // SAFETY: an `Obj` cannot leave the thread it was made on (`!Send`), is made only while attached, and cannot be
        // captured by `Python::detach` (its closure must be `Send`), so whoever can name it is attached.
        unsafe { Python::assume_attached() }
    }

    /// The same object as PyO3 sees it.
    #[inline]
    pub fn bind(&self) -> &Bound<'_, PyAny> {
        let place: *const *mut ffi::PyObject = std::ptr::from_ref(self).cast();
        // SAFETY: `Obj` is a transparent object pointer, so this is the pointer's place, alive as long as `self`.
        let place = unsafe { &*place };
        // SAFETY: `self` keeps the object alive as long as the place.
        unsafe { Bound::ref_from_ptr(self.py(), place) }
    }

    /// Whether both are the same object.
    #[inline]
    pub fn is(&self, other: &Self) -> bool {
        self.0 == other.0
    }

    /// Whether `self` is the only reference.
    #[inline]
    pub fn is_unshared(&self) -> bool {
        // SAFETY: a live object.
        unsafe { ffi::Py_REFCNT(self.as_ptr()) == 1 }
    }

    /// Whether this is `None`.
    #[inline]
    pub fn is_none(&self) -> bool {
        // SAFETY: `Py_None` is a static object.
        self.as_ptr() == unsafe { ffi::Py_None() }
    }

    /// Whether the type is exactly `type_`.
    #[inline]
    pub fn type_is(&self, type_: &Self) -> bool {
        // SAFETY: `self` is alive.
        let own = unsafe { ffi::Py_TYPE(self.as_ptr()) };
        own.cast() == type_.as_ptr()
    }
}

impl Clone for Obj {
    #[inline]
    fn clone(&self) -> Self {
        // SAFETY: `self` is alive and the thread attached (see the module's text).
        unsafe { Self::from_borrowed(self.as_ptr()) }
    }
}

impl Drop for Obj {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: we own one reference, and the thread is attached (see the module's text).
        unsafe { ffi::Py_DECREF(self.as_ptr()) };
    }
}

impl<T> From<Bound<'_, T>> for Obj {
    #[inline]
    fn from(bound: Bound<'_, T>) -> Self {
        // SAFETY: `into_ptr` gives one reference away and is never null.
        unsafe { Self::from_owned(bound.into_ptr()) }
    }
}

/// An object in a static: shared by all threads, handed out only while attached.
pub struct Held(Obj);

// SAFETY: the reference inside is reached only through `get`, which asks for a `Python` token, so every use of the
// object and of its reference count happens on an attached thread. Statics are never dropped.
unsafe impl Sync for Held {}
// SAFETY: as above.
unsafe impl Send for Held {}

impl Held {
    /// Keeps `obj` for good.
    pub fn new(obj: Obj) -> Self {
        Self(obj)
    }

    /// The object.
    #[inline]
    pub fn get<'py>(&'py self, _py: Python<'py>) -> &'py Obj {
        &self.0
    }
}
