//! `StreamReaderProtocol`: between a transport and a `StreamReader`.
//!
//! It refers to its reader weakly: a reader that nobody reads from any more takes nothing. The server's side holds it
//! strongly until the connection is made. Follows `asyncio.StreamReaderProtocol`.

use std::cell::Cell;
use std::mem::offset_of;

use pyo3::types::{PyAnyMethods, PyDict, PyDictMethods, PyType};
use pyo3::{Python, intern};

use super::client_connected;
use super::dialect::Dialect;
use super::flow_control::{FlowData, object, set_flag, set_object, settle};
use super::state::{ReaderData, feed_data, feed_eof};
use crate::future::future;
use crate::future::state::{FutureData, State};
use crate::py::args::{Args, Signature, exactly};
use crate::py::call;
use crate::py::cell::Slot;
use crate::py::errors::Outcome;
use crate::py::gc::Visitor;
use crate::py::imports;
use crate::py::instance::{Derived, Payload, Ref, TypeSlot};
use crate::py::object::Obj;
use crate::py::slots::TypeBuilder;
use crate::py::version::{PY_3_13, PY_3_15};
use crate::transport::direct::{Appetite, Direct};

static TYPE: TypeSlot = TypeSlot::new();

/// The fields beyond those of flow control.
pub struct Own {
    /// `_stream_reader_wr`, a weak reference.
    reader: Slot,
    /// `_strong_reader`, on the server's side until the connection is made.
    strong_reader: Slot,
    /// `_client_connected_cb`
    pub client_connected: Slot,
    /// `_stream_writer`, up to 3.14.
    pub writer: Slot,
    /// `_task`, in which the callback runs.
    pub task: Slot,
    /// `_transport`
    transport: Slot,
    /// `_closed`, a future.
    closed: Slot,
    /// `_source_traceback`
    source_traceback: Slot,
    /// `_reject_connection`
    rejects: Cell<bool>,
    /// `_over_ssl`
    over_tls: Cell<bool>,
}

/// The payload.
pub type ProtocolData = Derived<FlowData, Own>;

impl Payload for ProtocolData {
    const TYPE: &'static TypeSlot = &TYPE;

    fn blank() -> Self {
        Self {
            base: FlowData::blank(),
            own: Own {
                reader: Slot::default(),
                strong_reader: Slot::default(),
                client_connected: Slot::default(),
                writer: Slot::default(),
                task: Slot::default(),
                transport: Slot::default(),
                closed: Slot::default(),
                source_traceback: Slot::default(),
                rejects: Cell::new(false),
                over_tls: Cell::new(false),
            },
        }
    }

    fn visit(&self, visitor: &mut Visitor) {
        self.base.visit(visitor);
        visitor.slot(&self.own.reader);
        visitor.slot(&self.own.strong_reader);
        visitor.slot(&self.own.client_connected);
        visitor.slot(&self.own.writer);
        visitor.slot(&self.own.task);
        visitor.slot(&self.own.transport);
        visitor.slot(&self.own.closed);
        visitor.slot(&self.own.source_traceback);
    }

    fn clear(&self) {
        self.own.reader.set(None);
        self.own.strong_reader.set(None);
        self.own.client_connected.set(None);
        self.own.writer.set(None);
        self.own.task.set(None);
        self.own.transport.set(None);
        self.own.closed.set(None);
        self.own.source_traceback.set(None);
        self.base.clear();
    }

    fn wants_finalize(&self) -> bool {
        match self.own.closed.get() {
            None => false,
            Some(closed) => match closed.downcast_exact::<FutureData>() {
                Some(future) => future.log_traceback.get(),
                None => true,
            },
        }
    }

    fn finalize(this: &Ref<Self>) {
        if let Err(raised) = this.forget_failure() {
            raised.unraisable(this.py(), Some(this.as_obj()));
        }
    }
}

impl Ref<ProtocolData> {
    /// Whether no attribute was set on the instance: its methods are the type's own.
    #[inline]
    pub fn is_as_made(&self) -> bool {
        self.base.dict.get().is_none()
    }

