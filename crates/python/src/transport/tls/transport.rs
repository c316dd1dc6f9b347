//! `TlsTransport` as Python sees it (`asyncio.sslproto._SSLProtocolTransport`).

use std::cell::Cell;
use std::mem::offset_of;

use pyo3::types::{PyInt, PyTuple};
use pyo3::{Python, intern};
use reactor::tls::{Marks, TlsEngine};

use super::dialect::Dialect;
use super::protocol::TlsProtocol;
use super::{incoming, outgoing, shutdown};
use crate::py::args::{Args, Signature};
use crate::py::bytes::Segment;
use crate::py::call;
use crate::py::cell::Slot;
use crate::py::errors::{Outcome, Raised};
use crate::py::gc::Visitor;
use crate::py::imports;
use crate::py::instance::{Dict, Payload, Ref, TypeSlot, WeakList};
use crate::py::object::Obj;
use crate::py::slots::TypeBuilder;
use crate::transport::flow_control;

static TYPE: TypeSlot = TypeSlot::new();

/// Whether somebody has closed the transport, or the connection is lost.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Open,
    Closed,
}

/// The fields: the protocol has everything else.
pub struct TlsTransport {
    weak: WeakList,
    dict: Dict,
    protocol: Slot<Ref<TlsProtocol>>,
    stage: Cell<Stage>,
}

impl Payload for TlsTransport {
    const TYPE: &'static TypeSlot = &TYPE;

    fn blank() -> Self {
        Self {
            weak: WeakList::default(),
            dict: Dict::default(),
            protocol: Slot::default(),
            stage: Cell::new(Stage::Closed),
        }
    }

    fn visit(&self, visitor: &mut Visitor) {
        self.dict.visit(visitor);
        visitor.slot(&self.protocol);
    }

    fn clear(&self) {
        self.dict.clear();
        self.protocol.set(None);
    }

    fn wants_finalize(&self) -> bool {
        self.stage.get() == Stage::Open
    }

    fn finalize(this: &Ref<Self>) {
        if let Err(raised) = abandoned(this) {
            raised.unraisable(this.py(), Some(this.as_obj()));
        }
    }
}

impl TlsTransport {
    /// A transport above `protocol`.
    ///
    /// # Errors
    /// `MemoryError`.
    pub fn make(protocol: &Ref<TlsProtocol>) -> Outcome<Ref<Self>> {
        let fields = Self {
            protocol: Slot::new(Some(protocol.clone())),
            stage: Cell::new(Stage::Open),
            ..Self::blank()
        };
        Ref::alloc(protocol.py(), fields, None)
    }

    /// Nobody has forgotten to close it.
    pub fn mark_closed(&self) {
        self.stage.set(Stage::Closed);
    }
}

/// `__del__`
fn abandoned(this: &Ref<TlsTransport>) -> Outcome<()> {
    let py = this.py();
    // The collector asks without looking at `wants_finalize`.
    if this.stage.replace(Stage::Closed) == Stage::Closed {
        return Ok(());
    }
    let text = "unclosed transport <asyncio._SSLProtocolTransport object>";
    let category = Obj::from(py.get_type::<pyo3::exceptions::PyResourceWarning>());
    call::method(
        imports::warnings(py),
        intern!(py, "warn"),
        [&Obj::str(py, text), &category],
    )
    .map(drop)
}

fn none(this: &Ref<TlsTransport>) -> Outcome {
    Ok(Obj::none(this.py()))
}

/// The protocol, of which asyncio would use the attribute `wanted`. A second `close` lets it go, there as here.
fn protocol(this: &Ref<TlsTransport>, wanted: &str) -> Outcome<Ref<TlsProtocol>> {
    this.protocol.get().ok_or_else(|| {
        let text = format!("'NoneType' object has no attribute '{wanted}'");
        Raised::from(pyo3::exceptions::PyAttributeError::new_err(text))
    })
}

static WRITE: Signature<1> = Signature::new("_SSLProtocolTransport.write", ["data"], 1, 1);
static WRITELINES: Signature<1> =
    Signature::new("_SSLProtocolTransport.writelines", ["list_of_data"], 1, 1);
