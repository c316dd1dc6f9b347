//! The fields of a datagram transport, and its place in the poller. Its life has the same stages as a stream transport's
//! (`transport/state.rs`).

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use reactor::poll::Event;

use super::socket_calls::Calls;
use super::{life, receive, send};
use crate::handle::handle::{self, Arguments};
use crate::handle::report::callback_failed;
use crate::handle::schedule::Scheduler;
use crate::py::call;
use crate::py::cell::Slot;
use crate::py::context;
use crate::py::errors::{Outcome, Raised, leaves_the_loop};
use crate::py::gc::Visitor;
use crate::py::instance::{Dict, Payload, Ref, TypeSlot, WeakList};
use crate::py::object::Obj;
use crate::transport::endpoint::Endpoint;
use crate::transport::extra_info::ExtraInfo;
use crate::transport::flow_control::FlowControl;
use crate::transport::presence::Presence;
use crate::transport::state::{Life, Reading};

static TYPE: TypeSlot = TypeSlot::new();

/// A datagram that waits to be sent, and where to.
pub(super) struct Queued {
    /// Exact `bytes`.
    pub data: Obj,
    pub address: Obj,
    /// What it counts for in flow control.
    pub weight_bytes: usize,
}

/// The fields.
pub struct DatagramTransport {
    pub(super) weak: WeakList,
    pub(super) dict: Dict,
    pub(super) scheduler: Slot<Ref<Scheduler>>,
    pub(super) socket: Slot,
    pub(super) calls: Calls,
    pub(super) protocol: Slot,
    /// The one address that may be sent to, if the endpoint was made with one.
    pub(super) address: Slot,
    pub(super) extra: ExtraInfo,
    /// Limit: none of its own; flow control tells the protocol to stop, as in asyncio.
    pub(super) queue: RefCell<VecDeque<Queued>>,
    /// What the queue weighs in flow control.
    pub(super) queued_bytes: Cell<usize>,
    pub(super) flow: FlowControl,
    /// What `datagram_received` and its like run in: the context in which reading was begun.
    pub(super) read_context: Slot,
    /// What `resume_writing` runs in: the context of the datagram that found no room.
    pub(super) write_context: Slot,
    pub(super) presence: Presence<Self>,
    pub(super) fd: Cell<i32>,
    pub(super) life: Cell<Life>,
    pub(super) reading: Cell<Reading>,
}

impl Payload for DatagramTransport {
    const TYPE: &'static TypeSlot = &TYPE;

    fn blank() -> Self {
        Self {
            weak: WeakList::default(),
            dict: Dict::default(),
            scheduler: Slot::default(),
            socket: Slot::default(),
            calls: Calls::default(),
            protocol: Slot::default(),
            address: Slot::default(),
            extra: ExtraInfo::default(),
            queue: RefCell::default(),
            queued_bytes: Cell::new(0),
            flow: FlowControl::default(),
            read_context: Slot::default(),
            write_context: Slot::default(),
            presence: Presence::default(),
            fd: Cell::new(-1),
            life: Cell::new(Life::Open),
            reading: Cell::new(Reading::Wanted),
        }
    }

    fn visit(&self, visitor: &mut Visitor) {
        self.dict.visit(visitor);
        visitor.slot(&self.scheduler);
        visitor.slot(&self.socket);
        self.calls.visit(visitor);
        visitor.slot(&self.protocol);
        visitor.slot(&self.address);
        self.extra.visit(visitor);
        if let Ok(queue) = self.queue.try_borrow() {
            queue
                .iter()
                .for_each(|queued| visitor.object(&queued.address));
        }
        visitor.slot(&self.read_context);
        visitor.slot(&self.write_context);
    }

    fn clear(&self) {
        self.drop_queue();
        self.protocol.set(None);
        self.address.set(None);
        self.extra.clear();
        self.read_context.set(None);
        self.write_context.set(None);
        self.socket.set(None);
        self.calls.clear();
        self.dict.clear();
        self.scheduler.set(None);
    }

    fn wants_finalize(&self) -> bool {
        self.socket.is_some()
    }

    fn finalize(this: &Ref<Self>) {
        if let Err(raised) = life::abandoned(this) {
            raised.unraisable(this.py(), Some(this.as_obj()));
        }
    }
}

impl Endpoint for DatagramTransport {
    #[inline]
    fn scheduler(&self) -> Option<Ref<Scheduler>> {
        self.scheduler.get()
    }

    #[inline]
    fn protocol(&self) -> Option<Obj> {
        self.protocol.get()
    }

    #[inline]
    fn is_closing(&self) -> bool {
        self.life.get() != Life::Open
    }

    /// Asyncio has a callback for each direction, the reader's first. What one of them raises is reported and does not
    /// keep the other one from its turn.
    fn fire(this: &Ref<Self>, event: Event) -> Outcome<()> {
        if event.readable && this.presence.interest().is_readable() {
            let context = this.read_context.get();
            attempt(this, "_read_ready", context, receive::on_readable)?;
        }
        if event.writable && this.presence.interest().is_writable() {
            let context = this.write_context.get();
            attempt(this, "_sendto_ready", context, send::on_writable)?;
        }
        Ok(())
    }

    fn disown(&self) {
        self.life.set(Life::Lost(1));
        self.drop_queue();
    }

    fn force_close(this: &Ref<Self>, exception: Option<Obj>) -> Outcome<()> {
        life::force_close(this, exception)
    }
}

/// Runs the method called `name`, in its context. What a protocol raises is reported as the failure of a callback.
fn attempt(
    this: &Ref<DatagramTransport>,
    name: &str,
    context: Option<Obj>,
    method: fn(&Ref<DatagramTransport>) -> Outcome<()>,
) -> Outcome<()> {
    let (Some(scheduler), Some(context)) = (this.scheduler(), context) else {
        return Ok(());
    };
    let Err(raised) = context::run_in(&context, || method(this)) else {
        return Ok(());
    };
    let py = this.py();
    let exception = raised.take(py);
    if leaves_the_loop(&exception) {
        return Err(Raised::raise(exception));
    }
    let callback = call::attr(this.as_obj(), &pyo3::types::PyString::intern(py, name))?;
    let handle = handle::make(&scheduler, &callback, Arguments::None, Some(&context))?;
    callback_failed(&handle, &exception)
}

impl DatagramTransport {
    /// `transport.is_reading()`
    pub(super) fn is_reading(&self) -> bool {
        !self.is_closing() && self.reading.get() == Reading::Wanted
    }

    /// Whether `connection_lost` is scheduled or was called.
    pub(super) fn is_lost(&self) -> bool {
        matches!(self.life.get(), Life::Lost(_) | Life::Closed(_))
    }

    /// Gives all queued datagrams up.
    pub(super) fn drop_queue(&self) {
        self.queued_bytes.set(0);
        let queued = std::mem::take(&mut *self.queue.borrow_mut());
        drop(queued);
    }
}
