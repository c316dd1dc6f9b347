//! Receiving, sending and accepting on a socket that the caller made and keeps: `sock_recv` and its relatives.
//!
//! Each tries at once, and when the socket is not ready waits and tries again. Follows `BaseSelectorEventLoop.sock_recv`:
//! the socket is used through its own Python methods, so that whatever behaves like a socket will do.

use std::cell::Cell;

use pyo3::types::{PyAnyMethods, PyInt, PyMemoryView, PyTuple, PyTupleMethods};
use pyo3::{Bound, intern};

use super::waiting::{Waiting, check_socket};
use super::watch::Side;
use crate::event_loop::core::EventLoopData;
use crate::future::coroutine::{self, Co, Kept, KeptRef};
use crate::future::state::FutureData;
use crate::py::args::{Args, Signature};
use crate::py::call;
use crate::py::errors::{Outcome, Raised, unless_blocked};
use crate::py::instance::Ref;
use crate::py::object::Obj;
use crate::py::slots::TypeBuilder;

static RECV: Signature<2> = Signature::new("BaseSelectorEventLoop.sock_recv", ["sock", "n"], 2, 2);
static RECV_INTO: Signature<2> = Signature::new(
    "BaseSelectorEventLoop.sock_recv_into",
    ["sock", "buf"],
    2,
    2,
);
static RECVFROM: Signature<2> = Signature::new(
    "BaseSelectorEventLoop.sock_recvfrom",
    ["sock", "bufsize"],
    2,
    2,
);
static RECVFROM_INTO: Signature<3> = Signature::new(
    "BaseSelectorEventLoop.sock_recvfrom_into",
    ["sock", "buf", "nbytes"],
    3,
    2,
);
static SENDALL: Signature<2> =
    Signature::new("BaseSelectorEventLoop.sock_sendall", ["sock", "data"], 2, 2);
static SENDTO: Signature<3> = Signature::new(
    "BaseSelectorEventLoop.sock_sendto",
    ["sock", "data", "address"],
    3,
    3,
);
static ACCEPT: Signature<1> = Signature::new("BaseSelectorEventLoop.sock_accept", ["sock"], 1, 1);

/// Adds this file's methods.
pub fn methods(builder: TypeBuilder<EventLoopData>) -> TypeBuilder<EventLoopData> {
    builder
        .method(
            c"sock_recv",
            c"sock_recv($self, sock, n)\n--\n\nReceive up to n bytes from a socket.",
            |this, args| start(this, args, &RECV, Operation::Receive),
        )
        .method(
            c"sock_recv_into",
            c"sock_recv_into($self, sock, buf)\n--\n\nReceive into a buffer from a socket; the number of bytes.",
            |this, args| start(this, args, &RECV_INTO, Operation::ReceiveInto),
        )
        .method(
            c"sock_recvfrom",
            c"sock_recvfrom($self, sock, bufsize)\n--\n\n\
              Receive a datagram of up to bufsize bytes from a socket; the bytes and the sender's address.",
            |this, args| start(this, args, &RECVFROM, Operation::ReceiveFrom),
        )
        .method(
            c"sock_recvfrom_into",
            c"sock_recvfrom_into($self, sock, buf, nbytes=0)\n--\n\n\
              Receive a datagram into a buffer; the number of bytes and the sender's address.",
            |this, args| start(this, args, &RECVFROM_INTO, Operation::ReceiveFromInto),
        )
        .method(
            c"sock_sendall",
            c"sock_sendall($self, sock, data)\n--\n\nSend all of data to a socket.",
            |this, args| start(this, args, &SENDALL, Operation::SendAll),
        )
        .method(
            c"sock_sendto",
            c"sock_sendto($self, sock, data, address)\n--\n\nSend a datagram to an address; the number of bytes.",
            |this, args| start(this, args, &SENDTO, Operation::SendTo),
        )
        .method(
            c"sock_accept",
            c"sock_accept($self, sock)\n--\n\n\
              Accept a connection on a listening socket; the new socket and the other side's address.",
            |this, args| start(this, args, &ACCEPT, Operation::Accept),
        )
}

/// What is done with the socket.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    Receive,
    ReceiveInto,
    ReceiveFrom,
    ReceiveFromInto,
    SendAll,
    SendTo,
    Accept,
}

impl Operation {
    fn side(self) -> Side {
        match self {
            Self::SendAll | Self::SendTo => Side::Writer,
            _ => Side::Reader,
        }
    }

    /// The socket's own method.
    fn method(self) -> &'static str {
        match self {
            Self::Receive => "recv",
            Self::ReceiveInto => "recv_into",
            Self::ReceiveFrom => "recvfrom",
            Self::ReceiveFromInto => "recvfrom_into",
            Self::SendAll => "send",
            Self::SendTo => "sendto",
            Self::Accept => "accept",
        }
    }

    /// Tries once, with a tuple of arguments; none when the socket is not ready.
    fn attempt(self, socket: &Obj, arguments: &Obj) -> Outcome<Option<Obj>> {
        let py = socket.py();
        let arguments = arguments.bind().cast::<PyTuple>()?;
        let made = socket.bind().call_method1(self.method(), arguments);
        let result = unless_blocked(py, made.map(Obj::from).map_err(Into::into))?;
        match result {
            Some(accepted) if self == Self::Accept => non_blocking(&accepted).map(Some),
            result => Ok(result),
        }
    }
}

