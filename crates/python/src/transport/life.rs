//! How a stream transport opens, pauses and ends; `state.rs` draws the map. Follows `_SelectorTransport`.

use std::cell::Cell;

use pyo3::intern;
use pyo3::types::{PyAnyMethods, PyDict, PyDictMethods, PyTuple};
use reactor::{Fd, Interest};

use super::endpoint::Endpoint;
use super::extra_info::ExtraInfo;
use super::loan;
use super::report::{log_debug, warn_unclosed};
use super::server::{self, ServerData};
use super::state::{Life, Reading, StreamTransport};
use super::write;
use crate::future::state::FutureData;
use crate::handle::handle::{self, Arguments};
use crate::handle::schedule::{Entry, Scheduler};
use crate::py::call;
use crate::py::cell::Slot;
use crate::py::errors::{Outcome, Raised};
use crate::py::instance::{Payload, Ref};
use crate::py::object::Obj;

/// What a transport is made from.
pub struct Opening<'a> {
    /// A connected, non-blocking socket.
    pub socket: &'a Obj,
    /// Its protocol.
    pub protocol: &'a Obj,
    /// A future to be told when the protocol knows of the connection.
    pub waiter: Option<&'a Obj>,
    /// Who is at the other end, if that is known.
    pub peername: Option<&'a Obj>,
    /// The server that accepted the connection.
    pub server: Option<&'a Ref<ServerData>>,
    /// Whether small segments are to be sent at once (TCP_NODELAY).
    pub is_tcp: bool,
}

/// A transport whose `connection_made`, first read and waiter follow in this order (`_SelectorSocketTransport.__init__`).
///
/// # Errors
/// RuntimeError when another transport has the socket; OSError; AttributeError for what is no protocol.
pub fn open(scheduler: &Ref<Scheduler>, opening: &Opening<'_>) -> Outcome<Ref<StreamTransport>> {
    let py = scheduler.py();
    let socket = opening.socket;
    let fileno = call::attr(socket, intern!(py, "fileno"))?;
    let fd: i32 = call::call0(&fileno)?.bind().extract()?;
    refuse_taken(scheduler, socket, fd)?;
    let fields = StreamTransport {
        scheduler: Slot::new(Some(scheduler.clone())),
        extra: ExtraInfo::of(socket, opening.peername)?,
        socket: Slot::new(Some(socket.clone())),
        fileno: Slot::new(Some(fileno)),
        fd: Cell::new(fd),
        ..StreamTransport::blank()
    };
    let this = Ref::alloc(py, fields, None)?;
    this.context.begin(py)?;
    this.set_protocol(opening.protocol)?;
    if opening.is_tcp {
        let nodelay = this.stream()?.set_nodelay(true);
        nodelay.map_err(|error| Raised::os_error(py, &error))?;
    }
    this.presence.enter(&this, scheduler, Fd::new(fd))?;
    if let (Some(server), Some(link)) = (opening.server, this.presence.link()) {
        this.server.set(Some(server.clone()));
        server::attach(server, &link);
    }
    let waiter = opening.waiter.cloned().unwrap_or_else(|| Obj::none(py));
    let context = this.context.get();
    let begun = schedule_beginning(
        this.as_obj(),
        scheduler,
        context.as_ref(),
        (opening.protocol, &waiter),
    );
    if let Err(raised) = begun {
        let exception = raised.take(py);
        this.presence.leave(&this);
        return Err(Raised::raise(exception));
    }
    Ok(this)
}

/// The protocol is told first, then reading begins, then the waiter is woken: three steps of one turn, as in asyncio.
///
/// # Errors
/// AttributeError for what is no protocol; RuntimeError when the loop is closed.
pub(super) fn schedule_beginning(
    this: &Obj,
    scheduler: &Ref<Scheduler>,
    context: Option<&Obj>,
    (protocol, waiter): (&Obj, &Obj),
) -> Outcome<()> {
    let py = this.py();
    let connection_made = call::attr(protocol, intern!(py, "connection_made"))?;
    let begin = call::attr(this, intern!(py, "_begin"))?;
    soon_in(
        scheduler,
        context,
        &connection_made,
        std::slice::from_ref(this),
    )?;
    soon_in(scheduler, context, &begin, std::slice::from_ref(waiter))
}

/// RuntimeError when a living transport has the descriptor (`_ensure_fd_no_transport`). `socket` is what the text names.
///
/// # Errors
/// As said.
pub fn refuse_taken(scheduler: &Ref<Scheduler>, socket: &Obj, fd: i32) -> Outcome<()> {
    let found = scheduler.driver().and_then(|driver| {
        let token = driver.token_of(Fd::new(fd))?;
        driver.source(token)
    });
    let Some(transport) = found.and_then(|source| source.transport()) else {
        return Ok(());
    };
    let text = format!(
        "File descriptor {} is used by transport {}",
        socket.bind().repr()?,
        transport.bind().repr()?
    );
    Err(Raised::runtime_error(scheduler.py(), text))
}

