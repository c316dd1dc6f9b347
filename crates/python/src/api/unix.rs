//! `create_unix_connection` and `create_unix_server`: streams over sockets that are files, or have abstract names.
//!
//! Follows `_UnixSelectorEventLoop`: its arguments, the order of its checks, its texts.

use std::ffi::CStr;

use pyo3::exceptions::{PyAssertionError, PyOSError};
use pyo3::types::{PyAnyMethods, PyBool, PyInt, PyString};
use pyo3::{Python, intern};

use super::connection::{Connection, Opened, Origin, Side, Tls};
use super::serving::{BACKLOG, Serving};
use crate::event_loop::core::EventLoopData;
use crate::future::coroutine::{self, Co, Kept, KeptRef};
use crate::py::args::{Args, Signature};
use crate::py::call;
use crate::py::errors::{Outcome, Raised};
use crate::py::imports;
use crate::py::instance::Ref;
use crate::py::object::Obj;
use crate::py::slots::TypeBuilder;
use crate::py::version::PY_3_13;
use crate::transport::owned_socket::OwnedSocket;
use crate::transport::socket_file;

const CONNECTION: &str = "_UnixSelectorEventLoop.create_unix_connection";
const SERVER: &str = "_UnixSelectorEventLoop.create_unix_server";

const SERVER_DOC: &CStr = if PY_3_13 {
    c"create_unix_server($self, protocol_factory, path=None, *, sock=None, backlog=100, ssl=None, \
      ssl_handshake_timeout=None, ssl_shutdown_timeout=None, start_serving=True, cleanup_socket=True)\n--\n\n\
      Listen for connections to a Unix socket. A coroutine that gives a Server."
} else {
    c"create_unix_server($self, protocol_factory, path=None, *, sock=None, backlog=100, ssl=None, \
      ssl_handshake_timeout=None, ssl_shutdown_timeout=None, start_serving=True)\n--\n\n\
      Listen for connections to a Unix socket. A coroutine that gives a Server."
};

/// Adds this file's methods.
pub fn methods(builder: TypeBuilder<EventLoopData>) -> TypeBuilder<EventLoopData> {
    builder
        .method(
            c"create_unix_connection",
            c"create_unix_connection($self, protocol_factory, path=None, *, ssl=None, sock=None, \
              server_hostname=None, ssl_handshake_timeout=None, ssl_shutdown_timeout=None)\n--\n\n\
              Connect to a Unix socket. A coroutine that gives (transport, protocol).",
            create_unix_connection,
        )
        .method(c"create_unix_server", SERVER_DOC, create_unix_server)
}

/// What `create_unix_connection` was asked for.
struct Client {
    loop_: KeptRef<EventLoopData>,
    protocol_factory: Kept,
    path: Kept,
    ssl: Kept,
    socket: Kept,
    server_hostname: Kept,
    ssl_handshake_timeout: Kept,
    ssl_shutdown_timeout: Kept,
}

fn create_unix_connection(this: &Ref<EventLoopData>, args: Args<'_>) -> Outcome {
    const SIGNATURE: Signature<7> = Signature::new(
        CONNECTION,
        [
            "protocol_factory",
            "path",
            "ssl",
            "sock",
            "server_hostname",
            "ssl_handshake_timeout",
            "ssl_shutdown_timeout",
        ],
        2,
        1,
    );
    let py = this.py();
    let bound = SIGNATURE.bind(py, args)?;
    let none = Obj::none(py);
    coroutine::make(py, CONNECTION, |co| {
        let keep = |index: usize| co.keep(bound[index].unwrap_or(&none).clone());
        let client = Client {
            loop_: co.keep_ref(this.clone()),
            protocol_factory: keep(0),
            path: keep(1),
            ssl: keep(2),
            socket: keep(3),
            server_hostname: keep(4),
            ssl_handshake_timeout: keep(5),
            ssl_shutdown_timeout: keep(6),
        };
        async move { connect(&co, client).await?.pair() }
    })
}

impl Client {
    /// What is said about TLS, in asyncio's order. The socket is looked at afterwards.
    fn check(&self) -> Outcome<()> {
        let hostname = self.server_hostname.get();
        let py = hostname.py();
        let refuse = |text: &str| Err(Raised::value_error(py, text));
        if !hostname.is_none() && !hostname.bind().is_instance_of::<PyString>() {
            return Err(Raised::from(PyAssertionError::new_err(())));
        }
        if self.ssl.get().bind().is_truthy()? {
            if hostname.is_none() {
                return refuse("you have to pass server_hostname when using ssl");
            }
            return Ok(());
        }
        if !hostname.is_none() {
            return refuse("server_hostname is only meaningful with ssl");
        }
        check_timeouts(py, &self.ssl_handshake_timeout, &self.ssl_shutdown_timeout)
    }

