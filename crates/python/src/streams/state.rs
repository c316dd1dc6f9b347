//! The fields of a `StreamReader`, and what a protocol does to them: bytes, the end, an exception.
//!
//! `reader.rs` is the type as Python sees it, `reading.rs` the coroutines that wait here. Follows `asyncio.StreamReader`.

use std::cell::Cell;

use pyo3::exceptions::{PyAssertionError, PyNotImplementedError, PyRuntimeError};
use pyo3::types::{PyAnyMethods, PyBytes};
use pyo3::{Python, intern};

use super::buffer::Buffer;
use super::limit::Limit;
use crate::future::{any, future};
use crate::py::call;
use crate::py::cell::Slot;
use crate::py::errors::{Outcome, Raised};
use crate::py::gc::Visitor;
use crate::py::instance::{Dict, Payload, Ref, TypeSlot, WeakList};
use crate::py::object::Obj;
use crate::transport::life;
use crate::transport::state::StreamTransport;

static TYPE: TypeSlot = TypeSlot::new();

/// The fields.
pub struct ReaderData {
    pub(super) weak: WeakList,
    pub(super) dict: Dict,
    /// `_buffer`
    pub buffer: Buffer,
    /// `_limit`
    pub limit: Limit,
    /// `_loop`
    pub loop_: Slot,
    /// `_waiter`: the future of the one who waits for bytes.
    pub waiter: Slot,
    /// `_exception`
    pub exception: Slot,
    /// `_transport`
    pub transport: Slot,
    /// `_source_traceback`
    pub source_traceback: Slot,
    /// `_eof`: nothing more will come.
    pub ended: Cell<bool>,
    /// `_paused`: the transport was told to stop.
    pub paused: Cell<bool>,
    /// How many bytes the one who waits will take at once; 0 when that is not known.
    pub wanted_bytes: Cell<usize>,
}

impl Payload for ReaderData {
    const TYPE: &'static TypeSlot = &TYPE;

    fn blank() -> Self {
        Self {
            weak: WeakList::default(),
            dict: Dict::default(),
            buffer: Buffer::default(),
            limit: Limit::default(),
            loop_: Slot::default(),
            waiter: Slot::default(),
            exception: Slot::default(),
            transport: Slot::default(),
            source_traceback: Slot::default(),
            ended: Cell::new(false),
            paused: Cell::new(false),
            wanted_bytes: Cell::new(0),
        }
    }

    fn visit(&self, visitor: &mut Visitor) {
        self.dict.visit(visitor);
        self.buffer.visit(visitor);
        self.limit.visit(visitor);
        visitor.slot(&self.loop_);
        visitor.slot(&self.waiter);
        visitor.slot(&self.exception);
        visitor.slot(&self.transport);
        visitor.slot(&self.source_traceback);
    }

    fn clear(&self) {
        self.buffer.let_go();
        self.limit.let_go();
        self.waiter.set(None);
        self.exception.set(None);
        self.transport.set(None);
        self.source_traceback.set(None);
        self.loop_.set(None);
        self.dict.clear();
    }
}

/// AssertionError, as a Python `assert` without a text raises it.
pub(super) fn assertion_failed_silently() -> Raised {
    Raised::from(PyAssertionError::new_err(()))
}

/// AssertionError, as a Python `assert` raises it.
pub(super) fn assertion_failed(text: &'static str) -> Raised {
    Raised::from(PyAssertionError::new_err(text))
}

impl ReaderData {
    /// Whether the object is exactly a `StreamReader` without attributes of its own: nobody has replaced a method.
    #[inline]
    pub fn is_as_made(this: &Ref<Self>) -> bool {
        this.is_exact() && this.dict.get().is_none()
    }
}

impl Ref<ReaderData> {
    /// `feed_data(data)`
    ///
    /// # Errors
    /// AssertionError after the end; TypeError for what is no bytes; what `pause_reading` raises.
    pub fn feed_data(&self, data: &Obj) -> Outcome<()> {
        if self.ended.get() {
            return Err(assertion_failed("feed_data after feed_eof"));
        }
        let is_empty = match data.bind().cast_exact::<PyBytes>() {
            Ok(bytes) => bytes.len()? == 0,
            Err(_) => !data.bind().is_truthy()?,
        };
        if is_empty {
            return Ok(());
        }
        self.buffer.push(data)?;
        self.wake()?;
        self.pause_if_full()
    }

