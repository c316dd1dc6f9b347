//! `BackRef`: a weak reference that its target maintains itself.
//!
//! A `weakref.ref` is 80 bytes, is linked into its target's list and has a callback to be called. Where the target knows
//! who refers to it weakly, this object of 32 bytes does: calling it gives the target, or None once it is gone, which is
//! all that `WeakSet` asks of the references in its set.
#![allow(unsafe_code, reason = "holds a pointer that is not a reference")]

use std::cell::Cell;

use pyo3::{Python, ffi};

use super::errors::Outcome;
use super::gc::Visitor;
use super::instance::{Payload, Ref, TypeSlot};
use super::object::Obj;
use super::slots::TypeBuilder;

static TYPE: TypeSlot = TypeSlot::new();

/// The payload: the target's address, or null once it is gone.
pub struct BackRef {
    target: Cell<*mut ffi::PyObject>,
}

impl Payload for BackRef {
    const TYPE: &'static TypeSlot = &TYPE;
    const COLLECTED: bool = false;

    fn blank() -> Self {
        Self {
            target: Cell::new(std::ptr::null_mut()),
        }
    }

    fn visit(&self, _visitor: &mut Visitor) {}

    fn clear(&self) {}
}

/// Owned by its target, which lets go of it when it dies.
pub struct BackRefOwner(Ref<BackRef>);

impl BackRefOwner {
    /// A reference to `target`, which must keep the result and drop it with itself.
    ///
    /// # Errors
    /// `MemoryError`.
    pub fn new(target: &Obj) -> Outcome<Self> {
        let payload = BackRef {
            target: Cell::new(target.as_ptr()),
        };
        Ok(Self(Ref::alloc(target.py(), payload, None)?))
    }

    /// The object that others may hold.
    pub fn as_obj(&self) -> &Obj {
        self.0.as_obj()
    }
}

impl Drop for BackRefOwner {
    fn drop(&mut self) {
        self.0.target.set(std::ptr::null_mut());
    }
}

/// The target, or None.
fn call(this: &Ref<BackRef>) -> Outcome {
    let py = this.py();
    let target = this.target.get();
    // SAFETY: not null means that the owner has not been dropped, so the target's memory is there; its count is zero
    // while it is being torn down, and then it must not be revived.
    if target.is_null() || unsafe { ffi::Py_REFCNT(target) } == 0 {
        return Ok(Obj::none(py));
    }
    // SAFETY: alive, as just seen; the GIL keeps it so until the reference is made.
    Ok(unsafe { Obj::from_borrowed(target) })
}

/// Builds the type.
///
/// # Errors
/// What making a type raises.
pub fn build(py: Python<'_>) -> Outcome {
    TypeBuilder::<BackRef>::new(
        c"asyncioxide.BackRef",
        c"A weak reference kept by its target.",
    )
    .no_constructor()
    .callable(|this, _args| call(this))
    .build(py)
}
