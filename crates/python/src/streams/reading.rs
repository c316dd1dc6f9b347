//! What a coroutine that reads has been asked for, and how far it has come.
//!
//! `Reading::advance` takes from the buffer what is there and says when it has to wait; it is called again each time the
//! wait is over. Nothing is taken before all of it can be, so that a read that is cancelled loses no byte (save in
//! `read(-1)`, which takes what has come, as asyncio does). Follows `StreamReader.read`, `readexactly`, `readuntil`,
//! `readline` and `__anext__`.

use std::cell::{Cell, RefCell};

use pyo3::exceptions::PyStopAsyncIteration;
use pyo3::types::{PyAnyMethods, PyByteArray, PyInt, PyList, PyTuple};
use pyo3::{Python, intern};
use reactor::find_first;

use super::state::ReaderData;
use crate::py::bytes::{Segment, bytes};
use crate::py::call;
use crate::py::errors::{Outcome, Raised};
use crate::py::gc::Visitor;
use crate::py::imports;
use crate::py::instance::Ref;
use crate::py::object::Obj;
use crate::py::version::PY_3_13;

/// What was asked for.
pub enum Wish {
    /// `read(n)`
    Read(Obj),
    /// `readexactly(n)`
    Exactly(Obj),
    /// `readuntil(separator)`
    Until(Obj),
    /// `readline()`
    Line,
    /// `__anext__()`
    Next,
    /// `_wait_for_data(func_name)`
    Data(Obj),
}

impl Wish {
    /// The method that it is the wish of, with its class.
    pub fn method(&self) -> &'static str {
        match self {
            Self::Read(_) => "StreamReader.read",
            Self::Exactly(_) => "StreamReader.readexactly",
            Self::Until(_) => "StreamReader.readuntil",
            Self::Line => "StreamReader.readline",
            Self::Next => "StreamReader.__anext__",
            Self::Data(_) => "StreamReader._wait_for_data",
        }
    }
}

/// What to do next.
pub enum Progress {
    /// It is over.
    Done(Obj),
    /// Wait for bytes or the end, in the name of this function.
    Wait(&'static str),
    /// The same in a name that Python gave.
    WaitFor(Obj),
}

/// How many bytes `read` and `readexactly` were asked for.
#[derive(Clone, Copy)]
enum Count {
    Bytes(usize),
    Negative,
}

/// A read on its way.
pub struct Reading {
    wish: Wish,
    begun: Cell<bool>,
    /// How many bytes are wanted.
    count: Cell<Count>,
    /// So many bytes at the front of the buffer hold no beginning of a separator.
    searched: Cell<usize>,
    separators: RefCell<Vec<Segment>>,
    /// How much `read(-1)` takes at a time.
    block_bytes: Cell<usize>,
    /// What it has taken so far.
    blocks: RefCell<Vec<Obj>>,
}

impl Reading {
    /// A read that has not begun.
    #[inline]
    pub fn new(wish: Wish) -> Self {
        Self {
            wish,
            begun: Cell::new(false),
            count: Cell::new(Count::Bytes(0)),
            searched: Cell::new(0),
            separators: RefCell::default(),
            block_bytes: Cell::new(0),
            blocks: RefCell::default(),
        }
    }

    /// For the collector.
    pub fn visit(&self, visitor: &mut Visitor) {
        match &self.wish {
            Wish::Read(argument)
            | Wish::Exactly(argument)
            | Wish::Until(argument)
            | Wish::Data(argument) => visitor.object(argument),
            Wish::Line | Wish::Next => {}
        }
    }

    /// For the collector.
    pub fn let_go(&self) {
        let blocks = std::mem::take(&mut *self.blocks.borrow_mut());
        drop(blocks);
    }

