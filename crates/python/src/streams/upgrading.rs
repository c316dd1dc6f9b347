//! The coroutines of `StreamWriter` that are awaited once in its life: `wait_closed` and `start_tls`.

use pyo3::intern;
use pyo3::types::{PyAnyMethods, PyDict, PyDictMethods, PyTuple};

use super::protocol::ProtocolData;
use super::writer::WriterData;
use crate::future::coroutine::{self, Co, Kept, KeptRef};
use crate::py::args::{Args, Signature, no_arguments};
use crate::py::call;
use crate::py::errors::Outcome;
use crate::py::function;
use crate::py::instance::Ref;
use crate::py::object::Obj;
use crate::py::version::{PY_3_12, PY_3_13};

/// Adds this file's methods to the class of writers.
///
/// # Errors
/// `MemoryError`.
pub fn add_to_writer(class: &Obj) -> Outcome<()> {
    function::add_coroutine_method::<WriterData, _>(
        class,
        "wait_closed(self)\n--\n\n\
         Wait until the connection has ended; raises what ended it.",
        wait_closed,
    )?;
    let doc = if PY_3_12 {
        "start_tls(self, sslcontext, *, server_hostname=None, ssl_handshake_timeout=None, \
         ssl_shutdown_timeout=None)\n--\n\n\
         Go on with TLS. Timeouts are in seconds; see loop.start_tls() for the arguments and what is raised."
    } else {
        "start_tls(self, sslcontext, *, server_hostname=None, ssl_handshake_timeout=None)\n--\n\n\
         Go on with TLS. Timeouts are in seconds; see loop.start_tls() for the arguments and what is raised."
    };
    function::add_coroutine_method::<WriterData, _>(class, doc, start_tls)
}

const START_TLS: &str = "StreamWriter.start_tls";
static WITH_SHUTDOWN: Signature<4> = Signature::new(
    START_TLS,
    [
        "sslcontext",
        "server_hostname",
        "ssl_handshake_timeout",
        "ssl_shutdown_timeout",
    ],
    1,
    1,
);
static WITHOUT_SHUTDOWN: Signature<3> = Signature::new(
    START_TLS,
    ["sslcontext", "server_hostname", "ssl_handshake_timeout"],
    1,
    1,
);

fn wait_closed(this: &Ref<WriterData>, args: Args<'_>) -> Outcome {
    const NAME: &str = "StreamWriter.wait_closed";
    let py = this.py();
    no_arguments(py, NAME, args)?;
    coroutine::make(py, NAME, |co| {
        let writer = co.keep_ref(this.clone());
        closing(co, writer)
    })
}

async fn closing(co: Co, writer: KeptRef<WriterData>) -> Outcome {
    let waiter = close_waiter(&writer.get())?;
    let ended = co.wait(waiter).await?;
    // Not dropped before: a writer that nobody holds is closed.
    drop(writer);
    Ok(Obj::none(ended.py()))
}

fn close_waiter(writer: &Ref<WriterData>) -> Outcome {
    let py = writer.py();
    let protocol = writer.protocol.get().unwrap_or_else(|| Obj::none(py));
    call::method(
        &protocol,
        intern!(py, "_get_close_waiter"),
        [writer.as_obj()],
    )
}

fn start_tls(this: &Ref<WriterData>, args: Args<'_>) -> Outcome {
    let py = this.py();
    let given: Vec<(&'static str, Option<&Obj>)> = if PY_3_12 {
        let names = [
            "",
            "server_hostname",
            "ssl_handshake_timeout",
            "ssl_shutdown_timeout",
        ];
        let bound = WITH_SHUTDOWN.bind(py, args)?;
        names.into_iter().zip(bound).collect()
    } else {
        let names = ["", "server_hostname", "ssl_handshake_timeout"];
        let bound = WITHOUT_SHUTDOWN.bind(py, args)?;
        names.into_iter().zip(bound).collect()
    };
    let keywords = PyDict::new(py);
    let none = Obj::none(py);
    for (name, value) in &given[1..] {
        keywords.set_item(*name, value.unwrap_or(&none).bind())?;
    }
    let context = given[0].1.unwrap_or(&none).clone();
    coroutine::make(py, START_TLS, |co| {
        let request = Request {
            writer: co.keep_ref(this.clone()),
            context: co.keep(context),
            keywords: co.keep(Obj::from(keywords)),
        };
        upgrade(co, request)
    })
}

struct Request {
    writer: KeptRef<WriterData>,
    context: Kept,
    keywords: Kept,
}

async fn upgrade(co: Co, request: Request) -> Outcome {
    let protocol = co.keep(protocol(&request)?);
    set_side(&request, &protocol)?;
    let drained = drain(&request)?;
    co.wait(drained).await?;
    let started = begin(&request, &protocol)?;
    let transport = co.wait(started).await?;
    finish(&request, &protocol.get(), &transport)
}

fn protocol(request: &Request) -> Outcome {
    let writer = request.writer.get();
    Ok(writer
        .protocol
        .get()
        .unwrap_or_else(|| Obj::none(writer.py())))
}

/// Whose side this is was settled when the connection was made.
fn set_side(request: &Request, protocol: &Kept) -> Outcome<()> {
    let protocol = protocol.get();
    let py = protocol.py();
    let callback = call::attr(&protocol, intern!(py, "_client_connected_cb"))?;
    let keywords = request.keywords.get();
    let keywords = keywords.bind().cast::<PyDict>()?;
    keywords.set_item("server_side", !callback.is_none())?;
    Ok(())
}

fn drain(request: &Request) -> Outcome {
    let writer = request.writer.get();
    call::method(writer.as_obj(), intern!(writer.py(), "drain"), [])
}

fn begin(request: &Request, protocol: &Kept) -> Outcome {
    let writer = request.writer.get();
    let py = writer.py();
    let loop_ = writer.loop_.get().unwrap_or_else(|| Obj::none(py));
    let start_tls = call::attr(&loop_, intern!(py, "start_tls"))?;
    let keywords = request.keywords.get();
    let (transport, protocol) = (writer.transport_or_none(py), protocol.get());
    let context = request.context.get();
    let arguments = PyTuple::new(py, [transport.bind(), protocol.bind(), context.bind()])?;
    let keywords = keywords.bind().cast::<PyDict>()?;
    Ok(Obj::from(start_tls.bind().call(arguments, Some(keywords))?))
}

fn finish(request: &Request, protocol: &Obj, transport: &Obj) -> Outcome {
    let writer = request.writer.get();
    let py = writer.py();
    writer.transport.set(Some(transport.clone()));
    match protocol.downcast_exact::<ProtocolData>() {
        Some(native) if PY_3_13 && native.is_as_made() => native.replace_transport(transport)?,
        _ if PY_3_13 => drop(call::method(
            protocol,
            intern!(py, "_replace_transport"),
            [transport],
        )?),
        _ => drop(call::method(
            protocol,
            intern!(py, "_replace_writer"),
            [writer.as_obj()],
        )?),
    }
    Ok(Obj::none(py))
}
