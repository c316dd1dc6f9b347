//! The file that a Unix socket is bound to: left over from an earlier run, and removed when the server closes.
//!
//! Follows `_UnixSelectorEventLoop.create_unix_server` and `_stop_serving`.

use pyo3::exceptions::{PyFileNotFoundError, PyOSError};
use pyo3::intern;
use pyo3::types::PyAnyMethods;

use crate::py::call;
use crate::py::errors::{Outcome, Raised};
use crate::py::imports;
use crate::py::object::Obj;

/// Whether an address (a string or bytes) is an abstract name, which is no file.
///
/// # Errors
/// IndexError for an empty one, as in asyncio.
pub fn is_abstract(path: &Obj) -> Outcome<bool> {
    let first = path.bind().get_item(0)?;
    Ok(first.eq(0)? || first.eq("\0")?)
}

/// Removes the socket that an earlier run has left at `path`; anything else there stays.
///
/// # Errors
/// What is no OSError.
pub fn remove_stale(path: &Obj) -> Outcome<()> {
    let py = path.py();
    let remove = || {
        let mode = call::attr(&status(path)?, intern!(py, "st_mode"))?;
        let module = call::attr(imports::unix_events(py), intern!(py, "stat"))?;
        let is_socket = call::method(&module, intern!(py, "S_ISSOCK"), [&mode])?;
        if is_socket.bind().is_truthy()? {
            call::method(imports::os(py), intern!(py, "remove"), [path])?;
        }
        Ok(())
    };
    let text = "Unable to check or remove stale UNIX socket %r: %r";
    tolerate(path, remove(), text)
}

/// The inode of the file that `socket` is bound to, by which it is recognized when the server closes; none for an
/// abstract name, or when somebody has removed the file.
///
/// # Errors
/// IndexError for a socket that is not bound, as in asyncio; OSError.
pub fn inode_of(socket: &Obj) -> Outcome<Option<Obj>> {
    let py = socket.py();
    let path = call::method(socket, intern!(py, "getsockname"), [])?;
    if is_abstract(&path)? {
        return Ok(None);
    }
    match status(&path) {
        Ok(status) => call::attr(&status, intern!(py, "st_ino")).map(Some),
        Err(raised) => {
            let exception = raised.take(py);
            if exception.bind().is_instance_of::<PyFileNotFoundError>() {
                return Ok(None);
            }
            Err(Raised::raise(exception))
        }
    }
}

/// Removes the file at `path` if it still is the one with this inode.
///
/// # Errors
/// What is no OSError.
pub fn clean_up(path: &Obj, inode: &Obj) -> Outcome<()> {
    let py = path.py();
    let remove = || {
        let found = call::attr(&status(path)?, intern!(py, "st_ino"))?;
        if found.bind().eq(inode.bind())? {
            call::method(imports::os(py), intern!(py, "unlink"), [path])?;
        }
        Ok(())
    };
    let text = "Unable to clean up listening UNIX socket %r: %r";
    tolerate(path, remove(), text)
}

/// `os.stat(path)`
fn status(path: &Obj) -> Outcome {
    let py = path.py();
    call::method(imports::os(py), intern!(py, "stat"), [path])
}

/// A file that is gone is as good as removed, and another OSError is logged: bind(2) may succeed all the same.
fn tolerate(path: &Obj, removed: Outcome<()>, text: &str) -> Outcome<()> {
    let Err(raised) = removed else {
        return Ok(());
    };
    let py = path.py();
    let exception = raised.take(py);
    if exception.bind().is_instance_of::<PyFileNotFoundError>() {
        return Ok(());
    }
    if !exception.bind().is_instance_of::<PyOSError>() {
        return Err(Raised::raise(exception));
    }
    call::method(
        imports::logger(py),
        intern!(py, "error"),
        [&Obj::str(py, text), path, &exception],
    )
    .map(drop)
}
