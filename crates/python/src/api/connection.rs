//! `Connection`: a connected socket that is about to get its protocol and its transport.
//!
//! `create_connection`, `create_unix_connection` and `connect_accepted_socket` end here. Follows
//! `BaseEventLoop._create_connection_transport`.

use pyo3::intern;
use pyo3::types::{PyAnyMethods, PyBool, PyTuple};

use crate::event_loop::core::EventLoopData;
use crate::future::coroutine::{Co, Kept, KeptRef};
use crate::future::future;
use crate::py::call;
use crate::py::errors::{Outcome, Raised};
use crate::py::imports;
use crate::py::object::Obj;
use crate::py::version::PY_3_14;
use crate::transport::life::Opening;
use crate::transport::listener::{is_tcp, kind};
use crate::transport::owned_socket::OwnedSocket;
use crate::transport::tls::opening;
use crate::transport::tls::terms::Terms;

/// Where the socket comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The loop made it.
    Made,
    /// The caller gave it. It stays the caller's when no transport takes it; Python 3.14 closes it too.
    Given,
}

/// A socket, and what to make of it.
pub struct Connection<'a> {
    /// The loop.
    pub loop_: &'a KeptRef<EventLoopData>,
    /// What makes the protocol.
    pub protocol_factory: &'a Kept,
    /// The socket.
    pub socket: OwnedSocket,
    /// Whose it is.
    pub origin: Origin,
    /// What TLS is to be like, if there is to be any.
    pub tls: Option<Tls<'a>>,
}

/// The `ssl*` arguments of the loop's methods, of which `ssl` is true.
pub struct Tls<'a> {
    /// An `ssl.SSLContext`, or True for a client's default one.
    pub ssl: &'a Kept,
    /// Which side this is, and for a client the name that the server must have.
    pub side: Side<'a>,
    /// In seconds, or None.
    pub handshake_timeout: &'a Kept,
    /// In seconds, or None.
    pub shutdown_timeout: &'a Kept,
}

/// One side of a TLS connection.
#[derive(Clone, Copy)]
pub enum Side<'a> {
    /// With `server_hostname`.
    Client(&'a Kept),
    /// Which has a certificate.
    Server,
}

impl Tls<'_> {
    fn terms(&self) -> Terms {
        let ssl = self.ssl.get();
        let py = ssl.py();
        let none = Obj::none(py);
        Terms {
            context: if ssl.bind().is_instance_of::<PyBool>() {
                none.clone()
            } else {
                ssl
            },
            server_side: matches!(self.side, Side::Server),
            server_hostname: match self.side {
                Side::Client(hostname) => hostname.get(),
                Side::Server => none,
            },
            handshake_timeout: self.handshake_timeout.get(),
            shutdown_timeout: self.shutdown_timeout.get(),
        }
    }
}

/// A transport whose protocol knows of the connection.
pub struct Opened {
    transport: Kept,
    protocol: Kept,
}

impl Connection<'_> {
    /// Gives the connection to a new protocol, and waits until that knows.
    ///
    /// # Errors
    /// What the socket, the protocol factory or `isinstance` raises; RuntimeError when another transport has the socket;
    /// what TLS makes impossible; CancelledError. Once there is a transport, it is closed then.
    pub async fn open(self, co: &Co) -> Outcome<Opened> {
        let (opened, waiter) = self.begin(co)?;
        if let Err(raised) = co.wait(waiter).await {
            let transport = opened.transport.get();
            let py = transport.py();
            let exception = raised.take(py);
            call::method(&transport, intern!(py, "close"), [])?;
            return Err(Raised::raise(exception));
        }
        Ok(opened)
    }

    fn begin(self, co: &Co) -> Outcome<(Opened, Obj)> {
        let keeps_open = self.origin == Origin::Given && !PY_3_14;
        match self.make() {
            Ok((transport, protocol, waiter)) => {
                drop(self.socket.release());
                let opened = Opened {
                    transport: co.keep(transport),
                    protocol: co.keep(protocol),
                };
                Ok((opened, waiter))
            }
            Err(raised) => {
                if keeps_open {
                    drop(self.socket.release());
                }
                Err(raised)
            }
        }
    }

    fn make(&self) -> Outcome<(Obj, Obj, Obj)> {
        let loop_ = self.loop_.get();
        let py = loop_.py();
        let socket = self.socket.get();
        call::method(&socket, intern!(py, "setblocking"), [&Obj::bool(py, false)])?;
        let protocol = call::call0(&self.protocol_factory.get())?;
        let waiter = future::make(loop_.upcast())?.into_obj();
        let terms = self.tls.as_ref().map(Tls::terms);
        let transport = opening::open(
            loop_.upcast(),
            &Opening {
                socket: &socket,
                protocol: &protocol,
                waiter: Some(&waiter),
                peername: None,
                server: None,
                is_tcp: is_tcp(&kind(&socket)?)?,
            },
            terms.as_ref(),
        )?;
        Ok((transport, protocol, waiter))
    }
}

impl Opened {
    /// `(transport, protocol)`, what the loop's methods give.
    ///
    /// # Errors
    /// `MemoryError`.
    pub fn pair(&self) -> Outcome {
        pair(&self.transport.get(), &self.protocol.get())
    }

    /// In debug mode, `logger.debug(format, ...)`: the socket, then `middle`, then transport and protocol.
    ///
    /// # Errors
    /// What a repr raises.
    pub fn log(
        &self,
        loop_: &KeptRef<EventLoopData>,
        format: &str,
        middle: &[&Kept],
    ) -> Outcome<()> {
        let loop_ = loop_.get();
        if !loop_.base.is_debug() {
            return Ok(());
        }
        let py = loop_.py();
        let transport = self.transport.get();
        let socket = call::method(
            &transport,
            intern!(py, "get_extra_info"),
            [&Obj::str(py, "socket")],
        )?;
        let mut arguments = vec![Obj::str(py, format), socket];
        arguments.extend(middle.iter().map(|kept| kept.get()));
        arguments.extend([transport, self.protocol.get()]);
        let debug = call::attr(imports::logger(py), intern!(py, "debug"))?;
        call::call_slice(&debug, &arguments).map(drop)
    }
}

/// A tuple of two.
///
/// # Errors
/// `MemoryError`.
pub fn pair(first: &Obj, second: &Obj) -> Outcome {
    let both = PyTuple::new(first.py(), [first.bind(), second.bind()])?;
    Ok(Obj::from(both))
}
