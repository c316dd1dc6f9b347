//! The way in: TLS over a connected socket, or over any transport.

use pyo3::intern;
use pyo3::types::PyAnyMethods;
use reactor::tls::Session;

use super::engine::SslEngine;
use super::protocol::{Parts, TlsProtocol};
use super::terms::Terms;
use crate::handle::schedule::Scheduler;
use crate::py::call;
use crate::py::errors::{Outcome, Raised};
use crate::py::imports;
use crate::py::instance::Ref;
use crate::py::object::Obj;
use crate::transport::life::{self, Opening};

/// `SSLProtocol(...)`. `is_known`: the protocol knows of the connection already (`call_connection_made=False`).
///
/// # Errors
/// ValueError for timeouts that are not positive, and when the context checks names and none is given; RuntimeError
/// without the `ssl` module; what the context raises.
pub fn protocol(
    scheduler: &Ref<Scheduler>,
    protocol: &Obj,
    waiter: &Obj,
    terms: &Terms,
    is_known: bool,
) -> Outcome<Ref<TlsProtocol>> {
    let py = scheduler.py();
    imports::ssl(py)?;
    let handshake_timeout = timeout(
        &terms.handshake_timeout,
        "ssl_handshake_timeout",
        "SSL_HANDSHAKE_TIMEOUT",
    )?;
    let shutdown_timeout = timeout(
        &terms.shutdown_timeout,
        "ssl_shutdown_timeout",
        "SSL_SHUTDOWN_TIMEOUT",
    )?;
    let context = if terms.context.bind().is_truthy()? {
        terms.context.clone()
    } else {
        call::method(
            imports::sslproto(py),
            intern!(py, "_create_transport_context"),
            [&Obj::bool(py, terms.server_side), &terms.server_hostname],
        )?
    };
    let hostname = if !terms.server_side && terms.server_hostname.bind().is_truthy()? {
        terms.server_hostname.clone()
    } else {
        Obj::none(py)
    };
    let engine = SslEngine::wrap(&context, terms.server_side, &hostname)?;
    TlsProtocol::make(Parts {
        scheduler,
        protocol,
        waiter,
        context: &context,
        session: Session::new(engine, is_known),
        handshake_timeout,
        shutdown_timeout,
    })
}

/// A timeout that was given, if it is positive; else asyncio's default.
fn timeout(given: &Obj, name: &str, default: &str) -> Outcome {
    let py = given.py();
    if given.is_none() {
        return Ok(Obj::from(imports::constants(py).bind().getattr(default)?));
    }
    if given.bind().le(0)? {
        let text = format!(
            "{name} should be a positive number, got {}",
            given.bind().str()?
        );
        return Err(Raised::value_error(py, text));
    }
    Ok(given.clone())
}

/// A transport over a connected socket: with TLS when there are terms for it (`_make_ssl_transport`,
/// `_make_socket_transport`). The waiter of `opening` is told when the protocol knows of the connection.
///
/// # Errors
/// As `life::open` and `protocol`.
pub fn open(scheduler: &Ref<Scheduler>, opening: &Opening<'_>, terms: Option<&Terms>) -> Outcome {
    let Some(terms) = terms else {
        return Ok(life::open(scheduler, opening)?.into_obj());
    };
    let py = scheduler.py();
    let fileno = call::method(opening.socket, intern!(py, "fileno"), [])?;
    life::refuse_taken(scheduler, opening.socket, fileno.bind().extract()?)?;
    let none = Obj::none(py);
    let waiter = opening.waiter.unwrap_or(&none);
    let made = protocol(scheduler, opening.protocol, waiter, terms, false)?;
    let opened = life::open(
        scheduler,
        &Opening {
            protocol: made.as_obj(),
            waiter: None,
            ..*opening
        },
    );
    let transport = made.app_transport().map(Ref::into_obj);
    if let Err(raised) = opened {
        // Nobody will see the transport, nor could close it.
        made.mark_closed();
        return Err(raised);
    }
    transport.ok_or_else(|| Raised::runtime_error(py, "the transport is gone"))
}

/// Whether `context` is an `ssl.SSLContext`; TypeError in the words of `start_tls` otherwise.
///
/// # Errors
/// As said; RuntimeError without the `ssl` module.
pub fn check_context(context: &Obj) -> Outcome<()> {
    let py = context.py();
    let class = match imports::ssl(py) {
        Ok(ssl) => ssl.context(py),
        Err(raised) => {
            drop(raised.take(py));
            let text = "Python ssl module is not available";
            return Err(Raised::runtime_error(py, text));
        }
    };
    if context.bind().is_instance(class.bind())? {
        return Ok(());
    }
    let text = format!(
        "sslcontext is expected to be an instance of ssl.SSLContext, got {}",
        context.bind().repr()?
    );
    Err(Raised::type_error(py, text))
}
