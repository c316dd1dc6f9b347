//! `create_server`.
//!
//! Follows `BaseEventLoop.create_server`: its arguments, the order of its checks, its texts. Addresses are bound in the
//! order in which they were resolved; stock asyncio's order is that of a set.

use std::ffi::CStr;

use pyo3::types::{PyAnyMethods, PyBool, PyInt, PyList, PyString, PyTuple};
use pyo3::{Python, intern};

use super::connect::check_ssl_socket;
use super::resolve::{self, Hints, Resolution, check_stream};
use super::serving::{BACKLOG, Serving};
use crate::event_loop::core::EventLoopData;
use crate::future::coroutine::{self, Co, Kept};
use crate::py::args::{Args, Signature};
use crate::py::call;
use crate::py::errors::{Outcome, Raised};
use crate::py::imports;
use crate::py::instance::Ref;
use crate::py::object::Obj;
use crate::py::slots::TypeBuilder;
use crate::py::version::{PY_3_13, PY_3_14};
use crate::transport::address::{
    bind_error, is_os_error, os_error, parts, skips_unavailable_addresses, socket_module,
};
use crate::transport::owned_socket::OwnedSocket;

const NAME: &str = "BaseEventLoop.create_server";

/// The arguments; Python before 3.13 does not know the last one.
const ARGUMENTS: [&str; 14] = [
    "protocol_factory",
    "host",
    "port",
    "family",
    "flags",
    "sock",
    "backlog",
    "ssl",
    "reuse_address",
    "reuse_port",
    "ssl_handshake_timeout",
    "ssl_shutdown_timeout",
    "start_serving",
    "keep_alive",
];

const DOC: &CStr = if PY_3_13 {
    c"create_server($self, protocol_factory, host=None, port=None, *, family=0, flags=1, sock=None, backlog=100, \
      ssl=None, reuse_address=None, reuse_port=None, keep_alive=None, ssl_handshake_timeout=None, \
      ssl_shutdown_timeout=None, start_serving=True)\n--\n\n\
      Listen for TCP connections. A coroutine that gives a Server."
} else {
    c"create_server($self, protocol_factory, host=None, port=None, *, family=0, flags=1, sock=None, backlog=100, \
      ssl=None, reuse_address=None, reuse_port=None, ssl_handshake_timeout=None, ssl_shutdown_timeout=None, \
      start_serving=True)\n--\n\n\
      Listen for TCP connections. A coroutine that gives a Server."
};

/// Adds this file's method.
pub fn methods(builder: TypeBuilder<EventLoopData>) -> TypeBuilder<EventLoopData> {
    builder.method(c"create_server", DOC, create_server)
}

/// What was asked for.
struct Request {
    serving: Serving,
    host: Kept,
    port: Kept,
    family: Kept,
    flags: Kept,
    socket: Kept,
    reuse_address: Kept,
    reuse_port: Kept,
    keep_alive: Kept,
}

fn create_server(this: &Ref<EventLoopData>, args: Args<'_>) -> Outcome {
    const SIGNATURE: Signature<14> = Signature::new(NAME, ARGUMENTS, 3, 1);
    let py = this.py();
    let bound = if PY_3_13 {
        SIGNATURE.bind(py, args)?
    } else {
        bind_3_12(py, args)?
    };
    let module = socket_module(py)?;
    let none = Obj::none(py);
    let unspecified = call::attr(&module, intern!(py, "AF_UNSPEC"))?;
    let passive = call::attr(&module, intern!(py, "AI_PASSIVE"))?;
    let backlog = Obj::from(PyInt::new(py, BACKLOG));
    let yes = Obj::bool(py, true);
    let given = |index: usize, default: &Obj| bound[index].unwrap_or(default).clone();
    coroutine::make(py, "EventLoop.create_server", |co| {
        let keep = |index: usize, default: &Obj| co.keep(given(index, default));
        let serving = Serving {
            loop_: co.keep_ref(this.clone()),
            protocol_factory: keep(0, &none),
            backlog: keep(6, &backlog),
            ssl: keep(7, &none),
            ssl_handshake_timeout: keep(10, &none),
            ssl_shutdown_timeout: keep(11, &none),
            start_serving: keep(12, &yes),
        };
        let request = Request {
            serving,
            host: keep(1, &none),
            port: keep(2, &none),
            family: keep(3, &unspecified),
            flags: keep(4, &passive),
            socket: keep(5, &none),
            reuse_address: keep(8, &none),
            reuse_port: keep(9, &none),
            keep_alive: keep(13, &none),
        };
        serve(co, request)
    })
}