    fn tls(&self) -> Outcome<Option<Tls<'_>>> {
        Ok(self.ssl.get().bind().is_truthy()?.then_some(Tls {
            ssl: &self.ssl,
            side: Side::Client(&self.server_hostname),
            handshake_timeout: &self.ssl_handshake_timeout,
            shutdown_timeout: &self.ssl_shutdown_timeout,
        }))
    }
}

/// The timeouts of TLS make no sense without it.
///
/// # Errors
/// ValueError when there is one.
pub fn check_timeouts(py: Python<'_>, handshake: &Kept, shutdown: &Kept) -> Outcome<()> {
    for (timeout, name) in [
        (handshake, "ssl_handshake_timeout"),
        (shutdown, "ssl_shutdown_timeout"),
    ] {
        if !timeout.get().is_none() {
            let text = format!("{name} is only meaningful with ssl");
            return Err(Raised::value_error(py, text));
        }
    }
    Ok(())
}

async fn connect(co: &Co, client: Client) -> Outcome<Opened> {
    client.check()?;
    let (socket, origin) = match client.path.get() {
        path if path.is_none() => (given(co, &client)?, Origin::Given),
        path => {
            let (socket, connecting) = dial(co, &client, &path)?;
            drop(path);
            co.wait(connecting).await?;
            (socket, Origin::Made)
        }
    };
    let connection = Connection {
        loop_: &client.loop_,
        protocol_factory: &client.protocol_factory,
        socket,
        origin,
        tls: client.tls()?,
    };
    connection.open(co).await
}

fn given(co: &Co, client: &Client) -> Outcome<OwnedSocket> {
    let socket = client.socket.get();
    if socket.is_none() {
        let text = "no path and sock were specified";
        return Err(Raised::value_error(socket.py(), text));
    }
    check_unix_stream(&socket)?;
    Ok(OwnedSocket::new(co, socket))
}

/// A new socket, and a coroutine that connects it.
fn dial(co: &Co, client: &Client, path: &Obj) -> Outcome<(OwnedSocket, Obj)> {
    let py = path.py();
    let (socket, path) = new_socket(co, &client.socket, path)?;
    call::method(
        &socket.get(),
        intern!(py, "setblocking"),
        [&Obj::bool(py, false)],
    )?;
    let connecting = call::method(
        client.loop_.get().as_obj(),
        intern!(py, "sock_connect"),
        [&socket.get(), &path],
    )?;
    Ok((socket, connecting))
}

/// A new socket for `path`, with the path as a string or bytes. The caller must not have given a socket too.
fn new_socket(co: &Co, given: &Kept, path: &Obj) -> Outcome<(OwnedSocket, Obj)> {
    let py = path.py();
    if !given.get().is_none() {
        let text = "path and sock can not be specified at the same time";
        return Err(Raised::value_error(py, text));
    }
    let path = call::method(imports::os(py), intern!(py, "fspath"), [path])?;
    let module = socket_module(py)?;
    let socket = call::method(
        &module,
        intern!(py, "socket"),
        [
            &call::attr(&module, intern!(py, "AF_UNIX"))?,
            &call::attr(&module, intern!(py, "SOCK_STREAM"))?,
        ],
    )?;
    Ok((OwnedSocket::new(co, socket), path))
}

/// The module `socket` as asyncio's Unix loop finds it.
fn socket_module(py: Python<'_>) -> Outcome {
    call::attr(imports::unix_events(py), intern!(py, "socket"))
}

fn check_unix_stream(socket: &Obj) -> Outcome<()> {
    let py = socket.py();
    let module = socket_module(py)?;
    for (own, wanted) in [
        (intern!(py, "family"), intern!(py, "AF_UNIX")),
        (intern!(py, "type"), intern!(py, "SOCK_STREAM")),
    ] {
        let wanted = call::attr(&module, wanted)?;
        if !call::attr(socket, own)?.bind().eq(wanted.bind())? {
            let shown = socket.bind().repr()?;
            let text = format!("A UNIX Domain Stream Socket was expected, got {shown}");
            return Err(Raised::value_error(py, text));
        }
    }
    Ok(())
}

