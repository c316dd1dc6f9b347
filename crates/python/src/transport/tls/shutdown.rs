//! The end: `SSLProtocol._start_shutdown`, `_do_flush`, `_do_shutdown`, `_abort`, `connection_lost`.

use pyo3::intern;
use reactor::tls::{Lost, Progress, State, TlsEngine};

use super::dialect::Dialect;
use super::incoming::Rest;
use super::protocol::TlsProtocol;
use super::report::{FATAL, fatal_error, is_ssl_error};
use super::{incoming, outgoing};
use crate::py::call;
use crate::py::errors::{Outcome, Raised};
use crate::py::instance::Ref;
use crate::py::object::Obj;
use crate::py::version::PY_3_13;
use crate::transport::endpoint::Endpoint;
use crate::transport::life;
use crate::transport::state::StreamTransport;

/// `_start_shutdown`: this side closes, or the peer has.
///
/// # Errors
/// What ends the connection below.
pub fn start(this: &Ref<TlsProtocol>) -> Outcome<()> {
    match this.session.state() {
        // In asyncio nothing happens: when reading is paused, a connection whose input has ended never closes.
        State::Flushing if this.session.is_input_ended() => {
            this.mark_closed();
            time_out_later(this)?;
            this.step(this.session.closing())?;
            go_on(this)
        }
        State::Flushing | State::Closing | State::Lost => Ok(()),
        // In asyncio nothing happens: a connection that is closed before its handshake begins goes on with it.
        State::Idle | State::Handshaking => {
            this.mark_closed();
            abort(this, None)
        }
        State::Open => {
            this.mark_closed();
            this.step(this.session.flushing())?;
            time_out_later(this)?;
            flush(this)
        }
    }
}

fn time_out_later(this: &Ref<TlsProtocol>) -> Outcome<()> {
    let check = intern!(this.py(), "_check_shutdown_timeout");
    let timer = this.call_later(&this.shutdown_timeout, check)?;
    this.shutdown_timer.set(timer);
    Ok(())
}

/// `_check_shutdown_timeout`
///
/// # Errors
/// What the transport below raises.
pub fn timed_out(this: &Ref<TlsProtocol>) -> Outcome<()> {
    if !matches!(this.session.state(), State::Flushing | State::Closing) {
        return Ok(());
    }
    let Some(below) = this.transport() else {
        return Ok(());
    };
    let class = this.py().get_type::<pyo3::exceptions::PyTimeoutError>();
    let exception = Raised::instance(&Obj::from(class), "SSL shutdown timed out")?;
    force_close(&below, Some(&exception))
}

/// `_do_flush`: what has come is read, then goodbye is said. After the end of the input all of it is read, in later turns
/// where the protocol's buffer holds less or reading is paused; whoever closes himself gets one buffer more.
///
/// # Errors
/// What ends the connection below.
pub fn flush(this: &Ref<TlsProtocol>) -> Outcome<()> {
    let rest = incoming::read(this)?;
    // The protocol may have aborted, or read something that came in the middle of this.
    if this.session.state() != State::Flushing {
        return Ok(());
    }
    if rest == Rest::Later && this.session.is_input_ended() {
        return Ok(());
    }
    this.step(this.session.closing())?;
    go_on(this)
}

/// `_do_shutdown`. What the peer sent before it heard of the end is dropped; to asyncio it is an error, that of OpenSSL.
///
/// # Errors
/// What is no error of TLS.
pub fn go_on(this: &Ref<TlsProtocol>) -> Outcome<()> {
    let said = incoming::discard(this).and_then(|()| this.session.shut_down());
    match said {
        Ok(Progress::Again) => outgoing::process(this),
        Ok(Progress::Done) => {
            outgoing::process(this)?;
            incoming::tell_eof(this)?;
            complete(this, None)
        }
        Err(raised) => {
            let exception = raised.take(this.py());
            if !is_ssl_error(&exception)? {
                return Err(Raised::raise(exception));
            }
            complete(this, Some(&exception))
        }
    }
}

/// `_on_shutdown_complete`
fn complete(this: &Ref<TlsProtocol>, failure: Option<&Obj>) -> Outcome<()> {
    let py = this.py();
    let dialect = Dialect::current(py);
    if failure.is_some() || !dialect.times_the_close_below {
        this.cancel_timer(&this.shutdown_timer)?;
    }
    if let Some(exception) = failure {
        return fatal_error(this, exception, FATAL);
    }
    let (Some(scheduler), Some(below)) = (this.scheduler(), this.transport()) else {
        return Ok(());
    };
    let close = call::attr(&below, intern!(py, "close"))?;
    life::soon(&scheduler, &close, &[])?;
    if dialect.times_the_close_below && !this.shutdown_timer.is_some() {
        time_out_later(this)?;
    }
    Ok(())
}

/// `_abort`: what is queued is given up.
///
/// # Errors
/// What the transport below raises.
pub fn abort(this: &Ref<TlsProtocol>, exception: Option<&Obj>) -> Outcome<()> {
    this.session.give_up();
    let Some(below) = this.transport() else {
        return Ok(());
    };
    // Before 3.13 asyncio's `_abort` has no exception to pass on.
    if !PY_3_13 && exception.is_none() {
        return call::method(&below, intern!(this.py(), "abort"), []).map(drop);
    }
    force_close(&below, exception)
}

/// `transport._force_close(exception)`; `abort()` of a transport that has no such method.
///
/// # Errors
/// What the transport raises.
pub fn force_close(below: &Obj, exception: Option<&Obj>) -> Outcome<()> {
    let py = below.py();
    if let Some(stream) = below.downcast_exact::<StreamTransport>()
        && stream.is_as_made()
    {
        return StreamTransport::force_close(stream, exception.cloned());
    }
    if let Some(method) = call::optional_attr(below, intern!(py, "_force_close"))? {
        let none = Obj::none(py);
        return call::call(&method, [exception.unwrap_or(&none)]).map(drop);
    }
    call::method(below, intern!(py, "abort"), []).map(drop)
}

/// `connection_lost`: the transport below is gone.
///
/// # Errors
/// RuntimeError when the loop is closed.
pub fn lost(this: &Ref<TlsProtocol>, exception: &Obj) -> Outcome<()> {
    let py = this.py();
    let was = this.session.lose();
    let (lost, queued) = was;
    drop(queued);
    drop(this.session.engine().take()?);
    this.lost_writes
        .set(this.lost_writes.get().saturating_add(1));
    this.mark_closed();
    let protocol = this.app_protocol_or_none();
    let told = match (lost, this.scheduler()) {
        (Lost::Tell, Some(scheduler)) => call::attr(&protocol, intern!(py, "connection_lost"))
            .and_then(|lost| life::soon(&scheduler, &lost, std::slice::from_ref(exception))),
        _ => Ok(()),
    };
    let raised = told.err().map(|raised| raised.take(py));
    this.let_go();
    let failure = Some(exception).filter(|exception| !exception.is_none());
    this.wake_waiter(failure)?;
    this.cancel_timer(&this.shutdown_timer)?;
    this.cancel_timer(&this.handshake_timer)?;
    match raised {
        Some(exception) => Err(Raised::raise(exception)),
        None => Ok(()),
    }
}