fn bind_3_12<'a>(py: Python<'_>, args: Args<'a>) -> Outcome<[Option<&'a Obj>; 14]> {
    let names: [&'static str; 13] = *ARGUMENTS
        .first_chunk()
        .expect("there are fourteen arguments");
    let bound = Signature::new(NAME, names, 3, 1).bind(py, args)?;
    let mut all = [None; 14];
    all[..13].copy_from_slice(&bound);
    Ok(all)
}

fn is_true(kept: &Kept) -> Outcome<bool> {
    Ok(kept.get().bind().is_truthy()?)
}

impl Request {
    /// The combinations that make no sense, in asyncio's order.
    fn check(&self) -> Outcome<()> {
        let loop_ = self.serving.loop_.get();
        let py = loop_.py();
        let ssl = self.serving.ssl.get();
        let refuse = |text: &str| Err(Raised::value_error(py, text));
        if ssl.bind().is_instance_of::<PyBool>() {
            let text = "ssl argument must be an SSLContext or None";
            return Err(Raised::type_error(py, text));
        }
        if !self.serving.ssl_handshake_timeout.get().is_none() && ssl.is_none() {
            return refuse("ssl_handshake_timeout is only meaningful with ssl");
        }
        if !self.serving.ssl_shutdown_timeout.get().is_none() && ssl.is_none() {
            return refuse("ssl_shutdown_timeout is only meaningful with ssl");
        }
        let socket = self.socket.get();
        if !socket.is_none() {
            check_ssl_socket(&socket)?;
        }
        if self.has_address() && !socket.is_none() {
            return refuse("host/port and sock can not be specified at the same time");
        }
        if !self.has_address() && socket.is_none() {
            return refuse("Neither host/port nor sock were specified");
        }
        if !self.has_address() {
            check_stream(&socket)?;
        }
        Ok(())
    }

    fn has_address(&self) -> bool {
        !self.host.get().is_none() || !self.port.get().is_none()
    }

    /// The hosts to bind to: one, or each of a sequence.
    fn hosts(&self) -> Outcome<Vec<Obj>> {
        let host = self.host.get();
        let py = host.py();
        if let Ok(text) = host.bind().cast::<PyString>() {
            let is_empty = text.is_empty()?;
            return Ok(vec![if is_empty {
                Obj::none(py)
            } else {
                host.clone()
            }]);
        }
        let class = Obj::from(host.bind().get_type());
        if call::optional_attr(&class, intern!(py, "__iter__"))?.is_none() {
            return Ok(vec![host]);
        }
        let hosts = host.bind().try_iter()?;
        Ok(hosts
            .map(|host| host.map(Obj::from))
            .collect::<Result<_, _>>()?)
    }
}

async fn serve(co: Co, request: Request) -> Outcome {
    request.check()?;
    let sockets = if request.has_address() {
        let infos = addresses(&co, &request).await?;
        bind_all(&co, &request, &infos)?
    } else {
        vec![OwnedSocket::new(&co, request.socket.get())]
    };
    let server = co.keep_ref(request.serving.server(sockets)?);
    request.serving.start(&co, &server).await?;
    log_serving(&request, server.get().as_obj())?;
    Ok(server.get().into_obj())
}

/// The infos of all hosts, each address once. Names are looked up at the same time.
async fn addresses(co: &Co, request: &Request) -> Outcome<Vec<Kept>> {
    let hosts: Vec<Kept> = request
        .hosts()?
        .into_iter()
        .map(|host| co.keep(host))
        .collect();
    let mut found: Vec<Option<Kept>> = Vec::new();
    let mut asked = Vec::new();
    for host in &hosts {
        match ask(request, &host.get())? {
            Resolution::Done(infos) => found.push(Some(co.keep(infos))),
            Resolution::Asked(coroutine) => {
                found.push(None);
                asked.push(coroutine);
            }
        }
    }
    let answers = match asked.as_slice() {
        [] => Vec::new(),
        _ => {
            let gathered = gather(&asked)?;
            drop(asked);
            let answers = co.wait(gathered).await?;
            resolve::kept(co, &answers)?
        }
    };
    let mut answers = answers.into_iter();
    let mut infos = Vec::new();
    for (host, found) in hosts.iter().zip(found) {
        let Some(found) = found.or_else(|| answers.next()) else {
            continue;
        };
        let found = resolve::kept(co, &found.get())?;
        if found.is_empty() {
            let host = host.get();
            let text = format!("getaddrinfo({}) returned empty list", host.bind().repr()?);
            return Err(os_error(text));
        }
        infos.extend(found);
    }
    each_once(request.serving.loop_.get().py(), infos)
}

fn ask(request: &Request, host: &Obj) -> Outcome<Resolution> {
    let port = request.port.get();
    let address = PyTuple::new(host.py(), [host.bind(), port.bind()])?;
    let hints = Hints {
        family: &request.family,
        type_: None,
        protocol: None,
        flags: &request.flags,
    };
    resolve::begin(&request.serving.loop_, &Obj::from(address), &hints)
}

/// `asyncio.gather(*coroutines)`
fn gather(coroutines: &[Obj]) -> Outcome {
    let py = coroutines[0].py();
    let gather = call::attr(imports::tasks(py), intern!(py, "gather"))?;
    call::call_slice(&gather, coroutines)
}

fn each_once(py: Python<'_>, infos: Vec<Kept>) -> Outcome<Vec<Kept>> {
    let seen = pyo3::types::PySet::empty(py)?;
    let mut unique = Vec::new();
    for info in infos {
        use pyo3::types::PySetMethods;
        let known = seen.contains(info.get().bind())?;
        if !known {
            seen.add(info.get().bind())?;
            unique.push(info);
        }
    }
    Ok(unique)
}

fn bind_all(co: &Co, request: &Request, infos: &[Kept]) -> Outcome<Vec<OwnedSocket>> {
    let loop_ = request.serving.loop_.get();
    let py = loop_.py();
    let skips = skips_unavailable_addresses(py)?;
    let mut sockets = Vec::new();
    for info in infos {
        let info = info.get();
        let Some(socket) = make_socket(co, request, &info)? else {
            continue;
        };
        set_options(request, &info, &socket.get())?;
        let [_, _, _, _, address] = parts(&info)?;
        let Err(raised) = call::method(&socket.get(), intern!(py, "bind"), [&address]) else {
            sockets.push(socket);
            continue;
        };
        let begin = "error while attempting to bind on address";
        let error = bind_error(py, raised, begin, &address)?;
        if !(skips && is_unavailable(&error)?) {
            return Err(Raised::raise(error));
        }
        if loop_.base.is_debug() {
            let text = error.bind().getattr(intern!(py, "strerror"))?;
            call::method(
                imports::logger(py),
                intern!(py, "warning"),
                [&Obj::from(text)],
            )?;
        }
    }
    if sockets.is_empty() && skips {
        let mut tried = Vec::new();
        for info in infos {
            let [_, _, _, _, address] = parts(&info.get())?;
            tried.push(address);
        }
        let tried = PyList::new(py, tried.iter().map(Obj::bind))?;
        let text = format!("could not bind on any address out of {}", tried.repr()?);
        return Err(os_error(text));
    }
    Ok(sockets)
}

/// EADDRNOTAVAIL: the family is not enabled (bpo-30945).
fn is_unavailable(error: &Obj) -> Outcome<bool> {
    let py = error.py();
    let errno = error.bind().getattr(intern!(py, "errno"))?;
    let unavailable = imports::base_events(py)
        .bind()
        .getattr(intern!(py, "errno"))?
        .getattr(intern!(py, "EADDRNOTAVAIL"))?;
    Ok(errno.eq(unavailable)?)
}

/// A socket for an address; none for a combination of family, type and protocol that the system does not have.
fn make_socket(co: &Co, request: &Request, info: &Obj) -> Outcome<Option<OwnedSocket>> {
    let py = info.py();
    let [family, type_, protocol, ..] = parts(info)?;
    let class = call::attr(&socket_module(py)?, intern!(py, "socket"))?;
    match call::call(&class, [&family, &type_, &protocol]) {
        Ok(socket) => Ok(Some(OwnedSocket::new(co, socket))),
        Err(raised) => {
            let exception = raised.take(py);
            if !is_os_error(&exception) {
                return Err(Raised::raise(exception));
            }
            if request.serving.loop_.get().base.is_debug() {
                let text = "create_server() failed to create socket.socket(%r, %r, %r)";
                call::method_keywords(
                    imports::logger(py),
                    intern!(py, "warning"),
                    [&Obj::str(py, text), &family, &type_, &protocol, &exception],
                    &[intern!(py, "exc_info")],
                )?;
            }
            Ok(None)
        }
    }
}

fn set_options(request: &Request, info: &Obj, socket: &Obj) -> Outcome<()> {
    let py = socket.py();
    let module = socket_module(py)?;
    let set = |level: &str, name: &str| -> Outcome<()> {
        let (level, name) = (module.bind().getattr(level)?, module.bind().getattr(name)?);
        call::method(
            socket,
            intern!(py, "setsockopt"),
            [&Obj::from(level), &Obj::from(name), &Obj::bool(py, true)],
        )
        .map(drop)
    };
    let [family, ..] = parts(info)?;
    let is_family =
        |name: &str| -> Outcome<bool> { Ok(family.bind().eq(module.bind().getattr(name)?)?) };
    let is_v6 = is_family("AF_INET6")?;
    if request.reuse_address.get().is_none() || is_true(&request.reuse_address)? {
        set("SOL_SOCKET", "SO_REUSEADDR")?;
    }
    if is_true(&request.reuse_port)? && (!PY_3_14 || is_v6 || is_family("AF_INET")?) {
        call::method(
            imports::base_events(py),
            intern!(py, "_set_reuseport"),
            [socket],
        )?;
    }
    if is_true(&request.keep_alive)? {
        set("SOL_SOCKET", "SO_KEEPALIVE")?;
    }
    if is_v6 {
        // One socket for each family, also where one could listen for both.
        set("IPPROTO_IPV6", "IPV6_V6ONLY")?;
    }
    Ok(())
}

fn log_serving(request: &Request, server: &Obj) -> Outcome<()> {
    if !request.serving.loop_.get().base.is_debug() {
        return Ok(());
    }
    let py = server.py();
    call::method(
        imports::logger(py),
        intern!(py, "info"),
        [&Obj::str(py, "%r is serving"), server],
    )
    .map(drop)
}
