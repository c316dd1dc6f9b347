//! The fields of a stream transport, and its place in the poller.
//!
//! ```text
//! Open ── close(), bytes queued ──> Closing ── sent ──┐
//!  ├───── close(), nothing queued ────────────────────┼──> Lost ── connection_lost() ──> Closed
//!  └───── abort(), an error ──────────────────────────┘
//! ```
//!
//! `Lost` begins when `connection_lost` is scheduled: from then on nothing is read or sent, and the poller knows the socket
//! no more. `Closed` begins when `connection_lost` has returned and the socket is closed. `life.rs` walks these ways.

use std::cell::Cell;

use pyo3::types::PyAnyMethods;
use reactor::poll::Event;
use reactor::{Fd, Stream};

use super::deliver::{self, Receiver};
use super::endpoint::Endpoint;
use super::extra_info::ExtraInfo;
use super::life;
use super::lifelong::LifelongContext;
use super::loan::Loan;
use super::presence::Presence;
use super::server::ServerData;
use super::write::{self, Outgoing};
use crate::handle::schedule::Scheduler;
use crate::py::call;
use crate::py::cell::Slot;
use crate::py::context;
use crate::py::errors::Outcome;
use crate::py::gc::Visitor;
use crate::py::instance::{Dict, Payload, Ref, TypeSlot, WeakList};
use crate::py::object::Obj;

static TYPE: TypeSlot = TypeSlot::new();

/// Where a transport is in its life; see the head of the file. The number counts what asyncio calls `_conn_lost`: 1, and
/// one for each write since.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Life {
    /// Connected.
    Open,
    /// `close` was called, and queued bytes are still to be sent.
    Closing,
    /// `connection_lost` is scheduled.
    Lost(u32),
    /// The socket is closed.
    Closed(u32),
}

impl Life {
    /// `_conn_lost`: 1, and one for each write since.
    pub fn lost_writes(self) -> u32 {
        match self {
            Self::Open | Self::Closing => 0,
            Self::Lost(count) | Self::Closed(count) => count,
        }
    }

    /// The same with one write more.
    pub fn after_write(self) -> Self {
        match self {
            Self::Open | Self::Closing => self,
            Self::Lost(count) => Self::Lost(count.saturating_add(1)),
            Self::Closed(count) => Self::Closed(count.saturating_add(1)),
        }
    }
}

/// Whether the user wants to be read to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// From the start, and after `resume_reading`.
    Wanted,
    /// `pause_reading` was called.
    Paused,
}

/// The fields of a stream transport.
pub struct StreamTransport {
    pub(super) weak: WeakList,
    pub(super) dict: Dict,
    pub(super) scheduler: Slot<Ref<Scheduler>>,
    pub(super) socket: Slot,
    /// `socket.fileno`
    pub(super) fileno: Slot,
    pub(super) protocol: Slot,
    pub(super) server: Slot<Ref<ServerData>>,
    pub(super) receiver: Receiver,
    pub(super) outgoing: Outgoing,
    pub(super) extra: ExtraInfo,
    pub(super) loan: Loan,
    /// What all of the protocol's methods run in, since 3.15.
    pub(super) context: LifelongContext,
    /// What `data_received` and its like run in: before 3.15 the context in which reading was begun.
    pub(super) read_context: Slot,
    /// What `resume_writing` runs in: before 3.15 the context of the write that found no room.
    pub(super) write_context: Slot,
    pub(super) presence: Presence<Self>,
    pub(super) fd: Cell<i32>,
    pub(super) life: Cell<Life>,
    pub(super) reading: Cell<Reading>,
}

impl Payload for StreamTransport {
    const TYPE: &'static TypeSlot = &TYPE;

