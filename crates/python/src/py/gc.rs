//! Garbage collection: how a payload shows the collector what it holds.
#![allow(unsafe_code, reason = "calls the collector's visitproc")]

use std::ffi::{c_int, c_void};

use pyo3::ffi;

use super::cell::{Reference, Slot};
use super::object::Obj;

/// The collector's visitor during one `tp_traverse`.
pub struct Visitor {
    visit: ffi::visitproc,
    arg: *mut c_void,
    result: c_int,
}

impl Visitor {
    /// Wraps the arguments of `tp_traverse`.
    pub(in crate::py) fn new(visit: ffi::visitproc, arg: *mut c_void) -> Self {
        Self {
            visit,
            arg,
            result: 0,
        }
    }

    /// What `tp_traverse` has to return.
    pub(in crate::py) fn result(&self) -> c_int {
        self.result
    }

    /// Shows one object; nothing happens once the collector asked to stop.
    pub fn object(&mut self, object: &Obj) {
        self.address(object.as_ptr());
    }

    /// Shows what a field holds.
    pub fn slot<R: Reference>(&mut self, slot: &Slot<R>) {
        self.address(slot.address());
    }

    /// Shows an object by its address; null is skipped.
    pub(in crate::py) fn address(&mut self, object: *mut ffi::PyObject) {
        if self.result == 0 && !object.is_null() {
            // SAFETY: `visit` and `arg` come from the running `tp_traverse`; `object` is alive because a field holds it.
            self.result = unsafe { (self.visit)(object, self.arg) };
        }
    }
}
