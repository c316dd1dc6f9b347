//! `FlowControlMixin`: a protocol that a transport can pause, and those who wait for it to go on.
//!
//! The base of `StreamReaderProtocol` and of the protocol of child processes. Follows `asyncio.streams.FlowControlMixin`.

use std::cell::Cell;
use std::mem::offset_of;

use pyo3::exceptions::{PyConnectionResetError, PyNotImplementedError};
use pyo3::types::PyAnyMethods;
use pyo3::{Python, intern};

use super::draining;
use super::state::assertion_failed_silently;
use crate::future::any;
use crate::future::future::{self, cannot_delete, loop_or_current};
use crate::handle::schedule::Scheduler;
use crate::py::args::{Args, Signature};
use crate::py::call;
use crate::py::cell::Slot;
use crate::py::errors::{Outcome, Raised};
use crate::py::gc::Visitor;
use crate::py::imports;
use crate::py::instance::{Dict, Payload, Ref, TypeSlot, WeakList};
use crate::py::object::Obj;
use crate::py::slots::TypeBuilder;

static TYPE: TypeSlot = TypeSlot::new();

/// The fields.
pub struct FlowData {
    pub(super) weak: WeakList,
    pub(super) dict: Dict,
    /// `_loop`
    pub loop_: Slot,
    /// `_paused`: the transport takes no more.
    pub paused: Cell<bool>,
    /// `_connection_lost`
    pub lost: Cell<bool>,
    /// `_drain_waiters`, a deque, once somebody had to wait. Limit: those who write.
    drain_waiters: Slot,
}

impl Payload for FlowData {
    const TYPE: &'static TypeSlot = &TYPE;

    fn blank() -> Self {
        Self {
            weak: WeakList::default(),
            dict: Dict::default(),
            loop_: Slot::default(),
            paused: Cell::new(false),
            lost: Cell::new(false),
            drain_waiters: Slot::default(),
        }
    }

    fn visit(&self, visitor: &mut Visitor) {
        self.dict.visit(visitor);
        visitor.slot(&self.loop_);
        visitor.slot(&self.drain_waiters);
    }

    fn clear(&self) {
        self.loop_.set(None);
        self.drain_waiters.set(None);
        self.dict.clear();
    }
}

impl FlowData {
    /// `__init__(loop)`
    ///
    /// # Errors
    /// What `asyncio.get_event_loop()` raises.
    pub fn initialise(&self, py: Python<'_>, loop_: Option<&Obj>) -> Outcome<()> {
        self.loop_.set(Some(loop_or_current(py, loop_)?));
        self.paused.set(false);
        self.lost.set(false);
        self.drain_waiters.set(None);
        Ok(())
    }

    /// The loop, or None before `__init__`.
    pub fn loop_or_none(&self, py: Python<'_>) -> Obj {
        self.loop_.get().unwrap_or_else(|| Obj::none(py))
    }

    /// `_drain_waiters`
    ///
    /// # Errors
    /// `MemoryError`.
    pub fn drain_waiters(&self, py: Python<'_>) -> Outcome {
        match self.drain_waiters.get() {
            Some(waiters) => Ok(waiters),
            None => {
                let waiters = call::call0(imports::deque(py))?;
                self.drain_waiters.set(Some(waiters.clone()));
                Ok(waiters)
            }
        }
    }

    /// Those who wait for the transport.
    fn waiting(&self) -> Outcome<Vec<Obj>> {
        let Some(waiters) = self.drain_waiters.get() else {
            return Ok(Vec::new());
        };
        let mut all = Vec::new();
        for waiter in waiters.bind().try_iter()? {
            all.push(Obj::from(waiter?));
        }
        Ok(all)
    }

    /// What `_drain_helper` begins with: nothing to wait for, or a future to wait for in `drain_waiters`.
    ///
    /// # Errors
    /// ConnectionResetError once the connection is lost.
    #[inline]
    pub fn begin_drain(&self, py: Python<'_>) -> Outcome<Option<Obj>> {
        if self.lost.get() {
            return Err(Raised::from(PyConnectionResetError::new_err(
                "Connection lost",
            )));
        }
        if !self.paused.get() {
            return Ok(None);
        }
        let waiter = future::make_for(&self.loop_or_none(py))?;
        let waiters = self.drain_waiters(py)?;
        call::method(&waiters, intern!(py, "append"), [&waiter])?;
        Ok(Some(waiter))
    }

    /// The wait is over.
    ///
    /// # Errors
    /// ValueError when somebody has taken the waiter out.
    pub fn end_drain(&self, waiter: &Obj) -> Outcome<()> {
        let py = waiter.py();
        let waiters = self.drain_waiters(py)?;
        call::method(&waiters, intern!(py, "remove"), [waiter]).map(drop)
    }

    /// `connection_lost(exc)`
    ///
    /// # Errors
    /// What waking those who wait raises.
    pub fn connection_lost(&self, exception: &Obj) -> Outcome<()> {
        self.lost.set(true);
        if !self.paused.get() {
            return Ok(());
        }
        for waiter in self.waiting()? {
            settle(&waiter, exception)?;
        }
        Ok(())
    }
}

/// Ends a wait that is not over: without an exception with None, else with the exception.
///
/// # Errors
/// What the future raises.
pub(super) fn settle(waiter: &Obj, exception: &Obj) -> Outcome<()> {
    if any::is_done(waiter)? {
        return Ok(());
    }
    if exception.is_none() {
        return any::set_result(waiter, exception);
    }
    any::set_exception(waiter, exception)
}

