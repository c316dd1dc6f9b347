//! `start_tls`: a connection goes on with TLS.
//!
//! Follows `BaseEventLoop.start_tls`. What came before the call belongs to the old protocol, what comes after it to TLS:
//! reading stops before the protocols are exchanged, and nothing that was read is held back anywhere. Only a stream reader
//! may have more than was asked of it, and on the server's side of newer Pythons TLS takes that over.

use pyo3::types::{PyAnyMethods, PyByteArray, PyByteArrayMethods};
use pyo3::{Python, intern};
use reactor::tls::TlsEngine;

use crate::event_loop::core::EventLoopData;
use crate::future::coroutine::{self, Co, Kept, KeptRef};
use crate::future::future;
use crate::py::args::{Args, Signature};
use crate::py::call;
use crate::py::errors::{Outcome, Raised};
use crate::py::imports;
use crate::py::instance::Ref;
use crate::py::object::Obj;
use crate::py::slots::TypeBuilder;
use crate::streams::protocol::ProtocolData;
use crate::transport::tls::dialect::Dialect;
use crate::transport::tls::opening;
use crate::transport::tls::protocol::TlsProtocol;
use crate::transport::tls::terms::Terms;

const NAME: &str = "BaseEventLoop.start_tls";

/// Adds this file's method.
pub fn methods(builder: TypeBuilder<EventLoopData>) -> TypeBuilder<EventLoopData> {
    builder.method(
        c"start_tls",
        c"start_tls($self, transport, protocol, sslcontext, *, server_side=False, server_hostname=None, \
          ssl_handshake_timeout=None, ssl_shutdown_timeout=None)\n--\n\n\
          Go on with TLS on a connection. A coroutine that gives the transport to use from then on.",
        start_tls,
    )
}

/// What was asked for.
struct Request {
    loop_: KeptRef<EventLoopData>,
    transport: Kept,
    protocol: Kept,
    context: Kept,
    server_side: Kept,
    server_hostname: Kept,
    handshake_timeout: Kept,
    shutdown_timeout: Kept,
}

fn start_tls(this: &Ref<EventLoopData>, args: Args<'_>) -> Outcome {
    const SIGNATURE: Signature<7> = Signature::new(
        NAME,
        [
            "transport",
            "protocol",
            "sslcontext",
            "server_side",
            "server_hostname",
            "ssl_handshake_timeout",
            "ssl_shutdown_timeout",
        ],
        3,
        3,
    );
    let py = this.py();
    let bound = SIGNATURE.bind(py, args)?;
    let none = Obj::none(py);
    coroutine::make(py, NAME, |co| {
        let keep = |index: usize| co.keep(bound[index].unwrap_or(&none).clone());
        let request = Request {
            loop_: co.keep_ref(this.clone()),
            transport: keep(0),
            protocol: keep(1),
            context: keep(2),
            server_side: keep(3),
            server_hostname: keep(4),
            handshake_timeout: keep(5),
            shutdown_timeout: keep(6),
        };
        upgrade(co, request)
    })
}

impl Request {
    fn check(&self) -> Outcome<()> {
        opening::check_context(&self.context.get())?;
        let transport = self.transport.get();
        let py = transport.py();
        let compatible = call::optional_attr(&transport, intern!(py, "_start_tls_compatible"))?;
        let is_compatible = match compatible {
            Some(compatible) => compatible.bind().is_truthy()?,
            None => false,
        };
        if is_compatible {
            return Ok(());
        }
        let text = format!(
            "transport {} is not supported by start_tls()",
            transport.bind().repr()?
        );
        Err(Raised::type_error(py, text))
    }

    fn terms(&self) -> Outcome<Terms> {
        Ok(Terms {
            context: self.context.get(),
            server_side: self.server_side.get().bind().is_truthy()?,
            server_hostname: self.server_hostname.get(),
            handshake_timeout: self.handshake_timeout.get(),
            shutdown_timeout: self.shutdown_timeout.get(),
        })
    }
}

