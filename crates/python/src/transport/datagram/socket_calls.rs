//! `Calls`: how a datagram transport's system calls are made.
//!
//! On the standard library's internet sockets they are made here, without an object for what is thrown away. Any other
//! socket is used through its own Python methods: one that only behaves like a socket, and families whose addresses
//! `socket` alone can convert. (A Unix path may be longer there than its C structure, and comes from the peer.)

use std::cell::Cell;
use std::net::SocketAddr;

use pyo3::types::{PyAnyMethods, PyInt, PyString, PyStringMethods, PyTuple, PyTupleMethods};
use pyo3::{Bound, PyAny, Python, intern};
use reactor::net::literal;
use reactor::{Arrived, Datagram, Departed, Family, Fd, ReadBuffer};

use crate::handle::schedule::Scheduler;
use crate::py::bytes::{Segment, bytes, with_bytes};
use crate::py::call;
use crate::py::cell::Slot;
use crate::py::errors::{Outcome, Raised, unless_blocked};
use crate::py::gc::Visitor;
use crate::py::imports;
use crate::py::object::Obj;
use crate::transport::address;

/// The way to the kernel.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Way {
    /// The socket's own methods.
    #[default]
    Socket,
    /// System calls, with addresses of this family.
    Direct(Family),
}

/// Where a datagram goes to.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Target {
    /// Each has an address.
    #[default]
    Addressed,
    /// The peer that the socket is connected to.
    Peer,
    /// The same if there is no address: the other end of a pair of sockets has no name, by which asyncio would know it.
    PeerUnlessAddressed,
}

/// A socket's methods, and what is known of it.
#[derive(Default)]
pub struct Calls {
    /// `socket.fileno`
    fileno: Slot,
    way: Cell<Way>,
    target: Cell<Target>,
}

impl Calls {
    /// The calls of `socket`, whose descriptor is `fd`. `peer` is the name of the other end, None if it is not connected.
    ///
    /// # Errors
    /// AttributeError for what is no socket.
    pub fn of(socket: &Obj, fd: i32, peer: &Obj) -> Outcome<Self> {
        let py = socket.py();
        let class = call::attr(imports::socket(py), intern!(py, "socket"))?;
        let way = match Datagram::new(Fd::new(fd)).family() {
            Ok(Some(family)) if socket.type_is(&class) => Way::Direct(family),
            _ => Way::Socket,
        };
        let has_name = peer.bind().is_truthy()?;
        let target = match has_name {
            true => Target::Peer,
            false if peer.is_none() => Target::Addressed,
            false => Target::PeerUnlessAddressed,
        };
        Ok(Self {
            fileno: Slot::new(Some(call::attr(socket, intern!(py, "fileno"))?)),
            way: Cell::new(way),
            target: Cell::new(target),
        })
    }

    /// For the collector.
    pub fn visit(&self, visitor: &mut Visitor) {
        visitor.slot(&self.fileno);
    }

    /// Lets the socket go.
    pub fn clear(&self) {
        self.fileno.set(None);
    }

    /// The next datagram and its sender; none when nothing is there.
    ///
    /// # Errors
    /// OSError, and whatever else the methods of a socket raise that is not the standard library's.
    pub fn receive(&self, scheduler: &Scheduler, socket: &Obj) -> Outcome<Option<(Obj, Obj)>> {
        let py = socket.py();
        if self.way.get() == Way::Socket {
            let size = Obj::from(PyInt::new(py, ReadBuffer::SIZE_BYTES));
            let received = call::method(socket, intern!(py, "recvfrom"), [&size]);
            return match unless_blocked(py, received)? {
                Some(received) => unpacked(&received).map(Some),
                None => Ok(None),
            };
        }
        let datagram = self.datagram()?;
        let arrived = scheduler.turn.with_buffer(|buffer| -> Outcome<_> {
            let arrived = datagram.recv_from(buffer);
            match arrived.map_err(|error| Raised::os_error(py, &error))? {
                Arrived::Datagram { len, from } => Ok(Some((bytes(py, &buffer[..len])?, from))),
                Arrived::WouldBlock => Ok(None),
            }
        })?;
        Ok(match arrived {
            Some((data, Some(from))) => Some((data, address::of(py, from)?)),
            Some((data, None)) => Some((data, Obj::none(py))),
            None => None,
        })
    }

