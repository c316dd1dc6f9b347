//! What goes out: sent at once while nothing is queued, gathered within a turn, kept when the kernel has no room.
//!
//! The first write of a turn is sent at once: nobody waits for the loop to come round. Further ones of the same turn are
//! gathered and leave in one `sendmsg` when the turn ends, or earlier when there are many bytes of them, or when somebody
//! could tell the difference (`close`, `get_write_buffer_size`). What the kernel does not take waits for the poller.
//! `bytes` are kept as they are; of other buffers a copy is kept, because their owner may change them.
//!
//! Follows `_SelectorSocketTransport.write` and `_write_sendmsg`, and `_FlowControlMixin`.

use std::cell::{Cell, RefCell};
use std::io::{self, IoSlice};

use pyo3::types::{PyAnyMethods, PyByteArray, PyBytes, PyMemoryView};
use pyo3::{Python, intern};
use reactor::{Interest, Sent, WriteQueue};

use super::endpoint::Endpoint;
use super::flow_control::FlowControl;
use super::state::{Life, StreamTransport};
use super::{life, loan, report};
use crate::py::bytes::{Segment, with_bytes};
use crate::py::call;
use crate::py::errors::{Outcome, Raised};
use crate::py::imports;
use crate::py::instance::Ref;
use crate::py::object::Obj;
use crate::py::version::{PY_3_12, PY_3_14};

/// So many bytes are not gathered further: a `sendmsg` of this size is worth its call. It is also where flow control
/// begins by default, and nobody is to be paused for bytes that were not even offered to the kernel.
const GATHER_BYTES: usize = 64 * 1024;

/// One `sendmsg` takes so many pieces; 1 KiB of stack.
const SLICES: usize = 64;

/// Where the queued bytes are going.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Output {
    /// There are none.
    Idle,
    /// They leave at the end of the turn.
    Gathering,
    /// The kernel has no room: the poller will tell.
    Blocked,
}

/// Whether more may be written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Open,
    /// `write_eof` was called.
    Ended,
}

/// The writing half of a transport. The collector need not see it: `bytes` refer to nothing.
pub struct Outgoing {
    queue: RefCell<WriteQueue<Segment>>,
    flow: FlowControl,
    output: Cell<Output>,
    side: Cell<Side>,
    /// The turn in which bytes were last given to the kernel.
    sent_in: Cell<Option<u64>>,
}

impl Default for Outgoing {
    fn default() -> Self {
        Self {
            queue: RefCell::new(WriteQueue::new()),
            flow: FlowControl::default(),
            output: Cell::new(Output::Idle),
            side: Cell::new(Side::Open),
            sent_in: Cell::new(None),
        }
    }
}

impl Outgoing {
    /// How many bytes are queued.
    #[inline]
    pub fn len_bytes(&self) -> usize {
        self.queue.borrow().len_bytes()
    }

    /// Whether bytes wait for the end of the turn.
    pub fn is_gathering(&self) -> bool {
        self.output.get() == Output::Gathering
    }

    /// Whether `write_eof` was called.
    pub fn is_ended(&self) -> bool {
        self.side.get() == Side::Ended
    }

    /// Whether `pause_writing` was called last.
    pub fn is_paused(&self) -> bool {
        self.flow.is_paused()
    }

    /// The marks of flow control, low first.
    pub fn limits(&self) -> (usize, usize) {
        self.flow.limits()
    }

    /// Gives all queued bytes up.
    pub fn clear(&self) {
        self.output.set(Output::Idle);
        let queued = self.queue.borrow_mut().clear();
        drop(queued);
    }

    fn push(&self, segment: Segment, sent: usize) {
        self.queue.borrow_mut().push_from(segment, sent);
    }

    /// Offers the first pieces to the kernel and drops what it took.
    fn send_queued(&self, this: &Ref<StreamTransport>) -> Outcome<Sent> {
        let stream = this.stream()?;
        send_from(&self.queue, |slices| stream.send_vectored(slices))
            .map_err(|error| Raised::os_error(this.py(), &error))
    }
}

