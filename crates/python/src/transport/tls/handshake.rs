//! The handshake: `SSLProtocol._start_handshake` to `_on_handshake_complete`.

use pyo3::intern;
use pyo3::types::{PyAnyMethods, PyDict, PyDictMethods, PyFloat};
use reactor::time::{Clock, Monotonic, seconds};
use reactor::tls::{Progress, State, TlsEngine};

use super::protocol::TlsProtocol;
use super::report::{fatal_error, is_ordinary, is_ssl_error, log_debug};
use super::{incoming, outgoing, shutdown};
use crate::py::call;
use crate::py::errors::{Outcome, Raised};
use crate::py::imports;
use crate::py::instance::Ref;
use crate::py::object::Obj;

/// `connection_made`: there is a transport below. A connection that was closed before goes down with it.
///
/// # Errors
/// What is no error of TLS.
pub fn start(this: &Ref<TlsProtocol>, transport: &Obj) -> Outcome<()> {
    let py = this.py();
    this.set_transport(Some(transport));
    if this.session.state() == State::Lost {
        return closed_before(this, transport);
    }
    log_debug(this, "%r starts SSL handshake", &[])?;
    this.handshake_began.set(seconds(Monotonic.now_ns()));
    this.step(this.session.begin())?;
    let timer = this.call_later(
        &this.handshake_timeout,
        intern!(py, "_check_handshake_timeout"),
    )?;
    this.handshake_timer.set(timer);
    go_on(this)
}

fn closed_before(this: &Ref<TlsProtocol>, transport: &Obj) -> Outcome<()> {
    let class = this
        .py()
        .get_type::<pyo3::exceptions::PyConnectionAbortedError>();
    let text = "the connection was closed before its SSL handshake began";
    let exception = Raised::instance(&Obj::from(class), text)?;
    this.wake_closer(&exception)?;
    shutdown::force_close(transport, None)
}

/// `_check_handshake_timeout`
///
/// # Errors
/// KeyboardInterrupt and SystemExit.
pub fn timed_out(this: &Ref<TlsProtocol>) -> Outcome<()> {
    let py = this.py();
    if this.session.state() != State::Handshaking {
        return Ok(());
    }
    let text = format!(
        "SSL handshake is taking longer than {} seconds: aborting the connection",
        this.timeout_text(&this.handshake_timeout)?
    );
    let class = Obj::from(py.get_type::<pyo3::exceptions::PyConnectionAbortedError>());
    let exception = Raised::instance(&class, &text)?;
    fatal_error(this, &exception, super::report::FATAL)
}

/// `_do_handshake`
///
/// # Errors
/// What is no error of TLS; what the protocol's `connection_made` raises.
pub fn go_on(this: &Ref<TlsProtocol>) -> Outcome<()> {
    match this.session.engine().handshake() {
        Ok(Progress::Again) => outgoing::process(this),
        Ok(Progress::Done) => complete(this, None),
        Err(raised) => {
            let exception = raised.take(this.py());
            if !is_ssl_error(&exception)? {
                return Err(Raised::raise(exception));
            }
            complete(this, Some(exception))
        }
    }
}

/// The input has ended in the middle: `_on_handshake_complete(ConnectionResetError)`.
///
/// # Errors
/// KeyboardInterrupt and SystemExit.
pub fn fail_at_eof(this: &Ref<TlsProtocol>) -> Outcome<()> {
    let class = this
        .py()
        .get_type::<pyo3::exceptions::PyConnectionResetError>();
    complete(this, Some(Obj::from(class.call0()?)))
}

/// `_on_handshake_complete`
fn complete(this: &Ref<TlsProtocol>, failure: Option<Obj>) -> Outcome<()> {
    let py = this.py();
    this.cancel_timer(&this.handshake_timer)?;
    let known = match failure {
        None => known_of_peer(this),
        Some(exception) => Err(Raised::raise(exception)),
    };
    let (object, peercert) = match known {
        Ok(known) => known,
        Err(raised) => return failed(this, raised),
    };
    let took_ms = (seconds(Monotonic.now_ns()) - this.handshake_began.get()) * 1e3;
    let took_ms = Obj::from(PyFloat::new(py, took_ms));
    log_debug(this, "%r: SSL handshake took %.1f ms", &[took_ms])?;
    remember(this, &object, &peercert)?;
    if this.session.tell_made() {
        let protocol = this.app_protocol_or_none();
        let transport = this.app_transport().map(Ref::into_obj);
        let transport = transport.unwrap_or_else(|| Obj::none(py));
        call::method(&protocol, intern!(py, "connection_made"), [&transport])?;
    }
    this.wake_waiter(None)?;
    incoming::read(this).map(drop)
}

/// The handshake is done: what it has brought.
fn known_of_peer(this: &Ref<TlsProtocol>) -> Outcome<(Obj, Obj)> {
    let py = this.py();
    this.step(this.session.opened())?;
    let object = this.ssl_object();
    let peercert = call::method(&object, intern!(py, "getpeercert"), [])?;
    Ok((object, peercert))
}

fn failed(this: &Ref<TlsProtocol>, raised: Raised) -> Outcome<()> {
    let py = this.py();
    let exception = raised.take(py);
    if !is_ordinary(&exception) {
        return Err(Raised::raise(exception));
    }
    this.session.give_up();
    let class = imports::ssl(py)?.certificate_error(py);
    let message = if exception.bind().is_instance(class.bind())? {
        "SSL handshake failed on verifying the certificate"
    } else {
        "SSL handshake failed"
    };
    fatal_error(this, &exception, message)?;
    this.wake_waiter(Some(&exception))
}

/// Adds to the extra info what the handshake has brought.
fn remember(this: &Ref<TlsProtocol>, object: &Obj, peercert: &Obj) -> Outcome<()> {
    let py = this.py();
    let cipher = call::method(object, intern!(py, "cipher"), [])?;
    let compression = call::method(object, intern!(py, "compression"), [])?;
    let extra = this.extra(py);
    let extra = extra.bind().cast::<PyDict>()?;
    extra.set_item(intern!(py, "peercert"), peercert.bind())?;
    extra.set_item(intern!(py, "cipher"), cipher.bind())?;
    extra.set_item(intern!(py, "compression"), compression.bind())?;
    extra.set_item(intern!(py, "ssl_object"), object.bind())?;
    Ok(())
}