/// `loop.call_soon(callback, *arguments)`.
///
/// # Errors
/// RuntimeError when the loop is closed.
pub fn soon(scheduler: &Ref<Scheduler>, callback: &Obj, arguments: &[Obj]) -> Outcome<()> {
    soon_in(scheduler, None, callback, arguments)
}

/// `loop.call_soon(callback, *arguments, context=context)`.
///
/// # Errors
/// As `soon`.
pub fn soon_in(
    scheduler: &Ref<Scheduler>,
    context: Option<&Obj>,
    callback: &Obj,
    arguments: &[Obj],
) -> Outcome<()> {
    let py = scheduler.py();
    scheduler.check_closed(py)?;
    if scheduler.is_patched() {
        return patched_soon(scheduler, context, callback, arguments);
    }
    let handle = handle::make_queued(scheduler, callback, Arguments::of(arguments), context)?;
    scheduler.push(Entry::Handle(handle));
    Ok(())
}

/// The loop's class or instance has a `call_soon` of its own.
fn patched_soon(
    scheduler: &Ref<Scheduler>,
    context: Option<&Obj>,
    callback: &Obj,
    arguments: &[Obj],
) -> Outcome<()> {
    let py = scheduler.py();
    let call_soon = call::attr(scheduler.as_obj(), intern!(py, "call_soon"))?;
    let mut all = vec![callback.bind()];
    all.extend(arguments.iter().map(Obj::bind));
    let keywords = PyDict::new(py);
    if let Some(context) = context {
        keywords.set_item(intern!(py, "context"), context.bind())?;
    }
    call_soon
        .bind()
        .call(PyTuple::new(py, all)?, Some(&keywords))?;
    Ok(())
}

/// The protocol knows of the connection: reading begins, and whoever waits for the connection has it.
///
/// # Errors
/// OSError of epoll_ctl(2).
pub fn begin(this: &Ref<StreamTransport>, waiter: &Obj) -> Outcome<()> {
    // A protocol that does not want to be read to yet has paused in `connection_made`: then nothing holds the transport.
    let begun = start_reading(this).and_then(|()| this.presence.settle(this));
    tell_waiter(waiter, begun)
}

/// Wakes whoever waits for the connection, if there is one (`futures._set_result_unless_cancelled`), also when reading
/// could not begin.
///
/// # Errors
/// What `begun` says.
pub(super) fn tell_waiter(waiter: &Obj, begun: Outcome<()>) -> Outcome<()> {
    if waiter.is_none() {
        return begun;
    }
    let py = waiter.py();
    let failure = begun.err().map(|raised| raised.take(py));
    if let Some(future) = waiter.downcast::<FutureData>()
        && !future.is_done()
    {
        future.set_result(waiter, Obj::none(py))?;
    }
    match failure {
        Some(exception) => Err(Raised::raise(exception)),
        None => Ok(()),
    }
}

/// `_add_reader`: reads, unless the user does not want it.
fn start_reading(this: &Ref<StreamTransport>) -> Outcome<()> {
    if !this.is_reading() {
        return Ok(());
    }
    this.read_context
        .set(Some(this.context.for_events(this.py())?));
    this.presence.want(this, Interest::READABLE, true)
}

/// `_remove_reader`.
///
/// # Errors
/// OSError of epoll_ctl(2).
pub fn stop_reading(this: &Ref<StreamTransport>) -> Outcome<()> {
    this.presence.want(this, Interest::READABLE, false)
}

/// `transport.pause_reading()`
///
/// # Errors
/// OSError of epoll_ctl(2).
pub fn pause_reading(this: &Ref<StreamTransport>) -> Outcome<()> {
    if !this.is_reading() {
        return Ok(());
    }
    this.reading.set(Reading::Paused);
    stop_reading(this)?;
    log_debug(this, "%r pauses reading")
}

/// `transport.resume_reading()`
///
/// # Errors
/// OSError of epoll_ctl(2).
pub fn resume_reading(this: &Ref<StreamTransport>) -> Outcome<()> {
    if this.is_closing() || this.reading.get() == Reading::Wanted {
        return Ok(());
    }
    this.reading.set(Reading::Wanted);
    start_reading(this)?;
    log_debug(this, "%r resumes reading")
}

/// `transport.close()`: what is queued is still sent.
///
/// # Errors
/// RuntimeError when the loop is closed; KeyboardInterrupt and SystemExit.
pub fn close(this: &Ref<StreamTransport>) -> Outcome<()> {
    if this.is_closing() {
        return Ok(());
    }
    write::flush(this)?;
    if this.is_closing() {
        return Ok(());
    }
    this.life.set(Life::Closing);
    stop_reading(this)?;
    if this.outgoing.len_bytes() > 0 {
        return Ok(());
    }
    lose_soon(this, None)
}

