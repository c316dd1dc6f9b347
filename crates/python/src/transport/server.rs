//! `Server`: listening sockets, and the connections they have brought (`asyncio.Server`).
//!
//! The face `asyncioxide.Server` derives from this type and from asyncio's abstract class. A server knows its connections
//! by their links, so that a connection whose user forgot it can still be found out.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::{Rc, Weak};

use pyo3::types::{PyAnyMethods, PyList, PyListMethods, PyTuple};
use pyo3::{Python, intern};
use reactor::Token;

use super::lifelong::LifelongContext;
use super::link::Link;
use super::state::StreamTransport;
use super::tls::terms::ServerTerms;
use super::{life, listener, socket_file};
use crate::future::coroutine::{self, Co, KeptRef};
use crate::future::future;
use crate::future::state::FutureData;
use crate::handle::schedule::Scheduler;
use crate::py::args::{Args, Signature};
use crate::py::call;
use crate::py::cell::Slot;
use crate::py::errors::{Outcome, Raised};
use crate::py::gc::Visitor;
use crate::py::imports;
use crate::py::instance::{Payload, Ref, TypeSlot};
use crate::py::object::Obj;
use crate::py::slots::TypeBuilder;
use crate::py::version::PY_3_13;

static TYPE: TypeSlot = TypeSlot::new();

/// Where a server is in its life.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It has sockets that do not listen.
    Bound,
    /// It accepts.
    Serving,
    /// `close` was called.
    Closed,
}

/// The fields of a server.
pub struct ServerData {
    scheduler: Slot<Ref<Scheduler>>,
    /// The list of sockets; none once closed.
    sockets: Slot,
    /// Makes a protocol for each connection.
    pub protocol_factory: Slot,
    backlog: Slot,
    /// What TLS is to be like on the connections.
    pub terms: ServerTerms,
    /// The inode of the file to remove when the server closes, if it is to.
    socket_file: Slot,
    /// The futures of `wait_closed`, a list; none once they were woken.
    waiters: Slot,
    /// The future of `serve_forever`.
    forever: Slot<Ref<FutureData>>,
    /// The sockets' entries in the poller.
    tokens: RefCell<Vec<Token>>,
    /// The open connections. Limit: the process's descriptors.
    clients: RefCell<HashMap<*const Link<StreamTransport>, Weak<Link<StreamTransport>>>>,
    /// What connections are accepted in; each gets a copy.
    pub(super) context: LifelongContext,
    stage: Cell<Stage>,
}

impl Payload for ServerData {
    const TYPE: &'static TypeSlot = &TYPE;

    fn blank() -> Self {
        Self {
            scheduler: Slot::default(),
            sockets: Slot::default(),
            protocol_factory: Slot::default(),
            backlog: Slot::default(),
            terms: ServerTerms::default(),
            socket_file: Slot::default(),
            waiters: Slot::default(),
            forever: Slot::default(),
            tokens: RefCell::default(),
            clients: RefCell::default(),
            context: LifelongContext::default(),
            stage: Cell::new(Stage::Closed),
        }
    }

    fn visit(&self, visitor: &mut Visitor) {
        visitor.slot(&self.scheduler);
        visitor.slot(&self.sockets);
        visitor.slot(&self.protocol_factory);
        visitor.slot(&self.backlog);
        self.terms.visit(visitor);
        visitor.slot(&self.socket_file);
        visitor.slot(&self.waiters);
        visitor.slot(&self.forever);
        self.context.visit(visitor);
    }

    fn clear(&self) {
        self.sockets.set(None);
        self.protocol_factory.set(None);
        self.terms.clear();
        self.waiters.set(None);
        self.forever.set(None);
        self.context.clear();
        self.scheduler.set(None);
    }
}

impl ServerData {
    /// The loop, unless the collector has been here.
    pub fn scheduler(&self) -> Option<Ref<Scheduler>> {
        self.scheduler.get()
    }

    /// Whether `close` was called.
    pub fn is_closed(&self) -> bool {
        self.stage.get() == Stage::Closed
    }

