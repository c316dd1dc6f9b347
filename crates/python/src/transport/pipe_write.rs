//! `WritePipeTransport`: bytes into a pipe, at once while nothing is queued.
//!
//! That the reader has gone is learnt from the poller, before a write fails: an event that says "readable" on the writing
//! end of a FIFO is its error flag. As in asyncio that is a guess for two kinds of files: a socket counts as closed when
//! its peer sends something, and a FIFO opened for reading and writing when somebody else writes into it.
//!
//! Follows `unix_events._UnixWritePipeTransport`.

use std::cell::{Cell, RefCell};
use std::ffi::CStr;
use std::mem::offset_of;

use pyo3::exceptions::{PyAssertionError, PyBrokenPipeError, PyNotImplementedError};
use pyo3::types::{PyAnyMethods, PyBytes, PyInt, PyTuple};
use pyo3::{Python, intern};
use reactor::poll::Event;
use reactor::{Interest, PipeKind, Sent, WriteQueue};

use super::endpoint::Endpoint;
use super::flow_control::FlowControl;
use super::pipe::{self, PipeEnd, PipeLife, PipeOpening, PipeTransport};
use super::report;
use super::write::{is_bytes, send_from, warn_of_lost_writes};
use crate::handle::schedule::Scheduler;
use crate::py::args::{Args, Signature};
use crate::py::bytes::{Segment, bytes, with_bytes};
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

/// What a failed write is reported with.
const FAILED: &str = "Fatal write error on pipe transport";

/// The fields of a transport that writes into a pipe.
pub struct WritePipeTransport {
    end: PipeEnd<Self>,
    /// The collector need not see it: `bytes` refer to nothing.
    queue: RefCell<WriteQueue<Segment>>,
    flow: FlowControl,
    /// `_conn_lost`: writes that failed, or came too late.
    lost_writes: Cell<u32>,
    /// Whether the poller can tell that the reader has gone.
    kind: Cell<PipeKind>,
    read_context: Slot,
    /// What `resume_writing` runs in: the context of the write that found no room.
    write_context: Slot,
}

impl Payload for WritePipeTransport {
    const TYPE: &'static TypeSlot = &TYPE;

    fn blank() -> Self {
        Self {
            end: PipeEnd::default(),
            queue: RefCell::new(WriteQueue::new()),
            flow: FlowControl::default(),
            lost_writes: Cell::new(0),
            kind: Cell::new(PipeKind::Other),
            read_context: Slot::default(),
            write_context: Slot::default(),
        }
    }

    fn visit(&self, visitor: &mut Visitor) {
        self.end.visit(visitor);
        visitor.slot(&self.read_context);
        visitor.slot(&self.write_context);
    }

    fn clear(&self) {
        self.let_go();
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

impl Endpoint for WritePipeTransport {
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
        if event.readable && this.end.interest().is_readable() {
            run_in(this.read_context.get(), || on_reader_gone(this))?;
        }
        if event.writable && this.end.interest().is_writable() {
            run_in(this.write_context.get(), || on_writable(this))?;
        }
        Ok(())
    }

    fn disown(&self) {
        self.end.disown();
        self.give_up();
    }

    fn force_close(this: &Ref<Self>, exception: Option<Obj>) -> Outcome<()> {
        this.give_up();
        pipe::lose_soon(this, exception)
    }
}

fn run_in(context: Option<Obj>, body: impl FnOnce() -> Outcome<()>) -> Outcome<()> {
    match context {
        Some(context) => context::run_in(&context, body),
        None => body(),
    }
}

impl PipeTransport for WritePipeTransport {
    const NAME: &'static str = "WritePipeTransport";

    fn reads(kind: PipeKind) -> bool {
        kind != PipeKind::CharacterDevice
    }

    const SET_PROTOCOL: Signature<1> =
        Signature::new("WritePipeTransport.set_protocol", ["protocol"], 1, 1);

    fn end(&self) -> &PipeEnd<Self> {
        &self.end
    }

    fn let_go(&self) {
        self.give_up();
        self.read_context.set(None);
        self.write_context.set(None);
    }
}

impl WritePipeTransport {
    fn len_bytes(&self) -> usize {
        self.queue.borrow().len_bytes()
    }