    /// Goes as far as it can: at the beginning, and each time a wait is over.
    ///
    /// # Errors
    /// Those of the method.
    #[inline]
    pub fn advance(&self, reader: &Ref<ReaderData>) -> Outcome<Progress> {
        let begins = !self.begun.replace(true);
        match &self.wish {
            Wish::Read(count) => self.read(reader, begins.then_some(count)),
            Wish::Exactly(count) => self.read_exactly(reader, begins.then_some(count)),
            Wish::Until(separator) => self.read_until(reader, begins.then_some(separator)),
            Wish::Line => self.read_line(reader, begins),
            Wish::Next => match self.read_line(reader, begins)? {
                Progress::Done(line) if line.bind().len()? == 0 => {
                    Err(Raised::from(PyStopAsyncIteration::new_err(())))
                }
                progress => Ok(progress),
            },
            Wish::Data(function) if begins => Ok(Progress::WaitFor(function.clone())),
            Wish::Data(_) => Ok(Progress::Done(Obj::none(reader.py()))),
        }
    }

    fn read(&self, reader: &Ref<ReaderData>, begin: Option<&Obj>) -> Outcome<Progress> {
        let py = reader.py();
        if let Some(count) = begin {
            refuse_failed(reader)?;
            self.count.set(parsed(count)?);
        }
        match self.count.get() {
            Count::Bytes(0) => Ok(Progress::Done(bytes(py, b"")?)),
            Count::Bytes(most) => {
                if begin.is_some() && must_wait(reader)? {
                    reader.wanted_bytes.set(most);
                    return Ok(Progress::Wait("read"));
                }
                let data = reader.buffer.take(py, most)?;
                reader.resume_if_drained()?;
                Ok(Progress::Done(data))
            }
            Count::Negative => self.read_all(reader, begin.is_some()),
        }
    }

    /// `read(-1)`: block after block until the end, or until a wait brings nothing.
    fn read_all(&self, reader: &Ref<ReaderData>, begins: bool) -> Outcome<Progress> {
        let py = reader.py();
        let mut may_wait = begins;
        loop {
            refuse_failed_unless(reader, !may_wait)?;
            if may_wait {
                self.block_bytes.set(reader.limit.low_bytes());
            }
            if may_wait && must_wait(reader)? {
                reader.wanted_bytes.set(usize::MAX);
                return Ok(Progress::Wait("read"));
            }
            may_wait = true;
            // Asyncio takes as much as the limit at a time, which can be seen only where an exception comes between.
            let block = if reader.exception.is_some() {
                reader.buffer.take(py, self.block_bytes.get())?
            } else {
                reader.buffer.take_all(py)?
            };
            reader.resume_if_drained()?;
            if block.bind().len()? == 0 {
                let blocks = std::mem::take(&mut *self.blocks.borrow_mut());
                return Ok(Progress::Done(joined(py, blocks)?));
            }
            self.blocks.borrow_mut().push(block);
        }
    }

    fn read_exactly(&self, reader: &Ref<ReaderData>, begin: Option<&Obj>) -> Outcome<Progress> {
        let py = reader.py();
        if let Some(count) = begin {
            self.count.set(parsed(count)?);
            if let Count::Negative = self.count.get() {
                let text = "readexactly size can not be less than zero";
                return Err(Raised::value_error(py, text));
            }
            refuse_failed(reader)?;
        }
        let Count::Bytes(count) = self.count.get() else {
            unreachable!("refused at the beginning");
        };
        if count == 0 {
            return Ok(Progress::Done(bytes(py, b"")?));
        }
        if reader.buffer.len_bytes()? < count {
            if !reader.ended.get() {
                return Ok(Progress::Wait("readexactly"));
            }
            let partial = reader.buffer.take_all(py)?;
            let expected = Obj::from(PyInt::new(py, count));
            return Err(incomplete(&partial, &expected)?);
        }
        let data = reader.buffer.take(py, count)?;
        reader.resume_if_drained()?;
        Ok(Progress::Done(data))
    }

    fn read_until(&self, reader: &Ref<ReaderData>, begin: Option<&Obj>) -> Outcome<Progress> {
        let py = reader.py();
        if let Some(separator) = begin {
            let separators = parse_separators(separator)?;
            *self.separators.borrow_mut() = separators;
            refuse_failed(reader)?;
        }
        let separators = self.separators.borrow().clone();
        match self.search(reader, &separators)? {
            Searched::Found(end) => {
                let data = reader.buffer.take(py, end)?;
                reader.resume_if_drained()?;
                Ok(Progress::Done(data))
            }
            Searched::Nothing => Ok(Progress::Wait("readuntil")),
            Searched::Ended => {
                let partial = reader.buffer.take_all(py)?;
                Err(incomplete(&partial, &Obj::none(py))?)
            }
            Searched::Overrun(overrun) => Err(Raised::raise(overrun.exception(py)?)),
        }
    }