    /// `__del__`: nobody has to ask how the connection ended.
    fn forget_failure(&self) -> Outcome<()> {
        let Some(closed) = self.own.closed.get() else {
            return Ok(());
        };
        if let Some(future) = closed.downcast_exact::<FutureData>() {
            if future.state() == State::Raised {
                future.log_traceback.set(false);
            }
            return Ok(());
        }
        let py = self.py();
        let asks =
            |name| -> Outcome<bool> { Ok(call::method(&closed, name, [])?.bind().is_truthy()?) };
        if asks(intern!(py, "done"))? && !asks(intern!(py, "cancelled"))? {
            call::method(&closed, intern!(py, "exception"), [])?;
        }
        Ok(())
    }

    /// `_stream_reader`, if it is still there.
    #[inline]
    pub fn reader(&self) -> Outcome<Option<Obj>> {
        let Some(reference) = self.own.reader.get() else {
            return Ok(None);
        };
        let reader = call::call0(&reference)?;
        Ok(Some(reader).filter(|reader| !reader.is_none()))
    }

    /// The transport has another one in its place (`_replace_writer`, since 3.13 `_replace_transport`).
    pub(super) fn replace_transport(&self, transport: &Obj) -> Outcome<()> {
        self.own.transport.set(Some(transport.clone()));
        self.own.over_tls.set(is_over_tls(transport)?);
        if !Dialect::current(self.py()).replaces_the_readers_transport {
            return Ok(());
        }
        match self.reader()? {
            Some(reader) => call::method(
                &reader,
                intern!(self.py(), "_replace_transport"),
                [transport],
            )
            .map(drop),
            None => Ok(()),
        }
    }

    /// `data_received(data)`
    #[inline]
    fn data_received(&self, data: &Obj) -> Outcome<()> {
        match self.reader()? {
            Some(reader) => feed_data(&reader, data),
            None => Ok(()),
        }
    }
}

fn is_over_tls(transport: &Obj) -> Outcome<bool> {
    let py = transport.py();
    let name = Obj::str(py, "sslcontext");
    let context = call::method(transport, intern!(py, "get_extra_info"), [&name])?;
    Ok(!context.is_none())
}

/// A protocol for a reader, as `open_connection` and servers make it.
///
/// # Errors
/// As `__init__`.
pub fn make(
    py: Python<'_>,
    reader: &Obj,
    client_connected: Option<&Obj>,
    loop_: &Obj,
) -> Outcome<Ref<ProtocolData>> {
    let this = Ref::alloc(py, ProtocolData::blank(), None)?;
    begin(&this, Some(reader), client_connected, Some(loop_))?;
    Ok(this)
}

fn initialise(this: &Ref<ProtocolData>, args: Args<'_>) -> Outcome<()> {
    const SIGNATURE: Signature<3> = Signature::new(
        "StreamReaderProtocol.__init__",
        ["stream_reader", "client_connected_cb", "loop"],
        3,
        1,
    );
    let [reader, client_connected, loop_] = SIGNATURE.bind(this.py(), args)?;
    begin(this, reader, client_connected, loop_)
}

fn begin(
    this: &Ref<ProtocolData>,
    reader: Option<&Obj>,
    client_connected: Option<&Obj>,
    loop_: Option<&Obj>,
) -> Outcome<()> {
    let py = this.py();
    this.base.initialise(py, loop_)?;
    let reader = reader.filter(|reader| !reader.is_none());
    let client_connected = client_connected.filter(|callback| !callback.is_none());
    match reader {
        Some(reader) => {
            let reference = call::method(imports::weakref(py), intern!(py, "ref"), [reader])?;
            this.own.reader.set(Some(reference));
            this.own.source_traceback.set(source_traceback(reader)?);
        }
        None => this.own.reader.set(None),
    }
    if client_connected.is_some() {
        this.own.strong_reader.set(reader.cloned());
    }
    this.own.client_connected.set(client_connected.cloned());
    this.own.rejects.set(false);
    this.own.over_tls.set(false);
    let closed = future::make_for(&this.base.loop_or_none(py))?;
    this.own.closed.set(Some(closed));
    Ok(())
}

