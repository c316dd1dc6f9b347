//! `tp_dealloc` of all raw types, with a guard against deep recursion.
//!
//! A chain of futures, each held by a callback of the one before, is freed from inside the first one's deallocation.
//! CPython bounds such recursion with its trashcan, whose macros differ in every version; here the objects beyond a
//! depth are put aside and freed by the outermost deallocation of the thread.
//!
//! A panic in what a payload does while it dies is reported as unraisable: nobody can receive it, and leaving the slot it
//! would abort the process. The object's memory is freed all the same.
#![allow(unsafe_code, reason = "ends the life of raw objects")]

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};

use pyo3::{Python, ffi};

use super::errors::{Raised, set_aside};
use super::freelist::FreeList;
use super::instance::{Instance, Payload, Ref};

/// Nested deallocations before the next one is put aside.
const DEPTH_LIMIT: u32 = 40;

type Destroy = unsafe fn(*mut ffi::PyObject);

/// How deep this thread is, and how many objects it has put aside.
struct Nesting {
    depth: Cell<u32>,
    aside: Cell<usize>,
}

thread_local! {
    /// One look-up per deallocation serves both numbers.
    static NESTING: Nesting = const { Nesting { depth: Cell::new(0), aside: Cell::new(0) } };
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
    if exact && contain(|| payload.wants_finalize()) {
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
    NESTING.with(|nesting| {
        let depth = nesting.depth.get();
        if depth >= DEPTH_LIMIT && put_aside(nesting, object, destroy::<T>) {
            return;
        }
        nesting.depth.set(depth + 1);
        // SAFETY: finalized and untracked, as `destroy` demands.
        unsafe { destroy::<T>(object) };
        if depth == 0 && nesting.aside.get() > 0 {
            destroy_aside(nesting);
        }
        nesting.depth.set(depth);
    });
}

/// Leaves an object to the outermost deallocation; false when the thread is ending and has no list any more.
#[cold]
fn put_aside(nesting: &Nesting, object: *mut ffi::PyObject, destroy: Destroy) -> bool {
    let put = ASIDE.try_with(|aside| aside.borrow_mut().push((object, destroy)));
    if put.is_ok() {
        nesting.aside.set(nesting.aside.get() + 1);
    }
    put.is_ok()
}

/// Frees what was put aside, which may put more aside.
#[cold]
fn destroy_aside(nesting: &Nesting) {
    while let Some((object, destroy)) = ASIDE.with_borrow_mut(Vec::pop) {
        nesting.aside.set(nesting.aside.get() - 1);
        // SAFETY: put aside by `dealloc`, once, in the state that its `destroy` demands.
        unsafe { destroy(object) };
    }
}

/// Runs what a payload does while it dies; a panic is reported and answered with the default.
#[inline]
fn contain<R: Default>(body: impl FnOnce() -> R) -> R {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|panic| report(&*panic))
}

#[cold]
fn report<R: Default>(panic: &(dyn Any + Send)) -> R {
    // SAFETY: the interpreter deallocates on attached threads.
    let py = unsafe { Python::assume_attached() };
    set_aside(py, || Raised::panicked(py, panic).unraisable(py, None));
    R::default()
}

impl<T: Payload> Ref<T> {
    /// Drops what may be the last reference to an object. Where it is, the object ends here and leaves its memory to `pool`,
    /// without the interpreter's way through `tp_dealloc`, which costs as much as all else that ends a handle.
    #[inline]
    pub fn retire(self, pool: &FreeList) {
        let is_plain = self.as_obj().is_unshared() && self.is_exact() && !self.wants_finalize();
        // SAFETY: a live object.
        if !is_plain || !unsafe { weak_list(self.as_obj().as_ptr()) }.is_null() {
            return;
        }
        let object = self.into_obj().into_ptr();
        if T::COLLECTED {
            // SAFETY: an object of a collected type; one that is not tracked is left as it is.
            unsafe { ffi::PyObject_GC_UnTrack(object.cast()) };
        }
        // SAFETY: the reference was ours and the only one; nothing is to be finalized, and the collector does not know it.
        unsafe { take_apart::<T>(object, Some(pool)) };
    }
}

/// The weak references to an object; null when it has none.
///
/// # Safety
/// `object` is an instance of a heap type.
#[inline]
unsafe fn weak_list(object: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: the header is intact.
    let type_ = unsafe { ffi::Py_TYPE(object) };
    // SAFETY: the type is alive: every instance holds a reference to its heap type.
    let offset = unsafe { (*type_).tp_weaklistoffset };
    if offset <= 0 {
        return std::ptr::null_mut();
    }
    // SAFETY: the offset lies within the object.
    let list: *mut *mut ffi::PyObject = unsafe { object.byte_offset(offset) }.cast();
    // SAFETY: the interpreter guarantees a weak list pointer at this offset.
    unsafe { *list }
}

/// Drops the payload and frees or keeps the memory.
///
/// # Safety
/// `object` is a dead, finalized, untracked instance of `T`.
unsafe fn destroy<T: Payload>(object: *mut ffi::PyObject) {
    let instance: *const Instance<T> = object.cast();
    // SAFETY: passed on.
    if !unsafe { weak_list(object) }.is_null() {
        // SAFETY: the object is dead but whole; callbacks of weak references see it as gone.
        unsafe { ffi::PyObject_ClearWeakRefs(object) };
    }
    // SAFETY: the header is intact.
    let exact = unsafe { ffi::Py_TYPE(object) } == T::TYPE.get();
    let pool = contain(|| {
        // SAFETY: the payload is intact until `take_apart`; the reference ends with the statement.
        exact
            .then(|| unsafe { (*instance).payload.pool() })
            .flatten()
    });
    // SAFETY: passed on; there are no weak references any more.
    unsafe { take_apart::<T>(object, pool.as_deref()) };
}

/// # Safety
/// As `destroy`, for an object without weak references; it is an exact instance if there is a pool.
#[inline]
unsafe fn take_apart<T: Payload>(object: *mut ffi::PyObject, pool: Option<&FreeList>) {
    // SAFETY: the header is intact until the memory is freed.
    let type_ = unsafe { ffi::Py_TYPE(object) };
    let instance: *mut Instance<T> = object.cast();
    // SAFETY: the payload is intact until it is dropped below.
    let payload = unsafe { &raw mut (*instance).payload };
    // SAFETY: dropped exactly once: the object is dead and nothing else drops payloads.
    contain(|| unsafe { std::ptr::drop_in_place(payload) });
    // Untracked, payload dropped, unreachable.
    let kept = if T::RECYCLED {
        // SAFETY: as said.
        type_ == T::TYPE.get() && unsafe { T::TYPE.spare.put(object) }
    } else {
        // SAFETY: as said.
        pool.is_some_and(|pool| unsafe { pool.put(object) })
    };
    if !kept {
        // SAFETY: the type is alive: the object holds a reference to it.
        let free = unsafe { (*type_).tp_free };
        let free = free.expect("a ready type has tp_free");
        // SAFETY: the memory was allocated by this type's `tp_alloc` or by `PyObject_GC_New`.
        unsafe { free(object.cast()) };
    }
    // SAFETY: an instance of a heap type owns a reference to it (CPython 3.8 and later); this was its last use.
    unsafe { ffi::Py_DECREF(type_.cast()) };
}