    fn read_line(&self, reader: &Ref<ReaderData>, begins: bool) -> Outcome<Progress> {
        let py = reader.py();
        if begins {
            refuse_failed(reader)?;
        }
        match self.search(reader, &[b"\n"])? {
            Searched::Found(end) => {
                let data = reader.buffer.take(py, end)?;
                reader.resume_if_drained()?;
                Ok(Progress::Done(data))
            }
            Searched::Nothing => Ok(Progress::Wait("readuntil")),
            Searched::Ended => Ok(Progress::Done(reader.buffer.take_all(py)?)),
            Searched::Overrun(overrun) => {
                let exception = overrun.exception(py)?;
                Err(give_up(reader, overrun.consumed, &exception)?)
            }
        }
    }

    /// Looks for the first separator in what was not searched yet.
    #[inline]
    fn search<S: AsRef<[u8]>>(
        &self,
        reader: &Ref<ReaderData>,
        separators: &[S],
    ) -> Outcome<Searched> {
        let lengths = || separators.iter().map(|separator| separator.as_ref().len());
        let least = lengths().min().unwrap_or(1);
        let most = lengths().max().unwrap_or(1);
        let limit = reader.limit.low_bytes();
        let from = self.searched.get();
        let (len, found) = reader.buffer.with(|all| {
            let enough = all.len().checked_sub(from).is_some_and(|new| new >= least);
            let found = enough.then(|| find_first(all, from, separators));
            (all.len(), found)
        })?;
        match found {
            Some(Some(found)) if found.start > limit => {
                return Ok(Searched::Overrun(Overrun {
                    text: "Separator is found, but chunk is longer than limit",
                    consumed: found.start,
                }));
            }
            Some(Some(found)) => return Ok(Searched::Found(found.end)),
            Some(None) => {
                // The last bytes can be the beginning of a separator.
                let searched = (len + 1).saturating_sub(most);
                self.searched.set(searched);
                if searched > limit {
                    return Ok(Searched::Overrun(Overrun {
                        text: "Separator is not found, and chunk exceed the limit",
                        consumed: searched,
                    }));
                }
            }
            None => {}
        }
        if reader.ended.get() {
            return Ok(Searched::Ended);
        }
        Ok(Searched::Nothing)
    }
}

/// What a search for separators found.
enum Searched {
    /// A message of so many bytes, its separator with it.
    Found(usize),
    /// Nothing yet.
    Nothing,
    /// Nothing, and nothing more will come.
    Ended,
    /// More than the limit allows.
    Overrun(Overrun),
}

/// `LimitOverrunError`, not made yet.
struct Overrun {
    text: &'static str,
    consumed: usize,
}

impl Overrun {
    fn exception(&self, py: Python<'_>) -> Outcome {
        let consumed = Obj::from(PyInt::new(py, self.consumed));
        call::call(
            imports::limit_overrun_error(py),
            [&Obj::str(py, self.text), &consumed],
        )
    }
}

/// `readline` past the limit, of which `overrun` tells: the line is dropped, or all there is of it.
///
/// # Errors
/// What resuming the transport raises.
#[cold]
pub fn give_up(reader: &Ref<ReaderData>, consumed: usize, overrun: &Obj) -> Outcome<Raised> {
    let py = reader.py();
    let is_whole = reader
        .buffer
        .with(|all| all.get(consumed) == Some(&b'\n'))?;
    if is_whole {
        reader.buffer.consume(py, consumed + 1)?;
    } else {
        reader.buffer.clear(py)?;
    }
    reader.resume_if_drained()?;
    let text = overrun.bind().getattr(intern!(py, "args"))?.get_item(0)?;
    let class = Obj::from(py.get_type::<pyo3::exceptions::PyValueError>());
    let exception = call::call(&class, [&Obj::from(text)])?;
    call::set_attr(&exception, intern!(py, "__context__"), overrun)?;
    Ok(Raised::raise(exception))
}

#[cold]
fn incomplete(partial: &Obj, expected: &Obj) -> Outcome<Raised> {
    let class = imports::incomplete_read_error(partial.py());
    Ok(Raised::raise(call::call(class, [partial, expected])?))
}

/// `raise self._exception`, if there is one.
#[inline]
fn refuse_failed(reader: &Ref<ReaderData>) -> Outcome<()> {
    match reader.exception.get() {
        None => Ok(()),
        Some(exception) => Err(call::raise(&exception)),
    }
}

/// The same unless the read has waited just now: that wait would have raised.
fn refuse_failed_unless(reader: &Ref<ReaderData>, has_waited: bool) -> Outcome<()> {
    if has_waited {
        return Ok(());
    }
    refuse_failed(reader)
}

#[inline]
fn must_wait(reader: &Ref<ReaderData>) -> Outcome<bool> {
    Ok(!reader.ended.get() && reader.buffer.len_bytes()? == 0)
}

/// The argument of `read` and `readexactly`.
fn parsed(count: &Obj) -> Outcome<Count> {
    let bound = count.bind();
    if let Ok(number) = bound.cast::<PyInt>() {
        return Ok(match number.extract::<isize>() {
            Ok(number) => match usize::try_from(number) {
                Ok(number) => Count::Bytes(number),
                Err(_) => Count::Negative,
            },
            Err(_) if number.lt(0)? => Count::Negative,
            Err(_) => Count::Bytes(usize::MAX),
        });
    }
    if bound.lt(0)? {
        return Ok(Count::Negative);
    }
    if !bound.hasattr(intern!(count.py(), "__index__"))? {
        let text = "slice indices must be integers or None or have an __index__ method";
        return Err(Raised::type_error(count.py(), text));
    }
    let number = bound.call_method0(intern!(count.py(), "__index__"))?;
    parsed(&Obj::from(number))
}

/// `bytes().join(blocks)`
fn joined(py: Python<'_>, mut blocks: Vec<Obj>) -> Outcome {
    if blocks.len() == 1
        && let Some(block) = blocks.pop()
    {
        return Ok(block);
    }
    let list = Obj::from(PyList::new(py, blocks.iter().map(Obj::bind))?);
    call::method(&bytes(py, b"")?, intern!(py, "join"), [&list])
}

/// The argument of `readuntil`; since 3.13 a tuple stands for several, the shortest first.
fn parse_separators(separator: &Obj) -> Outcome<Vec<Segment>> {
    let py = separator.py();
    let mut all = match separator.bind().cast::<PyTuple>() {
        Ok(several) if PY_3_13 => several.try_iter()?.map(|one| Ok(Obj::from(one?))).collect(),
        _ => Ok(vec![separator.clone()]),
    }
    .map_err(|error: pyo3::PyErr| Raised::from(error))?;
    if all.is_empty() {
        let text = "Separator should contain at least one element";
        return Err(Raised::value_error(py, text));
    }
    let mut sized = Vec::with_capacity(all.len());
    for one in all.drain(..) {
        sized.push((one.bind().len()?, one));
    }
    sized.sort_by_key(|(len, _)| *len);
    if sized[0].0 == 0 {
        let text = "Separator should be at least one-byte string";
        return Err(Raised::value_error(py, text));
    }
    sized.iter().map(|(_, one)| snapshot(one)).collect()
}

/// The separator's bytes. What is none of that gets the TypeError of `bytearray.find`.
fn snapshot(separator: &Obj) -> Outcome<Segment> {
    Segment::of(separator).or_else(|raised| {
        drop(raised.take(separator.py()));
        let array = Obj::from(PyByteArray::new(separator.py(), b""));
        call::method(&array, intern!(separator.py(), "find"), [separator])?;
        let text = "argument should be integer or bytes-like object";
        Err(Raised::type_error(separator.py(), text))
    })
}
