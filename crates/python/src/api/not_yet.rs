//! Methods of asyncio's loop that ours does not have. Each says so when it is called.

use pyo3::exceptions::PyNotImplementedError;

use crate::event_loop::core::EventLoopData;
use crate::py::errors::{Outcome, Raised};
use crate::py::slots::TypeBuilder;

const DOC: &std::ffi::CStr = c"Not implemented.";

/// NotImplementedError that names what is missing.
pub fn not_yet(what: &str) -> Raised {
    Raised::from(PyNotImplementedError::new_err(format!("EventLoop.{what}")))
}

fn refuse<T>(method: &str) -> Outcome<T> {
    Err(not_yet(method))
}

/// Adds this file's methods.
pub fn methods(builder: TypeBuilder<EventLoopData>) -> TypeBuilder<EventLoopData> {
    builder.method(c"create_datagram_endpoint", DOC, |_, _| {
        refuse("create_datagram_endpoint")
    })
}
