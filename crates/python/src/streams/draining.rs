//! Waiting for the transport to take more: `StreamWriter.drain` and the `_drain_helper` of its protocol.

use std::cell::Cell;

use pyo3::types::PyAnyMethods;
use pyo3::{Python, intern};

use super::flow_control::FlowData;
use super::protocol::ProtocolData;
use super::state::ReaderData;
use super::writer::{self, WriterData};
use crate::future::operation::{self, Input, Machine, Operation, Progress};
use crate::py::args::no_arguments;
use crate::py::call;
use crate::py::cell::Slot;
use crate::py::errors::{Outcome, Raised};
use crate::py::function;
use crate::py::gc::Visitor;
use crate::py::instance::{Ref, TypeSlot};
use crate::py::object::Obj;

static DRAIN: TypeSlot = TypeSlot::new();
static HELPER: TypeSlot = TypeSlot::new();

/// Where a `drain` is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Lets the loop call `connection_lost`, or has not begun.
    Beginning,
    /// In the protocol's `_drain_helper`.
    Helped,
}

/// `StreamWriter.drain()`
pub struct Drain {
    writer: Slot<Ref<WriterData>>,
    helper: Helper,
    stage: Cell<Stage>,
}

impl Operation for Drain {
    const TYPE: &'static TypeSlot = &DRAIN;
    const NAME: &'static str = "StreamWriter.drain";

    fn visit(&self, visitor: &mut Visitor) {
        visitor.slot(&self.writer);
        self.helper.visit(visitor);
    }

    fn clear(&self) {
        self.writer.set(None);
        self.helper.clear();
    }

    fn resume(this: &Machine<Self>, input: Input) -> Outcome<Progress> {
        let own = this.own();
        let Some(writer) = own.writer.get() else {
            return Ok(Progress::Done(Obj::none(this.py())));
        };
        match input {
            Input::Start => {
                refuse_failed(&writer)?;
                // Without a turn of the loop a program that writes and drains would never learn of its loss.
                if writer::is_closing(&writer)?.bind().is_truthy()? {
                    return Ok(Progress::Pause);
                }
            }
            Input::Resumed(outcome) if own.stage.get() == Stage::Helped => {
                return own.helper.end(outcome);
            }
            Input::Resumed(outcome) => drop(outcome?),
        }
        own.stage.set(Stage::Helped);
        own.help(&writer)
    }
}

impl Drain {
    /// `await self._protocol._drain_helper()`, without a coroutine where the protocol is ours.
    fn help(&self, writer: &Ref<WriterData>) -> Outcome<Progress> {
        let py = writer.py();
        let protocol = writer.protocol.get().unwrap_or_else(|| Obj::none(py));
        if let Some(native) = protocol.downcast_exact::<ProtocolData>()
            && native.is_as_made()
        {
            return self.helper.begin(native.upcast());
        }
        call::method(&protocol, intern!(py, "_drain_helper"), []).map(Progress::Wait)
    }
}

/// `raise self._reader.exception()`, if there is one.
#[inline]
fn refuse_failed(writer: &Ref<WriterData>) -> Outcome<()> {
    let Some(reader) = writer.reader.get() else {
        return Ok(());
    };
    let exception = match reader.downcast_exact::<ReaderData>() {
        Some(reader) if ReaderData::is_as_made(reader) => reader.exception.get(),
        _ => Some(call::method(
            &reader,
            intern!(reader.py(), "exception"),
            [],
        )?),
    };
    match exception {
        Some(exception) if !exception.is_none() => Err(call::raise(&exception)),
        _ => Ok(()),
    }
}

/// `FlowControlMixin._drain_helper()`
#[derive(Default)]
pub struct Helper {
    flow: Slot<Ref<FlowData>>,
    /// The future of `_drain_waiters` that is awaited.
    waiter: Slot,
}

impl Operation for Helper {
    const TYPE: &'static TypeSlot = &HELPER;
    const NAME: &'static str = "FlowControlMixin._drain_helper";

    fn visit(&self, visitor: &mut Visitor) {
        visitor.slot(&self.flow);
        visitor.slot(&self.waiter);
    }

    fn clear(&self) {
        self.flow.set(None);
        self.waiter.set(None);
    }

    fn resume(this: &Machine<Self>, input: Input) -> Outcome<Progress> {
        let own = this.own();
        match (input, own.flow.get()) {
            (Input::Start, Some(flow)) => own.begin(&flow),
            (Input::Start, None) => Ok(Progress::Done(Obj::none(this.py()))),
            (Input::Resumed(outcome), _) => own.end(outcome),
        }
    }
}

impl Helper {
    /// Over at once, or a future to wait for.
    #[inline]
    fn begin(&self, flow: &Ref<FlowData>) -> Outcome<Progress> {
        let py = flow.py();
        let Some(waiter) = flow.begin_drain(py)? else {
            return Ok(Progress::Done(Obj::none(py)));
        };
        self.flow.set(Some(flow.clone()));
        self.waiter.set(Some(waiter.clone()));
        Ok(Progress::Wait(waiter))
    }

    /// The wait is over: its future leaves the list.
    fn end(&self, outcome: Outcome) -> Outcome<Progress> {
        let (Some(flow), Some(waiter)) = (self.flow.take(), self.waiter.take()) else {
            // It was a coroutine of somebody else's.
            return outcome.map(Progress::Done);
        };
        let py = flow.py();
        match outcome {
            Ok(_) => {
                flow.end_drain(&waiter)?;
                Ok(Progress::Done(Obj::none(py)))
            }
            Err(raised) => {
                let exception = raised.take(py);
                flow.end_drain(&waiter)?;
                Err(Raised::raise(exception))
            }
        }
    }
}

/// Adds `drain` to the class of writers.
///
/// # Errors
/// `MemoryError`.
pub fn add_to_writer(class: &Obj) -> Outcome<()> {
    function::add_coroutine_method::<WriterData, _>(
        class,
        "drain(self)\n--\n\n\
         Wait until the transport takes more; at once, if it does. To be awaited after write().\n\n\
         Raises what ended the connection, or ConnectionResetError once it has ended.",
        |this, args| {
            no_arguments(this.py(), Drain::NAME, args)?;
            let drain = Drain {
                writer: Slot::new(Some(this.clone())),
                helper: Helper::default(),
                stage: Cell::new(Stage::Beginning),
            };
            operation::make(this.py(), drain)
        },
    )
}

/// Adds `_drain_helper` to `FlowControlMixin`.
///
/// # Errors
/// `MemoryError`.
pub fn add_to_flow(class: &Obj) -> Outcome<()> {
    function::add_coroutine_method::<FlowData, _>(
        class,
        "_drain_helper(self)\n--\n\n\
         The protocol's part of StreamWriter.drain().",
        |this, args| {
            no_arguments(this.py(), Helper::NAME, args)?;
            let helper = Helper {
                flow: Slot::new(Some(this.clone())),
                waiter: Slot::default(),
            };
            operation::make(this.py(), helper)
        },
    )
}

/// Builds the types.
///
/// # Errors
/// What making a type raises.
pub fn build(py: Python<'_>) -> Outcome<()> {
    operation::build::<Drain>(py)?;
    operation::build::<Helper>(py)?;
    Ok(())
}