/// What `create_unix_server` was asked for.
struct Request {
    serving: Serving,
    path: Kept,
    socket: Kept,
    cleanup_socket: Kept,
}

fn create_unix_server(this: &Ref<EventLoopData>, args: Args<'_>) -> Outcome {
    const ARGUMENTS: [&str; 9] = [
        "protocol_factory",
        "path",
        "sock",
        "backlog",
        "ssl",
        "ssl_handshake_timeout",
        "ssl_shutdown_timeout",
        "start_serving",
        "cleanup_socket",
    ];
    let py = this.py();
    let bound = if PY_3_13 {
        Signature::new(SERVER, ARGUMENTS, 2, 1).bind(py, args)?
    } else {
        // Without the last argument.
        let [names @ .., _] = ARGUMENTS;
        let [b0, b1, b2, b3, b4, b5, b6, b7] =
            Signature::new(SERVER, names, 2, 1).bind(py, args)?;
        [b0, b1, b2, b3, b4, b5, b6, b7, None]
    };
    let none = Obj::none(py);
    let backlog = Obj::from(PyInt::new(py, BACKLOG));
    let yes = Obj::bool(py, true);
    let cleans_up = Obj::bool(py, PY_3_13);
    coroutine::make(py, SERVER, |co| {
        let keep = |index: usize, default: &Obj| co.keep(bound[index].unwrap_or(default).clone());
        let serving = Serving {
            loop_: co.keep_ref(this.clone()),
            protocol_factory: keep(0, &none),
            backlog: keep(3, &backlog),
            ssl: keep(4, &none),
            ssl_handshake_timeout: keep(5, &none),
            ssl_shutdown_timeout: keep(6, &none),
            start_serving: keep(7, &yes),
        };
        let request = Request {
            serving,
            path: keep(1, &none),
            socket: keep(2, &none),
            cleanup_socket: keep(8, &cleans_up),
        };
        serve(co, request)
    })
}

impl Request {
    fn check(&self) -> Outcome<()> {
        let ssl = self.serving.ssl.get();
        let py = ssl.py();
        if ssl.bind().is_instance_of::<PyBool>() {
            let text = "ssl argument must be an SSLContext or None";
            return Err(Raised::type_error(py, text));
        }
        if ssl.bind().is_truthy()? {
            return Ok(());
        }
        check_timeouts(
            py,
            &self.serving.ssl_handshake_timeout,
            &self.serving.ssl_shutdown_timeout,
        )
    }

    /// The socket to listen on, bound.
    fn bound_socket(&self, co: &Co) -> Outcome<OwnedSocket> {
        let path = self.path.get();
        if !path.is_none() {
            let (socket, path) = new_socket(co, &self.socket, &path)?;
            if !socket_file::is_abstract(&path)? {
                socket_file::remove_stale(&path)?;
            }
            bind(&socket.get(), &path)?;
            return Ok(socket);
        }
        let socket = self.socket.get();
        if socket.is_none() {
            let text = "path was not specified, and no sock specified";
            return Err(Raised::value_error(socket.py(), text));
        }
        check_unix_stream(&socket)?;
        Ok(OwnedSocket::new(co, socket))
    }
}

/// Binds, and names the address that is taken.
fn bind(socket: &Obj, path: &Obj) -> Outcome<()> {
    let py = socket.py();
    let Err(raised) = call::method(socket, intern!(py, "bind"), [path]) else {
        return Ok(());
    };
    let exception = raised.take(py);
    if !exception.bind().is_instance_of::<PyOSError>() {
        return Err(Raised::raise(exception));
    }
    let errors = call::attr(imports::unix_events(py), intern!(py, "errno"))?;
    let taken = call::attr(&errors, intern!(py, "EADDRINUSE"))?;
    let errno = call::attr(&exception, intern!(py, "errno"))?;
    if !errno.bind().eq(taken.bind())? {
        return Err(Raised::raise(exception));
    }
    let text = format!("Address {} is already in use", path.bind().repr()?);
    let error = PyOSError::new_err((taken.bind().clone().unbind(), text));
    Err(Raised::from(error))
}

async fn serve(co: Co, request: Request) -> Outcome {
    request.check()?;
    let socket = request.bound_socket(&co)?;
    let file = if request.cleanup_socket.get().bind().is_truthy()? {
        socket_file::inode_of(&socket.get())?
    } else {
        None
    };
    let server = co.keep_ref(request.serving.server(vec![socket])?);
    server.get().set_socket_file(file);
    request.serving.start(&co, &server).await?;
    Ok(server.get().into_obj())
}