    /// The inode of the file that the socket is bound to, to be removed when the server closes.
    pub fn set_socket_file(&self, inode: Option<Obj>) {
        self.socket_file.set(inode);
    }

    /// Remembers a socket's entry in the poller.
    pub fn add_token(&self, token: Token) {
        self.tokens.borrow_mut().push(token);
    }

    /// Forgets it again.
    pub fn remove_token(&self, token: Token) {
        self.tokens.borrow_mut().retain(|own| *own != token);
    }

    fn links(&self) -> Vec<Rc<Link<StreamTransport>>> {
        self.clients
            .borrow()
            .values()
            .filter_map(Weak::upgrade)
            .collect()
    }
}

/// `Server._attach`: a connection was accepted.
pub fn attach(this: &Ref<ServerData>, link: &Rc<Link<StreamTransport>>) {
    this.clients
        .borrow_mut()
        .insert(Rc::as_ptr(link), Rc::downgrade(link));
}

/// `Server._detach`: a connection is closed. The last one of a closed server wakes those who wait for that.
///
/// # Errors
/// RuntimeError when the loop is closed.
pub fn detach(this: &Ref<ServerData>, link: &Weak<Link<StreamTransport>>) -> Outcome<()> {
    let removed = this.clients.borrow_mut().remove(&link.as_ptr());
    drop(removed);
    wake_if_over(this)
}

/// `Server._wakeup`, when the server is closed and has no connection.
fn wake_if_over(this: &Ref<ServerData>) -> Outcome<()> {
    if !this.is_closed() || !this.clients.borrow().is_empty() {
        return Ok(());
    }
    let Some(waiters) = this.waiters.take() else {
        return Ok(());
    };
    let py = this.py();
    for waiter in waiters.bind().cast::<PyList>()?.iter() {
        let waiter = Obj::from(waiter);
        if let Some(future) = waiter.downcast::<FutureData>()
            && !future.is_done()
        {
            future.set_result(&waiter, Obj::none(py))?;
        }
    }
    Ok(())
}

fn initialise(this: &Ref<ServerData>, args: Args<'_>) -> Outcome<()> {
    const SIGNATURE: Signature<7> = Signature::new(
        "Server.__init__",
        [
            "loop",
            "sockets",
            "protocol_factory",
            "ssl_context",
            "backlog",
            "ssl_handshake_timeout",
            "ssl_shutdown_timeout",
        ],
        7,
        6,
    );
    let py = this.py();
    let [
        loop_,
        sockets,
        protocol_factory,
        ssl_context,
        backlog,
        ssl_handshake_timeout,
        ssl_shutdown_timeout,
    ] = SIGNATURE.bind(py, args)?;
    let Some(scheduler) = loop_.and_then(Obj::downcast::<Scheduler>) else {
        let text = "an asyncioxide server belongs to an asyncioxide loop";
        return Err(Raised::type_error(py, text));
    };
    this.scheduler.set(Some(scheduler.clone()));
    this.sockets.set(sockets.cloned());
    this.protocol_factory.set(protocol_factory.cloned());
    this.backlog.set(backlog.cloned());
    this.terms
        .set(ssl_context, ssl_handshake_timeout, ssl_shutdown_timeout);
    this.waiters.set(Some(Obj::from(PyList::empty(py))));
    this.context.begin(py)?;
    this.stage.set(Stage::Bound);
    Ok(())
}

fn sockets(this: &Ref<ServerData>) -> Outcome<Vec<Obj>> {
    let Some(sockets) = this.sockets.get() else {
        return Ok(Vec::new());
    };
    let items = sockets.bind().try_iter()?;
    Ok(items
        .map(|socket| socket.map(Obj::from))
        .collect::<Result<_, _>>()?)
}

