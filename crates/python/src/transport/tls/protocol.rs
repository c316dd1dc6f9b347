//! `TlsProtocol`: the fields, and the protocol as the transport below sees it (`asyncio.sslproto.SSLProtocol`).

use std::cell::{Cell, OnceCell};
use std::mem::offset_of;

use pyo3::types::{PyAnyMethods, PyDict, PyDictMethods, PyString};
use pyo3::{Bound, Python, intern};
use reactor::tls::{Refused, Session, State};

use super::engine::SslEngine;
use super::transport::TlsTransport;
use super::{handshake, incoming, outgoing, shutdown};
use crate::future::state::{FutureData, State as FutureState};
use crate::handle::schedule::Scheduler;
use crate::py::bytes::{bytes, with_bytes};
use crate::py::call;
use crate::py::cell::Slot;
use crate::py::errors::{Outcome, Raised};
use crate::py::gc::Visitor;
use crate::py::imports;
use crate::py::instance::{Payload, Ref, TypeSlot, WeakList};
use crate::py::object::Obj;
use crate::py::slots::TypeBuilder;
use crate::transport::deliver::Receiver;

static TYPE: TypeSlot = TypeSlot::new();

/// The buffer into which a transport below that is not ours puts records. It cannot be the loop's: when such a transport
/// fills it is its own affair.
const LENT_BYTES: usize = 64 * 1024;

/// The fields of one side of a TLS connection.
pub struct TlsProtocol {
    weak: WeakList,
    scheduler: Slot<Ref<Scheduler>>,
    /// The state, and the engine.
    pub session: Session<SslEngine>,
    /// The transport below, from `connection_made` to `connection_lost`.
    transport: Slot,
    app_protocol: Slot,
    app_transport: Slot<Ref<TlsTransport>>,
    /// The receiving methods of `app_protocol`.
    pub receiver: Receiver,
    waiter: Slot,
    context: Slot,
    extra: Slot,
    /// In seconds, as they were given.
    pub handshake_timeout: Slot,
    /// In seconds, as they were given.
    pub shutdown_timeout: Slot,
    /// The timers, while they run.
    pub handshake_timer: Slot,
    /// As above.
    pub shutdown_timer: Slot,
    /// When the handshake began, in seconds of the loop's clock.
    pub handshake_began: Cell<f64>,
    /// Writes after the end, and 1 for the end (`_conn_lost`).
    pub lost_writes: Cell<u32>,
    /// The buffer for a transport below that is not ours, made when it first asks.
    lent: OnceCell<Obj>,
}

/// What a protocol is made from.
pub struct Parts<'a> {
    /// The loop.
    pub scheduler: &'a Ref<Scheduler>,
    /// Who gets the plaintext.
    pub protocol: &'a Obj,
    /// Told when the handshake is done or has failed.
    pub waiter: &'a Obj,
    /// The user's context.
    pub context: &'a Obj,
    /// Around an `SSLObject` of that context.
    pub session: Session<SslEngine>,
    /// In seconds.
    pub handshake_timeout: Obj,
    /// In seconds.
    pub shutdown_timeout: Obj,
}

impl Payload for TlsProtocol {
    const TYPE: &'static TypeSlot = &TYPE;

    fn blank() -> Self {
        Self {
            weak: WeakList::default(),
            scheduler: Slot::default(),
            session: Session::new(SslEngine::blank(), false),
            transport: Slot::default(),
            app_protocol: Slot::default(),
            app_transport: Slot::default(),
            receiver: Receiver::default(),
            waiter: Slot::default(),
            context: Slot::default(),
            extra: Slot::default(),
            handshake_timeout: Slot::default(),
            shutdown_timeout: Slot::default(),
            handshake_timer: Slot::default(),
            shutdown_timer: Slot::default(),
            handshake_began: Cell::new(0.0),
            lost_writes: Cell::new(0),
            lent: OnceCell::new(),
        }
    }

    fn visit(&self, visitor: &mut Visitor) {
        visitor.slot(&self.scheduler);
        visitor.slot(&self.app_transport);
        self.session.engine().visit(visitor);
        self.receiver.visit(visitor);
        for slot in self.slots() {
            visitor.slot(slot);
        }
    }

    fn clear(&self) {
        self.session.engine().clear();
        self.receiver.clear();
        self.app_transport.set(None);
        for slot in self.slots() {
            slot.set(None);
        }
        self.scheduler.set(None);
    }
}

impl TlsProtocol {
    /// The high mark of what is to be sent, unless the user sets one.
    pub const OUTGOING_HIGH: usize = Session::<SslEngine>::OUTGOING_HIGH_BYTES;
    /// The high mark of unread records, unless the user sets one.
    pub const INCOMING_HIGH: usize = Session::<SslEngine>::INCOMING_HIGH_BYTES;

