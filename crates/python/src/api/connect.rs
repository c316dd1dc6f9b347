//! `create_connection`.
//!
//! Follows `BaseEventLoop.create_connection`: its arguments, the order of its checks, its texts.

use std::ffi::CStr;

use pyo3::types::{PyAnyMethods, PyInt, PyList, PyStringMethods};
use pyo3::{Python, intern};

use super::attempts::Attempts;
use super::connection::{Connection, Origin, Side, Tls, pair};
use super::resolve::{self, Hints, check_stream, resolve};
use crate::event_loop::core::EventLoopData;
use crate::future::coroutine::{self, Co, Kept, KeptRef};
use crate::py::args::{Args, Signature};
use crate::py::call;
use crate::py::errors::{Outcome, Raised};
use crate::py::imports;
use crate::py::instance::Ref;
use crate::py::object::Obj;
use crate::py::replaced;
use crate::py::slots::TypeBuilder;
use crate::py::version::PY_3_12;
use crate::transport::address::{os_error, parts};
use crate::transport::owned_socket::OwnedSocket;
use crate::transport::race::{Course, Finish, race};

const NAME: &str = "BaseEventLoop.create_connection";

/// The arguments; Python 3.11 does not know the last one.
const ARGUMENTS: [&str; 15] = [
    "protocol_factory",
    "host",
    "port",
    "ssl",
    "family",
    "proto",
    "flags",
    "sock",
    "local_addr",
    "server_hostname",
    "ssl_handshake_timeout",
    "ssl_shutdown_timeout",
    "happy_eyeballs_delay",
    "interleave",
    "all_errors",
];

const DOC: &CStr = if PY_3_12 {
    c"create_connection($self, protocol_factory, host=None, port=None, *, ssl=None, family=0, proto=0, flags=0, \
      sock=None, local_addr=None, server_hostname=None, ssl_handshake_timeout=None, ssl_shutdown_timeout=None, \
      happy_eyeballs_delay=None, interleave=None, all_errors=False)\n--\n\n\
      Connect to a TCP server. A coroutine that gives (transport, protocol)."
} else {
    c"create_connection($self, protocol_factory, host=None, port=None, *, ssl=None, family=0, proto=0, flags=0, \
      sock=None, local_addr=None, server_hostname=None, ssl_handshake_timeout=None, ssl_shutdown_timeout=None, \
      happy_eyeballs_delay=None, interleave=None)\n--\n\n\
      Connect to a TCP server. A coroutine that gives (transport, protocol)."
};

/// Adds this file's method.
pub fn methods(builder: TypeBuilder<EventLoopData>) -> TypeBuilder<EventLoopData> {
    builder.method(c"create_connection", DOC, create_connection)
}

/// What was asked for.
struct Request {
    loop_: KeptRef<EventLoopData>,
    protocol_factory: Kept,
    host: Kept,
    port: Kept,
    ssl: Kept,
    family: Kept,
    protocol: Kept,
    flags: Kept,
    socket: Kept,
    local_addr: Kept,
    server_hostname: Kept,
    ssl_handshake_timeout: Kept,
    ssl_shutdown_timeout: Kept,
    happy_eyeballs_delay: Kept,
    interleave: Kept,
    all_errors: Kept,
}

fn create_connection(this: &Ref<EventLoopData>, args: Args<'_>) -> Outcome {
    const SIGNATURE: Signature<15> = Signature::new(NAME, ARGUMENTS, 3, 1);
    let py = this.py();
    let bound = if PY_3_12 {
        SIGNATURE.bind(py, args)?
    } else {
        bind_3_11(py, args)?
    };
    let zero = Obj::from(PyInt::new(py, 0));
    let none = Obj::none(py);
    let given = |index: usize, default: &Obj| bound[index].unwrap_or(default).clone();
    coroutine::make(py, "EventLoop.create_connection", |co| {
        let keep = |index: usize, default: &Obj| co.keep(given(index, default));
        let request = Request {
            loop_: co.keep_ref(this.clone()),
            protocol_factory: keep(0, &none),
            host: keep(1, &none),
            port: keep(2, &none),
            ssl: keep(3, &none),
            family: keep(4, &zero),
            protocol: keep(5, &zero),
            flags: keep(6, &zero),
            socket: keep(7, &none),
            local_addr: keep(8, &none),
            server_hostname: keep(9, &none),
            ssl_handshake_timeout: keep(10, &none),
            ssl_shutdown_timeout: keep(11, &none),
            happy_eyeballs_delay: keep(12, &none),
            interleave: keep(13, &none),
            all_errors: keep(14, &none),
        };
        connect(co, request)
    })
}

