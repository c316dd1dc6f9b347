//! A server's callback, `client_connected_cb(reader, writer)`: called for each connection, and in a task if it is a
//! coroutine. Follows `StreamReaderProtocol.connection_made`.

use pyo3::intern;
use pyo3::types::{PyAnyMethods, PyDict, PyDictMethods};

use super::dialect::Dialect;
use super::protocol::ProtocolData;
use super::writer;
use crate::handle::action;
use crate::py::call;
use crate::py::errors::{Outcome, Raised};
use crate::py::instance::Ref;
use crate::py::object::Obj;
use crate::py::version::PY_3_13;
use crate::task::task::is_coroutine;

/// Calls `callback` for the connection that `transport` is.
///
/// # Errors
/// What the callback raises, where the running Python lets it pass.
pub fn call(
    this: &Ref<ProtocolData>,
    callback: &Obj,
    transport: &Obj,
    reader: Option<Obj>,
) -> Outcome<()> {
    let py = this.py();
    let reader = reader.unwrap_or_else(|| Obj::none(py));
    let loop_ = this.base.loop_or_none(py);
    let writer = writer::make(transport, this.as_obj(), &reader, &loop_)?.into_obj();
    if !PY_3_13 {
        this.own.writer.set(Some(writer.clone()));
    }
    match call::call(callback, [&reader, &writer]) {
        Ok(result) => run(this, &loop_, transport, &result),
        Err(raised) => callback_failed(&loop_, transport, raised),
    }
}

/// Runs what the callback returned, if it is a coroutine.
fn run(this: &Ref<ProtocolData>, loop_: &Obj, transport: &Obj, result: &Obj) -> Outcome<()> {
    let py = this.py();
    if !is_coroutine(result)? {
        return Ok(());
    }
    let task = call::method(loop_, intern!(py, "create_task"), [result])?;
    this.own.task.set(Some(task.clone()));
    if !Dialect::current(py).watches_callbacks {
        return Ok(());
    }
    let held = [loop_.clone(), transport.clone()];
    let ended = action::make(py, held, |[loop_, transport], arguments| match arguments {
        [task] => callback_ended(loop_, transport, task),
        _ => Ok(()),
    })?;
    call::method(&task, intern!(py, "add_done_callback"), [&ended]).map(drop)
}

/// The callback's task is done: what it raised is reported, and the connection ends.
fn callback_ended(loop_: &Obj, transport: &Obj, task: &Obj) -> Outcome<()> {
    let py = task.py();
    if Dialect::current(py).forgives_cancelled_callbacks {
        let is_cancelled = call::method(task, intern!(py, "cancelled"), [])?;
        if is_cancelled.bind().is_truthy()? {
            return close(transport);
        }
    }
    let exception = call::method(task, intern!(py, "exception"), [])?;
    if exception.is_none() {
        return Ok(());
    }
    report(loop_, transport, &exception)
}

fn close(transport: &Obj) -> Outcome<()> {
    call::method(transport, intern!(transport.py(), "close"), []).map(drop)
}

/// Tells the exception handler what the callback raised, and closes the transport.
fn report(loop_: &Obj, transport: &Obj, exception: &Obj) -> Outcome<()> {
    let py = loop_.py();
    let context = PyDict::new(py);
    context.set_item("message", "Unhandled exception in client_connected_cb")?;
    context.set_item("exception", exception.bind())?;
    context.set_item("transport", transport.bind())?;
    call::method(
        loop_,
        intern!(py, "call_exception_handler"),
        [&Obj::from(context)],
    )?;
    close(transport)
}

/// The callback is a plain function and has raised.
#[cold]
fn callback_failed(loop_: &Obj, transport: &Obj, raised: Raised) -> Outcome<()> {
    let py = loop_.py();
    let exception = raised.take(py);
    let is_ordinary = exception
        .bind()
        .is_instance_of::<pyo3::exceptions::PyException>();
    if !is_ordinary || !Dialect::current(py).reports_failed_callbacks {
        return Err(Raised::raise(exception));
    }
    report(loop_, transport, &exception)
}