    fn slots(&self) -> [&Slot; 9] {
        [
            &self.transport,
            &self.app_protocol,
            &self.waiter,
            &self.context,
            &self.extra,
            &self.handshake_timeout,
            &self.shutdown_timeout,
            &self.handshake_timer,
            &self.shutdown_timer,
        ]
    }

    /// A protocol with its transport for the user.
    ///
    /// # Errors
    /// What `isinstance` raises.
    pub fn make(parts: Parts<'_>) -> Outcome<Ref<Self>> {
        let py = parts.scheduler.py();
        let extra = PyDict::new(py);
        extra.set_item(intern!(py, "sslcontext"), parts.context.bind())?;
        let fields = Self {
            scheduler: Slot::new(Some(parts.scheduler.clone())),
            session: parts.session,
            waiter: Slot::new(Some(parts.waiter.clone())),
            context: Slot::new(Some(parts.context.clone())),
            extra: Slot::new(Some(Obj::from(extra))),
            handshake_timeout: Slot::new(Some(parts.handshake_timeout)),
            shutdown_timeout: Slot::new(Some(parts.shutdown_timeout)),
            ..Self::blank()
        };
        let this = Ref::alloc(py, fields, None)?;
        this.set_app_protocol(parts.protocol)?;
        this.app_transport.set(Some(TlsTransport::make(&this)?));
        Ok(this)
    }

    /// The loop; none when the collector has been here.
    pub fn scheduler(&self) -> Option<Ref<Scheduler>> {
        self.scheduler.get()
    }

    /// Whether the loop is in debug mode.
    pub fn is_debug(&self) -> bool {
        self.scheduler()
            .is_some_and(|scheduler| scheduler.is_debug())
    }

    /// The transport below, while there is one.
    #[inline]
    pub fn transport(&self) -> Option<Obj> {
        self.transport.get()
    }

    /// Sets the transport below.
    pub fn set_transport(&self, transport: Option<&Obj>) {
        self.transport.set(transport.cloned());
    }

    /// What the user sees, until the connection is lost.
    pub fn app_transport(&self) -> Option<Ref<TlsTransport>> {
        self.app_transport.get()
    }

    /// The user's transport is closed: nobody has forgotten to.
    pub fn mark_closed(&self) {
        if let Some(transport) = self.app_transport() {
            transport.mark_closed();
        }
    }

    /// The connection is lost: everybody is let go.
    pub fn let_go(&self) {
        self.transport.set(None);
        self.app_transport.set(None);
        self.receiver.clear();
        self.app_protocol.set(None);
    }
}

impl Ref<TlsProtocol> {
    /// The protocol that gets the plaintext, or None once the connection is lost.
    #[inline]
    pub fn app_protocol_or_none(&self) -> Obj {
        self.app_protocol
            .get()
            .unwrap_or_else(|| Obj::none(self.py()))
    }

    /// `_set_app_protocol`
    ///
    /// # Errors
    /// What `isinstance` raises.
    pub fn set_app_protocol(&self, protocol: &Obj) -> Outcome<()> {
        self.receiver.set_protocol(protocol)?;
        self.app_protocol.set(Some(protocol.clone()));
        Ok(())
    }

    /// The dict behind `get_extra_info`.
    pub fn extra(&self, py: Python<'_>) -> Obj {
        self.extra.get().unwrap_or_else(|| {
            let extra = Obj::from(PyDict::new(py));
            self.extra.set(Some(extra.clone()));
            extra
        })
    }

    /// `_get_extra_info`
    ///
    /// # Errors
    /// What the transport below raises.
    pub fn extra_info(&self, name: &Obj, default: &Obj) -> Outcome {
        let py = self.py();
        let extra = self.extra(py);
        if let Some(found) = extra.bind().cast::<PyDict>()?.get_item(name.bind())? {
            return Ok(Obj::from(found));
        }
        match self.transport() {
            Some(below) => call::method(&below, intern!(py, "get_extra_info"), [name, default]),
            None => Ok(default.clone()),
        }
    }

    /// The `ssl.SSLObject`, or None.
    pub fn ssl_object(&self) -> Obj {
        let object = self.session.engine().object();
        object.unwrap_or_else(|| Obj::none(self.py()))
    }

    /// A step of the session; RuntimeError in asyncio's words where the state does not allow it (`_set_state`).
    ///
    /// # Errors
    /// As said.
    pub fn step(&self, step: Result<(), Refused>) -> Outcome<()> {
        step.map_err(|Refused { from, to }| {
            let text = format!(
                "cannot switch state from SSLProtocolState.{} to SSLProtocolState.{}",
                state_name(from),
                state_name(to)
            );
            Raised::runtime_error(self.py(), text)
        })
    }