fn bind_3_11<'a>(py: Python<'_>, args: Args<'a>) -> Outcome<[Option<&'a Obj>; 15]> {
    let names: [&'static str; 14] = *ARGUMENTS
        .first_chunk()
        .expect("there are fifteen arguments");
    let bound = Signature::new(NAME, names, 3, 1).bind(py, args)?;
    let mut all = [None; 15];
    all[..14].copy_from_slice(&bound);
    Ok(all)
}

fn is_true(kept: &Kept) -> Outcome<bool> {
    Ok(kept.get().bind().is_truthy()?)
}

impl Request {
    /// The combinations that make no sense, in asyncio's order.
    fn check(&self) -> Outcome<()> {
        let loop_ = self.loop_.get();
        let py = loop_.py();
        let has_ssl = is_true(&self.ssl)?;
        let refuse = |text: &str| Err(Raised::value_error(py, text));
        if !self.server_hostname.get().is_none() && !has_ssl {
            return refuse("server_hostname is only meaningful with ssl");
        }
        if self.server_hostname.get().is_none() && has_ssl && !is_true(&self.host)? {
            return refuse("You must set server_hostname when using ssl without a host");
        }
        if !self.ssl_handshake_timeout.get().is_none() && !has_ssl {
            return refuse("ssl_handshake_timeout is only meaningful with ssl");
        }
        if !self.ssl_shutdown_timeout.get().is_none() && !has_ssl {
            return refuse("ssl_shutdown_timeout is only meaningful with ssl");
        }
        let socket = self.socket.get();
        if !socket.is_none() {
            check_ssl_socket(&socket)?;
        }
        let has_address = self.has_address();
        if has_address && !socket.is_none() {
            return refuse("host/port and sock can not be specified at the same time");
        }
        if !has_address && socket.is_none() {
            return refuse("host and port was not specified and no sock specified");
        }
        if !has_address {
            check_stream(&socket)?;
        }
        Ok(())
    }

    fn tls(&self) -> Outcome<Option<Tls<'_>>> {
        let hostname = if self.server_hostname.get().is_none() {
            &self.host
        } else {
            &self.server_hostname
        };
        Ok(is_true(&self.ssl)?.then_some(Tls {
            ssl: &self.ssl,
            side: Side::Client(hostname),
            handshake_timeout: &self.ssl_handshake_timeout,
            shutdown_timeout: &self.ssl_shutdown_timeout,
        }))
    }

    fn has_address(&self) -> bool {
        !self.host.get().is_none() || !self.port.get().is_none()
    }

    fn hints(&self) -> Hints<'_> {
        Hints {
            family: &self.family,
            type_: None,
            protocol: Some(&self.protocol),
            flags: &self.flags,
        }
    }

    /// `interleave`, which happy eyeballs turns on.
    fn first_family_count(&self) -> Outcome<Option<Obj>> {
        let interleave = self.interleave.get();
        if interleave.is_none() {
            let default = Obj::from(PyInt::new(interleave.py(), 1));
            return Ok((!self.happy_eyeballs_delay.get().is_none()).then_some(default));
        }
        let is_wanted = interleave.bind().is_truthy()?;
        Ok(is_wanted.then_some(interleave))
    }

    fn delay_ns(&self) -> Outcome<Option<u64>> {
        let delay = self.happy_eyeballs_delay.get();
        if delay.is_none() {
            return Ok(None);
        }
        if delay.bind().extract::<f64>().is_err() {
            // asyncio finds out when the first attempt has failed, by this comparison.
            delay.bind().le(0)?;
        }
        Ok(reactor::time::deadline_ns(delay.bind().extract()?))
    }
}

/// `base_events._check_ssl_socket`
///
/// # Errors
/// TypeError for an SSLSocket.
pub fn check_ssl_socket(socket: &Obj) -> Outcome<()> {
    let py = socket.py();
    call::method(
        imports::base_events(py),
        intern!(py, "_check_ssl_socket"),
        [socket],
    )
    .map(drop)
}

async fn connect(co: Co, request: Request) -> Outcome {
    request.check()?;
    let (socket, origin) = if request.has_address() {
        (dial(&co, &request).await?, Origin::Made)
    } else {
        let socket = OwnedSocket::new(&co, request.socket.get());
        (socket, Origin::Given)
    };
    let connection = Connection {
        loop_: &request.loop_,
        protocol_factory: &request.protocol_factory,
        socket,
        origin,
        tls: request.tls()?,
    };
    let opened = connection.open(&co).await?;
    let text = "%r connected to %s:%r: (%r, %r)";
    opened.log(&request.loop_, text, &[&request.host, &request.port])?;
    opened.pair()
}

