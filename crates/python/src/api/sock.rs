//! `sock_connect`: connecting a socket that the caller made and keeps.
//!
//! aiohttp opens its connections this way. The other `sock_*` methods are in `not_yet.rs`.

use pyo3::exceptions::{PyBlockingIOError, PyInterruptedError};
use pyo3::types::{PyAnyMethods, PyTuple, PyTupleMethods};
use pyo3::{Python, intern};

use super::resolve::{Hints, resolve};
use super::watch;
use crate::event_loop::core::EventLoopData;
use crate::future::coroutine::{self, Co, Kept, KeptRef};
use crate::future::future;
use crate::future::state::FutureData;
use crate::handle::action;
use crate::handle::handle::HandleData;
use crate::py::args::{Args, Signature};
use crate::py::call;
use crate::py::errors::{Outcome, Raised, set_aside};
use crate::py::imports;
use crate::py::instance::Ref;
use crate::py::object::Obj;
use crate::py::slots::TypeBuilder;

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
    check(&request)?;
    let address = match internet_hints(&co, &request)? {
        Some((family, protocol, flags)) => {
            let hints = Hints {
                family: &family,
                protocol: Some(&protocol),
                flags: &flags,
            };
            let infos = resolve(&co, &request.loop_, request.address.get(), hints).await?;
            co.keep(resolved_address(&infos)?)
        }
        None => co.keep(request.address.get()),
    };
    if let Some(connecting) = begin(&co, &request, &address)? {
        co.wait(connecting.done.get().into_obj()).await?;
        drop(connecting);
        finish(&request, &address)?;
    }
    Ok(Obj::none(request.socket.get().py()))
}

fn check(request: &Request) -> Outcome<()> {
    let socket = request.socket.get();
    let py = socket.py();
    super::connect::check_ssl_socket(&socket)?;
    if request.loop_.get().base.is_debug() {
        let timeout = call::method(&socket, intern!(py, "gettimeout"), [])?;
        if !timeout.bind().eq(0)? {
            return Err(Raised::value_error(py, "the socket must be non-blocking"));
        }
    }
    Ok(())
}

/// Family, protocol and flags for the resolver, when the socket is one of the internet's.
fn internet_hints(co: &Co, request: &Request) -> Outcome<Option<(Kept, Kept, Kept)>> {
    let socket = request.socket.get();
    let py = socket.py();
    let module = imports::socket(py).bind();
    let family = call::attr(&socket, intern!(py, "family"))?;
    let is_internet = family.bind().eq(module.getattr(intern!(py, "AF_INET"))?)?
        || family.bind().eq(module.getattr(intern!(py, "AF_INET6"))?)?;
    if !is_internet {
        return Ok(None);
    }
    let protocol = call::attr(&socket, intern!(py, "proto"))?;
    let flags = Obj::from(pyo3::types::PyInt::new(py, 0));
    Ok(Some((co.keep(family), co.keep(protocol), co.keep(flags))))
}

/// The address of the first info.
fn resolved_address(infos: &[Kept]) -> Outcome {
    let Some(info) = infos.first() else {
        return Err(Raised::from(pyo3::exceptions::PyOSError::new_err(
            "getaddrinfo() returned empty list",
        )));
    };
    let info = info.get();
    Ok(Obj::from(info.bind().cast::<PyTuple>()?.get_item(4)?))
}

/// A connection under way: the future that its writability fulfils, and the writer that will do it.
struct Connecting {
    loop_: KeptRef<EventLoopData>,
    fd: i32,
    writer: KeptRef<HandleData>,
    done: KeptRef<FutureData>,
}

impl Drop for Connecting {
    fn drop(&mut self) {
        // A writer that somebody replaced meanwhile was cancelled, and the descriptor is theirs.
        if self.writer.get().is_cancelled() {
            return;
        }
        let loop_ = self.loop_.get();
        let py = loop_.py();
        set_aside(py, || {
            if let Err(raised) = watch::stop_writing(&loop_, self.fd) {
                raised.unraisable(py, Some(loop_.as_obj()));
            }
        });
    }
}

/// `sock.connect(address)`; none when it is connected at once.
fn begin(co: &Co, request: &Request, address: &Kept) -> Outcome<Option<Connecting>> {
    let (socket, loop_) = (request.socket.get(), request.loop_.get());
    let py = socket.py();
    let fd: i32 = call::method(&socket, intern!(py, "fileno"), [])?
        .bind()
        .extract()?;
    let Err(raised) = call::method(&socket, intern!(py, "connect"), [&address.get()]) else {
        return Ok(None);
    };
    let exception = raised.take(py);
    let is_under_way = exception.bind().is_instance_of::<PyBlockingIOError>()
        || exception.bind().is_instance_of::<PyInterruptedError>();
    if !is_under_way {
        return Err(Raised::raise(exception));
    }
    let done = future::make(loop_.upcast())?;
    let callback = action::make(py, [done.as_obj().clone()], |[done], _| {
        match done.downcast::<FutureData>() {
            Some(future) if !future.is_done() => future.set_result(done, Obj::none(done.py())),
            _ => Ok(()),
        }
    })?;
    let writer = watch::start_writing(&loop_, fd, &callback)?;
    Ok(Some(Connecting {
        loop_: co.keep_ref(loop_),
        fd,
        writer: co.keep_ref(writer),
        done: co.keep_ref(done),
    }))
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
