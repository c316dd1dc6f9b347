//! What goes out: plaintext, then records (`SSLProtocol._write_appdata`, `_do_write`, `_process_outgoing`).

use pyo3::types::{PyAnyMethods, PyByteArray, PyBytes, PyMemoryView, PyString, PyTypeMethods};
use pyo3::{Bound, intern};
use reactor::tls::{Signal, TlsEngine};

use super::protocol::TlsProtocol;
use super::report::{FATAL_PROTOCOL, fatal_unless_base, flow_failed};
use crate::py::bytes::Segment;
use crate::py::call;
use crate::py::errors::{Outcome, Raised};
use crate::py::imports;
use crate::py::instance::Ref;
use crate::py::object::Obj;
use crate::transport::flow_control;
use crate::transport::state::StreamTransport;
use crate::transport::write;

/// Whether there is something to write.
///
/// # Errors
/// TypeError for what is no bytes.
pub fn is_something(data: &Obj) -> Outcome<bool> {
    let bound = data.bind();
    let is_bytes = bound.is_instance_of::<PyBytes>()
        || bound.is_instance_of::<PyByteArray>()
        || bound.is_instance_of::<PyMemoryView>();
    if !is_bytes {
        let text = format!(
            "data: expecting a bytes-like instance, got {}",
            bound.get_type().name()?
        );
        return Err(Raised::type_error(data.py(), text));
    }
    Ok(bound.is_truthy()?)
}

/// `transport.write(data)`
///
/// # Errors
/// What is no `Exception`.
pub fn write(this: &Ref<TlsProtocol>, data: &Obj) -> Outcome<()> {
    if !this.session.may_write() {
        return write_after_loss(this);
    }
    this.session.queue(Segment::of(data)?, 0);
    write_soon(this)
}

/// `transport.writelines(list_of_data)`: a record for each, all in one send.
///
/// # Errors
/// TypeError for what is no bytes; what is no `Exception`.
pub fn writelines(this: &Ref<TlsProtocol>, list_of_data: &Obj) -> Outcome<()> {
    if !this.session.may_write() {
        return write_after_loss(this);
    }
    let mut segments = Vec::new();
    for data in list_of_data.bind().try_iter()? {
        segments.push(Segment::of(&Obj::from(data?))?);
    }
    for segment in segments {
        this.session.queue(segment, 0);
    }
    write_soon(this)
}

/// Writes are counted, and warned about when there are many.
fn write_after_loss(this: &Ref<TlsProtocol>) -> Outcome<()> {
    let py = this.py();
    let limit: u32 = imports::constants(py)
        .bind()
        .getattr(intern!(py, "LOG_THRESHOLD_FOR_CONNLOST_WRITES"))?
        .extract()?;
    let count = this.lost_writes.get();
    this.lost_writes.set(count.saturating_add(1));
    if count >= limit {
        let text = Obj::str(py, "SSL connection is closed");
        call::method(imports::logger(py), intern!(py, "warning"), [&text])?;
    }
    Ok(())
}

/// What was queued leaves now, unless the handshake is still going on.
fn write_soon(this: &Ref<TlsProtocol>) -> Outcome<()> {
    if !this.session.may_encrypt() {
        return Ok(());
    }
    match write_queued(this) {
        Ok(()) => Ok(()),
        Err(raised) => fatal_unless_base(this, raised, FATAL_PROTOCOL),
    }
}

/// `_do_write`: encrypts all that is queued, and sends it. A transport below that is paused gets nothing, and then the
/// plaintext waits as it is; one that pauses meanwhile gets the rest too, as in one write.
///
/// # Errors
/// What the engine or the transport below raises.
pub fn write_queued(this: &Ref<TlsProtocol>) -> Outcome<()> {
    if this.session.is_below_paused() {
        return control_app(this);
    }
    loop {
        let more = this.session.encrypt()?;
        send_records(this)?;
        if !more {
            return control_app(this);
        }
    }
}

/// Sends what is queued, and what the engine has to say for itself.
///
/// # Errors
/// As `write_queued`.
pub fn send(this: &Ref<TlsProtocol>) -> Outcome<()> {
    if this.session.may_encrypt() && this.session.has_backlog() {
        write_queued(this)
    } else {
        process(this)
    }
}

/// `_process_outgoing`: records that are there leave.
///
/// # Errors
/// What the transport below raises.
pub fn process(this: &Ref<TlsProtocol>) -> Outcome<()> {
    if !this.session.is_below_paused() {
        send_records(this)?;
    }
    control_app(this)
}

fn send_records(this: &Ref<TlsProtocol>) -> Outcome<()> {
    let Some(records) = this.session.engine().take()? else {
        return Ok(());
    };
    let Some(below) = this.transport() else {
        return Ok(());
    };
    match below.downcast_exact::<StreamTransport>() {
        Some(stream) if stream.is_as_made() => write::write(stream, &records),
        _ => call::method(&below, intern!(this.py(), "write"), [&records]).map(drop),
    }
}

/// `pause_writing`: the transport below has enough.
///
/// # Errors
/// AssertionError when it has said so already.
pub fn pause_below(this: &Ref<TlsProtocol>) -> Outcome<()> {
    asserted(this.session.pause_below())
}

/// `resume_writing`: the transport below takes records again.
///
/// # Errors
/// AssertionError when it had not stopped; what is no `Exception`.
pub fn resume_below(this: &Ref<TlsProtocol>) -> Outcome<()> {
    asserted(this.session.resume_below())?;
    match send(this) {
        Ok(()) => Ok(()),
        Err(raised) => fatal_unless_base(this, raised, FATAL_PROTOCOL),
    }
}

fn asserted(holds: bool) -> Outcome<()> {
    if holds {
        return Ok(());
    }
    let error = pyo3::exceptions::PyAssertionError::new_err(());
    Err(Raised::from(error))
}

/// `_control_app_writing`: the protocol is told to stop, or to go on.
///
/// # Errors
/// KeyboardInterrupt and SystemExit.
pub fn control_app(this: &Ref<TlsProtocol>) -> Outcome<()> {
    let py = this.py();
    let size = this.session.outgoing_bytes()?;
    let Some(signal) = this.session.outgoing.signal(size) else {
        return Ok(());
    };
    let (name, method): (&Bound<'_, PyString>, _) = match signal {
        Signal::Pause => (intern!(py, "pause_writing"), "pause_writing"),
        Signal::Resume => (intern!(py, "resume_writing"), "resume_writing"),
    };
    match call::method(&this.app_protocol_or_none(), name, []) {
        Ok(_) => Ok(()),
        Err(raised) => flow_failed(this, raised, method),
    }
}

/// `transport.set_write_buffer_limits(high, low)`
///
/// # Errors
/// ValueError for marks in the wrong order.
pub fn set_limits(this: &Ref<TlsProtocol>, high: Option<&Obj>, low: Option<&Obj>) -> Outcome<()> {
    let session = &this.session;
    flow_control::set_marks(
        this.py(),
        &session.outgoing,
        high,
        low,
        TlsProtocol::OUTGOING_HIGH,
    )?;
    control_app(this)
}
