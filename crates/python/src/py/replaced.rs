//! Whether a method of a native type has been replaced: by a subclass, or by an assignment to a class or to the object.
//!
//! asyncio's methods call each other through `self`, and programs rely on that. Where ours would go past such a method it
//! asks here first, and then calls what it finds.

use pyo3::types::{PyAnyMethods, PyString};
use pyo3::{Bound, intern};

use super::errors::Outcome;
use super::instance::{Payload, Ref};
use super::slots::is_same_method;

/// Whether the class of the object has another method of this name than its native type. Costs two look-ups.
///
/// # Errors
/// AttributeError when there is none.
pub fn in_class<T: Payload>(this: &Ref<T>, name: &Bound<'_, PyString>) -> Outcome<bool> {
    let native = T::TYPE.object(this.py());
    let own = this.as_obj().bind().get_type();
    Ok(!is_same_method(
        &own.getattr(name)?,
        &native.bind().getattr(name)?,
    ))
}

/// Whether `object.name` is anything else than the native method. Costs two look-ups and a comparison.
///
/// # Errors
/// What looking the attribute up raises.
pub fn in_object<T: Payload>(this: &Ref<T>, name: &Bound<'_, PyString>) -> Outcome<bool> {
    let py = this.py();
    let object = this.as_obj().bind();
    let native = T::TYPE.object(py);
    let method = native.bind().getattr(name)?;
    let own = method.call_method1(intern!(py, "__get__"), (object,))?;
    let found = object.getattr(name)?;
    // Methods of C are equal when function and receiver are the same; a class may have adopted the function. Of
    // anything else the `__eq__` is not asked.
    Ok(!(found.get_type().is(own.get_type()) && own.eq(&found)?))
}
