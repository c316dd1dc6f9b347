//! `ReadPipeTransport`: what comes out of a pipe, given to a protocol.
//!
//! Follows `unix_events._UnixReadPipeTransport`.

use std::cell::Cell;
use std::io;
use std::mem::offset_of;

use pyo3::types::PyAnyMethods;
use pyo3::{Python, intern};
use reactor::poll::Event;
use reactor::{Interest, Pipe, PipeKind, ReadBuffer, Received};

use super::endpoint::Endpoint;
use super::life::soon;
use super::pipe::{self, PipeEnd, PipeLife, PipeOpening, PipeTransport};
use super::report::{self, log_debug};
use crate::handle::schedule::Scheduler;
use crate::py::args::Signature;
use crate::py::bytes::bytes;
use crate::py::call;
use crate::py::cell::Slot;
use crate::py::context;
use crate::py::errors::{Outcome, Raised};
use crate::py::gc::Visitor;
use crate::py::imports;
use crate::py::instance::{Payload, Ref, TypeSlot};
use crate::py::object::Obj;
use crate::py::slots::TypeBuilder;

static TYPE: TypeSlot = TypeSlot::new();

/// Whether the user wants to be read to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// From the start, and after `resume_reading`.
    Wanted,
    /// `pause_reading` was called.
    Paused,
}

/// The fields of a transport that reads from a pipe.
pub struct ReadPipeTransport {
    end: PipeEnd<Self>,
    reading: Cell<Reading>,
    /// What `data_received` runs in: the context in which reading was begun.
    context: Slot,
}

impl Payload for ReadPipeTransport {
    const TYPE: &'static TypeSlot = &TYPE;

    fn blank() -> Self {
        Self {
            end: PipeEnd::default(),
            reading: Cell::new(Reading::Wanted),
            context: Slot::default(),
        }
    }

    fn visit(&self, visitor: &mut Visitor) {
        self.end.visit(visitor);
        visitor.slot(&self.context);
    }

    fn clear(&self) {
        self.context.set(None);
        self.end.clear();
    }

    fn wants_finalize(&self) -> bool {
        self.end.is_in_use()
    }

    fn finalize(this: &Ref<Self>) {
        if let Err(raised) = pipe::abandoned(this) {
            raised.unraisable(this.py(), Some(this.as_obj()));
        }
    }
}

impl Endpoint for ReadPipeTransport {
    fn scheduler(&self) -> Option<Ref<Scheduler>> {
        self.end.scheduler()
    }

    fn protocol(&self) -> Option<Obj> {
        self.end.protocol()
    }

    fn is_closing(&self) -> bool {
        self.end.life() != PipeLife::Open
    }

    fn fire(this: &Ref<Self>, event: Event) -> Outcome<()> {
        if !event.readable || !this.end.interest().is_readable() {
            return Ok(());
        }
        match this.context.get() {
            Some(context) => context::run_in(&context, || on_readable(this)),
            None => on_readable(this),
        }
    }

    fn disown(&self) {
        self.end.disown();
    }

    fn force_close(this: &Ref<Self>, exception: Option<Obj>) -> Outcome<()> {
        pipe::lose_soon(this, exception)
    }
}

impl PipeTransport for ReadPipeTransport {
    const NAME: &'static str = "ReadPipeTransport";

    fn reads(_kind: PipeKind) -> bool {
        true
    }

    const SET_PROTOCOL: Signature<1> =
        Signature::new("ReadPipeTransport.set_protocol", ["protocol"], 1, 1);

    fn end(&self) -> &PipeEnd<Self> {
        &self.end
    }

    fn let_go(&self) {
        self.context.set(None);
    }
}

impl ReadPipeTransport {
    /// `transport.is_reading()`
    fn is_reading(&self) -> bool {
        !self.is_closing() && self.reading.get() == Reading::Wanted
    }
}