    /// Offers a datagram to the kernel: to the peer if there is one, else to `to`.
    ///
    /// # Errors
    /// OSError; TypeError, ValueError and OverflowError for what is no address.
    pub fn send(&self, socket: &Obj, data: &Obj, to: &Obj) -> Outcome<Departed> {
        let py = socket.py();
        let to_peer = match self.target.get() {
            Target::Addressed => false,
            Target::Peer => true,
            Target::PeerUnlessAddressed => to.is_none(),
        };
        let failed = |error: std::io::Error| Raised::os_error(py, &error);
        match (self.way.get(), to_peer) {
            (Way::Socket, true) => sent(py, call::method(socket, intern!(py, "send"), [data])),
            (Way::Socket, false) => sent_to(socket, data, to),
            (Way::Direct(_), true) => {
                let datagram = self.datagram()?;
                with_data(data, |bytes| datagram.send(bytes))?.map_err(failed)
            }
            (Way::Direct(family), false) => match literal_address(family, to) {
                // A name is for the socket to resolve, and what is no address for it to refuse.
                None => sent_to(socket, data, to),
                Some(address) => {
                    let event = Obj::from(PyString::intern(py, "socket.sendto"));
                    call::method(imports::sys(py), intern!(py, "audit"), [&event, socket, to])?;
                    let datagram = self.datagram()?;
                    with_data(data, |bytes| datagram.send_to(bytes, &address))?.map_err(failed)
                }
            },
        }
    }

    /// The socket for system calls. One that was closed or detached behind our back has the number -1 here, which the
    /// calls refuse: its old number may be somebody else's by now.
    fn datagram(&self) -> Outcome<Datagram> {
        let fd = match self.fileno.get() {
            Some(fileno) => call::call0(&fileno)?.bind().extract()?,
            None => -1,
        };
        Ok(Datagram::new(Fd::new(fd)))
    }
}

/// `socket.sendto(data, to)`
fn sent_to(socket: &Obj, data: &Obj, to: &Obj) -> Outcome<Departed> {
    let py = socket.py();
    sent(py, call::method(socket, intern!(py, "sendto"), [data, to]))
}

/// What a socket's own method says.
fn sent(py: Python<'_>, sent: Outcome) -> Outcome<Departed> {
    Ok(match unless_blocked(py, sent)? {
        Some(_) => Departed::Sent,
        None => Departed::WouldBlock,
    })
}

/// Lets `send` look at the bytes of `data`.
fn with_data<R>(data: &Obj, send: impl FnOnce(&[u8]) -> R) -> Outcome<R> {
    if data.bind().is_exact_instance_of::<pyo3::types::PyBytes>() {
        return Ok(send(Segment::of(data)?.as_ref()));
    }
    with_bytes(data, send)
}

/// The two that `recvfrom` gives.
fn unpacked(received: &Obj) -> Outcome<(Obj, Obj)> {
    let (data, from): (Bound<'_, PyAny>, Bound<'_, PyAny>) = received.bind().extract()?;
    Ok((Obj::from(data), Obj::from(from)))
}

/// The address that `to` spells out in numbers, if it does.
fn literal_address(family: Family, to: &Obj) -> Option<SocketAddr> {
    let to = to.bind().cast_exact::<PyTuple>().ok()?;
    let number = |index: usize| {
        let item = to.get_borrowed_item(index).ok()?;
        item.cast_exact::<PyInt>().ok()?.extract::<u32>().ok()
    };
    let host = to.get_borrowed_item(0).ok()?;
    let host = host.cast_exact::<PyString>().ok()?;
    let host = host.to_str().ok()?;
    let port = u16::try_from(number(1)?).ok()?;
    let mut address = literal(host, port, Some(family))?;
    match (&mut address, to.len()) {
        (_, 2) => {}
        // The flow's bytes are in an order of their own, so one that is not zero is the socket's to put in.
        (SocketAddr::V6(_), 3) if number(2)? == 0 => {}
        (SocketAddr::V6(v6), 4) if number(2)? == 0 => v6.set_scope_id(number(3)?),
        _ => return None,
    }
    Some(address)
}
