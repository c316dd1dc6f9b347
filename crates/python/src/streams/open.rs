//! `open_connection`, `start_server` and their Unix twins: the loop's methods with a reader and a writer.
//!
//! Follows the functions of the same names in `asyncio.streams`.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

use super::{protocol, reader, writer};
use crate::future::coroutine::{self, Co, Kept};
use crate::py::args::{Args, Signature};
use crate::py::cell::Slot;
use crate::py::errors::Outcome;
use crate::py::gc::Visitor;
use crate::py::instance::{Payload, Ref, TypeSlot};
use crate::py::object::Obj;
use crate::py::slots::TypeBuilder;
use crate::task::current::running_loop;

static TYPE: TypeSlot = TypeSlot::new();

/// A server's protocol factory: each call makes a reader and its protocol.
#[derive(Default)]
pub struct ProtocolFactory {
    client_connected: Slot,
    limit: Slot,
    loop_: Slot,
}

impl Payload for ProtocolFactory {
    const TYPE: &'static TypeSlot = &TYPE;

    fn blank() -> Self {
        Self::default()
    }

    fn visit(&self, visitor: &mut Visitor) {
        visitor.slot(&self.client_connected);
        visitor.slot(&self.limit);
        visitor.slot(&self.loop_);
    }

    fn clear(&self) {
        self.client_connected.set(None);
        self.limit.set(None);
        self.loop_.set(None);
    }
}

fn make_protocol(this: &Ref<ProtocolFactory>, _args: Args<'_>) -> Outcome {
    let py = this.py();
    let loop_ = this.loop_.get().unwrap_or_else(|| Obj::none(py));
    let reader = reader::make(py, this.limit.get().as_ref(), &loop_)?.into_obj();
    let callback = this.client_connected.get();
    Ok(protocol::make(py, &reader, callback.as_ref(), &loop_)?.into_obj())
}

/// A client's protocol factory: the one protocol that there is.
#[derive(Default)]
pub struct GivenProtocol(Slot);

static GIVEN_TYPE: TypeSlot = TypeSlot::new();

impl Payload for GivenProtocol {
    const TYPE: &'static TypeSlot = &GIVEN_TYPE;

    fn blank() -> Self {
        Self::default()
    }

    fn visit(&self, visitor: &mut Visitor) {
        visitor.slot(&self.0);
    }

    fn clear(&self) {
        self.0.set(None);
    }
}

/// Builds the types of the factories.
///
/// # Errors
/// What making a type raises.
pub fn build(py: Python<'_>) -> Outcome<()> {
    TypeBuilder::<ProtocolFactory>::new(
        c"asyncioxide.streams.ProtocolFactory",
        c"What a server of streams makes its protocols with.",
    )
    .no_constructor()
    .callable(make_protocol)
    .build(py)?;
    TypeBuilder::<GivenProtocol>::new(
        c"asyncioxide.streams.GivenProtocol",
        c"What a client of streams takes its protocol from.",
    )
    .no_constructor()
    .callable(|this, _args| Ok(this.0.get().unwrap_or_else(|| Obj::none(this.py()))))
    .build(py)
    .map(drop)
}

/// What a client or a server is opened with.
struct Arguments {
    /// The loop's method.
    method: &'static str,
    /// Its positional arguments after the factory, a tuple.
    place: Obj,
    /// A server's callback.
    client_connected: Option<Obj>,
    limit: Option<Obj>,
    /// The keywords of the method, a dict.
    keywords: Obj,
}

impl Arguments {
    fn new<const N: usize>(
        method: &'static str,
        place: [Option<&Obj>; N],
        limit: Option<&Obj>,
        keywords: Bound<'_, PyDict>,
    ) -> Outcome<Self> {
        let py = keywords.py();
        let none = Obj::none(py);
        let place = place.map(|given| given.unwrap_or(&none).bind());
        Ok(Self {
            method,
            place: Obj::from(PyTuple::new(py, place)?),
            client_connected: None,
            limit: limit.cloned(),
            keywords: Obj::from(keywords),
        })
    }
}

/// The same, where the collector sees it.
struct Opening {
    method: &'static str,
    place: Kept,
    client_connected: Option<Kept>,
    limit: Option<Kept>,
    keywords: Kept,
}

impl Opening {
    fn keep(co: &Co, arguments: Arguments) -> Self {
        Self {
            method: arguments.method,
            place: co.keep(arguments.place),
            client_connected: arguments.client_connected.map(|callback| co.keep(callback)),
            limit: arguments.limit.map(|limit| co.keep(limit)),
            keywords: co.keep(arguments.keywords),
        }
    }

    fn limit(&self) -> Option<Obj> {
        self.limit.as_ref().map(Kept::get)
    }

    /// `loop.method(factory, *place, **keywords)`
    fn call(&self, loop_: &Obj, factory: &Obj) -> Outcome {
        let py = loop_.py();
        let place = self.place.get();
        let mut arguments = vec![factory.bind().clone()];
        arguments.extend(place.bind().cast::<PyTuple>()?.iter());
        let keywords = self.keywords.get();
        let keywords = keywords.bind().cast::<PyDict>()?;
        let method = loop_.bind().getattr(self.method)?;
        Ok(Obj::from(
            method.call(PyTuple::new(py, arguments)?, Some(keywords))?,
        ))
    }
}