/// `loop._make_read_pipe_transport`
///
/// # Errors
/// As `pipe::open`.
pub fn open(
    scheduler: &Ref<Scheduler>,
    pipe: &Obj,
    protocol: &Obj,
    waiter: &Obj,
    extra: &Obj,
) -> Outcome {
    let this = Ref::alloc(scheduler.py(), ReadPipeTransport::blank(), None)?;
    let opening = PipeOpening {
        pipe,
        protocol,
        waiter,
        extra,
        refusal: "Pipe transport is for pipes/sockets only.",
    };
    pipe::open(&this, scheduler, &opening)?;
    Ok(this.into_obj())
}

/// `_add_reader`: reads, unless the user does not want it.
fn start_reading(this: &Ref<ReadPipeTransport>) -> Outcome<()> {
    if !this.is_reading() {
        return pipe::settle(this);
    }
    this.context.set(Some(context::copy_current(this.py())?));
    pipe::want(this, Interest::READABLE, true)
}

/// `_read_ready`
fn on_readable(this: &Ref<ReadPipeTransport>) -> Outcome<()> {
    match read(this, ReadBuffer::SIZE_BYTES)? {
        Chunk::Data(data) => deliver(this, &data),
        Chunk::Eof => on_eof(this),
        Chunk::Nothing => Ok(()),
        Chunk::Failed(error) => read_failed(this, &error),
    }
}

/// What a read gave.
enum Chunk {
    Data(Obj),
    Eof,
    Nothing,
    Failed(io::Error),
}

/// One read of at most `limit_bytes`.
fn read(this: &Ref<ReadPipeTransport>, limit_bytes: usize) -> Outcome<Chunk> {
    let py = this.py();
    let Some(scheduler) = this.scheduler() else {
        return Ok(Chunk::Nothing);
    };
    let pipe = this.end.pipe(py)?;
    scheduler.turn.with_buffer(|buffer| {
        let limit_bytes = limit_bytes.min(buffer.len());
        match pipe.read(&mut buffer[..limit_bytes]) {
            Ok(Received::Bytes(count)) => Ok(Chunk::Data(bytes(py, &buffer[..count])?)),
            Ok(Received::Eof) => Ok(Chunk::Eof),
            Ok(Received::WouldBlock) => Ok(Chunk::Nothing),
            Err(error) => Ok(Chunk::Failed(error)),
        }
    })
}

fn deliver(this: &Ref<ReadPipeTransport>, data: &Obj) -> Outcome<()> {
    let py = this.py();
    let protocol = this.protocol_or_none(py);
    call::method(&protocol, intern!(py, "data_received"), [data]).map(drop)
}

/// The other end is closed: the protocol is told in the next turn, and loses the pipe after that.
fn on_eof(this: &Ref<ReadPipeTransport>) -> Outcome<()> {
    let py = this.py();
    report::log_info(this, "%r was closed by peer")?;
    pipe::want(this, Interest::READABLE, false)?;
    let protocol = this.protocol_or_none(py);
    let eof_received = call::attr(&protocol, intern!(py, "eof_received"))?;
    if let Some(scheduler) = this.scheduler() {
        soon(&scheduler, &eof_received, &[])?;
    }
    pipe::lose_soon(this, None)
}

/// `_fatal_error`: a terminal whose other side is closed is nothing to worry about; anything else is told to the loop's
/// handler.
fn read_failed(this: &Ref<ReadPipeTransport>, error: &io::Error) -> Outcome<()> {
    let message = "Fatal read error on pipe transport";
    let py = this.py();
    let exception = Raised::os_error(py, error).take(py);
    if Pipe::is_hang_up(error) {
        report::log_error(this, &exception, message)?;
    } else {
        report::tell_handler(this, &exception, message)?;
    }
    pipe::lose_soon(this, Some(exception))
}

/// `transport.pause_reading()`
fn pause_reading(this: &Ref<ReadPipeTransport>) -> Outcome<()> {
    if !this.is_reading() {
        return Ok(());
    }
    this.reading.set(Reading::Paused);
    pipe::want(this, Interest::READABLE, false)?;
    log_debug(this, "%r pauses reading")
}

