//! `Listener`: one listening socket of a server.
//!
//! Follows `BaseSelectorEventLoop._accept_connection` and `_accept_connection2`: one event brings as many connections as
//! can have been waiting, and each connection gets its protocol in the loop's next turn.

use std::net::SocketAddr;
use std::os::fd::{AsRawFd, IntoRawFd, OwnedFd};
use std::rc::Rc;

use pyo3::types::{PyAnyMethods, PyDict, PyDictMethods, PyInt};
use pyo3::{Python, intern};
use reactor::net::{self, Accepted};
use reactor::poll::Event;
use reactor::{Fd, Interest};

use super::life::{self, Opening};
use super::server::ServerData;
use super::tls::opening;
use super::{address, extra_info, report};
use crate::future::future;
use crate::handle::action;
use crate::handle::schedule::{Entry, Scheduler, Source};
use crate::py::call;
use crate::py::cell::Slot;
use crate::py::context;
use crate::py::errors::{Outcome, Raised, leaves_the_loop};
use crate::py::gc::Visitor;
use crate::py::imports;
use crate::py::instance::Ref;
use crate::py::object::Obj;

/// A socket that listens.
pub struct Listener {
    server: Slot<Ref<ServerData>>,
    socket: Slot,
    /// What accepting runs in; each connection runs in a copy of it.
    context: Slot,
    /// The family, type and protocol of the connections.
    kind: [Slot; 3],
    is_tcp: bool,
    listener: net::Listener,
    accepts_per_event: usize,
}

/// Accepts on `socket`, at most `accepts_per_event` connections at a time.
///
/// # Errors
/// RuntimeError on a closed loop; OSError of epoll_ctl(2).
pub fn start(server: &Ref<ServerData>, socket: &Obj, accepts_per_event: usize) -> Outcome<()> {
    let py = server.py();
    let Some(scheduler) = server.scheduler() else {
        return Ok(());
    };
    let fd = descriptor(socket)?;
    let kind = kind(socket)?;
    let listener = Listener {
        is_tcp: is_tcp(&kind)?,
        kind: kind.map(|part| Slot::new(Some(part))),
        server: Slot::new(Some(server.clone())),
        socket: Slot::new(Some(socket.clone())),
        context: Slot::new(Some(server.context.for_events(py)?)),
        listener: net::Listener::new(Fd::new(fd)),
        accepts_per_event,
    };
    let token = scheduler.register(py, Fd::new(fd), Interest::READABLE, Rc::new(listener))?;
    server.add_token(token);
    Ok(())
}

/// What `socket.fileno()` gives, if a poller can have it (`selectors._fileobj_to_fd`).
fn descriptor(socket: &Obj) -> Outcome<i32> {
    let py = socket.py();
    let fileno = call::method(socket, intern!(py, "fileno"), [])?;
    if !fileno.bind().is_instance_of::<PyInt>() {
        let text = format!("Invalid file object: {}", fileno.bind().repr()?);
        return Err(Raised::value_error(py, text));
    }
    let fd: i32 = fileno.bind().extract()?;
    if fd < 0 {
        let text = format!("Invalid file descriptor: {fd}");
        return Err(Raised::value_error(py, text));
    }
    Ok(fd)
}

/// The family, type and protocol of a socket.
///
/// # Errors
/// AttributeError for what is no socket.
pub fn kind(socket: &Obj) -> Outcome<[Obj; 3]> {
    let py = socket.py();
    Ok([
        call::attr(socket, intern!(py, "family"))?,
        call::attr(socket, intern!(py, "type"))?,
        call::attr(socket, intern!(py, "proto"))?,
    ])
}

/// Whether a socket of this kind speaks TCP (`base_events._set_nodelay`).
///
/// # Errors
/// TypeError for what are no numbers.
pub fn is_tcp(kind: &[Obj; 3]) -> Outcome<bool> {
    let [family, type_, protocol] = kind;
    let module = imports::socket(family.py()).bind();
    let is = |object: &Obj, name: &str| -> Outcome<bool> {
        Ok(object.bind().eq(module.getattr(name)?)?)
    };
    Ok((is(family, "AF_INET")? || is(family, "AF_INET6")?)
        && is(type_, "SOCK_STREAM")?
        && is(protocol, "IPPROTO_TCP")?)
}

impl Source for Listener {
    fn ready(self: Rc<Self>, scheduler: &Scheduler, event: Event) {
        scheduler.push(Entry::Fired(self, event));
    }

