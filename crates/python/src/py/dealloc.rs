//! `tp_dealloc` of all raw types, with a guard against deep recursion.
//!
//! A chain of futures, each held by a callback of the one before, is freed from inside the first one's deallocation.
//! CPython bounds such recursion with its trashcan, whose macros differ in every version; here the objects beyond a
//! depth are put aside and freed by the outermost deallocation of the thread.
#![allow(unsafe_code, reason = "ends the life of raw objects")]

use std::cell::{Cell, RefCell};

use pyo3::ffi;

use super::instance::{Instance, Payload};

/// Nested deallocations before the next one is put aside.
const DEPTH_LIMIT: u32 = 40;

type Destroy = unsafe fn(*mut ffi::PyObject);

thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    static ASIDE: RefCell<Vec<(*mut ffi::PyObject, Destroy)>> = const { RefCell::new(Vec::new()) };
}

/// `tp_dealloc`.
///
/// # Safety
/// Called by the interpreter with an instance of `T` whose reference count has become zero.
pub(in crate::py) unsafe extern "C" fn dealloc<T: Payload>(object: *mut ffi::PyObject) {
    let instance: *const Instance<T> = object.cast();
    // SAFETY: the slot belongs to `T`'s type, and the payload is intact until `destroy`.
    let payload = unsafe { &(*instance).payload };
    // SAFETY: the header is intact.
    let exact = unsafe { ffi::Py_TYPE(object) } == T::TYPE.get();
    // Subclasses get their finalizer from `subtype_dealloc`, before this function.
    if exact && payload.wants_finalize() {
        // SAFETY: called from `tp_dealloc` with a zero reference count, as it demands.
        let resurrected = unsafe { ffi::PyObject_CallFinalizerFromDealloc(object) } < 0;
        if resurrected {
            return;
        }
    }
    if T::COLLECTED {
        // SAFETY: an object of a collected type; untracking twice (a subclass did it already) is allowed.
        unsafe { ffi::PyObject_GC_UnTrack(object.cast()) };
    }
    let depth = DEPTH.get();
    if depth >= DEPTH_LIMIT {
        ASIDE.with_borrow_mut(|aside| aside.push((object, destroy::<T> as Destroy)));
        return;
    }
    DEPTH.set(depth + 1);
    // SAFETY: finalized and untracked, as `destroy` demands.
    unsafe { destroy::<T>(object) };
    if depth == 0 {
        while let Some((object, destroy)) = ASIDE.with_borrow_mut(Vec::pop) {
            // SAFETY: put aside above, once, in the state that its `destroy` demands.
            unsafe { destroy(object) };
        }
    }
    DEPTH.set(depth);
}

/// Drops the payload and frees or keeps the memory.
///
/// # Safety
/// `object` is a dead, finalized, untracked instance of `T`.
unsafe fn destroy<T: Payload>(object: *mut ffi::PyObject) {
    let instance: *mut Instance<T> = object.cast();
    // SAFETY: the header is intact until the memory is freed.
    let type_ = unsafe { ffi::Py_TYPE(object) };
    // SAFETY: the type is alive: every instance holds a reference to its heap type.
    let weak_offset = unsafe { (*type_).tp_weaklistoffset };
    if weak_offset > 0 {
        // SAFETY: the interpreter guarantees a weak list pointer at this offset.
        let list = unsafe { *object.byte_offset(weak_offset).cast::<*mut ffi::PyObject>() };
        if !list.is_null() {
            // SAFETY: the object is dead but whole; callbacks of weak references see it as gone.
            unsafe { ffi::PyObject_ClearWeakRefs(object) };
        }
    }
    let pool = if type_ == T::TYPE.get() {
        // SAFETY: the payload is intact until the next statement.
        unsafe { (*instance).payload.pool() }
    } else {
        None
    };
    // SAFETY: dropped exactly once: the object is dead and nothing else drops payloads.
    unsafe { std::ptr::drop_in_place(&raw mut (*instance).payload) };
    // SAFETY: untracked, payload dropped, unreachable.
    let kept = pool.is_some_and(|pool| unsafe { pool.put(object) });
    if !kept {
        // SAFETY: the slot is filled for every ready type.
        let free = unsafe { (*type_).tp_free }.expect("a ready type has tp_free");
        // SAFETY: the memory was allocated by this type's `tp_alloc` or by `PyObject_GC_New`.
        unsafe { free(object.cast()) };
    }
    // SAFETY: an instance of a heap type owns a reference to it (CPython 3.8 and later); this was its last use.
    unsafe { ffi::Py_DECREF(type_.cast()) };
}
