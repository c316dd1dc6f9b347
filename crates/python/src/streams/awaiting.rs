//! The coroutines of `StreamReader`: a `Reading` and the future that it waits for.

use std::marker::PhantomData;

use pyo3::Python;

use super::reading::{self, Reading, Wish};
use super::state::ReaderData;
use crate::future::operation::{self, Input, Machine, Operation, Progress};
use crate::py::cell::Slot;
use crate::py::errors::{Outcome, Raised};
use crate::py::gc::Visitor;
use crate::py::instance::{Ref, TypeSlot};
use crate::py::object::Obj;

/// The method of `StreamReader` that a coroutine stands for.
pub trait Method: 'static {
    /// Where the coroutine's type is kept.
    const TYPE: &'static TypeSlot;
    /// `__qualname__`
    const NAME: &'static str;
}

/// `read`
pub enum Read {}
/// `readexactly`
pub enum ReadExactly {}
/// `readuntil`
pub enum ReadUntil {}
/// `readline`
pub enum ReadLine {}
/// `__anext__`
pub enum Next {}
/// `_wait_for_data`
pub enum WaitForData {}

static READ: TypeSlot = TypeSlot::new();
static READ_EXACTLY: TypeSlot = TypeSlot::new();
static READ_UNTIL: TypeSlot = TypeSlot::new();
static READ_LINE: TypeSlot = TypeSlot::new();
static NEXT: TypeSlot = TypeSlot::new();
static WAIT_FOR_DATA: TypeSlot = TypeSlot::new();

impl Method for Read {
    const TYPE: &'static TypeSlot = &READ;
    const NAME: &'static str = "StreamReader.read";
}

impl Method for ReadExactly {
    const TYPE: &'static TypeSlot = &READ_EXACTLY;
    const NAME: &'static str = "StreamReader.readexactly";
}

impl Method for ReadUntil {
    const TYPE: &'static TypeSlot = &READ_UNTIL;
    const NAME: &'static str = "StreamReader.readuntil";
}

impl Method for ReadLine {
    const TYPE: &'static TypeSlot = &READ_LINE;
    const NAME: &'static str = "StreamReader.readline";
}

impl Method for Next {
    const TYPE: &'static TypeSlot = &NEXT;
    const NAME: &'static str = "StreamReader.__anext__";
}

impl Method for WaitForData {
    const TYPE: &'static TypeSlot = &WAIT_FOR_DATA;
    const NAME: &'static str = "StreamReader._wait_for_data";
}

/// A call of such a method.
pub struct Call<M: Method> {
    reader: Slot<Ref<ReaderData>>,
    reading: Reading,
    method: PhantomData<M>,
}

impl<M: Method> Operation for Call<M> {
    const TYPE: &'static TypeSlot = M::TYPE;
    const NAME: &'static str = M::NAME;

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
pub fn call<M: Method>(reader: &Ref<ReaderData>, wish: Wish) -> Outcome {
    let call = Call {
        reader: Slot::new(Some(reader.clone())),
        reading: Reading::new(wish),
        method: PhantomData::<M>,
    };
    operation::make(reader.py(), call)
}

/// Builds the types.
///
/// # Errors
/// What making a type raises.
pub fn build(py: Python<'_>) -> Outcome<()> {
    operation::build::<Call<Read>>(py)?;
    operation::build::<Call<ReadExactly>>(py)?;
    operation::build::<Call<ReadUntil>>(py)?;
    operation::build::<Call<ReadLine>>(py)?;
    operation::build::<Call<Next>>(py)?;
    operation::build::<Call<WaitForData>>(py)?;
    Ok(())
}