    fn fire(&self, event: Event) -> Outcome<()> {
        let (Some(context), Some(server)) = (self.context.get(), self.server.get()) else {
            return Ok(());
        };
        context::run_in(&context, || self.accept(&server, event))
    }

    fn visit(&self, visitor: &mut Visitor) {
        visitor.slot(&self.server);
        visitor.slot(&self.socket);
        visitor.slot(&self.context);
        for part in &self.kind {
            visitor.slot(part);
        }
    }
}

impl Listener {
    /// Takes what waits.
    fn accept(&self, server: &Ref<ServerData>, event: Event) -> Outcome<()> {
        let py = server.py();
        for _ in 0..self.accepts_per_event {
            if server.is_closed() {
                return Ok(());
            }
            match self.listener.accept() {
                Accepted::Connection { fd, peer } => self.connected(server, fd, peer)?,
                Accepted::WouldBlock => return Ok(()),
                Accepted::Aborted => {}
                Accepted::Exhausted(error) => return self.back_off(server, event, &error),
                Accepted::Failed(error) => return Err(Raised::os_error(py, &error)),
            }
        }
        Ok(())
    }

    /// A connection: its protocol is made in the next turn.
    fn connected(
        &self,
        server: &Ref<ServerData>,
        fd: OwnedFd,
        peer: Option<SocketAddr>,
    ) -> Outcome<()> {
        let py = server.py();
        let Some(scheduler) = server.scheduler() else {
            return Ok(());
        };
        let connection = self.socket_of(py, fd)?;
        let peer = match peer {
            Some(peer) => address::of(py, peer)?,
            None => extra_info::peername(&connection)?,
        };
        if scheduler.is_debug() {
            log_connection(server, &connection, &peer)?;
        }
        let accepted = call::attr(server.as_obj(), intern!(py, "_accepted"))?;
        let is_tcp = Obj::bool(py, self.is_tcp);
        life::soon(&scheduler, &accepted, &[connection, peer, is_tcp])
    }

    /// The Python socket that owns `fd` from now on.
    fn socket_of(&self, py: Python<'_>, fd: OwnedFd) -> Outcome {
        let part = |slot: &Slot| slot.get().unwrap_or_else(|| Obj::none(py));
        let [family, type_, protocol] = &self.kind;
        let class = call::attr(imports::socket(py), intern!(py, "socket"))?;
        let number = Obj::from(PyInt::new(py, fd.as_raw_fd()));
        let connection = call::call(
            &class,
            [&part(family), &part(type_), &part(protocol), &number],
        )?;
        // The socket has it now.
        let _number = fd.into_raw_fd();
        call::method(
            &connection,
            intern!(py, "setblocking"),
            [&Obj::bool(py, false)],
        )?;
        Ok(connection)
    }

    /// No descriptor or memory is left: accepts again after a while.
    fn back_off(
        &self,
        server: &Ref<ServerData>,
        event: Event,
        error: &std::io::Error,
    ) -> Outcome<()> {
        let py = server.py();
        let (Some(scheduler), Some(socket)) = (server.scheduler(), self.socket.get()) else {
            return Ok(());
        };
        scheduler.deregister(event.token);
        server.remove_token(event.token);
        let accepts_per_event = self.accepts_per_event;
        let held = [server.as_obj().clone(), socket.clone()];
        let again = action::make(py, held, move |[server, socket], _| {
            match server.downcast::<ServerData>() {
                Some(server) if !server.is_closed() => start(server, socket, accepts_per_event),
                _ => Ok(()),
            }
        })?;
        let delay = call::attr(imports::constants(py), intern!(py, "ACCEPT_RETRY_DELAY"))?;
        call::method(
            scheduler.as_obj(),
            intern!(py, "call_later"),
            [&delay, &again],
        )?;
        let exception = Raised::os_error(py, error).take(py);
        let class = call::attr(imports::trsock(py), intern!(py, "TransportSocket"))?;
        let context = PyDict::new(py);
        context.set_item(
            intern!(py, "message"),
            "socket.accept() out of system resource",
        )?;
        context.set_item(intern!(py, "exception"), exception.bind())?;
        context.set_item(intern!(py, "socket"), call::call(&class, [&socket])?.bind())?;
        report::tell_loop(&scheduler, context)
    }
}