fn log_debug(this: &Obj, loop_: &Obj, text: &str) -> Outcome<()> {
    let py = this.py();
    let debug = match loop_.downcast::<Scheduler>() {
        Some(scheduler) => scheduler.is_debug(),
        None => call::method(loop_, intern!(py, "get_debug"), [])?
            .bind()
            .is_truthy()?,
    };
    if debug {
        let text = Obj::str(py, text);
        call::method(imports::logger(py), intern!(py, "debug"), [&text, this])?;
    }
    Ok(())
}

fn pause_writing(this: &Ref<FlowData>) -> Outcome {
    if this.paused.replace(true) {
        return Err(assertion_failed_silently());
    }
    let loop_ = this.loop_or_none(this.py());
    log_debug(this.as_obj(), &loop_, "%r pauses writing")?;
    Ok(Obj::none(this.py()))
}

fn resume_writing(this: &Ref<FlowData>) -> Outcome {
    let py = this.py();
    if !this.paused.replace(false) {
        return Err(assertion_failed_silently());
    }
    log_debug(this.as_obj(), &this.loop_or_none(py), "%r resumes writing")?;
    let none = Obj::none(py);
    for waiter in this.waiting()? {
        settle(&waiter, &none)?;
    }
    Ok(none)
}

fn initialise(this: &Ref<FlowData>, args: Args<'_>) -> Outcome<()> {
    const SIGNATURE: Signature<1> = Signature::new("FlowControlMixin.__init__", ["loop"], 1, 0);
    let py = this.py();
    let [loop_] = SIGNATURE.bind(py, args)?;
    this.initialise(py, loop_)
}

/// A setter that takes any object.
pub(super) fn assigned<'a>(py: Python<'_>, value: Option<&'a Obj>) -> Outcome<&'a Obj> {
    value.ok_or_else(|| cannot_delete(py))
}

/// The same for a flag.
pub(super) fn set_flag(py: Python<'_>, flag: &Cell<bool>, value: Option<&Obj>) -> Outcome<()> {
    let value = assigned(py, value)?.bind().is_truthy()?;
    flag.set(value);
    Ok(())
}

/// The same for a field that may hold None.
pub(super) fn set_object(py: Python<'_>, slot: &Slot, value: Option<&Obj>) -> Outcome<()> {
    let value = assigned(py, value)?;
    slot.set(Some(value.clone()).filter(|value| !value.is_none()));
    Ok(())
}

/// What such a field holds, or None.
pub(super) fn object(py: Python<'_>, slot: &Slot) -> Outcome {
    Ok(slot.get().unwrap_or_else(|| Obj::none(py)))
}

/// Builds the type.
///
/// # Errors
/// What making a type raises.
pub fn build(py: Python<'_>) -> Outcome {
    let builder = TypeBuilder::<FlowData>::new(
        c"asyncioxide.streams.FlowControlMixin",
        c"FlowControlMixin(loop=None)\n--\n\n\
          The protocol's side of StreamWriter.drain(): waits while the transport has paused writing.\n\n\
          A subclass that overrides pause_writing(), resume_writing() or connection_lost() calls these too.",
    )
    .class(imports::protocol_class(py))
    .subclassable()
    .constructor(initialise)
    .weak_references(offset_of!(FlowData, weak))
    .instance_dict(offset_of!(FlowData, dict));
    let class = attributes(methods(builder)).build(py)?;
    draining::add_to_flow(&class)?;
    Ok(class)
}

fn methods(builder: TypeBuilder<FlowData>) -> TypeBuilder<FlowData> {
    builder
    .method0(
        c"pause_writing",
        c"pause_writing($self)\n--\n\nThe transport has enough to send: drain() waits from now on.",
        pause_writing,
    )
    .method0(
        c"resume_writing",
        c"resume_writing($self)\n--\n\nThe transport has sent enough: those who wait in drain() go on.",
        resume_writing,
    )
    .method(
        c"connection_lost",
        c"connection_lost($self, exc)\n--\n\nNothing can be sent any more: those who wait in drain() get exc.",
        |this, args| {
            let [exception] = crate::py::args::exactly(
                this.py(),
                "FlowControlMixin.connection_lost",
                ["exc"],
                args,
            )?;
            this.connection_lost(exception)?;
            Ok(Obj::none(this.py()))
        },
    )
    .method(
        c"_get_close_waiter",
        c"_get_close_waiter($self, stream)\n--\n\nWhat StreamWriter.wait_closed() awaits.",
        |_, _| Err(Raised::from(PyNotImplementedError::new_err(()))),
    )
}

fn attributes(builder: TypeBuilder<FlowData>) -> TypeBuilder<FlowData> {
    builder
        .attribute(
            c"_loop",
            c"The event loop.",
            |this| object(this.py(), &this.loop_),
            |this, value| set_object(this.py(), &this.loop_, value),
        )
        .attribute(
            c"_paused",
            c"Whether the transport has paused writing.",
            |this| Ok(Obj::bool(this.py(), this.paused.get())),
            |this, value| set_flag(this.py(), &this.paused, value),
        )
        .attribute(
            c"_connection_lost",
            c"Whether the connection is lost.",
            |this| Ok(Obj::bool(this.py(), this.lost.get())),
            |this, value| set_flag(this.py(), &this.lost, value),
        )
        .attribute(
            c"_drain_waiters",
            c"The futures of those who wait in drain().",
            |this| this.drain_waiters(this.py()),
            |this, value| set_object(this.py(), &this.drain_waiters, value),
        )
}
