//! `OwnedSocket`: a Python socket on its way to a transport or server.

use pyo3::intern;

use crate::future::coroutine::{Co, Kept};
use crate::py::call;
use crate::py::errors::set_aside;
use crate::py::object::Obj;

/// A socket that is closed unless somebody takes it.
pub struct OwnedSocket(Option<Kept>);

impl OwnedSocket {
    /// Takes care of `socket`.
    pub fn new(co: &Co, socket: Obj) -> Self {
        Self(Some(co.keep(socket)))
    }

    /// The socket.
    ///
    /// # Panics
    /// Never: only `release` takes the socket out, and takes `self` with it.
    pub fn get(&self) -> Obj {
        self.0
            .as_ref()
            .expect("an owned socket is there until it is released")
            .get()
    }

    /// The socket, whose closing is the caller's business now.
    pub fn release(mut self) -> Obj {
        let socket = self.get();
        self.0 = None;
        socket
    }
}

impl Drop for OwnedSocket {
    fn drop(&mut self) {
        let Some(kept) = self.0.take() else {
            return;
        };
        let socket = kept.get();
        let py = socket.py();
        set_aside(py, || {
            // A new socket that cannot even be closed is not worth hiding what went wrong before.
            if let Err(raised) = call::method(&socket, intern!(py, "close"), []) {
                drop(raised.take(py));
            }
        });
    }
}
