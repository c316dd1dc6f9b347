//! What a panic of the extension's becomes: a `SystemError`.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use pyo3::exceptions::PySystemError;
use pyo3::{PyErr, Python};

/// The exception for a panic in `name`'s future.
pub(super) fn error(name: &str, payload: Box<dyn Any + Send>) -> PyErr {
    let text = match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => match payload.downcast::<&'static str>() {
            Ok(text) => (*text).to_owned(),
            Err(payload) => {
                // Even this may panic.
                drop_guarded(payload);
                "no message".to_owned()
            }
        },
    };
    PySystemError::new_err(format!("{name} panicked: {text}"))
}

/// Drops what is the extension's; a panic on the way is reported as unraisable.
pub(super) fn drop_reporting<T>(py: Python<'_>, name: &str, value: T) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(value))) {
        error(name, payload).write_unraisable(py, None);
    }
}

fn drop_guarded<T>(value: T) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(value))) {
        // What cannot be dropped twice over is left alone.
        std::mem::forget(payload);
    }
}
