//! What `transport.get_extra_info()` knows of a socket.

use pyo3::types::{PyAnyMethods, PyDict, PyDictMethods};
use pyo3::{Bound, Python, intern};

use crate::py::call;
use crate::py::cell::Slot;
use crate::py::errors::{Outcome, Raised};
use crate::py::gc::Visitor;
use crate::py::imports;
use crate::py::object::Obj;

/// The names and addresses of a socket, which are asked for while it is open. The dict is made when it is first needed:
/// most connections of a server are never asked.
#[derive(Default)]
pub struct ExtraInfo {
    socket: Slot,
    sockname: Slot,
    peername: Slot,
    dict: Slot,
}

impl ExtraInfo {
    /// Asks the socket, for its peer only if that is not known. An address that it does not have is None.
    ///
    /// # Errors
    /// Other exceptions than OSError, from sockets that are not the standard library's.
    pub fn of(socket: &Obj, peer: Option<&Obj>) -> Outcome<Self> {
        let py = socket.py();
        Ok(Self {
            sockname: Slot::new(Some(address(socket, intern!(py, "getsockname"))?)),
            peername: Slot::new(Some(match peer {
                Some(peer) => peer.clone(),
                None => peername(socket)?,
            })),
            socket: Slot::new(Some(socket.clone())),
            dict: Slot::default(),
        })
    }

    /// The dict behind `get_extra_info` (`_extra`).
    ///
    /// # Errors
    /// `MemoryError`.
    pub fn dict(&self, py: Python<'_>) -> Outcome {
        if let Some(dict) = self.dict.get() {
            return Ok(dict);
        }
        let dict = PyDict::new(py);
        if let Some(socket) = self.socket.take() {
            let class = call::attr(imports::trsock(py), intern!(py, "TransportSocket"))?;
            let wrapped = call::call(&class, [&socket])?;
            dict.set_item(intern!(py, "socket"), wrapped.bind())?;
        }
        let addresses = [
            (intern!(py, "sockname"), self.sockname.take()),
            (intern!(py, "peername"), self.peername.take()),
        ];
        for (name, address) in addresses {
            if let Some(address) = address {
                dict.set_item(name, address.bind())?;
            }
        }
        let dict = Obj::from(dict);
        self.dict.set(Some(dict.clone()));
        Ok(dict)
    }

    /// `get_extra_info(name, default)`
    ///
    /// # Errors
    /// TypeError for a name that cannot be hashed.
    pub fn look_up(&self, py: Python<'_>, name: Option<&Obj>, default: Option<&Obj>) -> Outcome {
        let none = Obj::none(py);
        call::method(
            &self.dict(py)?,
            intern!(py, "get"),
            [name.unwrap_or(&none), default.unwrap_or(&none)],
        )
    }

    /// Puts another dict in its place.
    pub fn set_dict(&self, dict: Option<&Obj>) {
        self.dict.set(dict.cloned());
    }

    /// For the collector.
    pub fn visit(&self, visitor: &mut Visitor) {
        for slot in self.slots() {
            visitor.slot(slot);
        }
    }

    /// Lets everything go.
    pub fn clear(&self) {
        for slot in self.slots() {
            slot.set(None);
        }
    }

    fn slots(&self) -> [&Slot; 4] {
        [&self.socket, &self.sockname, &self.peername, &self.dict]
    }
}

/// `socket.getpeername()`; None when there is no peer any more.
///
/// # Errors
/// As `ExtraInfo::of`.
pub fn peername(socket: &Obj) -> Outcome {
    address(socket, intern!(socket.py(), "getpeername"))
}

/// `socket.getsockname()` or `socket.getpeername()`; None when the socket has no such address.
fn address(socket: &Obj, method: &Bound<'_, pyo3::types::PyString>) -> Outcome {
    let py = socket.py();
    match call::method(socket, method, []) {
        Ok(address) => Ok(address),
        Err(raised) => {
            let exception = raised.take(py);
            if exception
                .bind()
                .is_instance_of::<pyo3::exceptions::PyOSError>()
            {
                return Ok(Obj::none(py));
            }
            Err(Raised::raise(exception))
        }
    }
}