static SET_PROTOCOL: Signature<1> =
    Signature::new("_SSLProtocolTransport.set_protocol", ["protocol"], 1, 1);

/// The one argument of a method.
fn one<'a>(py: Python<'_>, signature: &Signature<1>, args: Args<'a>) -> Outcome<&'a Obj> {
    if let ([argument], false) = (args.positional(), args.has_keywords()) {
        return Ok(argument);
    }
    match signature.bind(py, args)? {
        [Some(argument)] => Ok(argument),
        [None] => unreachable!("a required argument is bound"),
    }
}

fn get_extra_info(this: &Ref<TlsTransport>, args: Args<'_>) -> Outcome {
    const SIGNATURE: Signature<2> = Signature::new(
        "_SSLProtocolTransport.get_extra_info",
        ["name", "default"],
        2,
        1,
    );
    let none = Obj::none(this.py());
    let [name, default] = SIGNATURE.bind(this.py(), args)?;
    protocol(this, "_get_extra_info")?.extra_info(name.unwrap_or(&none), default.unwrap_or(&none))
}

fn is_closing(this: &Ref<TlsTransport>) -> Outcome {
    let py = this.py();
    if this.stage.get() == Stage::Closed {
        return Ok(Obj::bool(py, true));
    }
    let below = match Dialect::current(py).asks_below_whether_closing {
        true => protocol(this, "_is_transport_closing")?.transport(),
        false => None,
    };
    match below {
        Some(below) => call::method(&below, intern!(py, "is_closing"), []),
        None => Ok(Obj::bool(py, false)),
    }
}

fn close(this: &Ref<TlsTransport>) -> Outcome<()> {
    if this.stage.replace(Stage::Closed) == Stage::Closed {
        this.protocol.set(None);
        return Ok(());
    }
    match this.protocol.get() {
        Some(protocol) => shutdown::start(&protocol),
        None => Ok(()),
    }
}

fn force_close(this: &Ref<TlsTransport>, exception: Option<&Obj>) -> Outcome<()> {
    this.mark_closed();
    match this.protocol.get() {
        Some(protocol) => shutdown::abort(&protocol, exception),
        None => Ok(()),
    }
}

fn limits(py: Python<'_>, marks: &Marks) -> Outcome {
    let (low, high) = marks.limits();
    Ok(Obj::from(PyTuple::new(py, [low, high])?))
}

fn set_write_buffer_limits(this: &Ref<TlsTransport>, args: Args<'_>) -> Outcome {
    const SIGNATURE: Signature<2> = Signature::new(
        "_SSLProtocolTransport.set_write_buffer_limits",
        ["high", "low"],
        2,
        0,
    );
    let [high, low] = SIGNATURE.bind(this.py(), args)?;
    outgoing::set_limits(&protocol(this, "_set_write_buffer_limits")?, high, low)?;
    none(this)
}

fn set_read_buffer_limits(this: &Ref<TlsTransport>, args: Args<'_>) -> Outcome {
    const SIGNATURE: Signature<2> = Signature::new(
        "_SSLProtocolTransport.set_read_buffer_limits",
        ["high", "low"],
        2,
        0,
    );
    let py = this.py();
    let [high, low] = SIGNATURE.bind(py, args)?;
    let protocol = protocol(this, "_set_read_buffer_limits")?;
    let marks = &protocol.session.incoming;
    flow_control::set_marks(py, marks, high, low, TlsProtocol::INCOMING_HIGH)?;
    incoming::control_below(&protocol)?;
    none(this)
}

fn class(this: &Ref<TlsTransport>) -> Outcome {
    call::attr(
        imports::sslproto(this.py()),
        intern!(this.py(), "_SSLProtocolTransport"),
    )
}