/// A new connection's socket blocks when the listening socket's default timeout says so; ours must not.
fn non_blocking(accepted: &Obj) -> Outcome {
    let py = accepted.py();
    let (connection, address): (Bound<'_, _>, Bound<'_, _>) = accepted.bind().extract()?;
    connection.call_method1(intern!(py, "setblocking"), (false,))?;
    Ok(Obj::from(PyTuple::new(py, [connection, address])?))
}

fn start<const N: usize>(
    this: &Ref<EventLoopData>,
    args: Args<'_>,
    signature: &'static Signature<N>,
    operation: Operation,
) -> Outcome {
    let py = this.py();
    let bound = signature.bind(py, args)?;
    let mut given = bound.into_iter().flatten();
    let none = Obj::none(py);
    let socket = given.next().unwrap_or(&none);
    let rest: Vec<&Bound<'_, _>> = given.map(Obj::bind).collect();
    let arguments = Obj::from(PyTuple::new(py, rest)?);
    coroutine::make(py, signature.function(), |co| {
        let request = Request {
            operation,
            loop_: co.keep_ref(this.clone()),
            socket: co.keep(socket.clone()),
            arguments: co.keep(arguments.clone()),
        };
        run(co, request)
    })
}

struct Request {
    operation: Operation,
    loop_: KeptRef<EventLoopData>,
    socket: Kept,
    arguments: Kept,
}

async fn run(co: Co, request: Request) -> Outcome {
    let waiting = match first_attempt(&co, &request)? {
        Progress::Done(result) => return Ok(result),
        Progress::Waiting(waiting) => waiting,
    };
    let waited = co.wait(waiting.future()).await;
    match waited {
        Err(raised) if request.operation == Operation::Accept => {
            Err(close_accepted(&waiting.future(), raised))
        }
        waited => waited,
    }
}

/// Cancelled when a connection had been accepted and the coroutine had not been told: nobody else knows of it. asyncio
/// leaves it to the collector.
fn close_accepted(future: &Obj, raised: Raised) -> Raised {
    let py = future.py();
    let done = future.downcast::<FutureData>();
    let Some(accepted) = done.and_then(|done| done.peek_result()) else {
        return raised;
    };
    let exception = raised.take(py);
    let closed = accepted
        .bind()
        .get_item(0)
        .and_then(|connection| connection.call_method0(intern!(py, "close")));
    match closed {
        Ok(_) => Raised::raise(exception),
        Err(error) => Raised::from(error),
    }
}

enum Progress {
    Done(Obj),
    Waiting(Waiting),
}

/// Tries at once, and otherwise arranges that it is tried again when the socket is ready.
fn first_attempt(co: &Co, request: &Request) -> Outcome<Progress> {
    let (loop_, socket) = (request.loop_.get(), request.socket.get());
    let (operation, mut arguments) = (request.operation, request.arguments.get());
    check_socket(&loop_, &socket)?;
    if operation == Operation::ReceiveFromInto {
        arguments = with_length(&arguments)?;
    }
    if operation == Operation::Accept {
        // asyncio asks for the descriptor first, and what is no socket fails there.
        call::method(&socket, intern!(socket.py(), "fileno"), [])?;
    }
    let result = operation.attempt(&socket, &arguments)?;
    if operation == Operation::SendAll {
        return send_rest(co, &loop_, &socket, &arguments, result);
    }
    if let Some(result) = result {
        return Ok(Progress::Done(result));
    }
    let attempt = move |socket: &Obj, arguments: &Obj| operation.attempt(socket, arguments);
    Waiting::begin(co, &loop_, operation.side(), &socket, arguments, attempt).map(Progress::Waiting)
}

/// `if not nbytes: nbytes = len(buf)`
fn with_length(arguments: &Obj) -> Outcome {
    let py = arguments.py();
    let arguments = arguments.bind().cast::<PyTuple>()?;
    let buffer = arguments.get_item(0)?;
    let size = match arguments.get_item(1) {
        Ok(size) if size.is_truthy()? => size,
        _ => PyInt::new(py, buffer.len()?).into_any(),
    };
    Ok(Obj::from(PyTuple::new(py, [buffer, size])?))
}

/// `sock_sendall` after its first `send`, which took `sent` bytes (none: the socket was not ready).
fn send_rest(
    co: &Co,
    loop_: &Ref<EventLoopData>,
    socket: &Obj,
    arguments: &Obj,
    sent: Option<Obj>,
) -> Outcome<Progress> {
    let py = socket.py();
    let data = arguments.bind().cast::<PyTuple>()?.get_item(0)?;
    let sent: usize = match sent {
        Some(sent) => sent.bind().extract()?,
        None => 0,
    };
    if sent == data.len()? {
        return Ok(Progress::Done(Obj::none(py)));
    }
    let view = Obj::from(PyMemoryView::from(&data)?);
    let position = Cell::new(sent);
    let attempt = move |socket: &Obj, view: &Obj| send_from(socket, view, &position);
    Waiting::begin(co, loop_, Side::Writer, socket, view, attempt).map(Progress::Waiting)
}

/// Sends what stands behind `position` in `view`; None, the result, when that was the rest.
fn send_from(socket: &Obj, view: &Obj, position: &Cell<usize>) -> Outcome<Option<Obj>> {
    let py = socket.py();
    let rest = call::slice(view, position.get(), None)?;
    let sent = call::method(socket, intern!(py, "send"), [&rest]);
    let Some(sent) = unless_blocked(py, sent)? else {
        return Ok(None);
    };
    position.set(position.get() + sent.bind().extract::<usize>()?);
    Ok((position.get() == view.bind().len()?).then(|| Obj::none(py)))
}