    fn blank() -> Self {
        Self {
            weak: WeakList::default(),
            dict: Dict::default(),
            scheduler: Slot::default(),
            socket: Slot::default(),
            fileno: Slot::default(),
            protocol: Slot::default(),
            server: Slot::default(),
            receiver: Receiver::default(),
            outgoing: Outgoing::default(),
            extra: ExtraInfo::default(),
            loan: Loan::default(),
            context: LifelongContext::default(),
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
        visitor.slot(&self.fileno);
        visitor.slot(&self.protocol);
        visitor.slot(&self.server);
        self.receiver.visit(visitor);
        self.extra.visit(visitor);
        self.loan.visit(visitor);
        self.context.visit(visitor);
        visitor.slot(&self.read_context);
        visitor.slot(&self.write_context);
    }

    fn clear(&self) {
        self.receiver.clear();
        self.protocol.set(None);
        self.extra.clear();
        self.loan.clear();
        self.context.clear();
        self.read_context.set(None);
        self.write_context.set(None);
        self.server.set(None);
        self.socket.set(None);
        self.fileno.set(None);
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

impl Endpoint for StreamTransport {
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

    /// Asyncio has a callback for each direction, the reader's first, and cancels it when the direction is not wanted any
    /// more; here each is asked for again when its turn comes.
    #[inline]
    fn fire(this: &Ref<Self>, event: Event) -> Outcome<()> {
        if event.readable && this.presence.interest().is_readable() {
            match this.read_context.get() {
                Some(context) => context::run_in(&context, || deliver::on_readable(this))?,
                None => deliver::on_readable(this)?,
            }
        }
        if event.writable && this.presence.interest().is_writable() {
            match this.write_context.get() {
                Some(context) => context::run_in(&context, || write::on_writable(this))?,
                None => write::on_writable(this)?,
            }
        }
        Ok(())
    }

    fn end_turn(this: &Ref<Self>) -> Outcome<()> {
        write::flush(this)
    }

    fn awaits_end_of_turn(&self) -> bool {
        self.outgoing.is_gathering()
    }

    fn disown(&self) {
        self.life.set(Life::Lost(1));
        self.outgoing.clear();
    }

    fn force_close(this: &Ref<Self>, exception: Option<Obj>) -> Outcome<()> {
        life::force_close(this, exception)
    }
}

impl StreamTransport {
    /// Where the transport is in its life.
    #[inline]
    pub fn life(&self) -> Life {
        self.life.get()
    }

    /// Whether the user does not want to be read to.
    pub fn is_paused(&self) -> bool {
        self.reading.get() == Reading::Paused
    }

    /// `transport.is_reading()`
    pub fn is_reading(&self) -> bool {
        !self.is_closing() && self.reading.get() == Reading::Wanted
    }

    /// The socket; none once the transport is closed.
    pub fn socket(&self) -> Option<Obj> {
        self.socket.get()
    }

    /// The server that accepted the connection, while it is open.
    pub fn server(&self) -> Option<Ref<ServerData>> {
        self.server.get()
    }

    /// The socket's descriptor, also once it is closed.
    pub fn fd(&self) -> i32 {
        self.fd.get()
    }

    /// The number of the loop's turn; none while the loop does not run.
    #[inline]
    pub fn turn(&self) -> Option<u64> {
        let scheduler = self.scheduler.get()?;
        scheduler.is_running().then(|| scheduler.turn.number())
    }

    /// Whether no attribute was set on the instance: its methods are the type's own.
    #[inline]
    pub fn is_as_made(&self) -> bool {
        self.dict.get().is_none()
    }

    /// Counts a write to a lost connection; how many there were, and 1.
    pub fn count_lost_write(&self) -> u32 {
        let life = self.life.get();
        self.life.set(life.after_write());
        life.lost_writes()
    }
}

impl Ref<StreamTransport> {
    /// The socket for system calls. One that was closed or detached behind our back has the number -1 here, which the
    /// calls refuse: its old number may be somebody else's by now.
    ///
    /// # Errors
    /// What the `fileno` of a socket raises that is not the standard library's.
    #[inline]
    pub fn stream(&self) -> Outcome<Stream> {
        let fd = match self.fileno.get() {
            Some(fileno) => call::call0(&fileno)?.bind().extract::<i32>()?,
            None => -1,
        };
        Ok(Stream::new(Fd::new(fd)))
    }

    /// `transport.set_protocol(protocol)`
    ///
    /// # Errors
    /// What `isinstance` raises.
    pub fn set_protocol(&self, protocol: &Obj) -> Outcome<()> {
        self.receiver.set_protocol(protocol)?;
        self.protocol.set(Some(protocol.clone()));
        Ok(())
    }
}