/// `server.sockets`: wrapped, so that nobody closes them.
fn transport_sockets(this: &Ref<ServerData>) -> Outcome {
    let py = this.py();
    let class = call::attr(imports::trsock(py), intern!(py, "TransportSocket"))?;
    let mut wrapped = Vec::new();
    for socket in sockets(this)? {
        wrapped.push(call::call(&class, [&socket])?);
    }
    Ok(Obj::from(PyTuple::new(py, wrapped.iter().map(Obj::bind))?))
}

/// `Server._start_serving`: listens and accepts.
///
/// # Errors
/// OSError of listen(2); TypeError when the server is closed, as in asyncio.
pub fn start(this: &Ref<ServerData>) -> Outcome<()> {
    let py = this.py();
    match this.stage.get() {
        Stage::Serving => return Ok(()),
        Stage::Closed => {
            let text = "'NoneType' object is not iterable";
            return Err(Raised::type_error(py, text));
        }
        Stage::Bound => this.stage.set(Stage::Serving),
    }
    let backlog = this.backlog.get().unwrap_or_else(|| Obj::none(py));
    for socket in sockets(this)? {
        call::method(&socket, intern!(py, "listen"), [&backlog])?;
        listener::start(this, &socket, accepts_per_event(&backlog)?)?;
    }
    Ok(())
}

/// How many connections one event may bring: as many as can have been waiting.
fn accepts_per_event(backlog: &Obj) -> Outcome<usize> {
    let backlog: i64 = backlog.bind().extract()?;
    Ok(usize::try_from(backlog).unwrap_or(0).saturating_add(1))
}

/// `server.close()`: accepts no more. Open connections stay.
///
/// # Errors
/// OSError of close(2).
pub fn close(this: &Ref<ServerData>) -> Outcome<()> {
    if this.is_closed() {
        return Ok(());
    }
    let sockets = sockets(this)?;
    this.stage.set(Stage::Closed);
    this.sockets.set(None);
    let tokens = std::mem::take(&mut *this.tokens.borrow_mut());
    if let Some(scheduler) = this.scheduler() {
        for token in tokens {
            scheduler.deregister(token);
        }
    }
    for socket in sockets {
        stop_listening(&socket, this.socket_file.get())?;
    }
    if let Some(forever) = this.forever.take() {
        forever.cancel(forever.as_obj(), None)?;
    }
    wake_if_over(this)
}

/// Closes a socket, and removes the file that it was bound to if that has this inode.
fn stop_listening(socket: &Obj, inode: Option<Obj>) -> Outcome<()> {
    let py = socket.py();
    let file = match inode {
        Some(inode) => Some((call::method(socket, intern!(py, "getsockname"), [])?, inode)),
        None => None,
    };
    call::method(socket, intern!(py, "close"), [])?;
    match file {
        Some((path, inode)) => socket_file::clean_up(&path, &inode),
        None => Ok(()),
    }
}

fn close_clients(this: &Ref<ServerData>) -> Outcome<()> {
    for transport in this.links().iter().filter_map(|link| link.find()) {
        life::close_as_found(&transport)?;
    }
    Ok(())
}

fn abort_clients(this: &Ref<ServerData>) -> Outcome<()> {
    for transport in this.links().iter().filter_map(|link| link.find()) {
        life::abort(&transport)?;
    }
    Ok(())
}

fn waiter_future(this: &Ref<ServerData>) -> Outcome<Ref<FutureData>> {
    match this.scheduler() {
        Some(scheduler) => future::make(&scheduler),
        None => Err(Raised::runtime_error(this.py(), "the server has no loop")),
    }
}

fn start_serving(this: &Ref<ServerData>) -> Outcome {
    let py = this.py();
    let server = this.clone();
    coroutine::make(py, "Server.start_serving", |co| {
        let server = co.keep_ref(server);
        async move {
            start(&server.get())?;
            // The other callbacks' turn, as in asyncio.
            co.pause().await?;
            Ok(Obj::none(server.get().py()))
        }
    })
}

fn serve_forever(this: &Ref<ServerData>) -> Outcome {
    let server = this.clone();
    coroutine::make(this.py(), "Server.serve_forever", |co| {
        let server = co.keep_ref(server);
        async move { serve(&co, &server).await }
    })
}

