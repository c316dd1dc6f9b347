//! What goes wrong in a handle's callback, told to the loop's exception handler in asyncio's words.

use pyo3::intern;
use pyo3::types::{PyDict, PyDictMethods, PyTuple};

use super::handle::HandleData;
use super::schedule::Scheduler;
use crate::py::call;
use crate::py::errors::Outcome;
use crate::py::imports;
use crate::py::instance::Ref;
use crate::py::object::Obj;
use crate::py::version::PY_3_13;

/// Tells the loop's exception handler about a callback that failed (`Handle._run`).
///
/// # Errors
/// What `call_exception_handler` raises: KeyboardInterrupt and SystemExit.
pub fn callback_failed(handle: &Ref<HandleData>, exception: &Obj) -> Outcome<()> {
    let py = exception.py();
    let Some(scheduler) = handle.scheduler() else {
        return Ok(());
    };
    let callback = handle.callback()?.unwrap_or_else(|| Obj::none(py));
    let arguments = match handle.arguments_shown()? {
        Some(arguments) => arguments,
        None => Obj::from(PyTuple::empty(py)),
    };
    let text = format_callback(&scheduler, &callback, &arguments)?;
    let report = PyDict::new(py);
    report.set_item(
        intern!(py, "message"),
        format!("Exception in callback {}", text.bind()),
    )?;
    report.set_item(intern!(py, "exception"), exception.bind())?;
    report.set_item(intern!(py, "handle"), handle.as_obj().bind())?;
    if let Some(stack) = handle.source_traceback() {
        report.set_item(intern!(py, "source_traceback"), stack.bind())?;
    }
    let report = Obj::from(report);
    call::method(
        scheduler.as_obj(),
        intern!(py, "call_exception_handler"),
        [&report],
    )?;
    Ok(())
}

/// `format_helpers._format_callback_source`, with the `debug` argument where this Python has it.
fn format_callback(scheduler: &Ref<Scheduler>, callback: &Obj, arguments: &Obj) -> Outcome {
    let py = callback.py();
    let format = call::attr(
        imports::format_helpers(py),
        intern!(py, "_format_callback_source"),
    )?;
    if PY_3_13 {
        let debug = Obj::bool(py, scheduler.is_debug());
        return call::call_keywords(
            &format,
            [callback, arguments, &debug],
            &[intern!(py, "debug")],
        );
    }
    call::call(&format, [callback, arguments])
}
