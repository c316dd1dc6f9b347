//! `StreamWriter` as Python sees it: a transport, with a `drain()` to wait in. Follows `asyncio.StreamWriter`.

use std::mem::offset_of;

use pyo3::types::PyAnyMethods;
use pyo3::{Python, intern};

use super::dialect::Dialect;
use super::flow_control::{object, set_object};
use super::state::{ReaderData, assertion_failed_silently};
use super::{draining, upgrading};
use crate::future::{any, future};
use crate::handle::schedule::Scheduler;
use crate::py::args::{Args, Signature, exactly};
use crate::py::call;
use crate::py::cell::Slot;
use crate::py::errors::{First, Outcome};
use crate::py::gc::Visitor;
use crate::py::imports;
use crate::py::instance::{Dict, Payload, Ref, TypeSlot, WeakList};
use crate::py::object::Obj;
use crate::py::slots::TypeBuilder;
use crate::transport::endpoint::Endpoint;
use crate::transport::state::StreamTransport;
use crate::transport::write;

static TYPE: TypeSlot = TypeSlot::new();

/// The fields.
#[derive(Default)]
pub struct WriterData {
    weak: WeakList,
    dict: Dict,
    /// `_transport`
    pub transport: Slot,
    /// `_protocol`
    pub protocol: Slot,
    /// `_reader`
    pub reader: Slot,
    /// `_loop`
    pub loop_: Slot,
    /// `_complete_fut`, once somebody has asked for it.
    complete: Slot,
}

impl Payload for WriterData {
    const TYPE: &'static TypeSlot = &TYPE;

    fn blank() -> Self {
        Self::default()
    }

    fn visit(&self, visitor: &mut Visitor) {
        self.dict.visit(visitor);
        visitor.slot(&self.transport);
        visitor.slot(&self.protocol);
        visitor.slot(&self.reader);
        visitor.slot(&self.loop_);
        visitor.slot(&self.complete);
    }

    fn clear(&self) {
        self.transport.set(None);
        self.protocol.set(None);
        self.reader.set(None);
        self.loop_.set(None);
        self.complete.set(None);
        self.dict.clear();
    }

    fn wants_finalize(&self) -> bool {
        let Some(transport) = self.transport.get() else {
            return false;
        };
        match transport.downcast_exact::<StreamTransport>() {
            Some(transport) => !transport.is_closing(),
            None => true,
        }
    }

    fn finalize(this: &Ref<Self>) {
        if let Err(raised) = abandoned(this) {
            raised.unraisable(this.py(), Some(this.as_obj()));
        }
    }
}

/// `__del__`, where asyncio has one: the user dropped the writer without closing it.
fn abandoned(this: &Ref<WriterData>) -> Outcome<()> {
    let py = this.py();
    if is_closing(this)?.bind().is_truthy()? {
        return Ok(());
    }
    let loop_ = object(py, &this.loop_)?;
    let is_closed = match loop_.downcast::<Scheduler>() {
        Some(scheduler) => scheduler.phase().is_closed(),
        None => call::method(&loop_, intern!(py, "is_closed"), [])?
            .bind()
            .is_truthy()?,
    };
    if is_closed {
        return warn(py, "loop is closed");
    }
    let mut first = First::default();
    let closed = call::method(this.as_obj(), intern!(py, "close"), []).map(drop);
    let failed = closed.is_err();
    first.keep(py, closed);
    if !failed {
        let text = format!("unclosed {}", this.as_obj().bind().repr()?);
        first.keep(py, warn(py, &text));
    }
    first.outcome()
}

fn warn(py: Python<'_>, text: &str) -> Outcome<()> {
    let category = Obj::from(py.get_type::<pyo3::exceptions::PyResourceWarning>());
    call::method(
        imports::warnings(py),
        intern!(py, "warn"),
        [&Obj::str(py, text), &category],
    )
    .map(drop)
}

impl WriterData {
    /// `self._transport`, or None before `__init__`.
    #[inline]
    pub fn transport_or_none(&self, py: Python<'_>) -> Obj {
        self.transport.get().unwrap_or_else(|| Obj::none(py))
    }
}

