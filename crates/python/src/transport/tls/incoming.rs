//! What comes in: records, then plaintext (`SSLProtocol.buffer_updated`, `_do_read`, `eof_received`).

use pyo3::intern;
use pyo3::types::{PyAnyMethods, PyInt};
use reactor::tls::{End, Eof, Input, Plain, Signal, State, TlsEngine};

use super::engine::Room;
use super::protocol::TlsProtocol;
use super::report::{FATAL_PROTOCOL, fatal_error, fatal_unless_base, is_ordinary, log_debug};
use super::{handshake, outgoing, shutdown};
use crate::handle::turn::Turn;
use crate::py::bytes::{bytes, with_bytes};
use crate::py::call;
use crate::py::errors::{Outcome, Raised, leaves_the_loop};
use crate::py::imports;
use crate::py::instance::Ref;
use crate::py::object::Obj;
use crate::transport::deliver::Kind;
use crate::transport::life;

/// What a read leaves.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// Nothing before more bytes of the peer come.
    Nothing,
    /// There may be more, which a later turn or the end of the pause reads.
    Later,
}

/// `buffer_updated`: records have come.
///
/// # Errors
/// What ends the connection below.
pub fn received(this: &Ref<TlsProtocol>, records: &Obj) -> Outcome<()> {
    if this.session.state() == State::Lost {
        return Ok(());
    }
    this.session.engine().feed(records)?;
    go_on(this)
}

/// What the state says is to be done with records.
///
/// # Errors
/// As `received`.
pub fn go_on(this: &Ref<TlsProtocol>) -> Outcome<()> {
    match this.session.input() {
        Input::Handshake => handshake::go_on(this),
        Input::Read => read(this).map(drop),
        Input::Flush => shutdown::flush(this),
        Input::ShutDown => shutdown::go_on(this),
        Input::Ignore => Ok(()),
    }
}

/// `_do_read`: gives the protocol what can be decrypted.
///
/// # Errors
/// What is no `Exception`.
pub fn read(this: &Ref<TlsProtocol>) -> Outcome<Rest> {
    if !this.session.may_read() {
        return Ok(Rest::Nothing);
    }
    match read_and_answer(this) {
        Ok(rest) => Ok(rest),
        Err(raised) => {
            fatal_unless_base(this, raised, FATAL_PROTOCOL)?;
            Ok(Rest::Nothing)
        }
    }
}

/// The turn after a read that filled the protocol's buffer.
///
/// # Errors
/// As `received`.
pub fn read_on(this: &Ref<TlsProtocol>) -> Outcome<()> {
    if !this.session.may_read() {
        return Ok(());
    }
    go_on(this)
}

fn read_and_answer(this: &Ref<TlsProtocol>) -> Outcome<Rest> {
    let rest = match this.receiver.kind() {
        _ if this.session.is_reading_paused() => Rest::Later,
        Kind::Buffer => read_into_buffer(this)?,
        Kind::Bytes | Kind::Direct(_) | Kind::Records => read_bytes(this)?,
    };
    // Reading can answer: a key update, a renegotiation that is refused. Nor does a pause keep the end of the handshake
    // back, without which the peer has no connection; in asyncio it does.
    outgoing::send(this)?;
    control_below(this)?;
    Ok(rest)
}

/// `_do_read__copied`: all there is, in one call of `data_received`.
fn read_bytes(this: &Ref<TlsProtocol>) -> Outcome<Rest> {
    let (data, end) = decrypted(this)?;
    if let Some(data) = data {
        let protocol = this.app_protocol_or_none();
        match (
            protocol.downcast_exact::<TlsProtocol>(),
            this.receiver.kind(),
        ) {
            // TLS in TLS.
            (Some(above), _) => received(above, &data)?,
            (None, Kind::Direct(direct)) => (direct.receive)(&protocol, &data)?,
            (None, _) => {
                let data_received = this.receiver.data_received(&protocol)?;
                call::call(&data_received, [&data])?;
            }
        }
    }
    finish(this, end)?;
    Ok(Rest::Nothing)
}

