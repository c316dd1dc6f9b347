//! Whether one of the loop's public methods has been replaced: by a subclass, or by an assignment to a class or to the loop.
//!
//! asyncio's methods call each other through the loop (`create_connection` calls `sock_connect`), and programs rely on
//! that. Where ours would go past such a method it asks here first, and then calls what it finds.

use pyo3::types::{PyAnyMethods, PyString};
use pyo3::{Bound, intern};

use super::core::EventLoopData;
use crate::py::errors::Outcome;
use crate::py::instance::{Payload, Ref};

/// Whether `loop.name` is something other than the native method of this name. Costs two look-ups and a comparison.
///
/// # Errors
/// What looking the attribute up raises.
pub fn is_replaced(this: &Ref<EventLoopData>, name: &Bound<'_, PyString>) -> Outcome<bool> {
    let py = this.py();
    let loop_ = this.as_obj().bind();
    let native = EventLoopData::TYPE.object(py);
    let method = native.bind().getattr(name)?;
    let own = method.call_method1(intern!(py, "__get__"), (loop_,))?;
    let found = loop_.getattr(name)?;
    // Methods of C are equal when function and receiver are the same; a class may have adopted the function. Of
    // anything else the `__eq__` is not asked.
    Ok(!(found.get_type().is(own.get_type()) && own.eq(&found)?))
}
