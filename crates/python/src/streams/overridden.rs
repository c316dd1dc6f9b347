//! Reading by way of methods that a subclass, or an instance, has replaced: `read(-1)` calls `self.read`, `readline` calls
//! `self.readuntil`, the iterator calls `self.readline`, as asyncio's do.

use pyo3::exceptions::PyStopAsyncIteration;
use pyo3::intern;
use pyo3::types::{PyAnyMethods, PyList, PyListMethods};

use super::awaiting;
use super::reading::{Wish, give_up};
use super::state::ReaderData;
use crate::future::coroutine::{self, Co, KeptRef};
use crate::py::bytes::bytes;
use crate::py::call;
use crate::py::errors::{Outcome, Raised};
use crate::py::imports;
use crate::py::instance::Ref;
use crate::py::object::Obj;

/// `read(n)` where `read` is replaced: a number of bytes is read as ever, all of them in blocks by way of `self.read`.
///
/// # Errors
/// What comparing `count` raises.
pub fn read(this: &Ref<ReaderData>, count: Obj) -> Outcome {
    if count.bind().ge(0)? {
        return awaiting::call(this, Wish::Read(count));
    }
    coroutine::make(this.py(), "StreamReader.read", |co| {
        let reader = co.keep_ref(this.clone());
        read_all(co, reader)
    })
}

async fn read_all(co: Co, reader: KeptRef<ReaderData>) -> Outcome {
    if let Some(exception) = reader.get().exception.get() {
        return Err(call::raise(&exception));
    }
    let blocks = co.keep(Obj::from(PyList::empty(reader.get().py())));
    loop {
        let block = next_block(&reader.get())?;
        let block = co.wait(block).await?;
        let blocks = blocks.get();
        if !block.bind().is_truthy()? {
            let empty = bytes(block.py(), b"")?;
            return call::method(&empty, intern!(block.py(), "join"), [&blocks]);
        }
        blocks.bind().cast::<PyList>()?.append(block.bind())?;
    }
}

fn next_block(reader: &Ref<ReaderData>) -> Outcome {
    let py = reader.py();
    call::method(
        reader.as_obj(),
        intern!(py, "read"),
        [&reader.limit.get(py)],
    )
}

/// `readline()` where `readuntil` is replaced.
///
/// # Errors
/// `MemoryError`.
pub fn read_line(this: &Ref<ReaderData>) -> Outcome {
    coroutine::make(this.py(), "StreamReader.readline", |co| {
        let reader = co.keep_ref(this.clone());
        line(co, reader)
    })
}

async fn line(co: Co, reader: KeptRef<ReaderData>) -> Outcome {
    let line = until_newline(&reader.get())?;
    match co.wait(line).await {
        Ok(line) => Ok(line),
        Err(raised) => unfinished(&reader.get(), raised),
    }
}

fn until_newline(reader: &Ref<ReaderData>) -> Outcome {
    let py = reader.py();
    call::method(
        reader.as_obj(),
        intern!(py, "readuntil"),
        [&bytes(py, b"\n")?],
    )
}

/// What `readline` makes of the exceptions of `readuntil`.
fn unfinished(reader: &Ref<ReaderData>, raised: Raised) -> Outcome {
    let py = reader.py();
    let exception = raised.take(py);
    let bound = exception.bind();
    if bound.is_instance(imports::incomplete_read_error(py).bind())? {
        return call::attr(&exception, intern!(py, "partial"));
    }
    if bound.is_instance(imports::limit_overrun_error(py).bind())? {
        let consumed = bound.getattr(intern!(py, "consumed"))?.extract()?;
        return Err(give_up(reader, consumed, &exception)?);
    }
    Err(Raised::raise(exception))
}

/// `__anext__()` where `readline` or `readuntil` is replaced.
///
/// # Errors
/// `MemoryError`.
pub fn next(this: &Ref<ReaderData>) -> Outcome {
    coroutine::make(this.py(), "StreamReader.__anext__", |co| {
        let reader = co.keep_ref(this.clone());
        next_line(co, reader)
    })
}

async fn next_line(co: Co, reader: KeptRef<ReaderData>) -> Outcome {
    let line = self_readline(&reader.get())?;
    let line = co.wait(line).await?;
    if line.bind().eq(bytes(line.py(), b"")?.bind())? {
        return Err(Raised::from(PyStopAsyncIteration::new_err(())));
    }
    Ok(line)
}

fn self_readline(reader: &Ref<ReaderData>) -> Outcome {
    call::method(reader.as_obj(), intern!(reader.py(), "readline"), [])
}