fn source_traceback(reader: &Obj) -> Outcome<Option<Obj>> {
    if let Some(reader) = reader.downcast_exact::<ReaderData>() {
        return Ok(reader.source_traceback.get());
    }
    let found = call::attr(reader, intern!(reader.py(), "_source_traceback"))?;
    Ok(Some(found).filter(|found| !found.is_none()))
}

fn connection_made(this: &Ref<ProtocolData>, transport: &Obj) -> Outcome<()> {
    let py = this.py();
    if this.own.rejects.get() {
        return reject(this, transport);
    }
    this.own.transport.set(Some(transport.clone()));
    let reader = this.reader()?;
    if let Some(reader) = &reader {
        call::method(reader, intern!(py, "set_transport"), [transport])?;
    }
    this.own.over_tls.set(is_over_tls(transport)?);
    let Some(callback) = this.own.client_connected.get() else {
        return Ok(());
    };
    client_connected::call(this, &callback, transport, reader)?;
    this.own.strong_reader.set(None);
    Ok(())
}

/// The reader was dropped before the connection was there.
#[cold]
fn reject(this: &Ref<ProtocolData>, transport: &Obj) -> Outcome<()> {
    let py = this.py();
    let context = PyDict::new(py);
    context.set_item(
        "message",
        "An open stream was garbage collected prior to establishing network connection; call \"stream.close()\" explicitly.",
    )?;
    if let Some(traceback) = this.own.source_traceback.get() {
        context.set_item("source_traceback", traceback.bind())?;
    }
    let loop_ = this.base.loop_or_none(py);
    call::method(
        &loop_,
        intern!(py, "call_exception_handler"),
        [&Obj::from(context)],
    )?;
    call::method(transport, intern!(py, "abort"), []).map(drop)
}

fn connection_lost(this: &Ref<ProtocolData>, exception: &Obj) -> Outcome<()> {
    let py = this.py();
    if let Some(reader) = this.reader()? {
        if exception.is_none() {
            feed_eof(&reader)?;
        } else {
            call::method(&reader, intern!(py, "set_exception"), [exception])?;
        }
    }
    if let Some(closed) = this.own.closed.get() {
        settle(&closed, exception)?;
    }
    this.base.connection_lost(exception)?;
    this.own.reader.set(None);
    this.own.writer.set(None);
    this.own.task.set(None);
    this.own.transport.set(None);
    Ok(())
}

fn eof_received(this: &Ref<ProtocolData>) -> Outcome {
    if let Some(reader) = this.reader()? {
        feed_eof(&reader)?;
    }
    // With TLS there is no half-closed connection, and a true answer is warned about.
    Ok(Obj::bool(this.py(), !this.own.over_tls.get()))
}

/// Whether `protocol` takes bytes by the `data_received` of this file.
fn recognise(protocol: &Obj) -> Outcome<bool> {
    let Some(this) = protocol.downcast::<ProtocolData>() else {
        return Ok(false);
    };
    if this.is_exact() {
        return Ok(true);
    }
    let py = protocol.py();
    let name = intern!(py, "data_received");
    let native = TYPE.object(py);
    let native = native.bind().cast::<PyType>()?;
    let class = protocol.bind().get_type();
    Ok(class.getattr(name)?.is(&native.getattr(name)?))
}

/// What the reader can use.
fn appetite(protocol: &Obj) -> Outcome<Appetite> {
    let unknown = Appetite {
        is_waiting: false,
        wanted_bytes: None,
        room_bytes: usize::MAX,
    };
    let Some(this) = protocol.downcast::<ProtocolData>() else {
        return Ok(unknown);
    };
    let reader = this.reader()?;
    let Some(reader) = reader
        .as_ref()
        .and_then(|reader| reader.downcast_exact::<ReaderData>())
    else {
        return Ok(unknown);
    };
    let wanted = reader.wanted_bytes.get();
    let unread = reader.buffer.len_bytes()?;
    Ok(Appetite {
        is_waiting: reader.waiter.is_some(),
        wanted_bytes: (wanted > 0).then_some(wanted),
        room_bytes: reader.limit.high_bytes().saturating_sub(unread),
    })
}

