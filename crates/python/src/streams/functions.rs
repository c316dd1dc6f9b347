//! The functions of `asyncio.streams` as Python sees them: names, signatures, docstrings.

use pyo3::prelude::*;
use pyo3::types::PyString;

use super::open;
use crate::py::errors::Outcome;
use crate::py::function;

const STREAMS: &str = "asyncioxide.streams";

/// Adds the functions to the module.
///
/// # Errors
/// `MemoryError`.
pub fn add_to(module: &Bound<'_, PyModule>) -> Outcome<()> {
    let py = module.py();
    let functions = [
        function::make_coroutine_function(
            py,
            STREAMS,
            "open_connection(host=None, port=None, *, limit=65536, **kwds)\n--\n\n\
             Connect to host and port; gives a StreamReader and a StreamWriter.\n\n\
             limit is the reader's, in bytes. The other arguments are those of loop.create_connection(), and so is\n\
             what is raised.",
            open::open_connection,
        )?,
        function::make_coroutine_function(
            py,
            STREAMS,
            "open_unix_connection(path=None, *, limit=65536, **kwds)\n--\n\n\
             Connect to the Unix socket at path; gives a StreamReader and a StreamWriter.\n\n\
             limit is the reader's, in bytes. The other arguments are those of loop.create_unix_connection(), and so\n\
             is what is raised.",
            open::open_unix_connection,
        )?,
        function::make_coroutine_function(
            py,
            STREAMS,
            "start_server(client_connected_cb, host=None, port=None, *, limit=65536, **kwds)\n--\n\n\
             Serve at host and port, and call client_connected_cb(reader, writer) for each connection.\n\n\
             A coroutine that the callback returns runs in a task. limit is the readers', in bytes. The other\n\
             arguments are those of loop.create_server(), and so are the server given and what is raised.",
            open::start_server,
        )?,
        function::make_coroutine_function(
            py,
            STREAMS,
            "start_unix_server(client_connected_cb, path=None, *, limit=65536, **kwds)\n--\n\n\
             Serve at a Unix socket, and call client_connected_cb(reader, writer) for each connection.\n\n\
             As start_server(), with the arguments of loop.create_unix_server().",
            open::start_unix_server,
        )?,
    ];
    for function in functions {
        let object = function.as_obj().bind();
        let name = object.getattr("__name__")?;
        module.add(name.cast::<PyString>()?.to_str()?, object)?;
    }
    Ok(())
}
