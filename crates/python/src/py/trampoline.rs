//! The functions that the interpreter calls: C on the outside, `Outcome` and references on the inside.
//!
//! A trampoline is generic over the Rust function it calls, so the call is direct. It turns C arguments into references,
//! an `Outcome` into a pointer, and a panic into `SystemError` (a panic that left `extern "C"` would abort the process).
#![allow(unsafe_code, reason = "the functions that the interpreter calls")]

use std::any::Any;
use std::ffi::{c_int, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::NonNull;

use pyo3::{Python, ffi};

use super::args::Args;
use super::coroutine::{Sent, stop_iteration};
use super::errors::{Outcome, Raised, guard, panic_text};
use super::gc::Visitor;
use super::indicator;
use super::instance::{Instance, Payload, Ref};
use super::object::Obj;
use super::slots::Comparison;

/// The one value of a function item's type.
#[inline]
fn the<F: Copy + 'static>() -> F {
    const {
        assert!(
            size_of::<F>() == 0,
            "slots are function items or closures that capture nothing"
        )
    };
    // SAFETY: `F` has size zero, so nothing is read, and it is inhabited and `Copy`: the builder was given a value of it.
    unsafe { NonNull::<F>::dangling().read() }
}

#[inline]
fn pointer(outcome: Outcome) -> *mut ffi::PyObject {
    match outcome {
        Ok(object) => object.into_ptr(),
        Err(Raised { .. }) => std::ptr::null_mut(),
    }
}

/// The receiver of a slot, as a typed borrowed reference.
///
/// # Safety
/// `*object` is an instance of `T` that the caller keeps alive for `'a`; the thread is attached.
#[inline]
unsafe fn receiver<T: Payload>(object: &*mut ffi::PyObject) -> &Ref<T> {
    // SAFETY: `Ref` is transparent over the object pointer.
    unsafe { &*std::ptr::from_ref(object).cast() }
}

/// The token of a slot: the interpreter calls us attached.
#[inline]
fn attached<'py>() -> Python<'py> {
    // SAFETY: this file's functions are called by the interpreter only, from an attached thread.
    unsafe { Python::assume_attached() }
}

pub(super) unsafe extern "C" fn traverse<T: Payload>(
    object: *mut ffi::PyObject,
    visit: ffi::visitproc,
    arg: *mut c_void,
) -> c_int {
    let mut visitor = Visitor::new(visit, arg);
    // SAFETY: called by the collector with an instance of `T`.
    visitor.address(unsafe { ffi::Py_TYPE(object) }.cast());
    // SAFETY: as above.
    let this = unsafe { receiver::<T>(&object) };
    let visited = catch_unwind(AssertUnwindSafe(|| this.visit(&mut visitor)));
    match visited {
        Ok(()) => visitor.result(),
        // What was not visited looks referenced from outside, so nothing is freed too early.
        Err(panic) => {
            report_later(&*panic);
            0
        }
    }
}

/// Reports a panic when Python can run again: during a traversal it must not.
#[cold]
fn report_later(panic: &(dyn Any + Send)) {
    let text = Box::into_raw(Box::new(panic_text(panic)));
    // SAFETY: may be called at any time; `report` gets the text once.
    if unsafe { ffi::Py_AddPendingCall(Some(report), text.cast()) } < 0 {
        // Too many calls are pending. The panic hook has told standard error.
        // SAFETY: `report` will not be called with it.
        drop(unsafe { Box::from_raw(text) });
    }
}

extern "C" fn report(text: *mut c_void) -> c_int {
    // SAFETY: made by `report_later` for this one call, which the interpreter makes.
    let text = unsafe { Box::from_raw(text.cast::<String>()) };
    let py = attached();
    Raised::system_error(py, *text).unraisable(py, None);
    0
}

pub(super) unsafe extern "C" fn clear<T: Payload>(object: *mut ffi::PyObject) -> c_int {
    let body = || {
        // SAFETY: called by the collector with an instance of `T`.
        unsafe { receiver::<T>(&object) }.clear();
        Ok(())
    };
    match guard(attached(), body) {
        Ok(()) => 0,
        Err(raised) => {
            raised.unraisable(attached(), None);
            0
        }
    }
}

pub(super) unsafe extern "C" fn finalize<T: Payload>(object: *mut ffi::PyObject) {
    let py = attached();
    // The object may die while an exception is on its way, which must survive what the finalizer does.
    let pending = indicator::take(py);
    let body = || {
        // SAFETY: called with an instance of `T`, alive during the call.
        T::finalize(unsafe { receiver::<T>(&object) });
        Ok(())
    };
    if let Err(raised) = guard(py, body) {
        raised.unraisable(py, None);
    }
    if let Some(pending) = pending {
        indicator::put(pending);
    }
}

