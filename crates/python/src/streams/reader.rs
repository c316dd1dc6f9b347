//! `StreamReader` as Python sees it: what has come over a connection, to be read by coroutines.
//!
//! The fields and what a protocol does to them are in `state.rs`, the coroutines in `reading.rs`. Subclasses may replace
//! any method: what the others call by way of `self` in asyncio is looked up there when the object is not exactly a
//! `StreamReader`. Follows `asyncio.StreamReader`.

use std::mem::offset_of;

use pyo3::types::PyAnyMethods;
use pyo3::{Bound, Python, intern};

use super::awaiting;
use super::flow_control::{object, set_flag, set_object};
use super::limit;
use super::overridden;
use super::reading::Wish;
use super::state::{ReaderData, assertion_failed};
use crate::future::future::{cannot_delete, loop_or_current};
use crate::handle::handle;
use crate::handle::schedule::Scheduler;
use crate::py::args::{Args, Signature, exactly, no_arguments};
use crate::py::bytes::bytes;
use crate::py::call;
use crate::py::errors::Outcome;
use crate::py::function;
use crate::py::imports;
use crate::py::instance::{Payload, Ref};
use crate::py::object::Obj;
use crate::py::replaced;
use crate::py::slots::TypeBuilder;
use crate::py::version::PY_3_13;
use pyo3::types::{PyInt, PyString};

/// A reader, as `open_connection` and servers make it.
///
/// # Errors
/// ValueError for a limit of nothing.
pub fn make(py: Python<'_>, limit: Option<&Obj>, loop_: &Obj) -> Outcome<Ref<ReaderData>> {
    let this = Ref::alloc(py, ReaderData::blank(), None)?;
    begin(&this, limit, Some(loop_))?;
    Ok(this)
}

fn initialise(this: &Ref<ReaderData>, args: Args<'_>) -> Outcome<()> {
    const SIGNATURE: Signature<2> =
        Signature::new("StreamReader.__init__", ["limit", "loop"], 2, 0);
    let [limit, loop_] = SIGNATURE.bind(this.py(), args)?;
    begin(this, limit, loop_)
}

fn begin(this: &Ref<ReaderData>, limit: Option<&Obj>, loop_: Option<&Obj>) -> Outcome<()> {
    let py = this.py();
    if let Some(limit) = limit {
        limit::refuse_nothing(limit)?;
        this.limit.set(limit)?;
    }
    let loop_ = loop_or_current(py, loop_)?;
    let debug = match loop_.downcast::<Scheduler>() {
        Some(scheduler) => scheduler.is_debug(),
        None => call::method(&loop_, intern!(py, "get_debug"), [])?
            .bind()
            .is_truthy()?,
    };
    this.loop_.set(Some(loop_));
    if debug {
        this.source_traceback.set(Some(handle::extract_stack(py)?));
    }
    Ok(())
}

fn repr(this: &Ref<ReaderData>) -> Outcome {
    let py = this.py();
    let mut text = String::from("<StreamReader");
    let len = this.buffer.len_bytes()?;
    if len > 0 {
        text.push_str(&format!(" {len} bytes"));
    }
    if this.ended.get() {
        text.push_str(" eof");
    }
    if !this.limit.is_default() {
        text.push_str(&format!(" limit={}", this.limit.get(py).bind().repr()?));
    }
    let named = [
        ("waiter", &this.waiter),
        ("exception", &this.exception),
        ("transport", &this.transport),
    ];
    for (name, slot) in named {
        if let Some(value) = slot.get()
            && value.bind().is_truthy()?
        {
            text.push_str(&format!(" {name}={}", value.bind().repr()?));
        }
    }
    if this.paused.get() {
        text.push_str(" paused");
    }
    text.push('>');
    Ok(Obj::str(py, &text))
}

/// Whether a method that asyncio calls by way of `self` is not the one of this type.
fn replaces(this: &Ref<ReaderData>, name: &Bound<'_, PyString>) -> Outcome<bool> {
    if ReaderData::is_as_made(this) {
        return Ok(false);
    }
    if let Some(dict) = this.dict.get()
        && dict.bind().contains(name)?
    {
        return Ok(true);
    }
    if this.is_exact() {
        return Ok(false);
    }
    replaced::in_class(this, name)
}

fn read(this: &Ref<ReaderData>, args: Args<'_>) -> Outcome {
    const SIGNATURE: Signature<1> = Signature::new("StreamReader.read", ["n"], 1, 0);
    let py = this.py();
    let count = match args.positional() {
        [count] if !args.has_keywords() => Some(count),
        _ => SIGNATURE.bind(py, args)?[0],
    };
    let count = count.map_or_else(|| Obj::from(PyInt::new(py, -1)), Obj::clone);
    if replaces(this, intern!(py, "read"))? {
        return overridden::read(this, count);
    }
    awaiting::call(this, Wish::Read(count))
}