    /// `_wakeup_waiter`, once.
    ///
    /// # Errors
    /// RuntimeError when the loop is closed.
    pub fn wake_waiter(&self, failure: Option<&Obj>) -> Outcome<()> {
        let Some(waiter) = self.waiter.take() else {
            return Ok(());
        };
        let Some(future) = waiter.downcast::<FutureData>() else {
            return Ok(());
        };
        match failure {
            _ if future.state() != FutureState::Pending => Ok(()),
            Some(exception) => future.set_exception(&waiter, exception),
            None => future.set_result(&waiter, Obj::none(self.py())),
        }
    }

    /// `wake_waiter` with what the user has brought about, perhaps by not waiting any more: no failure to log, then.
    ///
    /// # Errors
    /// RuntimeError when the loop is closed.
    pub fn wake_closer(&self, failure: &Obj) -> Outcome<()> {
        let waiter = self.waiter.get();
        self.wake_waiter(Some(failure))?;
        if let Some(future) = waiter.as_ref().and_then(Obj::downcast::<FutureData>) {
            future.log_traceback.set(false);
        }
        Ok(())
    }

    /// `loop.call_later(timeout, self.method)`; none when the collector has been here.
    ///
    /// # Errors
    /// RuntimeError when the loop is closed.
    pub fn call_later(&self, timeout: &Slot, method: &Bound<'_, PyString>) -> Outcome<Option<Obj>> {
        let (Some(scheduler), Some(timeout)) = (self.scheduler(), timeout.get()) else {
            return Ok(None);
        };
        let callback = call::attr(self.as_obj(), method)?;
        call::method(
            scheduler.as_obj(),
            intern!(self.py(), "call_later"),
            [&timeout, &callback],
        )
        .map(Some)
    }

    /// Cancels a timer, if it runs.
    ///
    /// # Errors
    /// What `cancel` raises.
    pub fn cancel_timer(&self, timer: &Slot) -> Outcome<()> {
        match timer.take() {
            Some(timer) => call::method(&timer, intern!(self.py(), "cancel"), []).map(drop),
            None => Ok(()),
        }
    }

    /// A timeout, as a text shows it.
    ///
    /// # Errors
    /// What its `str` raises.
    pub fn timeout_text(&self, timeout: &Slot) -> Outcome<String> {
        let timeout = timeout.get().unwrap_or_else(|| Obj::none(self.py()));
        Ok(timeout.bind().str()?.to_string())
    }
}

/// The state's name in `SSLProtocolState`.
fn state_name(state: State) -> &'static str {
    match state {
        State::Idle | State::Lost => "UNWRAPPED",
        State::Handshaking => "DO_HANDSHAKE",
        State::Open => "WRAPPED",
        State::Flushing => "FLUSHING",
        State::Closing => "SHUTDOWN",
    }
}

fn state(this: &Ref<TlsProtocol>) -> Outcome {
    let py = this.py();
    let class = call::attr(imports::sslproto(py), intern!(py, "SSLProtocolState"))?;
    let name = PyString::new(py, state_name(this.session.state()));
    call::attr(&class, &name)
}

/// `get_buffer(n)`: for a transport below that is not ours.
fn lent(this: &Ref<TlsProtocol>) -> Outcome {
    if let Some(buffer) = this.lent.get() {
        return Ok(buffer.clone());
    }
    let py = this.py();
    let buffer = pyo3::types::PyByteArray::new(py, &vec![0; LENT_BYTES]);
    Ok(this.lent.get_or_init(|| Obj::from(buffer)).clone())
}

/// `buffer_updated(nbytes)`: so much of the lent buffer is filled.
fn updated(this: &Ref<TlsProtocol>, count: &Obj) -> Outcome<()> {
    let py = this.py();
    let count: usize = count.bind().extract()?;
    let buffer = lent(this)?;
    let records = with_bytes(&buffer, |all| bytes(py, &all[..count.min(all.len())]))??;
    incoming::received(this, &records)
}

fn none(this: &Ref<TlsProtocol>) -> Outcome {
    Ok(Obj::none(this.py()))
}

fn or_none(py: Python<'_>, value: Option<Obj>) -> Outcome {
    Ok(value.unwrap_or_else(|| Obj::none(py)))
}

/// Builds the type.
///
/// # Errors
/// What making a type raises.
pub fn build(py: Python<'_>) -> Outcome {
    let builder = TypeBuilder::<TlsProtocol>::new(
        c"asyncioxide.TlsProtocol",
        c"TLS, as the transport below it sees it. See asyncio.BufferedProtocol.",
    )
    .no_constructor()
    .weak_references(offset_of!(TlsProtocol, weak));
    attributes(callbacks(from_below(builder))).build(py)
}