/// `transport.resume_reading()`
fn resume_reading(this: &Ref<ReadPipeTransport>) -> Outcome<()> {
    if this.is_closing() || this.reading.get() == Reading::Wanted {
        return Ok(());
    }
    this.reading.set(Reading::Wanted);
    start_reading(this)?;
    log_debug(this, "%r resumes reading")
}

/// Delivers what is in the pipe at this moment, and no more: what a process wrote before it ended comes before the news
/// of its end, and one that it left behind, and that writes on, cannot hold the news back.
fn drain(this: &Ref<ReadPipeTransport>) -> Outcome<()> {
    let py = this.py();
    let mut left_bytes = match this.end.pipe(py)?.available_bytes() {
        Ok(count) => count,
        // The pipe is closed, or nothing that counts: whatever is in it is left to the poller.
        Err(_) => return Ok(()),
    };
    while left_bytes > 0 && this.end.interest().is_readable() {
        let before = left_bytes;
        match read(this, left_bytes)? {
            Chunk::Data(data) => {
                left_bytes -= data.bind().len()?.min(before);
                deliver(this, &data)?;
            }
            // An end or an error is found by the poller again.
            _ => return Ok(()),
        }
    }
    Ok(())
}

fn repr(this: &Ref<ReadPipeTransport>) -> Outcome {
    let (words, _) = pipe::repr_words(this, this.end.interest().is_readable());
    Ok(Obj::str(this.py(), &format!("<{}>", words.join(" "))))
}

fn class(this: &Ref<ReadPipeTransport>) -> Outcome {
    let py = this.py();
    if this.is_exact() {
        return Ok(imports::read_transport_class(py).clone());
    }
    Ok(Obj::from(this.as_obj().bind().get_type()))
}

fn nothing(
    method: impl Fn(&Ref<ReadPipeTransport>) -> Outcome<()> + Copy,
) -> impl Fn(&Ref<ReadPipeTransport>) -> Outcome + Copy {
    move |this| method(this).map(|()| Obj::none(this.py()))
}

/// Builds the type.
///
/// # Errors
/// What making a type raises.
pub fn build(py: Python<'_>) -> Outcome {
    let builder = TypeBuilder::<ReadPipeTransport>::new(
        c"asyncioxide.ReadPipeTransport",
        c"The end of a pipe that is read from. See asyncio.ReadTransport.",
    )
    .no_constructor()
    .finalizer()
    .weak_references(offset_of!(ReadPipeTransport, end.weak))
    .instance_dict(offset_of!(ReadPipeTransport, end.dict))
    .repr(repr)
    .method0(
        c"is_reading",
        c"is_reading($self, /)\n--\n\nWhether the protocol gets what comes in.",
        |this| Ok(Obj::bool(this.py(), this.is_reading())),
    )
    .method0(
        c"pause_reading",
        c"pause_reading($self, /)\n--\n\nLeave what comes in with the kernel until resume_reading().",
        nothing(pause_reading),
    )
    .method0(
        c"resume_reading",
        c"resume_reading($self, /)\n--\n\nGive the protocol what comes in again.",
        nothing(resume_reading),
    )
    .method0(
        c"close",
        c"close($self, /)\n--\n\nStop reading and close the pipe.",
        nothing(|this| pipe::lose_soon(this, None)),
    )
    .method0(
        c"_begin",
        c"_begin($self, /)\n--\n\nThe protocol knows of the pipe: read.",
        nothing(start_reading),
    )
    .method0(
        c"_drain",
        c"_drain($self, /)\n--\n\nDeliver what is in the pipe now.",
        nothing(drain),
    )
    .method0(
        c"_read_ready",
        c"_read_ready($self, /)\n--\n\nSomething is in the pipe. What debug mode calls the loop's part in it.",
        nothing(on_readable),
    )
    .getter(c"__class__", c"asyncio.ReadTransport, or the subclass.", class)
    .getter(c"_paused", c"Whether pause_reading() was called last.", |this| {
        Ok(Obj::bool(this.py(), this.reading.get() == Reading::Paused))
    });
    pipe::methods(builder).build(py)
}