fn read_exactly(this: &Ref<ReaderData>, args: Args<'_>) -> Outcome {
    let count = match args.positional() {
        [count] if !args.has_keywords() => count,
        _ => exactly(this.py(), "StreamReader.readexactly", ["n"], args)?[0],
    };
    awaiting::call(this, Wish::Exactly(count.clone()))
}

fn read_until(this: &Ref<ReaderData>, args: Args<'_>) -> Outcome {
    const SIGNATURE: Signature<1> = Signature::new("StreamReader.readuntil", ["separator"], 1, 0);
    let py = this.py();
    let [separator] = SIGNATURE.bind(py, args)?;
    let separator = match separator {
        Some(separator) => separator.clone(),
        None => bytes(py, b"\n")?,
    };
    awaiting::call(this, Wish::Until(separator))
}

fn read_line(this: &Ref<ReaderData>, args: Args<'_>) -> Outcome {
    let py = this.py();
    no_arguments(py, "StreamReader.readline", args)?;
    if replaces(this, intern!(py, "readuntil"))? {
        return overridden::read_line(this);
    }
    awaiting::call(this, Wish::Line)
}

fn wait_for_data(this: &Ref<ReaderData>, args: Args<'_>) -> Outcome {
    const NAME: &str = "StreamReader._wait_for_data";
    let [function] = exactly(this.py(), NAME, ["func_name"], args)?;
    awaiting::call(this, Wish::Data(function.clone()))
}

fn next(this: &Ref<ReaderData>) -> Outcome {
    let py = this.py();
    if replaces(this, intern!(py, "readline"))? || replaces(this, intern!(py, "readuntil"))? {
        return overridden::next(this);
    }
    awaiting::call(this, Wish::Next)
}

fn set_transport(this: &Ref<ReaderData>, args: Args<'_>) -> Outcome {
    let py = this.py();
    let [transport] = exactly(py, "StreamReader.set_transport", ["transport"], args)?;
    if this.transport.is_some() {
        return Err(assertion_failed("Transport already set"));
    }
    set_object(py, &this.transport, Some(transport))?;
    Ok(Obj::none(py))
}

fn replace_transport(this: &Ref<ReaderData>, args: Args<'_>) -> Outcome {
    let py = this.py();
    let [transport] = exactly(py, "StreamReader._replace_transport", ["transport"], args)?;
    if !this.transport.is_some() {
        return Err(assertion_failed("Transport not set"));
    }
    set_object(py, &this.transport, Some(transport))?;
    Ok(Obj::none(py))
}

/// Builds the type.
///
/// # Errors
/// What making a type raises.
pub fn build(py: Python<'_>) -> Outcome {
    let builder = TypeBuilder::<ReaderData>::new(
        c"asyncioxide.streams.StreamReader",
        c"StreamReader(limit=65536, loop=None)\n--\n\n\
          What has come over a connection, to be read by coroutines; an asynchronous iterator of lines.\n\n\
          limit is in bytes: a line or a message is at most so long, and at twice the limit the transport is paused.",
    )
    .subclassable()
    .constructor(initialise)
    .weak_references(offset_of!(ReaderData, weak))
    .instance_dict(offset_of!(ReaderData, dict))
    .repr(repr)
    .asynchronous_iterator(next);
    let class = attributes(private_methods(feeding(builder))).build(py)?;
    add_coroutine_methods(&class)?;
    Ok(class)
}

/// The methods that asyncio writes as `async def`.
fn add_coroutine_methods(class: &Obj) -> Outcome<()> {
    function::add_coroutine_method::<ReaderData, _>(
        class,
        "read(self, n=-1)\n--\n\n\
         Read at most n bytes, as soon as there are any; without n, or with -1, all until the end.\n\n\
         Gives b'' at the end.",
        read,
    )?;
    function::add_coroutine_method::<ReaderData, _>(
        class,
        "readexactly(self, n)\n--\n\n\
         Read n bytes. Raises IncompleteReadError, with what there is, when the end comes before.",
        read_exactly,
    )?;
    function::add_coroutine_method::<ReaderData, _>(
        class,
        "readuntil(self, separator=b'\\n')\n--\n\n\
         Read up to and with the separator (since Python 3.13, the first of a tuple of separators).\n\n\
         Raises IncompleteReadError when the end comes before, and LimitOverrunError, taking nothing, when\n\
         the limit does.",
        read_until,
    )?;
    function::add_coroutine_method::<ReaderData, _>(
        class,
        "readline(self)\n--\n\n\
         Read up to and with a newline; at the end, what is left.\n\n\
         Raises ValueError for a line longer than the limit, which is dropped.",
        read_line,
    )?;
    function::add_coroutine_method::<ReaderData, _>(
        class,
        "_wait_for_data(self, func_name)\n--\n\n\
         Wait until bytes or the end have come.",
        wait_for_data,
    )
}

