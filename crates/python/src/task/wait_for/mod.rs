//! `wait_for()`: waits for something, but not for ever.
//!
//! Up to Python 3.11 the awaitable becomes a future and a waiter is released by it or by a timer (`released.rs`); since
//! 3.12 the caller awaits it itself, inside a `Timeout` (`timed.rs`). Both end a future that may not run on in the same
//! way (`ending.rs`).

mod ending;
mod released;
mod timed;

use pyo3::prelude::*;

use self::released::Released;
use self::timed::Timed;
use crate::future::operation;
use crate::py::args::{Args, exactly};
use crate::py::errors::Outcome;
use crate::py::function;
use crate::py::version::PY_3_12;

/// `asyncio.wait_for(fut, timeout)`
///
/// # Errors
/// TypeError for wrong arguments.
pub fn wait_for(py: Python<'_>, args: Args<'_>) -> Outcome {
    let [future, limit] = exactly(py, "wait_for", ["fut", "timeout"], args)?;
    if PY_3_12 {
        return operation::make(py, Timed::new(future, limit));
    }
    operation::make(py, Released::new(future, limit))
}

/// Adds the function to the module.
///
/// # Errors
/// `MemoryError`.
pub fn add_to(module: &Bound<'_, PyModule>) -> Outcome<()> {
    let function = function::make_coroutine_function(
        module.py(),
        "asyncioxide.tasks",
        "wait_for(fut, timeout)\n--\n\n\
         Wait for a future, a coroutine or another awaitable, at most timeout seconds; its result.\n\n\
         None is for no limit. When the time is up, what is awaited is cancelled, and TimeoutError is\n\
         raised once it has ended, unless it ends in another way. Cancelling the wait cancels it too;\n\
         shield() prevents both.",
        wait_for,
    )?;
    module.add("wait_for", function.as_obj().bind())?;
    Ok(())
}

/// Builds the types of the operations.
///
/// # Errors
/// What making a type raises.
pub fn build(py: Python<'_>) -> Outcome<()> {
    operation::build::<Timed>(py)?;
    operation::build::<Released>(py).map(drop)
}