pub(super) unsafe extern "C" fn new<T: Payload>(
    type_: *mut ffi::PyTypeObject,
    _args: *mut ffi::PyObject,
    _keywords: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // Before the memory is there: an object whose payload could not be made could not be freed either.
    let Ok(payload) = guard(attached(), || Ok(T::blank())) else {
        return std::ptr::null_mut();
    };
    // SAFETY: `type_` is ready, so it has `tp_alloc`.
    let alloc = unsafe { (*type_).tp_alloc }.expect("a ready type has tp_alloc");
    // SAFETY: `tp_alloc` gives zeroed memory for an instance of `type_`, which is `T`'s type or derives from it.
    let object = unsafe { alloc(type_, 0) };
    if object.is_null() {
        return object;
    }
    let instance: *mut Instance<T> = object.cast();
    // SAFETY: the memory is that of an `Instance<T>`; no reference is made.
    let place = unsafe { &raw mut (*instance).payload };
    // SAFETY: uninitialised memory as far as Rust is concerned, so writing drops nothing; no collection has looked at the
    // zeroes meanwhile, because no object was made since.
    unsafe { place.write(payload) };
    object
}

pub(super) unsafe extern "C" fn initialise<T: Payload, F>(
    object: *mut ffi::PyObject,
    args: *mut ffi::PyObject,
    keywords: *mut ffi::PyObject,
) -> c_int
where
    F: Fn(&Ref<T>, Args<'_>) -> Outcome<()> + Copy + 'static,
{
    let body = || {
        // SAFETY: called with an instance of `T`.
        let this = unsafe { receiver::<T>(&object) };
        // SAFETY: an argument tuple and a dict or null, alive during the call.
        let unpacked = unsafe { Unpacked::of(args, keywords) }?;
        the::<F>()(this, unpacked.args())
    };
    match guard(attached(), body) {
        Ok(()) => 0,
        Err(Raised { .. }) => -1,
    }
}

pub(super) unsafe extern "C" fn call<T: Payload, F>(
    object: *mut ffi::PyObject,
    args: *mut ffi::PyObject,
    keywords: *mut ffi::PyObject,
) -> *mut ffi::PyObject
where
    F: Fn(&Ref<T>, Args<'_>) -> Outcome + Copy + 'static,
{
    pointer(guard(attached(), || {
        // SAFETY: called with an instance of `T`.
        let this = unsafe { receiver::<T>(&object) };
        // SAFETY: an argument tuple and a dict or null, alive during the call.
        let unpacked = unsafe { Unpacked::of(args, keywords) }?;
        the::<F>()(this, unpacked.args())
    }))
}

/// What a callable has as its own vectorcall function: the callable itself is not looked at.
pub(super) unsafe extern "C" fn vectorcall<F>(
    _callable: *mut ffi::PyObject,
    args: *const *mut ffi::PyObject,
    positional: usize,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject
where
    F: for<'py> Fn(Python<'py>, Args<'_>) -> Outcome + Copy + 'static,
{
    let py = attached();
    pointer(guard(py, || {
        // SAFETY: arithmetic on the number, which carries a flag in its highest bit.
        let positional = unsafe { ffi::PyVectorcall_NARGS(positional) }.unsigned_abs();
        // SAFETY: by the vectorcall protocol `names` is null or a tuple, and all arguments are alive during the call.
        let args = unsafe { Args::from_vectorcall(args, positional, &names) };
        the::<F>()(py, args)
    }))
}

/// `tp_descr_get` of a function.
pub(super) unsafe extern "C" fn bind_method(
    function: *mut ffi::PyObject,
    receiver: *mut ffi::PyObject,
    _class: *mut ffi::PyObject,
) -> *mut ffi::PyObject {
    // SAFETY: a static object.
    if receiver.is_null() || receiver == unsafe { ffi::Py_None() } {
        // SAFETY: called with a live function.
        return unsafe { ffi::Py_NewRef(function) };
    }
    // SAFETY: both are alive.
    unsafe { PyMethod_New(function, receiver) }
}

unsafe extern "C" {
    // Public, absent from pyo3-ffi.
    fn PyMethod_New(
        function: *mut ffi::PyObject,
        receiver: *mut ffi::PyObject,
    ) -> *mut ffi::PyObject;
}

/// The arguments of a `tp_call` or `tp_init`, laid out as vectorcall has them.
struct Unpacked {
    values: Vec<Obj>,
    names: Option<Obj>,
}

impl Unpacked {
    /// # Safety
    /// `args` is a tuple, `keywords` a dict with string keys or null; both stay alive during the call.
    unsafe fn of(args: *mut ffi::PyObject, keywords: *mut ffi::PyObject) -> Outcome<Self> {
        use pyo3::types::{PyDict, PyDictMethods, PyListMethods, PyTuple, PyTupleMethods};
        // SAFETY: a tuple by the caller's promise.
        let args = unsafe { Obj::from_borrowed(args) };
        let mut values: Vec<Obj> = args
            .bind()
            .cast::<PyTuple>()?
            .iter()
            .map(Obj::from)
            .collect();
        if keywords.is_null() {
            return Ok(Self {
                values,
                names: None,
            });
        }
        // SAFETY: a dict by the caller's promise.
        let keywords = unsafe { Obj::from_borrowed(keywords) };
        let keywords = keywords.bind().cast::<PyDict>()?;
        values.extend(keywords.values().iter().map(Obj::from));
        let names = Obj::from(keywords.keys().to_tuple());
        Ok(Self {
            values,
            names: Some(names),
        })
    }

    fn args(&self) -> Args<'_> {
        Args::new(&self.values, self.names.as_ref())
    }
}

pub(super) unsafe extern "C" fn unary<T: Payload, F>(
    object: *mut ffi::PyObject,
) -> *mut ffi::PyObject
where
    F: Fn(&Ref<T>) -> Outcome + Copy + 'static,
{
    pointer(guard(attached(), || {
        // SAFETY: called with an instance of `T`.
        the::<F>()(unsafe { receiver::<T>(&object) })
    }))
}

pub(super) unsafe extern "C" fn method0<T: Payload, F>(
    object: *mut ffi::PyObject,
    _unused: *mut ffi::PyObject,
) -> *mut ffi::PyObject
where
    F: Fn(&Ref<T>) -> Outcome + Copy + 'static,
{
    pointer(guard(attached(), || {
        // SAFETY: the method descriptor has checked that `object` is an instance of `T`.
        the::<F>()(unsafe { receiver::<T>(&object) })
    }))
}

pub(super) unsafe extern "C" fn method1<T: Payload, F>(
    object: *mut ffi::PyObject,
    argument: *mut ffi::PyObject,
) -> *mut ffi::PyObject
where
    F: Fn(&Ref<T>, &Obj) -> Outcome + Copy + 'static,
{
    pointer(guard(attached(), || {
        // SAFETY: the method descriptor has checked that `object` is an instance of `T`.
        let this = unsafe { receiver::<T>(&object) };
        // SAFETY: METH_O gives one live argument.
        the::<F>()(this, unsafe { Obj::ref_from(&argument) })
    }))
}

pub(super) unsafe extern "C" fn class_method1<F>(
    class: *mut ffi::PyObject,
    argument: *mut ffi::PyObject,
) -> *mut ffi::PyObject
where
    F: Fn(&Obj, &Obj) -> Outcome + Copy + 'static,
{
    pointer(guard(attached(), || {
        // SAFETY: the class is alive.
        let class = unsafe { Obj::ref_from(&class) };
        // SAFETY: METH_O gives one live argument.
        the::<F>()(class, unsafe { Obj::ref_from(&argument) })
    }))
}

pub(super) unsafe extern "C" fn method<T: Payload, F>(
    object: *mut ffi::PyObject,
    args: *const *mut ffi::PyObject,
    positional: ffi::Py_ssize_t,
    names: *mut ffi::PyObject,
) -> *mut ffi::PyObject
where
    F: Fn(&Ref<T>, Args<'_>) -> Outcome + Copy + 'static,
{
    pointer(guard(attached(), || {
        // SAFETY: the method descriptor has checked that `object` is an instance of `T`.
        let this = unsafe { receiver::<T>(&object) };
        // SAFETY: METH_FASTCALL | METH_KEYWORDS: `names` is null or a tuple alive during the call.
        let args = unsafe { Args::from_vectorcall(args, positional.unsigned_abs(), &names) };
        the::<F>()(this, args)
    }))
}

pub(super) unsafe extern "C" fn getter<T: Payload, F>(
    object: *mut ffi::PyObject,
    _closure: *mut c_void,
) -> *mut ffi::PyObject
where
    F: Fn(&Ref<T>) -> Outcome + Copy + 'static,
{
    pointer(guard(attached(), || {
        // SAFETY: the descriptor has checked that `object` is an instance of `T`.
        the::<F>()(unsafe { receiver::<T>(&object) })
    }))
}

pub(super) unsafe extern "C" fn setter<T: Payload, F>(
    object: *mut ffi::PyObject,
    value: *mut ffi::PyObject,
    _closure: *mut c_void,
) -> c_int
where
    F: Fn(&Ref<T>, Option<&Obj>) -> Outcome<()> + Copy + 'static,
{
    let body = || {
        // SAFETY: the descriptor has checked that `object` is an instance of `T`.
        let this = unsafe { receiver::<T>(&object) };
        // SAFETY: a live value, or null when the attribute is deleted.
        let value = (!value.is_null()).then(|| unsafe { Obj::ref_from(&value) });
        the::<F>()(this, value)
    };
    match guard(attached(), body) {
        Ok(()) => 0,
        Err(Raised { .. }) => -1,
    }
}

pub(super) unsafe extern "C" fn iternext<T: Payload, F>(
    object: *mut ffi::PyObject,
) -> *mut ffi::PyObject
where
    F: Fn(&Ref<T>, &Obj) -> Outcome<Sent> + Copy + 'static,
{
    let py = attached();
    let body = || {
        // SAFETY: called with an instance of `T`.
        let this = unsafe { receiver::<T>(&object) };
        the::<F>()(this, &Obj::none(py))
    };
    match guard(py, body) {
        Ok(Sent::Yielded(value)) => value.into_ptr(),
        Ok(Sent::Returned(value)) => {
            stop_iteration(value);
            std::ptr::null_mut()
        }
        Err(Raised { .. }) => std::ptr::null_mut(),
    }
}

pub(super) unsafe extern "C" fn am_send<T: Payload, F>(
    object: *mut ffi::PyObject,
    value: *mut ffi::PyObject,
    result: *mut *mut ffi::PyObject,
) -> ffi::PySendResult
where
    F: Fn(&Ref<T>, &Obj) -> Outcome<Sent> + Copy + 'static,
{
    let body = || {
        // SAFETY: called with an instance of `T`.
        let this = unsafe { receiver::<T>(&object) };
        // SAFETY: the value sent is alive.
        the::<F>()(this, unsafe { Obj::ref_from(&value) })
    };
    let (status, object) = match guard(attached(), body) {
        Ok(Sent::Yielded(value)) => (ffi::PySendResult::PYGEN_NEXT, value.into_ptr()),
        Ok(Sent::Returned(value)) => (ffi::PySendResult::PYGEN_RETURN, value.into_ptr()),
        Err(Raised { .. }) => (ffi::PySendResult::PYGEN_ERROR, std::ptr::null_mut()),
    };
    // SAFETY: `result` is the caller's place for the answer.
    unsafe { result.write(object) };
    status
}

pub(super) unsafe extern "C" fn compare<T: Payload, F>(
    object: *mut ffi::PyObject,
    other: *mut ffi::PyObject,
    operation: c_int,
) -> *mut ffi::PyObject
where
    F: Fn(&Ref<T>, &Obj, Comparison) -> Outcome<Option<bool>> + Copy + 'static,
{
    let py = attached();
    let comparison = match operation {
        ffi::Py_LT => Comparison::Less,
        ffi::Py_LE => Comparison::LessOrEqual,
        ffi::Py_EQ => Comparison::Equal,
        ffi::Py_NE => Comparison::NotEqual,
        ffi::Py_GT => Comparison::Greater,
        _ => Comparison::GreaterOrEqual,
    };
    pointer(guard(py, || {
        // SAFETY: called with an instance of `T`.
        let this = unsafe { receiver::<T>(&object) };
        // SAFETY: the other operand is alive.
        let answer = the::<F>()(this, unsafe { Obj::ref_from(&other) }, comparison)?;
        Ok(match answer {
            Some(answer) => Obj::bool(py, answer),
            None => Obj::from(py.NotImplemented().into_bound(py)),
        })
    }))
}

pub(super) unsafe extern "C" fn hash<T: Payload, F>(object: *mut ffi::PyObject) -> ffi::Py_hash_t
where
    F: Fn(&Ref<T>) -> Outcome<isize> + Copy + 'static,
{
    // SAFETY: called with an instance of `T`.
    guard(attached(), || the::<F>()(unsafe { receiver::<T>(&object) })).unwrap_or(-1)
}

pub(super) unsafe extern "C" fn assign<T: Payload, F>(
    object: *mut ffi::PyObject,
    name: *mut ffi::PyObject,
    value: *mut ffi::PyObject,
) -> c_int
where
    F: Fn(&Ref<T>, &Obj) + Copy + 'static,
{
    // SAFETY: the arguments of `tp_setattro`, passed on.
    let status = unsafe { ffi::PyObject_GenericSetAttr(object, name, value) };
    if status < 0 {
        return status;
    }
    let body = || {
        // SAFETY: called with an instance of `T`.
        let this = unsafe { receiver::<T>(&object) };
        // SAFETY: the name is alive during the call.
        the::<F>()(this, unsafe { Obj::ref_from(&name) });
        Ok(())
    };
    match guard(attached(), body) {
        Ok(()) => 0,
        Err(Raised { .. }) => -1,
    }
}