/// Builds the type.
///
/// # Errors
/// What making a type raises.
pub fn build(py: Python<'_>) -> Outcome {
    let builder = TypeBuilder::<TlsTransport>::new(
        c"asyncioxide.TlsTransport",
        c"A TLS connection. See asyncio.Transport.",
    )
    .no_constructor()
    .finalizer()
    .weak_references(offset_of!(TlsTransport, weak))
    .instance_dict(offset_of!(TlsTransport, dict));
    let class = attributes(lifetime(reading(writing_limits(writing(builder))))).build(py)?;
    // Attributes of the class, as in asyncio: they can be set on an instance.
    let modes = call::attr(imports::constants(py), intern!(py, "_SendfileMode"))?;
    let mode = call::attr(&modes, intern!(py, "FALLBACK"))?;
    call::set_attr(&class, intern!(py, "_sendfile_compatible"), &mode)?;
    let yes = Obj::bool(py, true);
    call::set_attr(&class, intern!(py, "_start_tls_compatible"), &yes)?;
    Ok(class)
}

fn writing(builder: TypeBuilder<TlsTransport>) -> TypeBuilder<TlsTransport> {
    builder
        .method(
            c"write",
            c"write($self, data)\n--\n\nEncrypt and send bytes. Never waits.",
            |this, args| {
                let data = one(this.py(), &WRITE, args)?;
                if outgoing::is_something(data)? {
                    outgoing::write(&protocol(this, "_write_appdata")?, data)?;
                }
                none(this)
            },
        )
        .method(
            c"writelines",
            c"writelines($self, list_of_data)\n--\n\nWrite several pieces, in one send.",
            |this, args| {
                outgoing::writelines(
                    &protocol(this, "_write_appdata")?,
                    one(this.py(), &WRITELINES, args)?,
                )?;
                none(this)
            },
        )
        .method1(
            c"_test__append_write_backlog",
            c"_test__append_write_backlog($self, data, /)\n--\n\nQueue bytes and do no more, for CPython's tests.",
            |this, data| {
                let protocol = protocol(this, "_write_backlog")?;
                protocol.session.queue(Segment::of(data)?, 0);
                none(this)
            },
        )
        .method0(
            c"write_eof",
            c"write_eof($self, /)\n--\n\nNot possible with TLS: NotImplementedError.",
            |_| {
                Err(Raised::from(
                    pyo3::exceptions::PyNotImplementedError::new_err(()),
                ))
            },
        )
        .method0(
            c"can_write_eof",
            c"can_write_eof($self, /)\n--\n\nFalse.",
            |this| Ok(Obj::bool(this.py(), false)),
        )
}

fn writing_limits(builder: TypeBuilder<TlsTransport>) -> TypeBuilder<TlsTransport> {
    builder
        .method0(
            c"get_write_buffer_size",
            c"get_write_buffer_size($self, /)\n--\n\nHow many bytes wait, encrypted and not.",
            |this| {
                let protocol = protocol(this, "_get_write_buffer_size")?;
                let size = protocol.session.outgoing_bytes()?;
                Ok(Obj::from(PyInt::new(this.py(), size)))
            },
        )
        .method0(
            c"get_write_buffer_limits",
            c"get_write_buffer_limits($self, /)\n--\n\nThe water marks (low, high).",
            |this| {
                limits(
                    this.py(),
                    &protocol(this, "_outgoing_low_water")?.session.outgoing,
                )
            },
        )
        .method(
            c"set_write_buffer_limits",
            c"set_write_buffer_limits($self, high=None, low=None)\n--\n\n\
              Set the water marks: at high the protocol is paused, at low it is resumed.",
            set_write_buffer_limits,
        )
}

