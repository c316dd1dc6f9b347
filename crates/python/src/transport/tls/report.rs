//! What goes wrong with TLS, told in asyncio's words (`SSLProtocol._fatal_error`).

use pyo3::intern;
use pyo3::types::{PyAnyMethods, PyDict, PyDictMethods};

use super::protocol::TlsProtocol;
use crate::py::call;
use crate::py::errors::{Outcome, Raised, leaves_the_loop};
use crate::py::imports;
use crate::py::instance::Ref;
use crate::py::object::Obj;
use crate::transport::report::tell_loop;
use crate::transport::tls::shutdown;

/// What ends the connection where nothing else is said.
pub const FATAL: &str = "Fatal error on transport";
/// What ends it while plaintext flows.
pub const FATAL_PROTOCOL: &str = "Fatal error on SSL protocol";

/// `_fatal_error`: ends the connection, and reports why. Errors of the network and of TLS are ordinary, and told to the
/// protocol only; debug mode logs them.
///
/// # Errors
/// KeyboardInterrupt and SystemExit.
pub fn fatal_error(this: &Ref<TlsProtocol>, exception: &Obj, message: &str) -> Outcome<()> {
    let py = this.py();
    let below = this.transport();
    if let Some(below) = &below {
        shutdown::force_close(below, Some(exception))?;
    }
    if exception
        .bind()
        .is_instance_of::<pyo3::exceptions::PyOSError>()
    {
        return log_error(this, exception, message);
    }
    if exception
        .bind()
        .is_instance(imports::cancelled_error(py).bind())?
    {
        return Ok(());
    }
    let transport = below.unwrap_or_else(|| Obj::none(py));
    tell(this, exception, message, &transport)
}

/// As `fatal_error` for what `except Exception` catches; anything else goes on.
///
/// # Errors
/// What is no `Exception`.
pub fn fatal_unless_base(this: &Ref<TlsProtocol>, raised: Raised, message: &str) -> Outcome<()> {
    let exception = raised.take(this.py());
    if !is_ordinary(&exception) {
        return Err(Raised::raise(exception));
    }
    fatal_error(this, &exception, message)
}

/// Whether `except Exception` catches it.
pub fn is_ordinary(exception: &Obj) -> bool {
    exception
        .bind()
        .is_instance_of::<pyo3::exceptions::PyException>()
}

/// Whether it is an `ssl.SSLError`.
///
/// # Errors
/// RuntimeError where there is no `ssl`.
pub fn is_ssl_error(exception: &Obj) -> Outcome<bool> {
    let class = imports::ssl(exception.py())?.error(exception.py());
    Ok(exception.bind().is_instance(class.bind())?)
}

/// Reports what a method of flow control raised.
///
/// # Errors
/// KeyboardInterrupt and SystemExit.
pub fn flow_failed(this: &Ref<TlsProtocol>, raised: Raised, method: &str) -> Outcome<()> {
    let py = this.py();
    let exception = raised.take(py);
    if leaves_the_loop(&exception) {
        return Err(Raised::raise(exception));
    }
    let transport = this.app_transport().map(Ref::into_obj);
    let transport = transport.unwrap_or_else(|| Obj::none(py));
    let message = format!("protocol.{method}() failed");
    tell(this, &exception, &message, &transport)
}

fn tell(this: &Ref<TlsProtocol>, exception: &Obj, message: &str, transport: &Obj) -> Outcome<()> {
    let py = this.py();
    let Some(scheduler) = this.scheduler() else {
        return Err(Raised::raise(exception.clone()));
    };
    let report = PyDict::new(py);
    report.set_item(intern!(py, "message"), message)?;
    report.set_item(intern!(py, "exception"), exception.bind())?;
    report.set_item(intern!(py, "transport"), transport.bind())?;
    report.set_item(intern!(py, "protocol"), this.as_obj().bind())?;
    tell_loop(&scheduler, report)
}

/// `logger.debug(text, self, *arguments)`, in debug mode.
///
/// # Errors
/// What a repr raises.
pub fn log_debug(this: &Ref<TlsProtocol>, text: &str, arguments: &[Obj]) -> Outcome<()> {
    if !this.is_debug() {
        return Ok(());
    }
    let py = this.py();
    let debug = call::attr(imports::logger(py), intern!(py, "debug"))?;
    let mut all = vec![Obj::str(py, text), this.as_obj().clone()];
    all.extend_from_slice(arguments);
    call::call_slice(&debug, &all).map(drop)
}

fn log_error(this: &Ref<TlsProtocol>, exception: &Obj, message: &str) -> Outcome<()> {
    if !this.is_debug() {
        return Ok(());
    }
    let py = this.py();
    call::method_keywords(
        imports::logger(py),
        intern!(py, "debug"),
        [
            &Obj::str(py, "%r: %s"),
            this.as_obj(),
            &Obj::str(py, message),
            exception,
        ],
        &[intern!(py, "exc_info")],
    )
    .map(drop)
}