/// `protocol.data_received(data)` as the transport finds it.
fn receive(protocol: &Obj, data: &Obj) -> Outcome<()> {
    match protocol.downcast::<ProtocolData>() {
        Some(this) if this.is_as_made() => this.data_received(data),
        _ => call::method(protocol, intern!(protocol.py(), "data_received"), [data]).map(drop),
    }
}

/// Builds the type.
///
/// # Errors
/// What making a type raises.
pub fn build(py: Python<'_>) -> Outcome {
    Direct {
        recognise,
        appetite,
        receive,
    }
    .register(py);
    // Before anybody puts other functions in place of asyncio's.
    Dialect::current(py);
    let builder = TypeBuilder::<ProtocolData>::new(
        c"asyncioxide.streams.StreamReaderProtocol",
        c"StreamReaderProtocol(stream_reader, client_connected_cb=None, loop=None)\n--\n\n\
          A protocol that feeds what it receives to a StreamReader.\n\n\
          client_connected_cb(reader, writer) is called for each connection of a server; if it returns a \
          coroutine, that runs in a task.",
    )
    .base(FlowData::TYPE)
    .subclassable()
    .constructor(initialise)
    .finalizer()
    .weak_references(offset_of!(ProtocolData, base.weak))
    .instance_dict(offset_of!(ProtocolData, base.dict));
    attributes(fields(replacing(methods(builder)))).build(py)
}

fn methods(builder: TypeBuilder<ProtocolData>) -> TypeBuilder<ProtocolData> {
    builder
        .method(
            c"connection_made",
            c"connection_made($self, transport)\n--\n\nThe connection is there: the reader, and a server's callback, get it.",
            |this, args| {
                const NAME: &str = "StreamReaderProtocol.connection_made";
                let [transport] = exactly(this.py(), NAME, ["transport"], args)?;
                connection_made(this, transport)?;
                Ok(Obj::none(this.py()))
            },
        )
        .method(
            c"connection_lost",
            c"connection_lost($self, exc)\n--\n\nThe connection has ended: the reader gets the end, or exc.",
            |this, args| {
                const NAME: &str = "StreamReaderProtocol.connection_lost";
                let [exception] = exactly(this.py(), NAME, ["exc"], args)?;
                connection_lost(this, exception)?;
                Ok(Obj::none(this.py()))
            },
        )
        .method(
            c"data_received",
            c"data_received($self, data)\n--\n\nBytes have come, for the reader.",
            |this, args| {
                const NAME: &str = "StreamReaderProtocol.data_received";
                match args.positional() {
                    [data] if !args.has_keywords() => this.data_received(data)?,
                    _ => {
                        let [data] = exactly(this.py(), NAME, ["data"], args)?;
                        this.data_received(data)?;
                    }
                }
                Ok(Obj::none(this.py()))
            },
        )
        .method0(
            c"eof_received",
            c"eof_received($self)\n--\n\nThe peer sends nothing more. Whether the connection stays open for writing.",
            eof_received,
        )
        .method(
            c"_get_close_waiter",
            c"_get_close_waiter($self, stream)\n--\n\nWhat StreamWriter.wait_closed() awaits.",
            |this, args| {
                const NAME: &str = "StreamReaderProtocol._get_close_waiter";
                let [_stream] = exactly(this.py(), NAME, ["stream"], args)?;
                object(this.py(), &this.own.closed)
            },
        )
}

