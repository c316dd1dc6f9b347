//! Addresses for `create_connection` and `create_server`: literal ones at once, names through `loop.getaddrinfo`.

use pyo3::types::{PyAnyMethods, PyList};
use pyo3::{Python, intern};

use crate::event_loop::core::EventLoopData;
use crate::future::coroutine::{Co, Kept, KeptRef};
use crate::py::call;
use crate::py::errors::{Outcome, Raised};
use crate::py::imports;
use crate::py::object::Obj;
use crate::transport::address::socket_module;

/// What is asked for besides host and port.
pub struct Hints<'a> {
    /// AF_INET, AF_INET6 or AF_UNSPEC.
    pub family: &'a Kept,
    /// The type of socket; a stream's, unless said.
    pub type_: Option<&'a Kept>,
    /// The protocol, 0 for any.
    pub protocol: Option<&'a Kept>,
    /// AI_PASSIVE and others.
    pub flags: &'a Kept,
}

/// What a look at the address itself gave.
pub enum Resolution {
    /// The address infos.
    Done(Obj),
    /// A coroutine of `loop.getaddrinfo`.
    Asked(Obj),
}

/// `BaseEventLoop._ensure_resolved`: the infos of `address` (host, port and perhaps more).
///
/// # Errors
/// What `getaddrinfo` raises; CancelledError.
pub async fn resolve(
    co: &Co,
    loop_: &KeptRef<EventLoopData>,
    address: Obj,
    hints: Hints<'_>,
) -> Outcome<Vec<Kept>> {
    let infos = match begin(loop_, &address, &hints)? {
        Resolution::Done(infos) => infos,
        Resolution::Asked(coroutine) => {
            drop(address);
            co.wait(coroutine).await?
        }
    };
    kept(co, &infos)
}

/// The items of an iterable; none of what is false, as asyncio looks at the answer of a `getaddrinfo` that may be
/// anybody's.
///
/// # Errors
/// What iterating raises.
pub fn kept(co: &Co, items: &Obj) -> Outcome<Vec<Kept>> {
    if !items.bind().is_truthy()? {
        return Ok(Vec::new());
    }
    Ok(self::items(items)?
        .into_iter()
        .map(|item| co.keep(item))
        .collect())
}

/// Resolves a literal address, or asks `loop.getaddrinfo`.
///
/// # Errors
/// ValueError for an address of fewer than two parts; what `loop.getaddrinfo` raises when it is called.
pub fn begin(
    loop_: &KeptRef<EventLoopData>,
    address: &Obj,
    hints: &Hints<'_>,
) -> Outcome<Resolution> {
    let py = address.py();
    // What asyncio does to an address before anything else.
    let ends = items(&call::slice(address, 0, Some(2))?)?;
    let [host, port] = ends.as_slice() else {
        let count = ends.len();
        let text = format!("not enough values to unpack (expected 2, got {count})");
        return Err(Raised::value_error(py, text));
    };
    let rest = items(&call::slice(address, 2, None)?)?;
    let type_ = match hints.type_ {
        Some(type_) => type_.get(),
        None => stream_type(py)?,
    };
    let protocol = match hints.protocol {
        Some(protocol) => protocol.get(),
        None => Obj::from(pyo3::types::PyInt::new(py, 0)),
    };
    let family = hints.family.get();
    let mut arguments = vec![
        host.clone(),
        port.clone(),
        family.clone(),
        type_.clone(),
        protocol.clone(),
    ];
    arguments.extend(rest);
    let ipaddr_info = call::attr(imports::base_events(py), intern!(py, "_ipaddr_info"))?;
    let info = call::call_slice(&ipaddr_info, &arguments)?;
    if !info.is_none() {
        let infos = PyList::new(py, [info.bind()])?;
        return Ok(Resolution::Done(Obj::from(infos)));
    }
    let names = [
        intern!(py, "family"),
        intern!(py, "type"),
        intern!(py, "proto"),
        intern!(py, "flags"),
    ];
    call::method_keywords(
        loop_.get().as_obj(),
        intern!(py, "getaddrinfo"),
        [host, port, &family, &type_, &protocol, &hints.flags.get()],
        &names,
    )
    .map(Resolution::Asked)
}

fn items(of: &Obj) -> Outcome<Vec<Obj>> {
    let items = of.bind().try_iter()?.map(|item| item.map(Obj::from));
    Ok(items.collect::<Result<_, _>>()?)
}

/// `socket.SOCK_STREAM`
///
/// # Errors
/// None in practice.
pub fn stream_type(py: Python<'_>) -> Outcome {
    call::attr(&socket_module(py)?, intern!(py, "SOCK_STREAM"))
}

/// ValueError unless `socket` is a stream socket.
///
/// # Errors
/// As said, in asyncio's words.
pub fn check_stream(socket: &Obj) -> Outcome<()> {
    let py = socket.py();
    let type_ = call::attr(socket, intern!(py, "type"))?;
    if type_.bind().eq(stream_type(py)?.bind())? {
        return Ok(());
    }
    let text = format!(
        "A Stream Socket was expected, got {}",
        socket.bind().repr()?
    );
    Err(Raised::value_error(py, text))
}
