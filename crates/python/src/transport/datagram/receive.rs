//! What comes in: one datagram for each event of the poller, as in asyncio.
//!
//! A second read in a row would put this socket's datagrams before those of the next one, and before what `call_soon` was
//! asked for meanwhile; and where one datagram is answered at a time, it would be a system call that finds nothing.

use pyo3::exceptions::PyOSError;
use pyo3::intern;
use pyo3::types::PyAnyMethods;

use super::state::DatagramTransport;
use crate::py::call;
use crate::py::errors::{Outcome, Raised};
use crate::py::instance::Ref;
use crate::py::object::Obj;
use crate::transport::endpoint::Endpoint;
use crate::transport::report;

/// `_read_ready`
///
/// # Errors
/// What the protocol raises.
pub fn on_readable(this: &Ref<DatagramTransport>) -> Outcome<()> {
    let py = this.py();
    if this.is_lost() {
        return Ok(());
    }
    let (Some(scheduler), Some(socket)) = (this.scheduler(), this.socket.get()) else {
        return Ok(());
    };
    let message = "Fatal read error on datagram transport";
    match this.calls.receive(&scheduler, &socket) {
        Ok(None) => Ok(()),
        Ok(Some((data, from))) => call::method(
            &this.protocol_or_none(py),
            intern!(py, "datagram_received"),
            [&data, &from],
        )
        .map(drop),
        Err(raised) => failed(this, raised, message),
    }
}

/// The kernel's errors are told to the protocol and end nothing; others, which the kernel does not know, do.
///
/// # Errors
/// What the protocol raises; KeyboardInterrupt and SystemExit.
pub fn failed(this: &Ref<DatagramTransport>, raised: Raised, message: &str) -> Outcome<()> {
    let py = this.py();
    let exception: Obj = raised.take(py);
    if !exception.bind().is_instance_of::<PyOSError>() {
        return report::fatal_error(this, Raised::raise(exception), message);
    }
    call::method(
        &this.protocol_or_none(py),
        intern!(py, "error_received"),
        [&exception],
    )
    .map(drop)
}