fn log_connection(server: &Ref<ServerData>, connection: &Obj, peer: &Obj) -> Outcome<()> {
    let py = server.py();
    call::method(
        imports::logger(py),
        intern!(py, "debug"),
        [
            &Obj::str(py, "%r got a new connection from %r: %r"),
            server.as_obj(),
            peer,
            connection,
        ],
    )
    .map(drop)
}

/// `_accept_connection2`: makes the protocol and the transport. What fails there costs this connection only.
///
/// # Errors
/// KeyboardInterrupt and SystemExit from the protocol factory.
pub fn begin(server: &Ref<ServerData>, connection: &Obj, peer: &Obj, is_tcp: bool) -> Outcome<()> {
    let py = server.py();
    let (Some(scheduler), Some(factory)) = (server.scheduler(), server.protocol_factory.get())
    else {
        return Ok(());
    };
    if server.is_closed() {
        return call::method(connection, intern!(py, "close"), []).map(drop);
    }
    let protocol = match call::call0(&factory) {
        Ok(protocol) => protocol,
        Err(raised) => return refuse(&scheduler, connection, None, raised),
    };
    match open(&scheduler, server, connection, peer, is_tcp, &protocol) {
        Ok(()) => Ok(()),
        Err(raised) => refuse(&scheduler, connection, Some(&protocol), raised),
    }
}

fn open(
    scheduler: &Ref<Scheduler>,
    server: &Ref<ServerData>,
    connection: &Obj,
    peer: &Obj,
    is_tcp: bool,
    protocol: &Obj,
) -> Outcome<()> {
    let terms = server.terms.next()?;
    let waiter = match terms {
        Some(_) => Some(future::make(scheduler)?.into_obj()),
        None => None,
    };
    let opening = Opening {
        socket: connection,
        protocol,
        waiter: waiter.as_ref(),
        peername: Some(peer),
        server: Some(server),
        is_tcp,
    };
    let transport = opening::open(scheduler, &opening, terms.as_ref())?;
    match &waiter {
        Some(waiter) => close_if_failed(scheduler, waiter, protocol, &transport),
        None => Ok(()),
    }
}

/// Without TLS a connection cannot fail once there is a transport. With it, the end of the handshake is waited for.
fn close_if_failed(
    scheduler: &Ref<Scheduler>,
    waiter: &Obj,
    protocol: &Obj,
    transport: &Obj,
) -> Outcome<()> {
    let py = scheduler.py();
    let held = [
        scheduler.as_obj().clone(),
        protocol.clone(),
        transport.clone(),
    ];
    let closes = action::make(py, held, |[scheduler, protocol, transport], arguments| {
        let py = scheduler.py();
        let (Some(waiter), Some(scheduler)) =
            (arguments.first(), scheduler.downcast::<Scheduler>())
        else {
            return Ok(());
        };
        let failure = call::method(waiter, intern!(py, "exception"), [])?;
        if failure.is_none() {
            return Ok(());
        }
        call::method(transport, intern!(py, "close"), [])?;
        report_failed(scheduler, &failure, Some(protocol), Some(transport))
    })?;
    call::method(waiter, intern!(py, "add_done_callback"), [&closes]).map(drop)
}

/// Closes a connection that got no protocol or transport; debug mode tells why.
fn refuse(
    scheduler: &Ref<Scheduler>,
    connection: &Obj,
    protocol: Option<&Obj>,
    raised: Raised,
) -> Outcome<()> {
    let py = scheduler.py();
    let exception = raised.take(py);
    call::method(connection, intern!(py, "close"), [])?;
    if leaves_the_loop(&exception) {
        return Err(Raised::raise(exception));
    }
    report_failed(scheduler, &exception, protocol, None)
}

/// Debug mode tells why there is no connection.
fn report_failed(
    scheduler: &Ref<Scheduler>,
    exception: &Obj,
    protocol: Option<&Obj>,
    transport: Option<&Obj>,
) -> Outcome<()> {
    let py = scheduler.py();
    if !scheduler.is_debug() {
        return Ok(());
    }
    let report = PyDict::new(py);
    report.set_item(
        intern!(py, "message"),
        "Error on transport creation for incoming connection",
    )?;
    report.set_item(intern!(py, "exception"), exception.bind())?;
    if let Some(protocol) = protocol {
        report.set_item(intern!(py, "protocol"), protocol.bind())?;
    }
    if let Some(transport) = transport {
        report.set_item(intern!(py, "transport"), transport.bind())?;
    }
    report::tell_loop(scheduler, report)
}