    /// More than twice the limit is unread: the transport is to stop.
    #[inline]
    fn pause_if_full(&self) -> Outcome<()> {
        if self.paused.get() || self.buffer.len_bytes()? <= self.limit.high_bytes() {
            return Ok(());
        }
        let Some(transport) = self.transport.get() else {
            return Ok(());
        };
        match pause_reading(&transport) {
            Ok(()) => {
                self.paused.set(true);
                Ok(())
            }
            Err(raised) => {
                let exception = raised.take(self.py());
                if !exception.bind().is_instance_of::<PyNotImplementedError>() {
                    return Err(Raised::raise(exception));
                }
                // It cannot be paused: everything is buffered, and it is not asked again.
                self.transport.set(None);
                Ok(())
            }
        }
    }

    /// `feed_eof()`
    ///
    /// # Errors
    /// What waking the one who waits raises.
    pub fn feed_eof(&self) -> Outcome<()> {
        self.ended.set(true);
        self.wake()
    }

    /// `set_exception(exc)`
    ///
    /// # Errors
    /// What `waiter.set_exception` raises.
    pub fn set_exception(&self, exception: &Obj) -> Outcome<()> {
        self.exception
            .set(Some(exception.clone()).filter(|given| !given.is_none()));
        match self.waiter.take() {
            Some(waiter) if !any::is_cancelled(&waiter)? => any::set_exception(&waiter, exception),
            _ => Ok(()),
        }
    }

    /// `_wakeup_waiter()`
    ///
    /// # Errors
    /// What `waiter.set_result` raises.
    #[inline]
    pub fn wake(&self) -> Outcome<()> {
        match self.waiter.take() {
            Some(waiter) if !any::is_cancelled(&waiter)? => {
                any::set_result(&waiter, &Obj::none(self.py()))
            }
            _ => Ok(()),
        }
    }

    /// `_maybe_resume_transport()`
    ///
    /// # Errors
    /// What `resume_reading` raises.
    #[inline]
    pub fn resume_if_drained(&self) -> Outcome<()> {
        if !self.paused.get() || self.buffer.len_bytes()? > self.limit.low_bytes() {
            return Ok(());
        }
        self.resume()
    }

    /// Lets the transport go on.
    ///
    /// # Errors
    /// What `resume_reading` raises.
    pub fn resume(&self) -> Outcome<()> {
        self.paused.set(false);
        let py = self.py();
        let transport = self.transport.get().unwrap_or_else(|| Obj::none(py));
        match transport.downcast_exact::<StreamTransport>() {
            Some(transport) if transport.is_as_made() => life::resume_reading(transport),
            _ => call::method(&transport, intern!(py, "resume_reading"), []).map(drop),
        }
    }

    /// The beginning of `_wait_for_data(function)`: a future that is done when bytes or the end have come.
    ///
    /// # Errors
    /// RuntimeError when somebody waits already; AssertionError after the end; what `resume_reading` raises.
    pub fn begin_waiting(&self, function: &str) -> Outcome {
        let py = self.py();
        if self.waiter.is_some() {
            return Err(already_waiting(py, function));
        }
        if self.ended.get() {
            return Err(assertion_failed("_wait_for_data after EOF"));
        }
        // To wait for a transport that is paused would be to wait for ever.
        if self.paused.get() {
            self.resume()?;
        }
        let loop_ = self.loop_.get().unwrap_or_else(|| Obj::none(py));
        let waiter = future::make_for(&loop_)?;
        self.waiter.set(Some(waiter.clone()));
        Ok(waiter)
    }

    /// The end of `_wait_for_data`, however it ended.
    #[inline]
    pub fn end_waiting(&self) {
        self.wanted_bytes.set(0);
        self.waiter.set(None);
    }
}

#[cold]
fn already_waiting(py: Python<'_>, function: &str) -> Raised {
    let _attached = py;
    Raised::from(PyRuntimeError::new_err(format!(
        "{function}() called while another coroutine is already waiting for incoming data"
    )))
}

fn pause_reading(transport: &Obj) -> Outcome<()> {
    match transport.downcast_exact::<StreamTransport>() {
        Some(transport) if transport.is_as_made() => life::pause_reading(transport),
        _ => call::method(transport, intern!(transport.py(), "pause_reading"), []).map(drop),
    }
}

/// `reader.feed_data(data)` for whatever the reader is.
///
/// # Errors
/// As the method.
#[inline]
pub fn feed_data(reader: &Obj, data: &Obj) -> Outcome<()> {
    match reader.downcast_exact::<ReaderData>() {
        Some(reader) if ReaderData::is_as_made(reader) => reader.feed_data(data),
        _ => call::method(reader, intern!(reader.py(), "feed_data"), [data]).map(drop),
    }
}

/// `reader.feed_eof()`
///
/// # Errors
/// As the method.
pub fn feed_eof(reader: &Obj) -> Outcome<()> {
    match reader.downcast_exact::<ReaderData>() {
        Some(reader) if ReaderData::is_as_made(reader) => reader.feed_eof(),
        _ => call::method(reader, intern!(reader.py(), "feed_eof"), []).map(drop),
    }
}