/// Resolves the address and connects to it.
async fn dial(co: &Co, request: &Request) -> Outcome<OwnedSocket> {
    let address = pair(&request.host.get(), &request.port.get())?;
    let infos = resolve(co, &request.loop_, address, request.hints()).await?;
    if infos.is_empty() {
        return Err(os_error("getaddrinfo() returned empty list".into()));
    }
    let local_addr = request.local_addr.get();
    let local = if local_addr.is_none() {
        None
    } else {
        let local = resolve(co, &request.loop_, local_addr, request.hints()).await?;
        if local.is_empty() {
            return Err(os_error("getaddrinfo() returned empty list".into()));
        }
        Some(local)
    };
    let addresses = match request.first_family_count()? {
        Some(count) => interleave(co, infos, &count)?,
        None => infos,
    };
    match try_all(co, request, addresses, local).await? {
        Finish::Connected(socket) => Ok(socket),
        Finish::Failed(errors) => Err(merged(
            request.loop_.get().py(),
            &errors,
            is_true(&request.all_errors)?,
        )?),
    }
}

/// Connects to the first of the addresses that can be had.
async fn try_all(
    co: &Co,
    request: &Request,
    addresses: Vec<Kept>,
    local: Option<Vec<Kept>>,
) -> Outcome<Finish> {
    if asks_the_loop(&request.loop_)? {
        let attempts = Attempts::new(co, &request.loop_, addresses, local)?;
        if request.happy_eyeballs_delay.get().is_none() {
            return attempts.one_by_one().await;
        }
        return attempts.race(&request.happy_eyeballs_delay).await;
    }
    let course = Course {
        scheduler: co.keep_ref(request.loop_.get().upcast().clone()),
        addresses,
        local,
        delay_ns: request.delay_ns()?,
    };
    race(co, course).await
}

/// Whether somebody's own `sock_connect` has to be asked for each address.
fn asks_the_loop(loop_: &KeptRef<EventLoopData>) -> Outcome<bool> {
    let loop_ = loop_.get();
    replaced::in_object(&loop_, intern!(loop_.py(), "sock_connect"))
}

fn interleave(co: &Co, infos: Vec<Kept>, first_family_count: &Obj) -> Outcome<Vec<Kept>> {
    let Ok(count) = first_family_count.bind().extract::<i64>() else {
        return interleave_as_stock(co, &infos, first_family_count);
    };
    let mut with_families = Vec::new();
    for info in infos {
        let [family, ..] = parts(&info.get())?;
        with_families.push((family.bind().extract::<i64>()?, info));
    }
    let count = usize::try_from(count).unwrap_or(0);
    Ok(reactor::net::interleave(with_families, count))
}

/// For what is no number: what asyncio makes of it, or how it fails.
fn interleave_as_stock(co: &Co, infos: &[Kept], first_family_count: &Obj) -> Outcome<Vec<Kept>> {
    let py = first_family_count.py();
    let infos: Vec<Obj> = infos.iter().map(Kept::get).collect();
    let list = Obj::from(PyList::new(py, infos.iter().map(Obj::bind))?);
    let reordered = call::method(
        imports::base_events(py),
        intern!(py, "_interleave_addrinfos"),
        [&list, first_family_count],
    )?;
    resolve::kept(co, &reordered)
}

/// The one exception that tells of all errors.
fn merged(py: Python<'_>, errors: &[Kept], all_errors: bool) -> Outcome<Raised> {
    if all_errors {
        let errors: Vec<Obj> = errors.iter().map(Kept::get).collect();
        let list = PyList::new(py, errors.iter().map(Obj::bind))?;
        let text = Obj::str(py, "create_connection failed");
        let group = call::call(imports::exception_group(py), [&text, &Obj::from(list)])?;
        return Ok(call::raise(&group));
    }
    let Some(first) = errors.first() else {
        let error = pyo3::exceptions::PyTimeoutError::new_err("create_connection failed");
        return Ok(Raised::from(error));
    };
    let mut texts = Vec::new();
    for error in errors {
        texts.push(error.get().bind().str()?.to_string_lossy().into_owned());
    }
    if texts.iter().all(|text| *text == texts[0]) {
        return Ok(call::raise(&first.get()));
    }
    Ok(os_error(format!(
        "Multiple exceptions: {}",
        texts.join(", ")
    )))
}