    /// Gives all queued bytes up.
    fn give_up(&self) {
        let queued = self.queue.borrow_mut().clear();
        drop(queued);
    }

    fn count_lost_write(&self) -> u32 {
        let count = self.lost_writes.get();
        self.lost_writes.set(count.saturating_add(1));
        count
    }
}

/// `loop._make_write_pipe_transport`
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
    let this = Ref::alloc(scheduler.py(), WritePipeTransport::blank(), None)?;
    let opening = PipeOpening {
        pipe,
        protocol,
        waiter,
        extra,
        refusal: "Pipe transport is only for pipes, sockets and character devices",
    };
    let kind = pipe::open(&this, scheduler, &opening)?;
    this.kind.set(kind);
    Ok(this.into_obj())
}

/// The protocol knows of the pipe: from now on it is told when the reader goes.
fn begin(this: &Ref<WritePipeTransport>) -> Outcome<()> {
    if this.is_closing() || this.kind.get() == PipeKind::CharacterDevice {
        return pipe::settle(this);
    }
    this.read_context
        .set(Some(context::copy_current(this.py())?));
    pipe::want(this, Interest::READABLE, true)
}

/// `_read_ready`: the reader has gone.
fn on_reader_gone(this: &Ref<WritePipeTransport>) -> Outcome<()> {
    report::log_info(this, "%r was closed by peer")?;
    let exception = if this.len_bytes() > 0 {
        let class = this.py().get_type::<PyBrokenPipeError>();
        Some(Obj::from(class.call0()?))
    } else {
        None
    };
    WritePipeTransport::force_close(this, exception)
}

/// `transport.write(data)`
fn write(this: &Ref<WritePipeTransport>, data: &Obj) -> Outcome<()> {
    if !is_bytes(data) {
        let text = data.bind().repr()?.to_string();
        return Err(Raised::from(PyAssertionError::new_err(text)));
    }
    if !data.bind().is_truthy()? {
        return Ok(());
    }
    if this.lost_writes.get() > 0 || this.is_closing() {
        let count = this.count_lost_write();
        let text = "pipe closed by peer or os.write(pipe, data) raised exception.";
        return warn_of_lost_writes(this.py(), count, text);
    }
    let mut sent = 0;
    if this.len_bytes() == 0 {
        sent = match offer(this, data) {
            Ok(Offered::All) => return Ok(()),
            Ok(Offered::Part(count)) => count,
            Err(raised) => return write_failed(this, raised),
        };
        this.write_context
            .set(Some(context::copy_current(this.py())?));
        pipe::want(this, Interest::WRITABLE, true)?;
    }
    let rest = keep(data, sent)?;
    this.queue.borrow_mut().push_from(rest.0, rest.1);
    this.flow.grown(this, this.len_bytes())
}

/// What the kernel took of one write.
enum Offered {
    All,
    Part(usize),
}

/// `os.write(fd, data)`
fn offer(this: &Ref<WritePipeTransport>, data: &Obj) -> Outcome<Offered> {
    let py = this.py();
    let pipe = this.end.pipe(py)?;
    let (sent, len) = if data.bind().is_exact_instance_of::<PyBytes>() {
        let segment = Segment::of(data)?;
        (pipe.write(segment.as_ref()), segment.as_ref().len())
    } else {
        with_bytes(data, |bytes| (pipe.write(bytes), bytes.len()))?
    };
    match sent.map_err(|error| Raised::os_error(py, &error))? {
        Sent::Bytes(count) if count == len => Ok(Offered::All),
        Sent::Bytes(count) => Ok(Offered::Part(count)),
        Sent::WouldBlock => Ok(Offered::Part(0)),
    }
}

/// What to queue of `data` after its first `sent` bytes, and how many bytes of that are sent.
fn keep(data: &Obj, sent: usize) -> Outcome<(Segment, usize)> {
    if data.bind().is_exact_instance_of::<PyBytes>() {
        return Ok((Segment::of(data)?, sent));
    }
    let rest = with_bytes(data, |bytes| Segment::copy(data.py(), &bytes[sent..]))??;
    Ok((rest, 0))
}

