//! Address infos as `getaddrinfo` gives them, and the errors that speak of addresses.

use std::net::{Ipv6Addr, SocketAddr};

use pyo3::types::{PyAnyMethods, PyStringMethods, PyTuple, PyTupleMethods};
use pyo3::{IntoPyObject, Python, intern};

use crate::py::call;
use crate::py::errors::{Outcome, Raised};
use crate::py::imports;
use crate::py::object::Obj;

/// The parts of what `getaddrinfo` gives: family, type, protocol, canonical name, address.
///
/// # Errors
/// TypeError and ValueError for something else.
pub fn parts(info: &Obj) -> Outcome<[Obj; 5]> {
    let py = info.py();
    let items: Vec<Obj> = match info.bind().cast::<PyTuple>() {
        Ok(tuple) => tuple.iter().map(Obj::from).collect(),
        Err(_) => info
            .bind()
            .try_iter()?
            .map(|item| item.map(Obj::from))
            .collect::<Result<_, _>>()?,
    };
    let count = items.len();
    items.try_into().map_err(|_| {
        let relation = if count < 5 { "not enough" } else { "too many" };
        Raised::value_error(
            py,
            format!("{relation} values to unpack (expected 5, got {count})"),
        )
    })
}

/// An internet address as `socket` gives it.
///
/// # Errors
/// `MemoryError`.
pub fn of(py: Python<'_>, address: SocketAddr) -> Outcome {
    let port = address.port();
    Ok(Obj::from(match address {
        SocketAddr::V4(v4) => (v4.ip().to_string(), port).into_pyobject(py)?,
        SocketAddr::V6(v6) => {
            // The kernel's byte order, as it stands in the address.
            let flow = u32::from_be(v6.flowinfo());
            (text_of(py, *v6.ip())?, port, flow, v6.scope_id()).into_pyobject(py)?
        }
    }))
}

/// What inet_ntop(3) makes of an address. The C library alone knows how it writes those that hold an IPv4 address and are
/// not mapped ones (`::192.0.2.1`).
fn text_of(py: Python<'_>, ip: Ipv6Addr) -> Outcome<String> {
    let holds_v4 = matches!(ip.segments(), [0, 0, 0, 0, 0, 0, high, _] if high != 0);
    if !holds_v4 {
        return Ok(ip.to_string());
    }
    let module = imports::socket(py).bind();
    let family = module.getattr(intern!(py, "AF_INET6"))?;
    let text = module.call_method1(intern!(py, "inet_ntop"), (family, ip.octets()))?;
    Ok(text.extract()?)
}

/// The module `socket` as asyncio's own loop finds it.
///
/// # Errors
/// None in practice.
pub fn socket_module(py: Python<'_>) -> Outcome {
    call::attr(imports::base_events(py), intern!(py, "socket"))
}

/// `OSError(text)`
pub fn os_error(text: String) -> Raised {
    Raised::from(pyo3::exceptions::PyOSError::new_err(text))
}

/// Whether an exception is an OSError.
pub fn is_os_error(exception: &Obj) -> bool {
    exception
        .bind()
        .is_instance_of::<pyo3::exceptions::PyOSError>()
}

/// The OSError of a failed `bind`, with the address in its text; anything else is raised as it is.
///
/// # Errors
/// What is no OSError.
pub fn bind_error(py: Python<'_>, raised: Raised, begin: &str, address: &Obj) -> Outcome {
    let exception = raised.take(py);
    if !is_os_error(&exception) {
        return Err(Raised::raise(exception));
    }
    let bound = exception.bind();
    let errno = bound.getattr(intern!(py, "errno"))?;
    let reason = if skips_unavailable_addresses(py)? {
        bound.str()?
    } else {
        bound.getattr(intern!(py, "strerror"))?.str()?
    };
    let reason = reason.to_string_lossy().to_lowercase();
    let text = format!("{begin} {}: {reason}", address.bind().repr()?);
    numbered_os_error(&Obj::from(errno), &text)
}

/// `OSError(errno, text)`, not raised. Its class is called: `PyErr::into_value` keeps a reference to what it gives until PyO3
/// attaches the next time, and with the exception everything that its traceback leads to.
///
/// # Errors
/// `MemoryError`.
pub fn numbered_os_error(errno: &Obj, text: &str) -> Outcome {
    let py = errno.py();
    let class = Obj::from(py.get_type::<pyo3::exceptions::PyOSError>());
    call::call(&class, [errno, &Obj::str(py, text)])
}

/// Whether this Python's `create_server` passes over addresses that it cannot have (bpo-30945). The change brought the
/// module `errno` into `base_events`, and came with a bugfix release.
///
/// # Errors
/// None in practice.
pub fn skips_unavailable_addresses(py: Python<'_>) -> Outcome<bool> {
    Ok(imports::base_events(py)
        .bind()
        .hasattr(intern!(py, "errno"))?)
}
