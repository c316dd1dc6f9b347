//! `connect_accepted_socket`: a connection that somebody else has accepted.
//!
//! Follows `BaseEventLoop.connect_accepted_socket`.

use pyo3::types::PyAnyMethods;

use super::connect::check_ssl_socket;
use super::connection::{Connection, Origin, Side, Tls};
use super::resolve::check_stream;
use super::unix::check_timeouts;
use crate::event_loop::core::EventLoopData;
use crate::future::coroutine::{self, Co, Kept, KeptRef};
use crate::py::args::{Args, Signature};
use crate::py::errors::Outcome;
use crate::py::instance::Ref;
use crate::py::object::Obj;
use crate::py::slots::TypeBuilder;
use crate::transport::owned_socket::OwnedSocket;

const NAME: &str = "BaseEventLoop.connect_accepted_socket";

/// Adds this file's method.
pub fn methods(builder: TypeBuilder<EventLoopData>) -> TypeBuilder<EventLoopData> {
    builder.method(
        c"connect_accepted_socket",
        c"connect_accepted_socket($self, protocol_factory, sock, *, ssl=None, ssl_handshake_timeout=None, \
          ssl_shutdown_timeout=None)\n--\n\n\
          Give a protocol a connection accepted elsewhere. A coroutine that gives (transport, protocol).",
        connect_accepted_socket,
    )
}

struct Request {
    loop_: KeptRef<EventLoopData>,
    protocol_factory: Kept,
    socket: Kept,
    ssl: Kept,
    ssl_handshake_timeout: Kept,
    ssl_shutdown_timeout: Kept,
}

fn connect_accepted_socket(this: &Ref<EventLoopData>, args: Args<'_>) -> Outcome {
    const SIGNATURE: Signature<5> = Signature::new(
        NAME,
        [
            "protocol_factory",
            "sock",
            "ssl",
            "ssl_handshake_timeout",
            "ssl_shutdown_timeout",
        ],
        2,
        2,
    );
    let py = this.py();
    let bound = SIGNATURE.bind(py, args)?;
    let none = Obj::none(py);
    coroutine::make(py, NAME, |co| {
        let keep = |index: usize| co.keep(bound[index].unwrap_or(&none).clone());
        let request = Request {
            loop_: co.keep_ref(this.clone()),
            protocol_factory: keep(0),
            socket: keep(1),
            ssl: keep(2),
            ssl_handshake_timeout: keep(3),
            ssl_shutdown_timeout: keep(4),
        };
        connect(co, request)
    })
}

impl Request {
    fn check(&self) -> Outcome<()> {
        let socket = self.socket.get();
        check_stream(&socket)?;
        if !self.has_ssl()? {
            let (handshake, shutdown) = (&self.ssl_handshake_timeout, &self.ssl_shutdown_timeout);
            check_timeouts(socket.py(), handshake, shutdown)?;
        }
        check_ssl_socket(&socket)
    }

    fn has_ssl(&self) -> Outcome<bool> {
        Ok(self.ssl.get().bind().is_truthy()?)
    }

    fn tls(&self) -> Outcome<Option<Tls<'_>>> {
        Ok(self.has_ssl()?.then_some(Tls {
            ssl: &self.ssl,
            side: Side::Server,
            handshake_timeout: &self.ssl_handshake_timeout,
            shutdown_timeout: &self.ssl_shutdown_timeout,
        }))
    }
}

async fn connect(co: Co, request: Request) -> Outcome {
    request.check()?;
    let connection = Connection {
        loop_: &request.loop_,
        protocol_factory: &request.protocol_factory,
        socket: OwnedSocket::new(&co, request.socket.get()),
        origin: Origin::Given,
        tls: request.tls()?,
    };
    let opened = connection.open(&co).await?;
    opened.log(&request.loop_, "%r handled: (%r, %r)", &[])?;
    opened.pair()
}