/// `self.close()` as stdlib calls it: a `close` set on the instance is the one that is called.
///
/// # Errors
/// As `close`.
pub fn close_as_found(this: &Ref<StreamTransport>) -> Outcome<()> {
    if this.is_as_made() {
        return close(this);
    }
    call::method(this.as_obj(), intern!(this.py(), "close"), []).map(drop)
}

/// `transport.abort()`: what is queued is given up, save what was gathered in this turn and the kernel has room for.
///
/// # Errors
/// RuntimeError when the loop is closed; KeyboardInterrupt and SystemExit.
pub fn abort(this: &Ref<StreamTransport>) -> Outcome<()> {
    write::flush(this)?;
    force_close(this, None)
}

/// `_force_close`
pub(super) fn force_close(this: &Ref<StreamTransport>, exception: Option<Obj>) -> Outcome<()> {
    if let Life::Lost(_) | Life::Closed(_) = this.life() {
        return Ok(());
    }
    this.outgoing.clear();
    lose_soon(this, exception)
}

/// Leaves the poller and schedules `connection_lost`.
fn lose_soon(this: &Ref<StreamTransport>, exception: Option<Obj>) -> Outcome<()> {
    let py = this.py();
    this.life.set(Life::Lost(1));
    this.presence.leave(this);
    let Some(scheduler) = this.scheduler() else {
        return Ok(());
    };
    let lost = call::attr(this.as_obj(), intern!(py, "_call_connection_lost"))?;
    soon_in(
        &scheduler,
        this.context.get().as_ref(),
        &lost,
        &[exception.unwrap_or_else(|| Obj::none(py))],
    )
}

/// Everything queued before `close()` is sent: no need to wait for another turn.
///
/// # Errors
/// What `connection_lost` raises.
pub fn lose_now(this: &Ref<StreamTransport>) -> Outcome<()> {
    this.life.set(Life::Lost(1));
    this.presence.leave(this);
    call_connection_lost(this, &Obj::none(this.py()))
}

/// `_call_connection_lost`: tells the protocol, then closes the socket, whatever the protocol raises.
///
/// # Errors
/// What `connection_lost` raises, or `socket.close()`.
pub fn call_connection_lost(this: &Ref<StreamTransport>, exception: &Obj) -> Outcome<()> {
    let py = this.py();
    let raised = tell_and_close(this.protocol.get(), exception, || {
        this.presence.leave(this);
        this.life
            .set(Life::Closed(this.life().lost_writes().max(1)));
        this.outgoing.clear();
        this.socket.take()
    });
    this.fileno.set(None);
    this.receiver.clear();
    this.protocol.set(None);
    this.context.clear();
    this.read_context.set(None);
    this.write_context.set(None);
    let detached = detach(this);
    this.scheduler.set(None);
    let raised = match this.loan.fail(|| loan::connection_closed(py)) {
        Ok(()) => raised,
        Err(failed) => raised.or(Some(failed.take(py))),
    };
    match raised {
        Some(exception) => Err(Raised::raise(exception)),
        None => detached,
    }
}

/// Tells the protocol, then closes the socket that `leave` hands out, whatever the protocol raises; what was raised.
pub(super) fn tell_and_close(
    protocol: Option<Obj>,
    exception: &Obj,
    leave: impl FnOnce() -> Option<Obj>,
) -> Option<Obj> {
    let py = exception.py();
    let told = match protocol {
        Some(protocol) => call::method(&protocol, intern!(py, "connection_lost"), [exception]),
        None => Ok(Obj::none(py)),
    };
    let raised = told.err().map(|raised| raised.take(py));
    let closed = match leave() {
        Some(socket) => call::method(&socket, intern!(py, "close"), []),
        None => Ok(Obj::none(py)),
    };
    raised.or_else(|| closed.err().map(|raised| raised.take(py)))
}

fn detach(this: &Ref<StreamTransport>) -> Outcome<()> {
    let Some(server) = this.server.take() else {
        return Ok(());
    };
    match this.presence.way() {
        Some(link) => server::detach(&server, link),
        None => Ok(()),
    }
}

/// `__del__`: the user dropped the transport without closing it.
pub(super) fn abandoned(this: &Ref<StreamTransport>) -> Outcome<()> {
    let py = this.py();
    let Some(socket) = this.socket.get() else {
        return Ok(());
    };
    this.presence.leave(this);
    let warned = warn_unclosed(this.as_obj());
    let raised = warned.err().map(|raised| raised.take(py));
    this.socket.set(None);
    call::method(&socket, intern!(py, "close"), [])?;
    detach(this)?;
    match raised {
        Some(exception) => Err(Raised::raise(exception)),
        None => Ok(()),
    }
}