/// `_write_ready`: there is room again. The protocol is resumed when all is written, as in asyncio, not at the low mark.
fn on_writable(this: &Ref<WritePipeTransport>) -> Outcome<()> {
    let py = this.py();
    let sent = this.end.pipe(py).and_then(|pipe| {
        send_from(&this.queue, |slices| pipe.write_vectored(slices))
            .map_err(|error| Raised::os_error(py, &error))
    });
    if let Err(raised) = sent {
        return write_failed(this, raised);
    }
    if this.len_bytes() > 0 {
        return Ok(());
    }
    pipe::want(this, Interest::WRITABLE, false)?;
    this.flow.shrunk(this, 0)?;
    // The protocol may have written in `resume_writing`, and closed after that.
    if this.end.life() == PipeLife::Closing && this.len_bytes() == 0 {
        return pipe::lose_now(this);
    }
    Ok(())
}

/// A write failed: nothing queued will ever leave.
fn write_failed(this: &Ref<WritePipeTransport>, raised: Raised) -> Outcome<()> {
    this.give_up();
    this.count_lost_write();
    report::fatal_error(this, raised, FAILED)
}

/// `transport.writelines(list_of_data)`, which is `WriteTransport`'s.
fn writelines(this: &Ref<WritePipeTransport>, list_of_data: &Obj) -> Outcome<()> {
    let py = this.py();
    let joined = call::method(&bytes(py, b"")?, intern!(py, "join"), [list_of_data])?;
    call::method(this.as_obj(), intern!(py, "write"), [&joined]).map(drop)
}

/// `transport.write_eof()` and `close()`: the pipe is closed when everything queued is written.
fn write_eof(this: &Ref<WritePipeTransport>) -> Outcome<()> {
    if this.is_closing() {
        return Ok(());
    }
    if this.len_bytes() > 0 {
        this.end.set_closing();
        return Ok(());
    }
    pipe::lose_soon(this, None)
}

fn set_limits(this: &Ref<WritePipeTransport>, args: Args<'_>) -> Outcome {
    const SIGNATURE: Signature<2> = Signature::new(
        "_FlowControlMixin.set_write_buffer_limits",
        ["high", "low"],
        2,
        0,
    );
    let py = this.py();
    let [high, low] = SIGNATURE.bind(py, args)?;
    this.flow.set_limits(py, high, low)?;
    this.flow.grown(this, this.len_bytes())?;
    Ok(Obj::none(py))
}

fn repr(this: &Ref<WritePipeTransport>) -> Outcome {
    let (mut words, has_poller) = pipe::repr_words(this, this.end.interest().is_writable());
    if has_poller {
        words.push(format!("bufsize={}", this.len_bytes()));
    }
    Ok(Obj::str(this.py(), &format!("<{}>", words.join(" "))))
}

/// asyncio's derives from `Transport` and not from `WriteTransport` alone, for its flow control.
fn class(this: &Ref<WritePipeTransport>) -> Outcome {
    let py = this.py();
    if this.is_exact() {
        return Ok(imports::transport_class(py).clone());
    }
    Ok(Obj::from(this.as_obj().bind().get_type()))
}

fn none(this: &Ref<WritePipeTransport>) -> Outcome {
    Ok(Obj::none(this.py()))
}

static WRITE: Signature<1> = Signature::new("WritePipeTransport.write", ["data"], 1, 1);
static WRITELINES: Signature<1> =
    Signature::new("WriteTransport.writelines", ["list_of_data"], 1, 1);

/// Builds the type.
///
/// # Errors
/// What making a type raises.
pub fn build(py: Python<'_>) -> Outcome {
    let builder = TypeBuilder::<WritePipeTransport>::new(
        c"asyncioxide.WritePipeTransport",
        c"The end of a pipe that is written to. See asyncio.WriteTransport.",
    )
    .no_constructor()
    .finalizer()
    .weak_references(offset_of!(WritePipeTransport, end.weak))
    .instance_dict(offset_of!(WritePipeTransport, end.dict))
    .repr(repr)
    .getter(c"__class__", c"asyncio.Transport, or the subclass.", class)
    .getter(
        c"_conn_lost",
        c"How many writes have failed or come too late.",
        |this| Ok(Obj::from(PyInt::new(this.py(), this.lost_writes.get()))),
    )
    .getter(
        c"_protocol_paused",
        c"Whether pause_writing() was called last.",
        |this| Ok(Obj::bool(this.py(), this.flow.is_paused())),
    );
    let builder = lifetime(flow_control(no_reading(writing(builder))));
    pipe::methods(builder).build(py)
}