/// A writer, as `open_connection` and servers make it.
///
/// # Errors
/// `MemoryError`; AssertionError when `reader` is neither a reader nor None.
pub fn make(
    transport: &Obj,
    protocol: &Obj,
    reader: &Obj,
    loop_: &Obj,
) -> Outcome<Ref<WriterData>> {
    let this = Ref::alloc(transport.py(), WriterData::blank(), None)?;
    begin(&this, [transport, protocol, reader, loop_])?;
    Ok(this)
}

fn begin(this: &Ref<WriterData>, [transport, protocol, reader, loop_]: [&Obj; 4]) -> Outcome<()> {
    let py = this.py();
    this.transport.set(Some(transport.clone()));
    this.protocol.set(Some(protocol.clone()));
    if !reader.is_none() && reader.downcast::<ReaderData>().is_none() {
        // One of asyncio's own will do too.
        let stock = imports::stream_reader_class(py);
        if !reader.bind().is_instance(stock.bind())? {
            return Err(assertion_failed_silently());
        }
    }
    this.reader
        .set(Some(reader.clone()).filter(|reader| !reader.is_none()));
    this.loop_.set(Some(loop_.clone()));
    Ok(())
}

fn initialise(this: &Ref<WriterData>, args: Args<'_>) -> Outcome<()> {
    let names = ["transport", "protocol", "reader", "loop"];
    let given = exactly(this.py(), "StreamWriter.__init__", names, args)?;
    begin(this, given)
}

fn repr(this: &Ref<WriterData>) -> Outcome {
    let py = this.py();
    let class = this.as_obj().bind().get_type();
    let transport = this.transport_or_none(py);
    let mut text = format!(
        "<{} transport={}",
        class.getattr(intern!(py, "__name__"))?,
        transport.bind().repr()?
    );
    if let Some(reader) = this.reader.get() {
        text.push_str(&format!(" reader={}", reader.bind().repr()?));
    }
    text.push('>');
    Ok(Obj::str(py, &text))
}

#[inline]
fn write(this: &Ref<WriterData>, args: Args<'_>) -> Outcome {
    let py = this.py();
    let data = match args.positional() {
        [data] if !args.has_keywords() => data,
        _ => exactly(py, "StreamWriter.write", ["data"], args)?[0],
    };
    let transport = this.transport_or_none(py);
    match transport.downcast_exact::<StreamTransport>() {
        Some(native) if native.is_as_made() => write::write(native, data)?,
        _ => drop(call::method(&transport, intern!(py, "write"), [data])?),
    }
    Ok(Obj::none(py))
}

fn writelines(this: &Ref<WriterData>, args: Args<'_>) -> Outcome {
    let py = this.py();
    let [data] = exactly(py, "StreamWriter.writelines", ["data"], args)?;
    call::method(
        &this.transport_or_none(py),
        intern!(py, "writelines"),
        [data],
    )?;
    Ok(Obj::none(py))
}

/// `transport.is_closing()`
///
/// # Errors
/// What the transport raises.
#[inline]
pub fn is_closing(this: &Ref<WriterData>) -> Outcome {
    let py = this.py();
    let transport = this.transport_or_none(py);
    match transport.downcast_exact::<StreamTransport>() {
        Some(native) if native.is_as_made() => Ok(Obj::bool(py, native.is_closing())),
        _ => call::method(&transport, intern!(py, "is_closing"), []),
    }
}

fn get_extra_info(this: &Ref<WriterData>, args: Args<'_>) -> Outcome {
    const SIGNATURE: Signature<2> =
        Signature::new("StreamWriter.get_extra_info", ["name", "default"], 2, 1);
    let py = this.py();
    let [name, default] = SIGNATURE.bind(py, args)?;
    let none = Obj::none(py);
    call::method(
        &this.transport_or_none(py),
        intern!(py, "get_extra_info"),
        [name.unwrap_or(&none), default.unwrap_or(&none)],
    )
}

/// `_complete_fut`: a future that is done.
fn complete(this: &Ref<WriterData>) -> Outcome {
    let py = this.py();
    if let Some(future) = this.complete.get() {
        return Ok(future);
    }
    let future = future::make_for(&object(py, &this.loop_)?)?;
    any::set_result(&future, &Obj::none(py))?;
    this.complete.set(Some(future.clone()));
    Ok(future)
}