fn feeding(builder: TypeBuilder<ReaderData>) -> TypeBuilder<ReaderData> {
    builder
        .method0(
            c"at_eof",
            c"at_eof($self)\n--\n\nWhether everything was read and nothing more will come.",
            |this| {
                let at_end = this.ended.get() && this.buffer.len_bytes()? == 0;
                Ok(Obj::bool(this.py(), at_end))
            },
        )
        .method(
            c"feed_data",
            c"feed_data($self, data)\n--\n\nBytes have come: append them, and wake the one who waits.",
            |this, args| {
                let data = match args.positional() {
                    [data] if !args.has_keywords() => data,
                    _ => exactly(this.py(), "StreamReader.feed_data", ["data"], args)?[0],
                };
                this.feed_data(data)?;
                Ok(Obj::none(this.py()))
            },
        )
        .method0(
            c"feed_eof",
            c"feed_eof($self)\n--\n\nNothing more will come.",
            |this| {
                this.feed_eof()?;
                Ok(Obj::none(this.py()))
            },
        )
        .method0(
            c"exception",
            c"exception($self)\n--\n\nThe exception that reading raises, or None.",
            |this| object(this.py(), &this.exception),
        )
        .method(
            c"set_exception",
            c"set_exception($self, exc)\n--\n\nReading raises exc from now on.",
            |this, args| {
                let names = ["exc"];
                let [exception] = exactly(this.py(), "StreamReader.set_exception", names, args)?;
                this.set_exception(exception)?;
                Ok(Obj::none(this.py()))
            },
        )
        .method(
            c"set_transport",
            c"set_transport($self, transport)\n--\n\nWhere the bytes come from: it is paused when too many are unread.",
            set_transport,
        )
}

fn private_methods(builder: TypeBuilder<ReaderData>) -> TypeBuilder<ReaderData> {
    builder
        .method0(
            c"_wakeup_waiter",
            c"_wakeup_waiter($self)\n--\n\nWake the one who waits.",
            |this| {
                this.wake()?;
                Ok(Obj::none(this.py()))
            },
        )
        .method0(
            c"_maybe_resume_transport",
            c"_maybe_resume_transport($self)\n--\n\nLet a paused transport go on once there is room.",
            |this| {
                this.resume_if_drained()?;
                Ok(Obj::none(this.py()))
            },
        )
        .when(PY_3_13, |builder| {
            builder.method(
                c"_replace_transport",
                c"_replace_transport($self, transport)\n--\n\nAnother transport goes on with the connection.",
                replace_transport,
            )
        })
}

/// `__class__`: asyncio's class, for which `isinstance` takes our objects.
fn class(this: &Ref<ReaderData>) -> Outcome {
    let py = this.py();
    if this.is_exact() {
        return Ok(imports::stream_reader_class(py).clone());
    }
    Ok(Obj::from(this.as_obj().bind().get_type()))
}

fn attributes(builder: TypeBuilder<ReaderData>) -> TypeBuilder<ReaderData> {
    builder
        .getter(
            c"__class__",
            c"asyncio.StreamReader, or the subclass.",
            class,
        )
        .attribute(
            c"_buffer",
            c"What is unread, as a bytearray that is the buffer as long as somebody holds it.",
            |this| this.buffer.expose(this.py()),
            |this, value| match value {
                Some(array) => this.buffer.replace(array),
                None => Err(cannot_delete(this.py())),
            },
        )
        .attribute(
            c"_limit",
            c"The limit in bytes.",
            |this| Ok(this.limit.get(this.py())),
            |this, value| match value {
                Some(limit) => this.limit.set(limit),
                None => Err(cannot_delete(this.py())),
            },
        )
        .attribute(
            c"_eof",
            c"Whether nothing more will come.",
            |this| Ok(Obj::bool(this.py(), this.ended.get())),
            |this, value| set_flag(this.py(), &this.ended, value),
        )
        .attribute(
            c"_paused",
            c"Whether the transport is paused.",
            |this| Ok(Obj::bool(this.py(), this.paused.get())),
            |this, value| set_flag(this.py(), &this.paused, value),
        )
        .attribute(
            c"_loop",
            c"The event loop.",
            |this| object(this.py(), &this.loop_),
            |this, value| set_object(this.py(), &this.loop_, value),
        )
        .attribute(
            c"_waiter",
            c"The future of the one who waits for bytes.",
            |this| object(this.py(), &this.waiter),
            |this, value| set_object(this.py(), &this.waiter, value),
        )
        .attribute(
            c"_exception",
            c"The exception that reading raises.",
            |this| object(this.py(), &this.exception),
            |this, value| set_object(this.py(), &this.exception, value),
        )
        .attribute(
            c"_transport",
            c"Where the bytes come from.",
            |this| object(this.py(), &this.transport),
            |this, value| set_object(this.py(), &this.transport, value),
        )
        .attribute(
            c"_source_traceback",
            c"Where the reader was made (debug mode).",
            |this| object(this.py(), &this.source_traceback),
            |this, value| set_object(this.py(), &this.source_traceback, value),
        )
}