/// What `start_tls` calls, by the name that the running Python has for it.
fn replacing(builder: TypeBuilder<ProtocolData>) -> TypeBuilder<ProtocolData> {
    builder
        .when(!PY_3_13, |builder| {
            builder.method(
                c"_replace_writer",
                c"_replace_writer($self, writer)\n--\n\nAnother writer goes on with the connection.",
                |this, args| {
                    const NAME: &str = "StreamReaderProtocol._replace_writer";
                    let py = this.py();
                    let [writer] = exactly(py, NAME, ["writer"], args)?;
                    let transport = call::attr(writer, intern!(py, "transport"))?;
                    this.own.writer.set(Some(writer.clone()));
                    this.replace_transport(&transport)?;
                    Ok(Obj::none(py))
                },
            )
        })
        .when(PY_3_13, |builder| {
            builder.method(
                c"_replace_transport",
                c"_replace_transport($self, transport)\n--\n\nAnother transport goes on with the connection.",
                |this, args| {
                    const NAME: &str = "StreamReaderProtocol._replace_transport";
                    let [transport] = exactly(this.py(), NAME, ["transport"], args)?;
                    this.replace_transport(transport)?;
                    Ok(Obj::none(this.py()))
                },
            )
        })
}

/// `__class__`: asyncio's class, for which `isinstance` takes our objects.
fn class(this: &Ref<ProtocolData>) -> Outcome {
    let py = this.py();
    if this.is_exact() {
        return Ok(imports::stream_reader_protocol_class(py).clone());
    }
    Ok(Obj::from(this.as_obj().bind().get_type()))
}

fn attributes(builder: TypeBuilder<ProtocolData>) -> TypeBuilder<ProtocolData> {
    builder
        .getter(
            c"__class__",
            c"asyncio.StreamReaderProtocol, or the subclass.",
            class,
        )
        .getter(c"_stream_reader", c"The reader, while it lives.", |this| {
            Ok(this.reader()?.unwrap_or_else(|| Obj::none(this.py())))
        })
        .attribute(
            c"_stream_reader_wr",
            c"A weak reference to the reader.",
            |this| object(this.py(), &this.own.reader),
            |this, value| set_object(this.py(), &this.own.reader, value),
        )
        .attribute(
            c"_strong_reader",
            c"The reader of a server's connection that is not made yet.",
            |this| object(this.py(), &this.own.strong_reader),
            |this, value| set_object(this.py(), &this.own.strong_reader, value),
        )
        .attribute(
            c"_client_connected_cb",
            c"A server's callback.",
            |this| object(this.py(), &this.own.client_connected),
            |this, value| set_object(this.py(), &this.own.client_connected, value),
        )
        .when(!PY_3_15, |builder| {
            builder.attribute(
                c"_stream_writer",
                c"The writer, where Python keeps it here.",
                |this| object(this.py(), &this.own.writer),
                |this, value| set_object(this.py(), &this.own.writer, value),
            )
        })
}

fn fields(builder: TypeBuilder<ProtocolData>) -> TypeBuilder<ProtocolData> {
    builder
        .attribute(
            c"_task",
            c"The task of a server's callback.",
            |this| object(this.py(), &this.own.task),
            |this, value| set_object(this.py(), &this.own.task, value),
        )
        .attribute(
            c"_transport",
            c"The transport.",
            |this| object(this.py(), &this.own.transport),
            |this, value| set_object(this.py(), &this.own.transport, value),
        )
        .attribute(
            c"_closed",
            c"A future that is done once the connection is lost.",
            |this| object(this.py(), &this.own.closed),
            |this, value| set_object(this.py(), &this.own.closed, value),
        )
        .attribute(
            c"_source_traceback",
            c"Where the reader was made (debug mode).",
            |this| object(this.py(), &this.own.source_traceback),
            |this, value| set_object(this.py(), &this.own.source_traceback, value),
        )
        .attribute(
            c"_reject_connection",
            c"Whether the connection is refused once it is there.",
            |this| Ok(Obj::bool(this.py(), this.own.rejects.get())),
            |this, value| set_flag(this.py(), &this.own.rejects, value),
        )
        .attribute(
            c"_over_ssl",
            c"Whether the transport speaks TLS.",
            |this| Ok(Obj::bool(this.py(), this.own.over_tls.get())),
            |this, value| set_flag(this.py(), &this.own.over_tls, value),
        )
}
