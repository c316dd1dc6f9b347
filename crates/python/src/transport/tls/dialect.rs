//! What differs between bugfix releases of asyncio's TLS, read off the running Python's own code.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use crate::py::imports;

/// The differences.
#[derive(Clone, Copy)]
pub struct Dialect {
    /// `is_closing()` also asks the transport below (`_is_transport_closing`).
    pub asks_below_whether_closing: bool,
    /// The shutdown timeout runs until the transport below is lost.
    pub times_the_close_below: bool,
    /// `start_tls` on a server's side takes over what the stream reader has buffered (gh-142352).
    pub takes_over_buffered: bool,
}

impl Dialect {
    /// The running Python's.
    pub fn current(py: Python<'_>) -> Self {
        static CURRENT: PyOnceLock<Dialect> = PyOnceLock::new();
        *CURRENT.get_or_init(py, || Self::read(py).unwrap_or(Self::NEWEST))
    }

    /// What is right where the code cannot be read.
    const NEWEST: Self = Self {
        asks_below_whether_closing: true,
        times_the_close_below: true,
        takes_over_buffered: true,
    };

    fn read(py: Python<'_>) -> PyResult<Self> {
        let protocol = imports::sslproto(py).bind().getattr("SSLProtocol")?;
        let start_tls = imports::base_events(py)
            .bind()
            .getattr("BaseEventLoop")?
            .getattr("start_tls")?;
        let mentions = |function: &Bound<'_, PyAny>, table: &str, name: &str| -> PyResult<bool> {
            function.getattr("__code__")?.getattr(table)?.contains(name)
        };
        let completes = protocol.getattr("_on_shutdown_complete")?;
        Ok(Self {
            asks_below_whether_closing: protocol.hasattr("_is_transport_closing")?,
            times_the_close_below: mentions(&completes, "co_names", "call_later")?,
            takes_over_buffered: mentions(&start_tls, "co_consts", "_stream_reader")?,
        })
    }
}
