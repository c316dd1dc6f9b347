//! How a datagram transport opens, pauses and ends. Follows `_SelectorTransport` and `_SelectorDatagramTransport`.

use std::cell::Cell;

use pyo3::intern;
use pyo3::types::PyAnyMethods;
use reactor::{Fd, Interest};

use super::socket_calls::Calls;
use super::state::DatagramTransport;
use crate::handle::schedule::Scheduler;
use crate::py::call;
use crate::py::cell::Slot;
use crate::py::context;
use crate::py::errors::{Outcome, Raised};
use crate::py::instance::{Payload, Ref};
use crate::py::object::Obj;
use crate::transport::endpoint::Endpoint;
use crate::transport::extra_info::{self, ExtraInfo};
use crate::transport::life::{refuse_taken, schedule_beginning, soon, tell_and_close, tell_waiter};
use crate::transport::report::{log_debug, warn_unclosed};
use crate::transport::state::{Life, Reading};

/// A transport over `socket` whose `connection_made`, first read and waiter follow in this order. `address`: the only one
/// that may be sent to.
///
/// # Errors
/// RuntimeError when another transport has the socket; OSError; AttributeError for what is no protocol.
pub fn open(
    scheduler: &Ref<Scheduler>,
    socket: &Obj,
    protocol: &Obj,
    address: &Obj,
    waiter: &Obj,
) -> Outcome<Ref<DatagramTransport>> {
    let py = scheduler.py();
    let fd: i32 = call::method(socket, intern!(py, "fileno"), [])?
        .bind()
        .extract()?;
    refuse_taken(scheduler, socket, fd)?;
    let peer = extra_info::peername(socket)?;
    let has_address = address.bind().is_truthy()?;
    let fields = DatagramTransport {
        scheduler: Slot::new(Some(scheduler.clone())),
        extra: ExtraInfo::of(socket, Some(&peer))?,
        socket: Slot::new(Some(socket.clone())),
        calls: Calls::of(socket, fd, &peer)?,
        protocol: Slot::new(Some(protocol.clone())),
        address: Slot::new(has_address.then(|| address.clone())),
        fd: Cell::new(fd),
        ..DatagramTransport::blank()
    };
    let this = Ref::alloc(py, fields, None)?;
    let begun = this
        .presence
        .enter(&this, scheduler, Fd::new(fd))
        .and_then(|()| schedule_beginning(this.as_obj(), scheduler, None, (protocol, waiter)));
    if let Err(raised) = begun {
        let exception = raised.take(py);
        this.presence.leave(&this);
        // The socket stays the caller's.
        this.socket.set(None);
        return Err(Raised::raise(exception));
    }
    Ok(this)
}

/// The protocol knows of the endpoint: reading begins, and whoever waits for the endpoint has it.
///
/// # Errors
/// OSError of epoll_ctl(2).
pub fn begin(this: &Ref<DatagramTransport>, waiter: &Obj) -> Outcome<()> {
    let begun = start_reading(this).and_then(|()| this.presence.settle(this));
    tell_waiter(waiter, begun)
}

fn start_reading(this: &Ref<DatagramTransport>) -> Outcome<()> {
    if !this.is_reading() {
        return Ok(());
    }
    let context = context::copy_current(this.py())?;
    this.read_context.set(Some(context));
    this.presence.want(this, Interest::READABLE, true)
}

/// `transport.pause_reading()`
///
/// # Errors
/// OSError of epoll_ctl(2).
pub fn pause_reading(this: &Ref<DatagramTransport>) -> Outcome<()> {
    if !this.is_reading() {
        return Ok(());
    }
    this.reading.set(Reading::Paused);
    this.presence.want(this, Interest::READABLE, false)?;
    log_debug(this, "%r pauses reading")
}

/// `transport.resume_reading()`
///
/// # Errors
/// OSError of epoll_ctl(2).
pub fn resume_reading(this: &Ref<DatagramTransport>) -> Outcome<()> {
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
/// RuntimeError when the loop is closed.
pub fn close(this: &Ref<DatagramTransport>) -> Outcome<()> {
    if this.is_closing() {
        return Ok(());
    }
    this.life.set(Life::Closing);
    this.presence.want(this, Interest::READABLE, false)?;
    let is_drained = this.queue.borrow().is_empty();
    if is_drained {
        return lose_soon(this, None);
    }
    Ok(())
}

/// `_force_close`: what is queued is given up.
///
/// # Errors
/// RuntimeError when the loop is closed.
pub fn force_close(this: &Ref<DatagramTransport>, exception: Option<Obj>) -> Outcome<()> {
    if this.is_lost() {
        return Ok(());
    }
    this.drop_queue();
    lose_soon(this, exception)
}

/// Leaves the poller and schedules `connection_lost`. Until then an endpoint without an address of its own can still send.
fn lose_soon(this: &Ref<DatagramTransport>, exception: Option<Obj>) -> Outcome<()> {
    let py = this.py();
    this.life.set(Life::Lost(1));
    this.presence.leave(this);
    let Some(scheduler) = this.scheduler() else {
        return Ok(());
    };
    let lost = call::attr(this.as_obj(), intern!(py, "_call_connection_lost"))?;
    let exception = exception.unwrap_or_else(|| Obj::none(py));
    soon(&scheduler, &lost, &[exception])
}

/// Everything queued before `close()` is sent: no need to wait for another turn.
///
/// # Errors
/// What `connection_lost` raises.
pub fn lose_now(this: &Ref<DatagramTransport>) -> Outcome<()> {
    this.life.set(Life::Lost(1));
    this.presence.leave(this);
    call_connection_lost(this, &Obj::none(this.py()))
}

/// `_call_connection_lost`: tells the protocol, then closes the socket, whatever the protocol raises.
///
/// # Errors
/// What `connection_lost` raises, or `socket.close()`.
pub fn call_connection_lost(this: &Ref<DatagramTransport>, exception: &Obj) -> Outcome<()> {
    let raised = tell_and_close(this.protocol.get(), exception, || {
        this.presence.leave(this);
        this.life
            .set(Life::Closed(this.life.get().lost_writes().max(1)));
        this.drop_queue();
        this.socket.take()
    });
    this.calls.clear();
    this.protocol.set(None);
    this.read_context.set(None);
    this.write_context.set(None);
    this.scheduler.set(None);
    raised.map_or(Ok(()), |exception| Err(Raised::raise(exception)))
}

/// `__del__`: the user dropped the transport without closing it.
///
/// # Errors
/// The ResourceWarning, where it is an error.
pub(super) fn abandoned(this: &Ref<DatagramTransport>) -> Outcome<()> {
    let py = this.py();
    let Some(socket) = this.socket.get() else {
        return Ok(());
    };
    this.presence.leave(this);
    let warned = warn_unclosed(this.as_obj());
    let raised = warned.err().map(|raised| raised.take(py));
    this.socket.set(None);
    call::method(&socket, intern!(py, "close"), [])?;
    raised.map_or(Ok(()), |exception| Err(Raised::raise(exception)))
}
