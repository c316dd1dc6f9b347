//! The coroutines of `StreamReader`: a `Reading` and the future that it waits for.

use pyo3::Python;

use super::reading::{self, Reading, Wish};
use super::state::ReaderData;
use crate::future::operation::{self, Input, Machine, Operation, Progress};
use crate::py::cell::Slot;
use crate::py::errors::{Outcome, Raised};
use crate::py::gc::Visitor;
use crate::py::instance::{Ref, TypeSlot};
use crate::py::object::Obj;

static TYPE: TypeSlot = TypeSlot::new();

/// A call of a method that reads.
pub struct Call {
    reader: Slot<Ref<ReaderData>>,
    reading: Reading,
    name: &'static str,
}

impl Operation for Call {
    const TYPE: &'static TypeSlot = &TYPE;
    const NAME: &'static str = "StreamReader";

    fn name(&self) -> &'static str {
        self.name
    }

    fn visit(&self, visitor: &mut Visitor) {
        visitor.slot(&self.reader);
        self.reading.visit(visitor);
    }

    fn clear(&self) {
        self.reader.set(None);
        self.reading.let_go();
    }

    #[inline]
    fn resume(this: &Machine<Self>, input: Input) -> Outcome<Progress> {
        let own = this.own();
        let Some(reader) = own.reader.get() else {
            return Ok(Progress::Done(Obj::none(this.py())));
        };
        if let Input::Resumed(outcome) = input {
            end_waiting(&reader, outcome)?;
        }
        match own.reading.advance(&reader)? {
            reading::Progress::Done(value) => Ok(Progress::Done(value)),
            reading::Progress::Wait(function) => {
                Ok(Progress::Wait(reader.begin_waiting(function)?))
            }
            reading::Progress::WaitFor(function) => {
                let function = function.bind().to_string();
                Ok(Progress::Wait(reader.begin_waiting(&function)?))
            }
        }
    }
}

/// The `finally` of `_wait_for_data`.
#[inline]
fn end_waiting(reader: &Ref<ReaderData>, outcome: Outcome) -> Outcome<()> {
    match outcome {
        Ok(_) => {
            reader.end_waiting();
            Ok(())
        }
        Err(raised) => {
            let exception = raised.take(reader.py());
            reader.end_waiting();
            Err(Raised::raise(exception))
        }
    }
}

/// The coroutine that does what `wish` says.
///
/// # Errors
/// `MemoryError`.
#[inline]
pub fn call(reader: &Ref<ReaderData>, wish: Wish) -> Outcome {
    let call = Call {
        reader: Slot::new(Some(reader.clone())),
        name: wish.method(),
        reading: Reading::new(wish),
    };
    operation::make(reader.py(), call)
}

/// Builds the type.
///
/// # Errors
/// What making a type raises.
pub fn build(py: Python<'_>) -> Outcome<()> {
    operation::build::<Call>(py).map(drop)
}
