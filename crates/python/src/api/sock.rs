//! `sock_connect`: connecting a socket that the caller made and keeps.
//!
//! aiohttp opens its connections this way. The other `sock_*` methods are in `sock_io.rs`.

use pyo3::types::PyAnyMethods;
use pyo3::{Python, intern};

use super::resolve::{Hints, resolve};
use super::waiting::{Waiting, check_socket};
use super::watch::Side;
use crate::event_loop::core::EventLoopData;
use crate::future::coroutine::{self, Co, Kept, KeptRef};
use crate::py::args::{Args, Signature};
use crate::py::call;
use crate::py::errors::{Outcome, Raised, unless_blocked};
use crate::py::imports;
use crate::py::instance::Ref;
use crate::py::object::Obj;
use crate::py::slots::TypeBuilder;
use crate::transport::address::parts;

/// Adds this file's methods.
pub fn methods(builder: TypeBuilder<EventLoopData>) -> TypeBuilder<EventLoopData> {
    builder.method(
        c"sock_connect",
        c"sock_connect($self, sock, address)\n--\n\n\
          Connect a non-blocking socket to a remote address, resolving its host if it has one.",
        sock_connect,
    )
}

fn sock_connect(this: &Ref<EventLoopData>, args: Args<'_>) -> Outcome {
    const SIGNATURE: Signature<2> = Signature::new(
        "BaseSelectorEventLoop.sock_connect",
        ["sock", "address"],
        2,
        2,
    );
    let py = this.py();
    let [socket, address] = SIGNATURE.bind(py, args)?;
    let none = Obj::none(py);
    let (socket, address) = (socket.unwrap_or(&none), address.unwrap_or(&none));
    coroutine::make(py, "BaseSelectorEventLoop.sock_connect", |co| {
        let request = Request {
            loop_: co.keep_ref(this.clone()),
            socket: co.keep(socket.clone()),
            address: co.keep(address.clone()),
        };
        connect(co, request)
    })
}

struct Request {
    loop_: KeptRef<EventLoopData>,
    socket: Kept,
    address: Kept,
}

/// `BaseSelectorEventLoop.sock_connect`.
async fn connect(co: Co, request: Request) -> Outcome {
    check_socket(&request.loop_.get(), &request.socket.get())?;
    let address = match Kind::of_internet(&co, &request.socket.get())? {
        Some(kind) => {
            let infos = resolve(&co, &request.loop_, request.address.get(), kind.hints()).await?;
            co.keep(resolved_address(&infos)?)
        }
        None => co.keep(request.address.get()),
    };
    if let Some(waiting) = begin(&co, &request, &address)? {
        let future = waiting.future();
        co.wait(future).await?;
        drop(waiting);
        finish(&request, &address)?;
    }
    Ok(Obj::none(request.socket.get().py()))
}

/// What the resolver is told of a socket.
struct Kind {
    family: Kept,
    type_: Kept,
    protocol: Kept,
    flags: Kept,
}

impl Kind {
    /// Of one of the internet's sockets; none for others, whose addresses are taken as they are.
    fn of_internet(co: &Co, socket: &Obj) -> Outcome<Option<Self>> {
        let py = socket.py();
        let module = imports::socket(py).bind();
        let family = call::attr(socket, intern!(py, "family"))?;
        let is_internet = family.bind().eq(module.getattr(intern!(py, "AF_INET"))?)?
            || family.bind().eq(module.getattr(intern!(py, "AF_INET6"))?)?;
        if !is_internet {
            return Ok(None);
        }
        let flags = Obj::from(pyo3::types::PyInt::new(py, 0));
        Ok(Some(Self {
            family: co.keep(family),
            type_: co.keep(call::attr(socket, intern!(py, "type"))?),
            protocol: co.keep(call::attr(socket, intern!(py, "proto"))?),
            flags: co.keep(flags),
        }))
    }

    fn hints(&self) -> Hints<'_> {
        Hints {
            family: &self.family,
            type_: Some(&self.type_),
            protocol: Some(&self.protocol),
            flags: &self.flags,
        }
    }
}

/// The address of the first info.
fn resolved_address(infos: &[Kept]) -> Outcome {
    let Some(info) = infos.first() else {
        let error = pyo3::exceptions::PyIndexError::new_err("list index out of range");
        return Err(Raised::from(error));
    };
    let [_, _, _, _, address] = parts(&info.get())?;
    Ok(address)
}

/// `sock.connect(address)`; none when it is connected at once.
fn begin(co: &Co, request: &Request, address: &Kept) -> Outcome<Option<Waiting>> {
    let (socket, loop_) = (request.socket.get(), request.loop_.get());
    let py = socket.py();
    let connect = call::method(&socket, intern!(py, "connect"), [&address.get()]);
    if unless_blocked(py, connect)?.is_some() {
        return Ok(None);
    }
    let none = Obj::none(py);
    let is_writable = |socket: &Obj, _: &Obj| Ok(Some(Obj::none(socket.py())));
    Waiting::begin(co, &loop_, Side::Writer, &socket, none, is_writable).map(Some)
}

/// What became of it (`_sock_connect_cb`).
fn finish(request: &Request, address: &Kept) -> Outcome<()> {
    let socket = request.socket.get();
    let py: Python<'_> = socket.py();
    let module = imports::socket(py);
    let level = call::attr(module, intern!(py, "SOL_SOCKET"))?;
    let option = call::attr(module, intern!(py, "SO_ERROR"))?;
    let error = call::method(&socket, intern!(py, "getsockopt"), [&level, &option])?;
    if error.bind().eq(0)? {
        return Ok(());
    }
    let text = format!("Connect call failed {}", address.get().bind().str()?);
    let class = Obj::from(py.get_type::<pyo3::exceptions::PyOSError>());
    Err(call::raise(&call::call(
        &class,
        [&error, &Obj::str(py, &text)],
    )?))
}
