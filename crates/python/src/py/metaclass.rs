//! `abc.ABCMeta` as the metaclass of native types: asyncio's classes can be registered with them.
//!
//! `isinstance` and `issubclass` then take asyncio's futures for ours, and a program can derive from one of ours and from an
//! abstract class at once. `PyType_FromMetaclass` refuses a metaclass that has a `__new__` of its own, and 3.11 has no such
//! function: a type is made with `type`, and gets the metaclass once all that derive from it are made as well.
#![allow(unsafe_code, reason = "changes the class of a type object")]

use pyo3::types::{PyAnyMethods, PyType};
use pyo3::{ffi, intern};

use super::call;
use super::errors::{Outcome, Raised};
use super::imports;
use super::object::Obj;

/// Makes `class`, which a `TypeBuilder` has just built, an instance of `ABCMeta`. Its own base may be one already; what is
/// derived from it must not be made yet, or in Rust and be handed over next.
///
/// # Errors
/// TypeError for a class with another metaclass than `type`; what `ABCMeta` raises.
pub fn make_abstract_base(class: &Obj) -> Outcome<()> {
    let py = class.py();
    let metaclass = imports::abc_meta(py).bind().cast::<PyType>()?;
    let plain = py.get_type::<PyType>();
    let basic_size = intern!(py, "__basicsize__");
    let is_as_large = metaclass
        .getattr(basic_size)?
        .eq(plain.getattr(basic_size)?)?;
    if !class.type_is(&Obj::from(plain.into_any())) || !is_as_large {
        return Err(Raised::type_error(
            py,
            "only a plain class becomes an abstract base",
        ));
    }
    // SAFETY: a type object made by `PyType_FromSpec`, so on the heap, whose class is `type` as just seen. Instances of
    // `ABCMeta`, which derives from `type`, are as large and laid out alike. `type` is static and does not count its
    // instances; `ABCMeta` does, and gets its reference here.
    unsafe { (*class.as_ptr()).ob_type = metaclass.clone().into_ptr().cast() };
    // SAFETY: a live type; what is remembered about it is forgotten.
    unsafe { ffi::PyType_Modified(class.as_ptr().cast()) };
    call::call(imports::abc_init(py), [class]).map(drop)
}

/// `class.register(subclass)`: instances of `subclass` are instances of `class`.
///
/// # Errors
/// What `ABCMeta.register` raises.
pub fn register(class: &Obj, subclass: &Obj) -> Outcome<()> {
    call::method(class, intern!(class.py(), "register"), [subclass]).map(drop)
}
