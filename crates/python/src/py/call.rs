//! Calling Python: vectorcall with arguments on the stack.
#![allow(unsafe_code, reason = "vectorcall has no safe binding without tuples")]

use pyo3::ffi;
use pyo3::types::PyString;
use pyo3::{Bound, Python};

use super::errors::{Outcome, Raised};
use super::object::Obj;

/// `callable()`.
#[inline]
pub fn call0(callable: &Obj) -> Outcome {
    // SAFETY: no arguments; `callable` is alive.
    let result = unsafe {
        ffi::PyObject_Vectorcall(callable.as_ptr(), std::ptr::null(), 0, std::ptr::null_mut())
    };
    // SAFETY: a new reference or null with an exception.
    unsafe { Obj::from_result(result) }
}

/// `callable(*args)` for a number of arguments known at the call.
#[inline]
pub fn call<const N: usize>(callable: &Obj, args: [&Obj; N]) -> Outcome {
    let raw = args.map(Obj::as_ptr);
    // SAFETY: `raw` holds N live objects that `args` keeps alive during the call.
    let result = unsafe {
        ffi::PyObject_Vectorcall(callable.as_ptr(), raw.as_ptr(), N, std::ptr::null_mut())
    };
    // SAFETY: a new reference or null with an exception.
    unsafe { Obj::from_result(result) }
}

/// `callable(*args)`.
#[inline]
pub fn call_slice(callable: &Obj, args: &[Obj]) -> Outcome {
    // SAFETY: `Obj` has the layout of an object pointer, so the slice is the argument array.
    let result = unsafe {
        ffi::PyObject_Vectorcall(
            callable.as_ptr(),
            args.as_ptr().cast(),
            args.len(),
            std::ptr::null_mut(),
        )
    };
    // SAFETY: a new reference or null with an exception.
    unsafe { Obj::from_result(result) }
}