/// Everything that can be decrypted now, and how it ended.
fn decrypted(this: &Ref<TlsProtocol>) -> Outcome<(Option<Obj>, Result<End, Obj>)> {
    let py = this.py();
    let mut chunks = Vec::new();
    let end = decrypt_all(this, |plaintext, count| {
        chunks.push(with_bytes(plaintext, |all| bytes(py, &all[..count]))??);
        Ok(())
    })?;
    let data = match chunks.as_slice() {
        [] => None,
        [one] => Some(one.clone()),
        many => Some(joined(many)?),
    };
    Ok((data, end))
}

/// Reads what can be decrypted, and drops it.
///
/// # Errors
/// What the engine says.
pub fn discard(this: &Ref<TlsProtocol>) -> Outcome<()> {
    match decrypt_all(this, |_plaintext, _count| Ok(()))? {
        // Both sides have said goodbye, which reading calls an error.
        Err(exception) if !is_zero_return(&exception)? => Err(Raised::raise(exception)),
        _ => Ok(()),
    }
}

/// Decrypts all there is, by way of the loop's buffer: `take` gets that, and how many bytes of it to take. How it ended.
fn decrypt_all(
    this: &Ref<TlsProtocol>,
    mut take: impl FnMut(&Obj, usize) -> Outcome<()>,
) -> Outcome<Result<End, Obj>> {
    let py = this.py();
    let Some(scheduler) = this.scheduler() else {
        return Ok(Ok(End::Again));
    };
    let plaintext = scheduler.turn.take_plaintext(py);
    let room = Room::Shared(plaintext.clone());
    let end = loop {
        let Plain { bytes: count, end } = this.session.decrypt(&room, Turn::PLAINTEXT_BYTES);
        // An exception on its way must not meet another call.
        let end = end.map_err(|raised| raised.take(py));
        if count > 0 {
            take(&plaintext, count)?;
        }
        match end {
            Ok(End::Full) => {}
            Ok(end) => break Ok(end),
            Err(exception) => break Err(exception),
        }
    };
    drop(room);
    scheduler.turn.return_plaintext(plaintext);
    Ok(end)
}

fn is_zero_return(exception: &Obj) -> Outcome<bool> {
    let py = exception.py();
    let class = imports::ssl(py)?.zero_return_error(py);
    Ok(exception.bind().is_instance(class.bind())?)
}

fn joined(chunks: &[Obj]) -> Outcome {
    let py = chunks[0].py();
    let list = pyo3::types::PyList::new(py, chunks.iter().map(Obj::bind))?;
    call::method(&bytes(py, b"")?, intern!(py, "join"), [&Obj::from(list)])
}

/// `_do_read__buffered`: as much as the protocol's buffer holds.
fn read_into_buffer(this: &Ref<TlsProtocol>) -> Outcome<Rest> {
    let py = this.py();
    let lender = this.app_protocol_or_none();
    let hint = Obj::from(PyInt::new(py, this.session.engine().unread_bytes()?));
    let buffer = call::call(&this.receiver.get_buffer(&lender)?, [&hint])?;
    let wants = buffer.bind().len()?;
    if wants == 0 {
        let text = "get_buffer() returned an empty buffer";
        return Err(Raised::runtime_error(py, text));
    }
    let room = Room::Lent(buffer);
    let Plain { bytes: count, end } = this.session.decrypt(&room, wants);
    drop(room);
    let end = end.map_err(|raised| raised.take(py));
    let mut rest = Rest::Nothing;
    if matches!(end, Ok(End::Full))
        && let Some(scheduler) = this.scheduler()
    {
        let again = call::attr(this.as_obj(), intern!(py, "_do_read"))?;
        life::soon(&scheduler, &again, &[])?;
        rest = Rest::Later;
    }
    if count > 0 {
        let updated = updated(this, &lender)?;
        call::call(&updated, [&Obj::from(PyInt::new(py, count))])?;
    }
    finish(this, end)?;
    Ok(rest)
}

/// The `buffer_updated` to call. `get_buffer` may have put another protocol in its place: that one is told, unless it
/// takes bytes in another way.
fn updated(this: &Ref<TlsProtocol>, lender: &Obj) -> Outcome {
    match this.receiver.kind() {
        Kind::Buffer => this.receiver.buffer_updated(&this.app_protocol_or_none()),
        Kind::Bytes | Kind::Direct(_) | Kind::Records => {
            call::attr(lender, intern!(lender.py(), "buffer_updated"))
        }
    }
}