fn writing(builder: TypeBuilder<WritePipeTransport>) -> TypeBuilder<WritePipeTransport> {
    builder
        .method(
            c"write",
            c"write($self, data)\n--\n\nWrite bytes, now or as soon as the kernel takes them. Never waits.",
            |this, args| {
                if let [Some(data)] = WRITE.bind(this.py(), args)? {
                    write(this, data)?;
                }
                none(this)
            },
        )
        .method(
            c"writelines",
            c"writelines($self, list_of_data)\n--\n\nWrite many pieces of bytes at once.",
            |this, args| {
                if let [Some(list_of_data)] = WRITELINES.bind(this.py(), args)? {
                    writelines(this, list_of_data)?;
                }
                none(this)
            },
        )
        .method0(
            c"write_eof",
            c"write_eof($self, /)\n--\n\nClose the pipe once everything queued is written.",
            |this| {
                write_eof(this)?;
                none(this)
            },
        )
        .method0(
            c"can_write_eof",
            c"can_write_eof($self, /)\n--\n\nTrue: to close a pipe is to say that nothing will follow.",
            |this| Ok(Obj::bool(this.py(), true)),
        )
}

/// asyncio's derives from `asyncio.Transport`, of which these are the methods that a pipe's writing end has no use for.
fn no_reading(builder: TypeBuilder<WritePipeTransport>) -> TypeBuilder<WritePipeTransport> {
    const DOC: &CStr = c"Nothing is read here: NotImplementedError.";
    let refuse =
        |_: &Ref<WritePipeTransport>| Err(Raised::from(PyNotImplementedError::new_err(())));
    builder
        .method0(c"is_reading", DOC, refuse)
        .method0(c"pause_reading", DOC, refuse)
        .method0(c"resume_reading", DOC, refuse)
}

fn flow_control(builder: TypeBuilder<WritePipeTransport>) -> TypeBuilder<WritePipeTransport> {
    builder
        .method0(
            c"get_write_buffer_size",
            c"get_write_buffer_size($self, /)\n--\n\nHow many bytes are queued.",
            |this| Ok(Obj::from(PyInt::new(this.py(), this.len_bytes()))),
        )
        .method0(
            c"get_write_buffer_limits",
            c"get_write_buffer_limits($self, /)\n--\n\nThe low and the high water mark of writing, in bytes.",
            |this| {
                let (low, high) = this.flow.limits();
                Ok(Obj::from(PyTuple::new(this.py(), [low, high])?))
            },
        )
        .method(
            c"set_write_buffer_limits",
            c"set_write_buffer_limits($self, high=None, low=None)\n--\n\n\
              Set the water marks: above high the protocol is paused.",
            set_limits,
        )
}

fn lifetime(builder: TypeBuilder<WritePipeTransport>) -> TypeBuilder<WritePipeTransport> {
    builder
        .method0(
            c"close",
            c"close($self, /)\n--\n\nClose the pipe once everything queued is written.",
            |this| {
                write_eof(this)?;
                none(this)
            },
        )
        .method0(
            c"abort",
            c"abort($self, /)\n--\n\nClose the pipe at once; what is queued is lost.",
            |this| {
                WritePipeTransport::force_close(this, None)?;
                none(this)
            },
        )
        .method0(
            c"_begin",
            c"_begin($self, /)\n--\n\nThe protocol knows of the pipe: look whether it is read.",
            |this| {
                begin(this)?;
                none(this)
            },
        )
        .method0(
            c"_read_ready",
            c"_read_ready($self, /)\n--\n\nThe reader has gone. What debug mode calls the loop's part in it.",
            |this| {
                on_reader_gone(this)?;
                none(this)
            },
        )
}