async fn serve(co: &Co, server: &KeptRef<ServerData>) -> Outcome {
    let forever = begin_forever(&server.get())?;
    let result = co.wait(forever.into_obj()).await;
    let result = match result {
        Ok(_) => Ok(Obj::none(server.get().py())),
        Err(raised) => {
            let exception = co.keep(raised.take(server.get().py()));
            if is_cancellation(&exception.get())? {
                end(co, server).await?;
            }
            Err(Raised::raise(exception.get()))
        }
    };
    server.get().forever.set(None);
    result
}

fn is_cancellation(exception: &Obj) -> Outcome<bool> {
    let class = imports::cancelled_error(exception.py());
    Ok(exception.bind().is_instance(class.bind())?)
}

fn begin_forever(this: &Ref<ServerData>) -> Outcome<Ref<FutureData>> {
    let py = this.py();
    let repr = || this.as_obj().bind().repr();
    if this.forever.is_some() {
        let text = format!(
            "server {} is already being awaited on serve_forever()",
            repr()?
        );
        return Err(Raised::runtime_error(py, text));
    }
    if this.is_closed() {
        return Err(Raised::runtime_error(
            py,
            format!("server {} is closed", repr()?),
        ));
    }
    start(this)?;
    let forever = waiter_future(this)?;
    this.forever.set(Some(forever.clone()));
    Ok(forever)
}

/// `serve_forever` was cancelled: the server ends before the cancellation goes on.
async fn end(co: &Co, server: &KeptRef<ServerData>) -> Outcome<()> {
    close(&server.get())?;
    if closes_clients_when_cancelled(server.get().py())? {
        close_clients(&server.get())?;
    }
    wait(co, server).await
}

/// What the running Python does there is read off its code: the change came with a bugfix release.
fn closes_clients_when_cancelled(py: Python<'_>) -> Outcome<bool> {
    let names = imports::base_events(py)
        .bind()
        .getattr(intern!(py, "Server"))?
        .getattr(intern!(py, "serve_forever"))?
        .getattr(intern!(py, "__code__"))?
        .getattr(intern!(py, "co_names"))?;
    Ok(names.contains(intern!(py, "close_clients"))?)
}

fn wait_closed(this: &Ref<ServerData>) -> Outcome {
    let server = this.clone();
    coroutine::make(this.py(), "Server.wait_closed", |co| {
        let server = co.keep_ref(server);
        async move {
            wait(&co, &server).await?;
            Ok(Obj::none(server.get().py()))
        }
    })
}

/// Waits until the server is closed and has no connections. Before 3.12.1 asyncio did not wait for everything.
async fn wait(co: &Co, server: &KeptRef<ServerData>) -> Outcome<()> {
    let waiter = {
        let this = server.get();
        let version = this.py().version_info();
        let is_over = match () {
            () if version < (3, 12) => this.is_closed(),
            () if version < (3, 12, 1) => this.clients.borrow().is_empty(),
            () => false,
        };
        let Some(waiters) = this.waiters.get().filter(|_| !is_over) else {
            return Ok(());
        };
        let waiter = waiter_future(&this)?;
        waiters
            .bind()
            .cast::<PyList>()?
            .append(waiter.as_obj().bind())?;
        waiter
    };
    co.wait(waiter.into_obj()).await.map(drop)
}

fn repr(this: &Ref<ServerData>) -> Outcome {
    let py = this.py();
    let class = this.as_obj().bind().get_type();
    let name = class.getattr(intern!(py, "__name__"))?;
    let text = format!(
        "<{name} sockets={}>",
        transport_sockets(this)?.bind().repr()?
    );
    Ok(Obj::str(py, &text))
}

fn or_none(py: Python<'_>, value: Option<Obj>) -> Outcome {
    Ok(value.unwrap_or_else(|| Obj::none(py)))
}