/// `callable(*args, **keywords)`: the last `names.len()` of `args` are the keywords' values.
pub fn call_keywords<const N: usize>(
    callable: &Obj,
    args: [&Obj; N],
    names: &[&Bound<'_, PyString>],
) -> Outcome {
    let py = callable.py();
    let positional = N - names.len();
    let names = keyword_names(py, names)?;
    let raw = args.map(Obj::as_ptr);
    // SAFETY: `raw` holds the positional arguments and then one value per name of the tuple `names`.
    let result = unsafe {
        ffi::PyObject_Vectorcall(callable.as_ptr(), raw.as_ptr(), positional, names.as_ptr())
    };
    // SAFETY: a new reference or null with an exception.
    unsafe { Obj::from_result(result) }
}

/// `object.name(*args)`.
#[inline]
pub fn method<const N: usize>(
    object: &Obj,
    name: &Bound<'_, PyString>,
    args: [&Obj; N],
) -> Outcome {
    method_with(object, name, args, std::ptr::null_mut(), 0)
}

/// `object.name(*args, **keywords)`: the last `names.len()` of `args` are the keywords' values.
pub fn method_keywords<const N: usize>(
    object: &Obj,
    name: &Bound<'_, PyString>,
    args: [&Obj; N],
    names: &[&Bound<'_, PyString>],
) -> Outcome {
    let tuple = keyword_names(object.py(), names)?;
    method_with(object, name, args, tuple.as_ptr(), names.len())
}

#[inline]
fn method_with<const N: usize>(
    object: &Obj,
    name: &Bound<'_, PyString>,
    args: [&Obj; N],
    names: *mut ffi::PyObject,
    keywords: usize,
) -> Outcome {
    const MOST: usize = 7;
    const { assert!(N <= MOST) };
    let mut raw = [std::ptr::null_mut(); MOST + 1];
    raw[0] = object.as_ptr();
    for (place, arg) in raw[1..].iter_mut().zip(args) {
        *place = arg.as_ptr();
    }
    // SAFETY: `raw` holds the receiver and N live arguments, the last `keywords` of them named by the tuple `names`.
    let result = unsafe {
        ffi::PyObject_VectorcallMethod(name.as_ptr(), raw.as_ptr(), N + 1 - keywords, names)
    };
    // SAFETY: a new reference or null with an exception.
    unsafe { Obj::from_result(result) }
}

/// `object.name`.
#[inline]
pub fn attr(object: &Obj, name: &Bound<'_, PyString>) -> Outcome {
    // SAFETY: both are alive.
    let result = unsafe { ffi::PyObject_GetAttr(object.as_ptr(), name.as_ptr()) };
    // SAFETY: a new reference or null with an exception.
    unsafe { Obj::from_result(result) }
}

/// `object.name = value`.
pub fn set_attr(object: &Obj, name: &Bound<'_, PyString>, value: &Obj) -> Outcome<()> {
    use pyo3::prelude::*;
    Ok(object.bind().setattr(name, value.bind())?)
}

/// `object.name`, or nothing when there is no such attribute.
pub fn optional_attr(object: &Obj, name: &Bound<'_, PyString>) -> Outcome<Option<Obj>> {
    use pyo3::types::PyAnyMethods;
    Ok(object.bind().getattr_opt(name)?.map(Obj::from))
}

/// `object[start:stop]`; without `stop`, to the end. PyO3's `PySlice::new` (0.30.1) leaks the numbers that it makes.
///
/// # Errors
/// What the object raises.
pub fn slice(object: &Obj, start: usize, stop: Option<usize>) -> Outcome {
    use pyo3::types::{PyAnyMethods, PySlice};
    let slice = object.py().get_type::<PySlice>().call1((start, stop))?;
    Ok(object.bind().get_item(slice)?.into())
}

fn keyword_names(py: Python<'_>, names: &[&Bound<'_, PyString>]) -> Outcome {
    Ok(Obj::from(pyo3::types::PyTuple::new(py, names)?))
}

/// `float(number)` for an int, without a float object.
///
/// # Errors
/// OverflowError for one that is too large; TypeError for what is no int.
#[inline]
pub fn int_as_f64(number: &Obj) -> Outcome<f64> {
    // SAFETY: a live object, whose type is checked by the call.
    let value = unsafe { ffi::PyLong_AsDouble(number.as_ptr()) };
    // SAFETY: the thread is attached.
    if value == -1.0 && !unsafe { ffi::PyErr_Occurred() }.is_null() {
        return Err(Raised::indicated());
    }
    Ok(value)
}

/// Raises `exception` as Python's `raise` does: the exception being handled, if any, becomes its context.
pub fn raise(exception: &Obj) -> Raised {
    // SAFETY: `exception` is alive.
    let class = unsafe { ffi::Py_TYPE(exception.as_ptr()) };
    // SAFETY: an instance and its class; the indicator takes its own references.
    unsafe { ffi::PyErr_SetObject(class.cast(), exception.as_ptr()) };
    Raised::indicated()
}

/// Whether the interpreter takes `object` for an exception. `isinstance` believes an object that lies about its
/// `__class__`; what is no exception must never reach the error indicator.
pub fn is_exception(object: &Obj) -> bool {
    // SAFETY: looks at the type of a live object.
    unsafe { ffi::PyExceptionInstance_Check(object.as_ptr()) != 0 }
}

/// The traceback of `exception`, which is one. Read past its class, as the interpreter does.
pub fn traceback(exception: &Obj) -> Option<Obj> {
    debug_assert!(is_exception(exception));
    // SAFETY: a live exception; a new reference or null.
    let traceback = unsafe { ffi::PyException_GetTraceback(exception.as_ptr()) };
    // SAFETY: ours when it is not null.
    (!traceback.is_null()).then(|| unsafe { Obj::from_owned(traceback) })
}

/// Gives `exception`, which is one, another traceback, or none. Its class is not asked: it may refuse assignments.
///
/// # Errors
/// TypeError for what is no traceback.
pub fn set_traceback(exception: &Obj, traceback: Option<&Obj>) -> Outcome<()> {
    debug_assert!(is_exception(exception));
    let none = Obj::none(exception.py());
    let traceback = traceback.unwrap_or(&none);
    // SAFETY: a live exception and a live object, which the call checks.
    if unsafe { ffi::PyException_SetTraceback(exception.as_ptr(), traceback.as_ptr()) } < 0 {
        return Err(Raised::indicated());
    }
    Ok(())
}
