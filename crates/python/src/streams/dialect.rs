//! What differs between bugfix releases of asyncio's streams, read off the running Python's own code.

use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;

use crate::py::imports;

/// The differences.
#[derive(Clone, Copy)]
pub struct Dialect {
    /// What `client_connected_cb` raises in its task is reported.
    pub watches_callbacks: bool,
    /// A `StreamWriter` that nobody holds and nobody has closed is closed with a warning.
    pub closes_forgotten_writers: bool,
    /// `client_connected_cb` in a task that is cancelled closes the connection, and is no failure.
    pub forgives_cancelled_callbacks: bool,
    /// A plain `client_connected_cb` that raises is reported as a coroutine is.
    pub reports_failed_callbacks: bool,
    /// `StreamWriter.start_tls` gives the reader the new transport too.
    pub replaces_the_readers_transport: bool,
}

impl Dialect {
    /// The running Python's.
    pub fn current(py: Python<'_>) -> Self {
        static CURRENT: PyOnceLock<Dialect> = PyOnceLock::new();
        *CURRENT.get_or_init(py, || Self::read(py).unwrap_or(Self::NEWEST))
    }

    /// What is right where the code cannot be read.
    const NEWEST: Self = Self {
        watches_callbacks: true,
        closes_forgotten_writers: true,
        forgives_cancelled_callbacks: true,
        reports_failed_callbacks: true,
        replaces_the_readers_transport: true,
    };

    fn read(py: Python<'_>) -> PyResult<Self> {
        let streams = imports::streams(py).bind();
        let made = streams
            .getattr("StreamReaderProtocol")?
            .getattr("connection_made")?
            .getattr("__code__")?;
        let names = made.getattr("co_names")?;
        let mut forgives_cancelled_callbacks = false;
        // The done-callback is a function inside.
        for constant in made.getattr("co_consts")?.try_iter()? {
            if let Some(names) = constant?.getattr_opt("co_names")? {
                forgives_cancelled_callbacks |= names.contains("cancelled")?;
            }
        }
        Ok(Self {
            watches_callbacks: names.contains("add_done_callback")?,
            closes_forgotten_writers: streams.getattr("StreamWriter")?.hasattr("__del__")?,
            forgives_cancelled_callbacks,
            reports_failed_callbacks: names.contains("Exception")?,
            replaces_the_readers_transport: streams
                .getattr("StreamReader")?
                .hasattr("_replace_transport")?,
        })
    }
}