/// Offers the first pieces of `queue` with `send`, and drops what it took.
///
/// # Errors
/// Those of `send`.
pub(super) fn send_from(
    queue: &RefCell<WriteQueue<Segment>>,
    send: impl FnOnce(&[IoSlice<'_>]) -> io::Result<Sent>,
) -> io::Result<Sent> {
    let mut spent = Vec::new();
    let sent = {
        let mut queue = queue.borrow_mut();
        let sent = {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let count = queue.fill_slices(&mut slices);
            send(&slices[..count])
        };
        if let Ok(Sent::Bytes(count)) = sent {
            queue.advance(count, &mut spent);
        }
        sent
    };
    drop(spent);
    sent
}

/// `transport.write(data)`.
///
/// # Errors
/// TypeError for what is no bytes; RuntimeError after `write_eof`; KeyboardInterrupt and SystemExit.
#[inline]
pub fn write(this: &Ref<StreamTransport>, data: &Obj) -> Outcome<()> {
    if !is_bytes(data) {
        return Err(not_bytes(this, data)?);
    }
    if this.outgoing.is_ended() {
        return Err(Raised::runtime_error(
            this.py(),
            "Cannot call write() after write_eof()",
        ));
    }
    loan::refuse(this, "write")?;
    if !data.bind().is_truthy()? {
        return Ok(());
    }
    if let Life::Lost(_) | Life::Closed(_) = this.life() {
        return write_after_loss(this);
    }
    let turn = this.turn();
    match this.outgoing.output.get() {
        // Outside a turn there is no end of it to wait for.
        Output::Idle if turn.is_none() || this.outgoing.sent_in.get() != turn => {
            send_now(this, data)
        }
        Output::Idle => {
            if let Err(raised) = keep(this, data, 0) {
                return write_failed(this, raised);
            }
            gather(this)?;
            queued(this)
        }
        Output::Gathering | Output::Blocked => {
            if let Err(raised) = keep(this, data, 0) {
                return write_failed(this, raised);
            }
            queued(this)
        }
    }
}

#[inline]
pub(super) fn is_bytes(data: &Obj) -> bool {
    let data = data.bind();
    data.is_instance_of::<PyBytes>()
        || data.is_instance_of::<PyByteArray>()
        || data.is_instance_of::<PyMemoryView>()
}

/// Stdlib's own TypeError, whose words differ between versions.
fn not_bytes(this: &Ref<StreamTransport>, data: &Obj) -> Outcome<Raised> {
    let py = this.py();
    let class = call::attr(
        imports::selector_events(py),
        intern!(py, "_SelectorSocketTransport"),
    )?;
    match call::method(&class, intern!(py, "write"), [this.as_obj(), data]) {
        Ok(_) => Ok(Raised::type_error(py, "data argument must be bytes-like")),
        Err(raised) => Ok(raised),
    }
}

/// Writes to a lost connection are counted, and warned about when there are many.
fn write_after_loss(this: &Ref<StreamTransport>) -> Outcome<()> {
    let count = this.count_lost_write();
    warn_of_lost_writes(this.py(), count, "socket.send() raised exception.")
}

/// Logs `text` when there have been so many writes to a lost connection.
///
/// # Errors
/// None in practice.
pub(super) fn warn_of_lost_writes(py: Python<'_>, count: u32, text: &str) -> Outcome<()> {
    let limit: u32 = imports::constants(py)
        .bind()
        .getattr(intern!(py, "LOG_THRESHOLD_FOR_CONNLOST_WRITES"))?
        .extract()?;
    if count >= limit {
        let text = Obj::str(py, text);
        call::method(imports::logger(py), intern!(py, "warning"), [&text])?;
    }
    Ok(())
}

/// Queues `data` after its first `sent` bytes.
fn keep(this: &Ref<StreamTransport>, data: &Obj, sent: usize) -> Outcome<()> {
    if data.bind().is_exact_instance_of::<PyBytes>() {
        this.outgoing.push(Segment::of(data)?, sent);
        return Ok(());
    }
    let rest = with_bytes(data, |bytes| Segment::copy(data.py(), &bytes[sent..]))??;
    this.outgoing.push(rest, 0);
    Ok(())
}

/// The first write of a turn with nothing queued.
#[inline]
fn send_now(this: &Ref<StreamTransport>, data: &Obj) -> Outcome<()> {
    let (sent, len) = match offer(this, data) {
        Ok(offered) => offered,
        Err(raised) => return write_failed(this, raised),
    };
    this.outgoing.sent_in.set(this.turn());
    let count = match sent {
        Sent::Bytes(count) if count == len => return Ok(()),
        Sent::Bytes(count) => count,
        Sent::WouldBlock => 0,
    };
    keep(this, data, count)?;
    block(this)?;
    maybe_pause(this)
}

/// `socket.send(data)`, and how long `data` is.
#[inline]
fn offer(this: &Ref<StreamTransport>, data: &Obj) -> Outcome<(Sent, usize)> {
    let stream = this.stream()?;
    let failed = |error: io::Error| Raised::os_error(this.py(), &error);
    if data.bind().is_exact_instance_of::<PyBytes>() {
        let segment = Segment::of(data)?;
        let bytes = segment.as_ref();
        return Ok((stream.send(bytes).map_err(failed)?, bytes.len()));
    }
    let (sent, len) = with_bytes(data, |bytes| (stream.send(bytes), bytes.len()))?;
    Ok((sent.map_err(failed)?, len))
}

/// From now to the end of the turn, or to `flush`, writes are collected.
fn gather(this: &Ref<StreamTransport>) -> Outcome<()> {
    let (Some(scheduler), Some(link)) = (this.scheduler(), this.presence.link()) else {
        // The loop is closed: there is no turn to wait for.
        return send_all(this);
    };
    this.outgoing.output.set(Output::Gathering);
    link.hold(this);
    scheduler.turn.gather(link);
    Ok(())
}

/// The queue has grown.
fn queued(this: &Ref<StreamTransport>) -> Outcome<()> {
    if this.outgoing.output.get() == Output::Gathering {
        let len = this.outgoing.len_bytes();
        let (_low, high) = this.outgoing.limits();
        if len < GATHER_BYTES && len <= high {
            return Ok(());
        }
        return flush(this);
    }
    maybe_pause(this)
}

/// Offers gathered bytes to the kernel now. Does nothing when none are gathered.
///
/// # Errors
/// KeyboardInterrupt and SystemExit.
pub fn flush(this: &Ref<StreamTransport>) -> Outcome<()> {
    if this.outgoing.output.get() != Output::Gathering {
        return Ok(());
    }
    send_all(this)
}

/// Offers the whole queue to the kernel, and waits for room if it does not take all.
fn send_all(this: &Ref<StreamTransport>) -> Outcome<()> {
    this.outgoing.output.set(Output::Idle);
    let room = match send_while_taken(this) {
        Ok(room) => room,
        Err(raised) => return write_failed(this, raised),
    };
    this.outgoing.sent_in.set(this.turn());
    if !room {
        block(this)?;
        return maybe_pause(this);
    }
    this.presence.settle(this)
}

/// Sends until the queue is empty (true) or the kernel takes no more (false).
fn send_while_taken(this: &Ref<StreamTransport>) -> Outcome<bool> {
    loop {
        let before = this.outgoing.len_bytes();
        if before == 0 {
            return Ok(true);
        }
        match this.outgoing.send_queued(this)? {
            Sent::WouldBlock => return Ok(false),
            Sent::Bytes(count) if count == before => return Ok(true),
            // Fewer than all: either there were more pieces than slices, or the kernel is full, which the next call shows.
            Sent::Bytes(_) => {}
        }
    }
}

/// Waits for the kernel to have room.
fn block(this: &Ref<StreamTransport>) -> Outcome<()> {
    this.outgoing.output.set(Output::Blocked);
    this.write_context
        .set(Some(this.context.for_events(this.py())?));
    this.presence.want(this, Interest::WRITABLE, true)
}

/// The kernel has room again (`_write_sendmsg`).
///
/// # Errors
/// KeyboardInterrupt and SystemExit.
pub fn on_writable(this: &Ref<StreamTransport>) -> Outcome<()> {
    if this.loan.is_lent() {
        return loan::on_room(this);
    }
    if this.outgoing.output.get() != Output::Blocked {
        return this.presence.want(this, Interest::WRITABLE, false);
    }
    match this.outgoing.send_queued(this) {
        Ok(Sent::WouldBlock) => return Ok(()),
        Ok(Sent::Bytes(_)) => {}
        Err(raised) => return write_failed(this, raised),
    }
    this.outgoing.sent_in.set(this.turn());
    if this.outgoing.len_bytes() == 0 {
        this.outgoing.output.set(Output::Idle);
    }
    maybe_resume(this)?;
    // The protocol may have written in `resume_writing`, and may have ended the connection.
    if this.outgoing.output.get() != Output::Blocked {
        drained(this)?;
    }
    Ok(())
}

/// Everything is sent: what waited for that happens.
fn drained(this: &Ref<StreamTransport>) -> Outcome<()> {
    if let Life::Lost(_) | Life::Closed(_) = this.life() {
        return Ok(());
    }
    flush(this)?;
    if this.outgoing.output.get() == Output::Blocked {
        return Ok(());
    }
    this.presence.want(this, Interest::WRITABLE, false)?;
    match this.life() {
        Life::Closing => return life::lose_now(this),
        Life::Open => this.loan.drained()?,
        Life::Lost(_) | Life::Closed(_) => return Ok(()),
    }
    if this.outgoing.is_ended() {
        return shutdown(this);
    }
    Ok(())
}

/// A send failed: nothing queued will ever leave.
fn write_failed(this: &Ref<StreamTransport>, raised: Raised) -> Outcome<()> {
    let exception = raised.take(this.py());
    let raised = Raised::raise(exception.clone());
    report::fatal_error(this, raised, "Fatal write error on socket transport")?;
    this.loan.fail(|| Ok(exception))
}

fn shutdown(this: &Ref<StreamTransport>) -> Outcome<()> {
    this.stream()?
        .shutdown_write()
        .map_err(|error| Raised::os_error(this.py(), &error))
}

/// `transport.write_eof()`: the peer is told when everything queued is sent.
///
/// # Errors
/// OSError when the connection is gone.
pub fn write_eof(this: &Ref<StreamTransport>) -> Outcome<()> {
    if this.is_closing() || this.outgoing.is_ended() {
        return Ok(());
    }
    flush(this)?;
    this.outgoing.side.set(Side::Ended);
    if this.is_closing() || this.outgoing.len_bytes() > 0 {
        return Ok(());
    }
    shutdown(this)
}

/// `transport.writelines(list_of_data)`: one `sendmsg` for all of it.
///
/// # Errors
/// As `write`.
pub fn writelines(this: &Ref<StreamTransport>, list_of_data: &Obj) -> Outcome<()> {
    let py = this.py();
    if !PY_3_12 {
        let empty = crate::py::bytes::bytes(py, b"")?;
        let joined = call::method(&empty, intern!(py, "join"), [list_of_data])?;
        return call::method(this.as_obj(), intern!(py, "write"), [&joined]).map(drop);
    }
    if this.outgoing.is_ended() {
        return Err(Raised::runtime_error(
            py,
            "Cannot call writelines() after write_eof()",
        ));
    }
    loan::refuse(this, "writelines")?;
    if !list_of_data.bind().is_truthy()? {
        return Ok(());
    }
    let segments = segments(list_of_data)?;
    if let Life::Lost(_) | Life::Closed(_) = this.life() {
        return write_after_loss(this);
    }
    if segments.is_empty() {
        return Ok(());
    }
    for segment in segments {
        this.outgoing.push(segment, 0);
    }
    match this.outgoing.output.get() {
        Output::Blocked => maybe_pause(this),
        Output::Idle | Output::Gathering => send_all(this),
    }
}

/// The pieces that are not empty. Python 3.14 does not even look at what counts as false.
fn segments(list_of_data: &Obj) -> Outcome<Vec<Segment>> {
    let mut segments = Vec::new();
    for data in list_of_data.bind().try_iter()? {
        let data = Obj::from(data?);
        if PY_3_14 && !data.bind().is_truthy()? {
            continue;
        }
        if !data.bind().is_exact_instance_of::<PyBytes>() {
            // Stdlib makes a memoryview of each, whose TypeError this is.
            PyMemoryView::from(data.bind())?;
        }
        let segment = Segment::of(&data)?;
        if !segment.as_ref().is_empty() {
            segments.push(segment);
        }
    }
    Ok(segments)
}

/// The queue has grown, or the marks have changed.
fn maybe_pause(this: &Ref<StreamTransport>) -> Outcome<()> {
    this.outgoing.flow.grown(this, this.outgoing.len_bytes())
}

/// The queue has shrunk.
fn maybe_resume(this: &Ref<StreamTransport>) -> Outcome<()> {
    this.outgoing.flow.shrunk(this, this.outgoing.len_bytes())
}

/// `transport.set_write_buffer_limits(high, low)`.
///
/// # Errors
/// ValueError for marks in the wrong order.
pub fn set_limits(
    this: &Ref<StreamTransport>,
    high: Option<&Obj>,
    low: Option<&Obj>,
) -> Outcome<()> {
    this.outgoing.flow.set_limits(this.py(), high, low)?;
    flush(this)?;
    maybe_pause(this)
}