/// Builds the type.
///
/// # Errors
/// What making a type raises.
pub fn build(py: Python<'_>) -> Outcome {
    let builder = TypeBuilder::<ServerData>::new(
        c"asyncioxide._asyncioxide.Server",
        c"Returned by loop.create_server(); see asyncio.Server.",
    )
    .subclassable()
    .constructor(initialise)
    .repr(repr);
    attributes(methods(builder))
        .when(PY_3_13, for_clients)
        .build(py)
}

fn methods(builder: TypeBuilder<ServerData>) -> TypeBuilder<ServerData> {
    builder
        .method0(
            c"get_loop",
            c"get_loop($self, /)\n--\n\nThe event loop.",
            |this| or_none(this.py(), this.scheduler().map(Ref::into_obj)),
        )
        .method0(
            c"is_serving",
            c"is_serving($self, /)\n--\n\nWhether connections are accepted.",
            |this| Ok(Obj::bool(this.py(), this.stage.get() == Stage::Serving)),
        )
        .method0(
            c"start_serving",
            c"start_serving($self, /)\n--\n\nAccept connections from now on. A coroutine.",
            start_serving,
        )
        .method0(
            c"serve_forever",
            c"serve_forever($self, /)\n--\n\nAccept connections until cancelled, then close. A coroutine.",
            serve_forever,
        )
        .method0(
            c"close",
            c"close($self, /)\n--\n\nStop listening. Open connections stay open.",
            |this| {
                close(this)?;
                Ok(Obj::none(this.py()))
            },
        )
        .method0(
            c"wait_closed",
            c"wait_closed($self, /)\n--\n\n\
              Wait until the server is closed and its connections are gone. A coroutine.",
            wait_closed,
        )
        .method0(
            c"_start_serving",
            c"_start_serving($self, /)\n--\n\nAccept connections from now on.",
            |this| {
                start(this)?;
                Ok(Obj::none(this.py()))
            },
        )
        .method(
            c"_accepted",
            c"_accepted($self, sock, peername, is_tcp, /)\n--\n\nGive a new connection its protocol.",
            accepted,
        )
}

fn accepted(this: &Ref<ServerData>, args: Args<'_>) -> Outcome {
    const SIGNATURE: Signature<3> =
        Signature::new("Server._accepted", ["sock", "peername", "is_tcp"], 3, 3);
    let py = this.py();
    if let [Some(socket), Some(peer), Some(is_tcp)] = SIGNATURE.bind(py, args)? {
        listener::begin(this, socket, peer, is_tcp.bind().is_truthy()?)?;
    }
    Ok(Obj::none(py))
}

/// What Python 3.13 added.
fn for_clients(builder: TypeBuilder<ServerData>) -> TypeBuilder<ServerData> {
    builder
        .method0(
            c"close_clients",
            c"close_clients($self, /)\n--\n\nClose all connections once what is queued is sent.",
            |this| {
                close_clients(this)?;
                Ok(Obj::none(this.py()))
            },
        )
        .method0(
            c"abort_clients",
            c"abort_clients($self, /)\n--\n\nClose all connections at once.",
            |this| {
                abort_clients(this)?;
                Ok(Obj::none(this.py()))
            },
        )
}

fn attributes(builder: TypeBuilder<ServerData>) -> TypeBuilder<ServerData> {
    builder
        .getter(
            c"sockets",
            c"The listening sockets, wrapped; empty once closed.",
            transport_sockets,
        )
        .getter(
            c"_sockets",
            c"The listening sockets; None once closed.",
            |this| or_none(this.py(), this.sockets.get()),
        )
        .getter(
            c"_waiters",
            c"The futures of wait_closed(); None once they were woken.",
            |this| or_none(this.py(), this.waiters.get()),
        )
        .getter(c"_ssl_context", c"The context for TLS, or None.", |this| {
            or_none(this.py(), this.terms.context())
        })
        .getter(c"_loop", c"The event loop.", |this| {
            or_none(this.py(), this.scheduler().map(Ref::into_obj))
        })
        .getter(
            c"_protocol_factory",
            c"What makes a protocol for each connection.",
            |this| or_none(this.py(), this.protocol_factory.get()),
        )
}
