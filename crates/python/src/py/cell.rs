//! `Slot`, the mutable field of a Python object.
//!
//! An object is reached from many places at once (Python may call back at any time), so its fields are cells: a value is
//! taken out, put in or copied, never lent. No call can therefore find a field borrowed. The GIL keeps two threads from
//! meeting in one cell: instances are reached through `Obj` and `Ref`, which exist on attached threads only.
#![allow(unsafe_code, reason = "copies a reference without taking it out")]

use std::cell::Cell;

use pyo3::ffi;

use super::instance::{Payload, Ref};
use super::object::Obj;

/// A pointer to a Python object that counts as one reference.
pub trait Reference: Clone {
    /// The object's address.
    fn address(&self) -> *mut ffi::PyObject;
}

impl Reference for Obj {
    #[inline]
    fn address(&self) -> *mut ffi::PyObject {
        self.as_ptr()
    }
}

impl<T: Payload> Reference for Ref<T> {
    #[inline]
    fn address(&self) -> *mut ffi::PyObject {
        self.as_obj().as_ptr()
    }
}

/// A field that holds one reference or none.
#[repr(transparent)]
pub struct Slot<R: Reference = Obj>(Cell<Option<R>>);

impl<R: Reference> Slot<R> {
    /// A field that holds `value`.
    #[inline]
    pub const fn new(value: Option<R>) -> Self {
        Self(Cell::new(value))
    }

    /// A new reference to what the field holds.
    #[inline]
    pub fn get(&self) -> Option<R> {
        // SAFETY: cloning increments a count and runs no foreign code, so nothing can change the cell meanwhile; other
        // threads are kept out by the GIL.
        unsafe { (*self.0.as_ptr()).clone() }
    }

    /// Takes the reference out.
    #[inline]
    pub fn take(&self) -> Option<R> {
        self.0.take()
    }

    /// Puts `value` in; what was there is dropped after the field has its new value.
    #[inline]
    pub fn set(&self, value: Option<R>) {
        drop(self.0.replace(value));
    }

    /// Puts `value` in and gives back what was there.
    #[inline]
    pub fn replace(&self, value: Option<R>) -> Option<R> {
        self.0.replace(value)
    }

    /// Whether there is something.
    #[inline]
    pub fn is_some(&self) -> bool {
        !self.address().is_null()
    }

    /// Whether the field holds the only reference there is.
    #[inline]
    pub fn is_unshared(&self) -> bool {
        let address = self.address();
        // SAFETY: a live object, which the field holds.
        !address.is_null() && unsafe { ffi::Py_REFCNT(address) } == 1
    }

    /// The address of the object held, or null.
    #[inline]
    pub fn address(&self) -> *mut ffi::PyObject {
        // SAFETY: reads the pointer only; see `get`.
        match unsafe { &*self.0.as_ptr() } {
            Some(held) => held.address(),
            None => std::ptr::null_mut(),
        }
    }

    /// Whether the field holds exactly `other`.
    #[inline]
    pub fn holds(&self, other: &Obj) -> bool {
        self.address() == other.as_ptr()
    }
}

impl<R: Reference> Default for Slot<R> {
    fn default() -> Self {
        Self::new(None)
    }
}