/// A client's reader and protocol.
fn client(co: &Co, opening: &Opening, loop_: &Kept) -> Outcome<(Kept, Kept, Obj)> {
    let loop_ = loop_.get();
    let py = loop_.py();
    let reader = reader::make(py, opening.limit().as_ref(), &loop_)?.into_obj();
    let protocol = protocol::make(py, &reader, None, &loop_)?.into_obj();
    let factory = Ref::alloc(py, GivenProtocol(Slot::new(Some(protocol.clone()))), None)?;
    let connecting = opening.call(&loop_, factory.as_obj())?;
    Ok((co.keep(reader), co.keep(protocol), connecting))
}

async fn connect(co: Co, opening: Opening) -> Outcome {
    let loop_ = co.keep(running_loop(opening.place.get().py())?);
    let (reader, protocol, connecting) = client(&co, &opening, &loop_)?;
    let connected = co.wait(connecting).await?;
    pair(&connected, &protocol.get(), &reader.get(), &loop_.get())
}

/// `(reader, writer)`
fn pair(connected: &Obj, protocol: &Obj, reader: &Obj, loop_: &Obj) -> Outcome {
    let py = connected.py();
    let (transport, _protocol) = connected
        .bind()
        .extract::<(Bound<'_, PyAny>, Bound<'_, PyAny>)>()?;
    let writer = writer::make(&Obj::from(transport), protocol, reader, loop_)?;
    let pair = PyTuple::new(py, [reader.bind(), writer.as_obj().bind()])?;
    Ok(Obj::from(pair))
}

async fn serve(co: Co, opening: Opening) -> Outcome {
    let serving = server(&opening)?;
    co.wait(serving).await
}

fn server(opening: &Opening) -> Outcome {
    let place = opening.place.get();
    let py = place.py();
    let loop_ = running_loop(py)?;
    let factory = ProtocolFactory {
        client_connected: Slot::new(opening.client_connected.as_ref().map(Kept::get)),
        limit: Slot::new(opening.limit()),
        loop_: Slot::new(Some(loop_.clone())),
    };
    let factory = Ref::alloc(py, factory, None)?;
    opening.call(&loop_, factory.as_obj())
}

/// `open_connection(host=None, port=None, *, limit=65536, **kwds)`
///
/// # Errors
/// TypeError for wrong arguments.
pub fn open_connection(py: Python<'_>, args: Args<'_>) -> Outcome {
    const NAME: &str = "open_connection";
    const SIGNATURE: Signature<3> = Signature::new(NAME, ["host", "port", "limit"], 2, 0);
    let ([host, port, limit], keywords) = SIGNATURE.bind_open(py, args)?;
    let arguments = Arguments::new("create_connection", [host, port], limit, keywords)?;
    coroutine::make(py, NAME, |co| {
        let opening = Opening::keep(&co, arguments);
        connect(co, opening)
    })
}

/// `open_unix_connection(path=None, *, limit=65536, **kwds)`
///
/// # Errors
/// TypeError for wrong arguments.
pub fn open_unix_connection(py: Python<'_>, args: Args<'_>) -> Outcome {
    const NAME: &str = "open_unix_connection";
    const SIGNATURE: Signature<2> = Signature::new(NAME, ["path", "limit"], 1, 0);
    let ([path, limit], keywords) = SIGNATURE.bind_open(py, args)?;
    let arguments = Arguments::new("create_unix_connection", [path], limit, keywords)?;
    coroutine::make(py, NAME, |co| {
        let opening = Opening::keep(&co, arguments);
        connect(co, opening)
    })
}

/// `start_server(client_connected_cb, host=None, port=None, *, limit=65536, **kwds)`
///
/// # Errors
/// TypeError for wrong arguments.
pub fn start_server(py: Python<'_>, args: Args<'_>) -> Outcome {
    const NAME: &str = "start_server";
    const SIGNATURE: Signature<4> =
        Signature::new(NAME, ["client_connected_cb", "host", "port", "limit"], 3, 1);
    let ([callback, host, port, limit], keywords) = SIGNATURE.bind_open(py, args)?;
    let mut arguments = Arguments::new("create_server", [host, port], limit, keywords)?;
    arguments.client_connected = callback.cloned();
    coroutine::make(py, NAME, |co| {
        let opening = Opening::keep(&co, arguments);
        serve(co, opening)
    })
}

/// `start_unix_server(client_connected_cb, path=None, *, limit=65536, **kwds)`
///
/// # Errors
/// TypeError for wrong arguments.
pub fn start_unix_server(py: Python<'_>, args: Args<'_>) -> Outcome {
    const NAME: &str = "start_unix_server";
    const SIGNATURE: Signature<3> =
        Signature::new(NAME, ["client_connected_cb", "path", "limit"], 2, 1);
    let ([callback, path, limit], keywords) = SIGNATURE.bind_open(py, args)?;
    let mut arguments = Arguments::new("create_unix_server", [path], limit, keywords)?;
    arguments.client_connected = callback.cloned();
    coroutine::make(py, NAME, |co| {
        let opening = Opening::keep(&co, arguments);
        serve(co, opening)
    })
}