/// After the last byte: what ended the row of reads, an exception perhaps.
fn finish(this: &Ref<TlsProtocol>, end: Result<End, Obj>) -> Outcome<()> {
    if end.map_err(Raised::raise)? == End::CloseNotify {
        tell_eof(this)?;
        shutdown::start(this)?;
    }
    Ok(())
}

/// `_call_eof_received`
///
/// # Errors
/// KeyboardInterrupt and SystemExit.
pub fn tell_eof(this: &Ref<TlsProtocol>) -> Outcome<()> {
    let py = this.py();
    if !this.session.tell_eof() {
        return Ok(());
    }
    let protocol = this.app_protocol_or_none();
    let answered = call::method(&protocol, intern!(py, "eof_received"), [])
        .and_then(|answer| Ok(answer.bind().is_truthy()?));
    match answered {
        Ok(false) => Ok(()),
        Ok(true) => {
            let text = "returning true from eof_received() has no effect when using ssl";
            let warning = intern!(py, "warning");
            call::method(imports::logger(py), warning, [&Obj::str(py, text)]).map(drop)
        }
        Err(raised) => {
            let exception = raised.take(py);
            if leaves_the_loop(&exception) {
                return Err(Raised::raise(exception));
            }
            fatal_error(this, &exception, "Error calling eof_received()")
        }
    }
}

/// `eof_received`: the transport below brings no more. Whether it is to stay open.
///
/// # Errors
/// What is no error of TLS; the transport below is closed then.
pub fn ended(this: &Ref<TlsProtocol>) -> Outcome<bool> {
    let raised = match end_input(this) {
        Ok(keep_open) => return Ok(keep_open),
        Err(raised) => raised,
    };
    let exception = raised.take(this.py());
    if is_ordinary(&exception)
        && let Some(below) = this.transport()
    {
        call::method(&below, intern!(this.py(), "close"), [])?;
    }
    Err(Raised::raise(exception))
}

fn end_input(this: &Ref<TlsProtocol>) -> Outcome<bool> {
    let eof = this.session.end_input();
    log_debug(this, "%r received EOF", &[])?;
    match eof {
        Eof::FailHandshake => handshake::fail_at_eof(this)?,
        Eof::Flush => {
            shutdown::flush(this)?;
            return Ok(this.session.state() == State::Flushing);
        }
        Eof::Wait => return Ok(true),
        Eof::WriteAndShutDown => {
            outgoing::write_queued(this)?;
            this.step(this.session.closing())?;
            shutdown::go_on(this)?;
        }
        Eof::ShutDown => shutdown::go_on(this)?,
        Eof::Ignore => {}
    }
    Ok(false)
}

/// `_control_ssl_reading`: stops the transport below while too much is unread.
///
/// # Errors
/// What `pause_reading` and `resume_reading` raise.
pub fn control_below(this: &Ref<TlsProtocol>) -> Outcome<()> {
    let py = this.py();
    // It would find the end again.
    if this.session.is_input_ended() {
        return Ok(());
    }
    let unread = this.session.engine().unread_bytes()?;
    let Some(signal) = this.session.incoming.signal(unread) else {
        return Ok(());
    };
    let Some(below) = this.transport() else {
        return Ok(());
    };
    let method = match signal {
        Signal::Pause => intern!(py, "pause_reading"),
        Signal::Resume => intern!(py, "resume_reading"),
    };
    call::method(&below, method, []).map(drop)
}

/// `_resume_reading`: what has come meanwhile is read in the next turn.
///
/// # Errors
/// RuntimeError when the loop is closed.
pub fn resume(this: &Ref<TlsProtocol>) -> Outcome<()> {
    if !this.session.resume_reading() {
        return Ok(());
    }
    let Some(scheduler) = this.scheduler() else {
        return Ok(());
    };
    let resumed = call::attr(this.as_obj(), intern!(this.py(), "_resumed"))?;
    life::soon(&scheduler, &resumed, &[])
}

/// The turn after `resume`. A handshake takes no notice.
///
/// # Errors
/// As `received`.
pub fn resumed(this: &Ref<TlsProtocol>) -> Outcome<()> {
    match this.session.input() {
        Input::Handshake => Ok(()),
        _ => go_on(this),
    }
}
