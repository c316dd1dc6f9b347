//! Driving coroutines: `send`, `throw`, and answering as an iterator without making exceptions.
#![allow(unsafe_code, reason = "PyIter_Send and the reused StopIteration")]

use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

use pyo3::types::PyAnyMethods;
use pyo3::{Python, ffi, intern};

use super::call;
use super::errors::{Outcome, Raised, set_aside};
use super::indicator;
use super::object::Obj;

/// What a coroutine did with one turn.
pub enum Sent {
    /// It waits for something and gave it out.
    Yielded(Obj),
    /// It ended with a value.
    Returned(Obj),
}

/// `coroutine.send(value)` without a `StopIteration` when it ends (PyIter_Send).
///
/// # Errors
/// Whatever the coroutine raised.
#[inline]
pub fn send(coroutine: &Obj, value: &Obj) -> Outcome<Sent> {
    let mut result = std::ptr::null_mut();
    // SAFETY: both objects are alive and `result` is a place for one reference.
    let status = unsafe { ffi::PyIter_Send(coroutine.as_ptr(), value.as_ptr(), &raw mut result) };
    match status {
        ffi::PySendResult::PYGEN_NEXT => {
            // SAFETY: a new reference in both non-error cases.
            Ok(Sent::Yielded(unsafe { Obj::from_owned(result) }))
        }
        ffi::PySendResult::PYGEN_RETURN => {
            // SAFETY: as above.
            Ok(Sent::Returned(unsafe { Obj::from_owned(result) }))
        }
        _ => Err(Raised::indicated()),
    }
}

/// `coroutine.throw(exception)`.
///
/// # Errors
/// Whatever the coroutine raised, except the `StopIteration` that ends it.
pub fn throw(coroutine: &Obj, exception: &Obj) -> Outcome<Sent> {
    let py = coroutine.py();
    match call::method(coroutine, intern!(py, "throw"), [exception]) {
        Ok(value) => Ok(Sent::Yielded(value)),
        Err(raised) => returned(py, raised),
    }
}

/// The value of a pending `StopIteration`; any other exception stays pending.
fn returned(py: Python<'_>, raised: Raised) -> Outcome<Sent> {
    let exception = raised.take(py);
    if !exception
        .bind()
        .is_instance_of::<pyo3::exceptions::PyStopIteration>()
    {
        return Err(Raised::raise(exception));
    }
    Ok(Sent::Returned(call::attr(
        &exception,
        intern!(py, "value"),
    )?))
}

/// The layout of `StopIteration` (PyStopIterationObject), checked before the first use.
#[repr(C)]
struct StopIterationLayout {
    base: ffi::PyBaseExceptionObject,
    value: *mut ffi::PyObject,
}

/// The instance reused by `stop_iteration`; null until the layout has been checked, and where it was not as expected.
static REUSED: AtomicPtr<ffi::PyObject> = AtomicPtr::new(std::ptr::null_mut());

/// Whether a task steps: only then is the instance reused, because only then is it cleaned soon after. Code that calls
/// `next()` by hand gets an exception of its own, which it may keep.
static STEPPING: AtomicBool = AtomicBool::new(false);

/// Makes the reusable `StopIteration` and proves that its value lies where we think.
///
/// # Errors
/// `MemoryError`.
pub fn prepare_stop_iteration(py: Python<'_>) -> Outcome<()> {
    if cfg!(Py_GIL_DISABLED) {
        return Ok(());
    }
    let class = Obj::from(py.get_type::<pyo3::exceptions::PyStopIteration>());
    let marker = Obj::str(py, "asyncioxide: where a StopIteration keeps its value");
    let instance = call::call(&class, [&marker])?;
    let size = class
        .bind()
        .getattr(intern!(py, "__basicsize__"))?
        .extract::<usize>()?;
    let layout: *const StopIterationLayout = instance.as_ptr().cast();
    // SAFETY: reads one pointer, and only when the object is at least as large as the layout.
    let fits =
        size == size_of::<StopIterationLayout>() && unsafe { (*layout).value } == marker.as_ptr();
    if fits {
        REUSED.store(instance.into_ptr(), Ordering::Release);
    }
    Ok(())
}

/// Ends an iterator with `value`: sets `StopIteration(value)` as the error indicator, or, for `None`, leaves it unset,
/// which means the same to the interpreter. 8 ns against 82 for a new exception.
pub(in crate::py) fn stop_iteration(value: Obj) {
    if value.is_none() {
        return;
    }
    let py = value.py();
    let reused = REUSED.load(Ordering::Acquire);
    // SAFETY: `REUSED` is null or an instance that is never freed.
    let free = STEPPING.load(Ordering::Relaxed)
        && !reused.is_null()
        && unsafe { ffi::Py_REFCNT(reused) } == 1;
    if !free {
        let class = Obj::from(py.get_type::<pyo3::exceptions::PyStopIteration>());
        match call::call(&class, [&value]) {
            Ok(exception) => drop(Raised::raise(exception)),
            Err(raised) => drop(raised),
        }
        return;
    }
    // Referred to twice from here on: the last value's `__del__` can end an iterator too, and must not take it.
    // SAFETY: `reused` is a live exception instance.
    let exception = unsafe { Obj::from_borrowed(reused) };
    // What a primitive says again and again, as `lock.acquire()` does: True.
    // SAFETY: `reused` is a live exception instance.
    if !unsafe { carries_alone(reused, &value) } {
        reset_stop_iteration(reused, value);
    }
    // Restored, not raised: raising would make the exception being handled its context and keep that alive.
    indicator::put(exception);
}