/// Builds the type.
///
/// # Errors
/// What making a type raises.
pub fn build(py: Python<'_>) -> Outcome {
    let builder = TypeBuilder::<WriterData>::new(
        c"asyncioxide.streams.StreamWriter",
        c"StreamWriter(transport, protocol, reader, loop)\n--\n\n\
          The writing half of a connection: the methods of its transport, and drain() to wait in while the transport \
          has enough to send.",
    )
    .subclassable()
    .constructor(initialise)
    .when(
        Dialect::current(py).closes_forgotten_writers,
        TypeBuilder::finalizer,
    )
    .weak_references(offset_of!(WriterData, weak))
    .instance_dict(offset_of!(WriterData, dict))
    .repr(repr);
    let class = attributes(methods(builder)).build(py)?;
    draining::add_to_writer(&class)?;
    upgrading::add_to_writer(&class)?;
    Ok(class)
}

fn methods(builder: TypeBuilder<WriterData>) -> TypeBuilder<WriterData> {
    builder
        .method(
            c"write",
            c"write($self, data)\n--\n\nSend bytes, now or as soon as they can be; never waits. Await drain() after it.",
            write,
        )
        .method(
            c"writelines",
            c"writelines($self, data)\n--\n\nSend many pieces of bytes; never waits.",
            writelines,
        )
        .method0(
            c"write_eof",
            c"write_eof($self)\n--\n\nTell the peer, after what was written, that nothing will follow.",
            |this| {
                let py = this.py();
                call::method(&this.transport_or_none(py), intern!(py, "write_eof"), [])
            },
        )
        .method0(
            c"can_write_eof",
            c"can_write_eof($self)\n--\n\nWhether the connection can be closed for writing alone.",
            |this| {
                let py = this.py();
                call::method(&this.transport_or_none(py), intern!(py, "can_write_eof"), [])
            },
        )
        .method0(
            c"close",
            c"close($self)\n--\n\nEnd the connection once everything written is sent. Await wait_closed() after it.",
            |this| {
                let py = this.py();
                call::method(&this.transport_or_none(py), intern!(py, "close"), [])
            },
        )
        .method0(
            c"is_closing",
            c"is_closing($self)\n--\n\nWhether the connection is ending or has ended.",
            is_closing,
        )
        .method(
            c"get_extra_info",
            c"get_extra_info($self, name, default=None)\n--\n\n\
              Optional facts about the transport: 'peername', 'socket', 'ssl_object' and others.",
            get_extra_info,
        )
}

/// `__class__`: asyncio's class, for which `isinstance` takes our objects.
fn class(this: &Ref<WriterData>) -> Outcome {
    let py = this.py();
    if this.is_exact() {
        return Ok(imports::stream_writer_class(py).clone());
    }
    Ok(Obj::from(this.as_obj().bind().get_type()))
}

fn attributes(builder: TypeBuilder<WriterData>) -> TypeBuilder<WriterData> {
    builder
        .getter(
            c"__class__",
            c"asyncio.StreamWriter, or the subclass.",
            class,
        )
        .getter(c"transport", c"The transport underneath.", |this| {
            object(this.py(), &this.transport)
        })
        .attribute(
            c"_transport",
            c"The transport underneath.",
            |this| object(this.py(), &this.transport),
            |this, value| set_object(this.py(), &this.transport, value),
        )
        .attribute(
            c"_protocol",
            c"The protocol, in which drain() waits.",
            |this| object(this.py(), &this.protocol),
            |this, value| set_object(this.py(), &this.protocol, value),
        )
        .attribute(
            c"_reader",
            c"The reader of the same connection, or None.",
            |this| object(this.py(), &this.reader),
            |this, value| set_object(this.py(), &this.reader, value),
        )
        .attribute(
            c"_loop",
            c"The event loop.",
            |this| object(this.py(), &this.loop_),
            |this, value| set_object(this.py(), &this.loop_, value),
        )
        .getter(c"_complete_fut", c"A future that is done.", complete)
}