/// What has been scheduled, and is taken back when the upgrade fails.
struct Begun {
    tls: KeptRef<TlsProtocol>,
    made: Kept,
    resumed: Kept,
}

async fn upgrade(co: Co, request: Request) -> Outcome {
    request.check()?;
    let (begun, waiter) = begin(&co, &request)?;
    if let Err(raised) = co.wait(waiter).await {
        let transport = request.transport.get();
        let py = transport.py();
        let exception = raised.take(py);
        call::method(&transport, intern!(py, "close"), [])?;
        call::method(&begun.made.get(), intern!(py, "cancel"), [])?;
        call::method(&begun.resumed.get(), intern!(py, "cancel"), [])?;
        return Err(Raised::raise(exception));
    }
    let tls = begun.tls.get();
    let transport = tls.app_transport().map(Ref::into_obj);
    Ok(transport.unwrap_or_else(|| Obj::none(tls.py())))
}

fn begin(co: &Co, request: &Request) -> Outcome<(Begun, Obj)> {
    let loop_ = request.loop_.get();
    let py = loop_.py();
    let scheduler = loop_.upcast();
    let transport = request.transport.get();
    let protocol = request.protocol.get();
    let terms = request.terms()?;
    let waiter = future::make(scheduler)?.into_obj();
    let tls = opening::protocol(scheduler, &protocol, &waiter, &terms, true)?;
    // Before the protocols are exchanged: bytes must not come before `connection_made`.
    let exchanged = call::method(&transport, intern!(py, "pause_reading"), [])
        .and_then(|_| take_over(&tls, &protocol, terms.server_side))
        .and_then(|()| call::method(&transport, intern!(py, "set_protocol"), [tls.as_obj()]));
    if let Err(raised) = exchanged {
        // Nobody will see the new transport, nor could close it.
        tls.mark_closed();
        return Err(raised);
    }
    let soon = |callback: &Obj, arguments: &[Obj]| -> Outcome<Kept> {
        let call_soon = call::attr(loop_.as_obj(), intern!(py, "call_soon"))?;
        let mut all = vec![callback.clone()];
        all.extend_from_slice(arguments);
        Ok(co.keep(call::call_slice(&call_soon, &all)?))
    };
    let made = call::attr(tls.as_obj(), intern!(py, "connection_made"))?;
    let resume = call::attr(&transport, intern!(py, "resume_reading"))?;
    let begun = Begun {
        made: soon(&made, &[transport])?,
        resumed: soon(&resume, &[])?,
        tls: co.keep_ref(tls),
    };
    Ok((begun, waiter))
}

/// What a stream reader has buffered was sent after the line that asked for TLS (gh-142352).
fn take_over(tls: &Ref<TlsProtocol>, protocol: &Obj, server_side: bool) -> Outcome<()> {
    let py = tls.py();
    if !server_side || !Dialect::current(py).takes_over_buffered {
        return Ok(());
    }
    let Some(buffer) = buffered(py, protocol)? else {
        return Ok(());
    };
    if buffer.bind().is_truthy()? {
        tls.session.engine().feed(&buffer)?;
        buffer.bind().cast::<PyByteArray>()?.resize(0)?;
    }
    Ok(())
}

/// The buffer of the protocol's stream reader, if it has one.
fn buffered(py: Python<'_>, protocol: &Obj) -> Outcome<Option<Obj>> {
    let class = imports::stream_reader_protocol_class(py);
    let is_ours = protocol.downcast::<ProtocolData>().is_some();
    if !is_ours && !protocol.bind().is_instance(class.bind())? {
        return Ok(None);
    }
    match call::optional_attr(protocol, intern!(py, "_stream_reader"))? {
        Some(reader) if !reader.is_none() => call::attr(&reader, intern!(py, "_buffer")).map(Some),
        _ => Ok(None),
    }
}