/// Whether the reused instance has `value` already and nothing else that it could have been given.
///
/// # Safety
/// `reused` is the reused instance, which is alive.
#[inline]
unsafe fn carries_alone(reused: *mut ffi::PyObject, value: &Obj) -> bool {
    let layout: *const StopIterationLayout = reused.cast();
    // SAFETY: the layout was proved by `prepare_stop_iteration`, and nothing is changed while the reference lives.
    let StopIterationLayout { base, value: own } = unsafe { &*layout };
    if *own != value.as_ptr() || !has_nothing_else(base) {
        return false;
    }
    // SAFETY: an exception, whose `args` are always a tuple.
    if unsafe { ffi::PyTuple_GET_SIZE(base.args) } != 1 {
        return false;
    }
    // SAFETY: a tuple of one item.
    let argument = unsafe { ffi::PyTuple_GET_ITEM(base.args, 0) };
    argument == value.as_ptr()
}

/// Whether an exception has no traceback, context, cause, notes or attributes.
#[inline]
fn has_nothing_else(base: &ffi::PyBaseExceptionObject) -> bool {
    base.suppress_context == '\0'
        && base.dict.is_null()
        && base.notes.is_null()
        && base.traceback.is_null()
        && base.context.is_null()
        && base.cause.is_null()
}

/// Puts `value` into the reused instance, which nobody else uses, and forgets its last use.
fn reset_stop_iteration(reused: *mut ffi::PyObject, value: Obj) {
    let layout: *mut StopIterationLayout = reused.cast();
    // SAFETY: the layout was proved by `prepare_stop_iteration`; the caller has found itself the only user.
    let old_value = unsafe { std::mem::replace(&mut (*layout).value, value.clone().into_ptr()) };
    // SAFETY: as above.
    let base = unsafe { &mut (*layout).base };
    base.suppress_context = '\0';
    let old = [
        old_value,
        // Attributes that somebody has given it, notes among them.
        std::mem::replace(&mut base.dict, std::ptr::null_mut()),
        std::mem::replace(&mut base.notes, std::ptr::null_mut()),
        std::mem::replace(&mut base.traceback, std::ptr::null_mut()),
        std::mem::replace(&mut base.context, std::ptr::null_mut()),
        std::mem::replace(&mut base.cause, std::ptr::null_mut()),
    ];
    for field in old {
        // SAFETY: each field owned its reference (or was null) and has a new value already.
        unsafe { ffi::Py_XDECREF(field) };
    }
    set_args(reused, value);
}

/// Makes `(value,)` the `args`, in the old tuple if nobody else has it.
fn set_args(reused: *mut ffi::PyObject, value: Obj) {
    let base: *mut ffi::PyBaseExceptionObject = reused.cast();
    // SAFETY: an exception, whose `args` are always a tuple.
    let args = unsafe { (*base).args };
    // SAFETY: a live object.
    let is_unshared = unsafe { ffi::Py_REFCNT(args) } == 1;
    // SAFETY: a tuple. The one that all empty tuples are is never unshared.
    if is_unshared && unsafe { ffi::PyTuple_Size(args) } == 1 {
        // SAFETY: a tuple of one item that only the exception refers to; takes the value over.
        unsafe { ffi::PyTuple_SetItem(args, 0, value.into_ptr()) };
        return;
    }
    // SAFETY: one live object.
    let fresh = unsafe { ffi::PyTuple_Pack(1, value.as_ptr()) };
    if fresh.is_null() {
        drop(Raised::indicated().take(value.py()));
        return;
    }
    // SAFETY: as above; the old tuple's reference was the exception's.
    let former = unsafe { std::mem::replace(&mut (*base).args, fresh) };
    // SAFETY: ours, and replaced.
    unsafe { ffi::Py_DECREF(former) };
}

/// A task begins a step; `leave_step` must follow.
#[inline]
pub fn enter_step() {
    STEPPING.store(true, Ordering::Relaxed);
}

/// The step is over: drops what the reused `StopIteration` last carried, so that it keeps no object alive.
#[inline]
pub fn leave_step(py: Python<'_>) {
    STEPPING.store(false, Ordering::Relaxed);
    let reused = REUSED.load(Ordering::Relaxed);
    if reused.is_null() {
        return;
    }
    let layout: *const StopIterationLayout = reused.cast();
    // SAFETY: reads one pointer of a live instance.
    let value = unsafe { (*layout).value };
    // SAFETY: as above.
    let traceback = unsafe { (*layout).base.traceback };
    // The three are never freed, so it may keep them.
    // SAFETY: a static object.
    let is_kept = value == unsafe { ffi::Py_None() }
        // SAFETY: as above.
        || value == unsafe { ffi::Py_True() }
        // SAFETY: as above.
        || value == unsafe { ffi::Py_False() };
    let is_clean = traceback.is_null() && is_kept;
    if !is_clean {
        // The step may have raised.
        set_aside(py, || clean_stop_iteration(py, reused));
    }
}

#[cold]
fn clean_stop_iteration(py: Python<'_>, reused: *mut ffi::PyObject) {
    // SAFETY: a live instance.
    if unsafe { ffi::Py_REFCNT(reused) } == 1 {
        reset_stop_iteration(reused, Obj::none(py));
        return;
    }
    // Somebody has caught the exception and keeps it: it is theirs now, and the next one is new.
    let class = Obj::from(py.get_type::<pyo3::exceptions::PyStopIteration>());
    match call::call0(&class) {
        Ok(fresh) => REUSED.store(fresh.into_ptr(), Ordering::Release),
        Err(raised) => {
            drop(raised.take(py));
            REUSED.store(std::ptr::null_mut(), Ordering::Release);
        }
    }
    // SAFETY: the reference that `REUSED` held.
    drop(unsafe { Obj::from_owned(reused) });
}
