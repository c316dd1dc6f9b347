//! `Serving`: what a server of any kind is made from.
//!
//! `create_server` and `create_unix_server` end here, with sockets that are bound.

use pyo3::intern;
use pyo3::types::{PyAnyMethods, PyList, PyListMethods};

use crate::event_loop::core::EventLoopData;
use crate::future::coroutine::{Co, Kept, KeptRef};
use crate::py::call;
use crate::py::errors::{Outcome, Raised};
use crate::py::instance::{Payload, Ref};
use crate::py::object::Obj;
use crate::transport::owned_socket::OwnedSocket;
use crate::transport::server::{self, ServerData};

/// asyncio's default backlog.
pub const BACKLOG: i32 = 100;

/// The arguments that are the same for every kind of server.
pub struct Serving {
    /// The loop.
    pub loop_: KeptRef<EventLoopData>,
    /// What makes a protocol for each connection.
    pub protocol_factory: Kept,
    /// How many connections may wait to be accepted.
    pub backlog: Kept,
    /// The `ssl.SSLContext`, or None.
    pub ssl: Kept,
    /// How long a TLS handshake may take.
    pub ssl_handshake_timeout: Kept,
    /// How long the end of a TLS connection may take.
    pub ssl_shutdown_timeout: Kept,
    /// Whether to accept at once.
    pub start_serving: Kept,
}

impl Serving {
    /// The server over `sockets`, an instance of the face's class.
    ///
    /// # Errors
    /// What the sockets raise.
    pub fn server(&self, sockets: Vec<OwnedSocket>) -> Outcome<Ref<ServerData>> {
        let loop_ = self.loop_.get();
        let py = loop_.py();
        let list = PyList::empty(py);
        for socket in &sockets {
            let socket = socket.get();
            call::method(&socket, intern!(py, "setblocking"), [&Obj::bool(py, false)])?;
            list.append(socket.bind())?;
        }
        let class = match call::optional_attr(loop_.as_obj(), intern!(py, "_server_class"))? {
            Some(class) => class,
            None => ServerData::TYPE.object(py),
        };
        let server = call::call_slice(
            &class,
            &[
                loop_.as_obj().clone(),
                Obj::from(list),
                self.protocol_factory.get(),
                self.ssl.get(),
                self.backlog.get(),
                self.ssl_handshake_timeout.get(),
                self.ssl_shutdown_timeout.get(),
            ],
        )?;
        let server = server
            .into_ref::<ServerData>()
            .map_err(|_| Raised::type_error(py, "_server_class makes no asyncioxide server"))?;
        for socket in sockets {
            drop(socket.release());
        }
        Ok(server)
    }

    /// Accepts, if that was asked for. A server that cannot, or whose maker is cancelled, is closed: nobody has it yet,
    /// and it would go on accepting.
    ///
    /// # Errors
    /// OSError of listen(2); CancelledError.
    pub async fn start(&self, co: &Co, server: &KeptRef<ServerData>) -> Outcome<()> {
        let is_wanted = self.start_serving.get().bind().is_truthy()?;
        if !is_wanted {
            return Ok(());
        }
        let started = match server::start(&server.get()) {
            // The other callbacks' turn, as in asyncio.
            Ok(()) => co.pause().await,
            Err(raised) => Err(raised),
        };
        let Err(raised) = started else {
            return Ok(());
        };
        let server = server.get();
        let exception = raised.take(server.py());
        server::close(&server)?;
        Err(Raised::raise(exception))
    }
}