fn from_below(builder: TypeBuilder<TlsProtocol>) -> TypeBuilder<TlsProtocol> {
    builder
        .method1(
            c"connection_made",
            c"connection_made($self, transport, /)\n--\n\nThere is a transport below: begin the handshake.",
            |this, transport| {
                handshake::start(this, transport)?;
                none(this)
            },
        )
        .method1(
            c"connection_lost",
            c"connection_lost($self, exc, /)\n--\n\nThe transport below is gone.",
            |this, exception| {
                shutdown::lost(this, exception)?;
                none(this)
            },
        )
        .method1(
            c"get_buffer",
            c"get_buffer($self, sizehint, /)\n--\n\nWhere records may be put.",
            |this, _hint| lent(this),
        )
        .method1(
            c"buffer_updated",
            c"buffer_updated($self, nbytes, /)\n--\n\nSo many bytes of records were put there.",
            |this, count| {
                updated(this, count)?;
                none(this)
            },
        )
        .method0(
            c"eof_received",
            c"eof_received($self, /)\n--\n\nNo more records will come.",
            |this| match incoming::ended(this)? {
                true => Ok(Obj::bool(this.py(), true)),
                false => none(this),
            },
        )
        .method0(
            c"pause_writing",
            c"pause_writing($self, /)\n--\n\nThe transport below has enough.",
            |this| {
                outgoing::pause_below(this)?;
                none(this)
            },
        )
        .method0(
            c"resume_writing",
            c"resume_writing($self, /)\n--\n\nThe transport below takes records again.",
            |this| {
                outgoing::resume_below(this)?;
                none(this)
            },
        )
}

fn callbacks(builder: TypeBuilder<TlsProtocol>) -> TypeBuilder<TlsProtocol> {
    builder
        .method0(
            c"_check_handshake_timeout",
            c"_check_handshake_timeout($self, /)\n--\n\nThe handshake has taken too long.",
            |this| {
                handshake::timed_out(this)?;
                none(this)
            },
        )
        .method0(
            c"_check_shutdown_timeout",
            c"_check_shutdown_timeout($self, /)\n--\n\nClosing has taken too long.",
            |this| {
                shutdown::timed_out(this)?;
                none(this)
            },
        )
        .method0(
            c"_do_read",
            c"_do_read($self, /)\n--\n\nThere is more than the protocol's buffer held.",
            |this| {
                incoming::read_on(this)?;
                none(this)
            },
        )
        .method0(
            c"_resumed",
            c"_resumed($self, /)\n--\n\nRead what has come during the pause.",
            |this| {
                incoming::resumed(this)?;
                none(this)
            },
        )
}

fn attributes(builder: TypeBuilder<TlsProtocol>) -> TypeBuilder<TlsProtocol> {
    builder
        .getter(c"__class__", c"asyncio.BufferedProtocol.", |this| {
            Ok(imports::buffered_protocol(this.py()).clone())
        })
        .getter(c"_loop", c"The event loop.", |this| {
            or_none(this.py(), this.scheduler().map(Ref::into_obj))
        })
        .getter(
            c"_transport",
            c"The transport below; None before and after.",
            |this| or_none(this.py(), this.transport()),
        )
        .getter(
            c"_app_transport",
            c"The transport above; None once the connection is lost.",
            |this| or_none(this.py(), this.app_transport().map(Ref::into_obj)),
        )
        .getter(
            c"_app_protocol",
            c"The protocol above; None once the connection is lost.",
            |this| Ok(this.app_protocol_or_none()),
        )
        .getter(c"_sslobj", c"The ssl.SSLObject.", |this| {
            Ok(this.ssl_object())
        })
        .getter(c"_sslcontext", c"The ssl.SSLContext.", |this| {
            or_none(this.py(), this.context.get())
        })
        .getter(
            c"_incoming",
            c"The ssl.MemoryBIO for what was received.",
            |this| or_none(this.py(), this.session.engine().incoming()),
        )
        .getter(
            c"_outgoing",
            c"The ssl.MemoryBIO for what is to be sent.",
            |this| or_none(this.py(), this.session.engine().outgoing()),
        )
        .getter(c"_extra", c"The dict behind get_extra_info().", |this| {
            Ok(this.extra(this.py()))
        })
        .getter(c"_state", c"An asyncio.sslproto.SSLProtocolState.", state)
        .getter(
            c"_app_reading_paused",
            c"Whether pause_reading() was called last.",
            |this| Ok(Obj::bool(this.py(), this.session.is_reading_paused())),
        )
        .getter(
            c"_shutdown_timeout_handle",
            c"The timer of the shutdown, or None.",
            |this| or_none(this.py(), this.shutdown_timer.get()),
        )
}