fn reading(builder: TypeBuilder<TlsTransport>) -> TypeBuilder<TlsTransport> {
    builder
        .method0(
            c"is_reading",
            c"is_reading($self, /)\n--\n\nWhether the protocol gets what comes in.",
            |this| {
                let protocol = protocol(this, "_app_reading_paused")?;
                let is_paused = protocol.session.is_reading_paused();
                Ok(Obj::bool(this.py(), !is_paused))
            },
        )
        .method0(
            c"pause_reading",
            c"pause_reading($self, /)\n--\n\nLeave what comes in undecrypted until resume_reading().",
            |this| {
                protocol(this, "_pause_reading")?.session.pause_reading();
                none(this)
            },
        )
        .method0(
            c"resume_reading",
            c"resume_reading($self, /)\n--\n\nGive the protocol what comes in again.",
            |this| {
                incoming::resume(&protocol(this, "_resume_reading")?)?;
                none(this)
            },
        )
        .method0(
            c"get_read_buffer_size",
            c"get_read_buffer_size($self, /)\n--\n\nHow many received bytes nobody has read.",
            |this| {
                let protocol = protocol(this, "_get_read_buffer_size")?;
                let size = protocol.session.engine().unread_bytes()?;
                Ok(Obj::from(PyInt::new(this.py(), size)))
            },
        )
        .method0(
            c"get_read_buffer_limits",
            c"get_read_buffer_limits($self, /)\n--\n\nThe water marks (low, high).",
            |this| limits(this.py(), &protocol(this, "_incoming_low_water")?.session.incoming),
        )
        .method(
            c"set_read_buffer_limits",
            c"set_read_buffer_limits($self, high=None, low=None)\n--\n\n\
              Set the water marks: at high the transport below is paused, at low it is resumed.",
            set_read_buffer_limits,
        )
}

fn lifetime(builder: TypeBuilder<TlsTransport>) -> TypeBuilder<TlsTransport> {
    builder
        .method0(
            c"close",
            c"close($self, /)\n--\n\nSay goodbye once everything written is sent, and end the connection.",
            |this| {
                close(this)?;
                none(this)
            },
        )
        .method0(
            c"abort",
            c"abort($self, /)\n--\n\nEnd the connection at once; what is queued is lost.",
            |this| {
                force_close(this, None)?;
                none(this)
            },
        )
        .method1(
            c"_force_close",
            c"_force_close($self, exc, /)\n--\n\nEnd the connection at once, with a reason.",
            |this, exception| {
                force_close(this, Some(exception).filter(|given| !given.is_none()))?;
                none(this)
            },
        )
        .method0(
            c"is_closing",
            c"is_closing($self, /)\n--\n\nWhether the connection is ending or has ended.",
            is_closing,
        )
        .method(
            c"set_protocol",
            c"set_protocol($self, protocol)\n--\n\nGive the connection to another protocol.",
            |this, args| {
                protocol(this, "_set_app_protocol")?.set_app_protocol(one(this.py(), &SET_PROTOCOL, args)?)?;
                none(this)
            },
        )
        .method0(
            c"get_protocol",
            c"get_protocol($self, /)\n--\n\nThe protocol; None once the connection is lost.",
            |this| Ok(protocol(this, "_app_protocol")?.app_protocol_or_none()),
        )
        .method(
            c"get_extra_info",
            c"get_extra_info($self, name, default=None)\n--\n\n\
              Optional facts: 'ssl_object', 'sslcontext', 'peercert', 'cipher', 'compression', and those of the \
              transport below.",
            get_extra_info,
        )
}

fn attributes(builder: TypeBuilder<TlsTransport>) -> TypeBuilder<TlsTransport> {
    builder
        .getter(c"__class__", c"asyncio's class of the same kind.", class)
        .getter(c"_loop", c"The event loop.", |this| {
            let scheduler = this
                .protocol
                .get()
                .and_then(|protocol| protocol.scheduler());
            Ok(scheduler.map_or_else(|| Obj::none(this.py()), Ref::into_obj))
        })
        .getter(
            c"_ssl_protocol",
            c"The protocol of the transport below.",
            |this| {
                let protocol = this.protocol.get();
                Ok(protocol.map_or_else(|| Obj::none(this.py()), Ref::into_obj))
            },
        )
        .getter(
            c"_protocol_paused",
            c"Whether pause_writing() was called last.",
            |this| {
                let protocol = protocol(this, "_app_writing_paused")?;
                let is_paused = protocol.session.outgoing.is_paused();
                Ok(Obj::bool(this.py(), is_paused))
            },
        )
}
