//! `SslEngine`: the user's own `ssl.SSLContext` as a session's engine, through `SSLObject` and two `MemoryBIO`s.
//!
//! `SSLObject` is a thin Python class around `_ssl._SSLSocket`: each of its methods passes the call on. Where the context
//! makes exactly that class, the inner object is called directly. A class of the user's (`sslobject_class`) is called
//! itself, and never sees memory that it does not own.

use pyo3::types::{PyAnyMethods, PyInt, PyMemoryView};
use pyo3::{Bound, Python, intern};
use reactor::tls::{Decrypted, Progress, TlsEngine};

use crate::py::bytes::{Segment, with_bytes, with_memory};
use crate::py::call;
use crate::py::cell::Slot;
use crate::py::errors::{Outcome, Raised};
use crate::py::gc::Visitor;
use crate::py::imports;
use crate::py::object::Obj;

/// What is called.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Callee {
    /// The object inside an `ssl.SSLObject`.
    Native,
    /// An instance of a class of the user's.
    Custom,
}

/// The engine.
pub struct SslEngine {
    incoming: Slot,
    outgoing: Slot,
    /// What the user sees as `ssl_object`.
    object: Slot,
    /// What is called: `object`, or what is inside it.
    target: Slot,
    callee: Callee,
    /// What a `read` of the user's class gave beyond what it was asked for.
    excess: Slot,
}

/// Where plaintext goes.
pub enum Room {
    /// The loop's own `bytearray`, which the user's classes must not see.
    Shared(Obj),
    /// A buffer that the protocol has lent.
    Lent(Obj),
}

impl SslEngine {
    /// One that does nothing, for a payload that is not initialised.
    pub fn blank() -> Self {
        Self {
            incoming: Slot::default(),
            outgoing: Slot::default(),
            object: Slot::default(),
            target: Slot::default(),
            callee: Callee::Custom,
            excess: Slot::default(),
        }
    }

    /// `context.wrap_bio(MemoryBIO(), MemoryBIO(), server_side=..., server_hostname=...)`
    ///
    /// # Errors
    /// ValueError when the context checks names and none is given; whatever else the context says.
    pub fn wrap(context: &Obj, server_side: bool, server_hostname: &Obj) -> Outcome<Self> {
        let py = context.py();
        let ssl = imports::ssl(py)?;
        if !server_side && server_hostname.is_none() {
            refuse_to_skip_the_name_check(context)?;
        }
        let memory_bio = ssl.memory_bio(py);
        let (incoming, outgoing) = (call::call0(memory_bio)?, call::call0(memory_bio)?);
        let object = call::method_keywords(
            context,
            intern!(py, "wrap_bio"),
            [
                &incoming,
                &outgoing,
                &Obj::bool(py, server_side),
                server_hostname,
            ],
            &[intern!(py, "server_side"), intern!(py, "server_hostname")],
        )?;
        let (target, callee) = if object.type_is(ssl.object(py)) {
            (call::attr(&object, intern!(py, "_sslobj"))?, Callee::Native)
        } else {
            (object.clone(), Callee::Custom)
        };
        Ok(Self {
            incoming: Slot::new(Some(incoming)),
            outgoing: Slot::new(Some(outgoing)),
            object: Slot::new(Some(object)),
            target: Slot::new(Some(target)),
            callee,
            excess: Slot::default(),
        })
    }

    /// The `SSLObject`; none when the collector has been here.
    pub fn object(&self) -> Option<Obj> {
        self.object.get()
    }

    /// The `MemoryBIO` for what was received.
    pub fn incoming(&self) -> Option<Obj> {
        self.incoming.get()
    }

    /// The `MemoryBIO` for what is to be sent.
    pub fn outgoing(&self) -> Option<Obj> {
        self.outgoing.get()
    }

    /// For the collector.
    pub fn visit(&self, visitor: &mut Visitor) {
        for slot in self.slots() {
            visitor.slot(slot);
        }
    }

    /// Lets everything go.
    pub fn clear(&self) {
        for slot in self.slots() {
            slot.set(None);
        }
    }

    fn slots(&self) -> [&Slot; 5] {
        [
            &self.incoming,
            &self.outgoing,
            &self.object,
            &self.target,
            &self.excess,
        ]
    }

    /// `sslobj.read(wants)`: the object's own `bytes`, copied. What it gives beyond that comes next.
    fn read_copied(&self, target: &Obj, buffer: &Obj, start: usize) -> Outcome<usize> {
        let py = target.py();
        let chunk = if let Some(excess) = self.excess.take() {
            excess
        } else {
            let wants = buffer.bind().len()?.saturating_sub(start);
            let wants = Obj::from(PyInt::new(py, wants));
            call::method(target, intern!(py, "read"), [&wants])?
        };
        let (count, total) = with_bytes(&chunk, |chunk| {
            with_memory(buffer, |memory| {
                let room = memory.get_mut(start..).unwrap_or_default();
                let count = chunk.len().min(room.len());
                room[..count].copy_from_slice(&chunk[..count]);
                (count, chunk.len())
            })
        })??;
        if count < total {
            self.excess.set(Some(call::slice(&chunk, count, None)?));
        }
        Ok(count)
    }

    fn target(&self) -> Outcome {
        there(&self.target)
    }
}

/// Before 3.15 `wrap_bio` lets a context that checks names pass without one, and then nothing is checked.
fn refuse_to_skip_the_name_check(context: &Obj) -> Outcome<()> {
    let py = context.py();
    let Some(checks) = call::optional_attr(context, intern!(py, "check_hostname"))? else {
        return Ok(());
    };
    if !checks.bind().is_truthy()? {
        return Ok(());
    }
    let text = "check_hostname requires server_hostname";
    Err(Raised::value_error(py, text))
}

/// What a slot holds, while the engine is whole.
fn there(slot: &Slot) -> Outcome {
    match slot.get() {
        Some(object) => Ok(object),
        // Only the collector empties an engine, and then nobody can reach it but finalizers.
        None => Python::attach(|py| Err(Raised::runtime_error(py, "the TLS engine is gone"))),
    }
}

/// `SSLAgainErrors` mean that bytes of the peer are needed.
fn unless_again<T>(py: Python<'_>, result: Outcome<T>) -> Outcome<Option<T>> {
    let raised = match result {
        Ok(value) => return Ok(Some(value)),
        Err(raised) => raised,
    };
    let exception = raised.take(py);
    if exception
        .bind()
        .is_instance(imports::ssl(py)?.again_errors(py).bind())?
    {
        return Ok(None);
    }
    Err(Raised::raise(exception))
}

fn pending(bio: &Slot) -> Outcome<usize> {
    let bio = there(bio)?;
    let pending = call::attr(&bio, intern!(bio.py(), "pending"))?;
    Ok(pending.bind().extract()?)
}

/// `memoryview(object)[start:end]`
fn view(object: &Obj, start: usize, end: Option<usize>) -> Outcome {
    let whole = Obj::from(PyMemoryView::from(object.bind())?);
    call::slice(&whole, start, end)
}

impl TlsEngine for SslEngine {
    type Error = Raised;
    type Records = Obj;
    type Outgoing = Segment;
    type Room = Room;

    fn feed(&self, records: &Obj) -> Outcome<()> {
        let incoming = there(&self.incoming)?;
        call::method(&incoming, intern!(records.py(), "write"), [records]).map(drop)
    }

    fn take(&self) -> Outcome<Option<Obj>> {
        if self.unsent_bytes()? == 0 {
            return Ok(None);
        }
        let outgoing = there(&self.outgoing)?;
        call::method(&outgoing, intern!(outgoing.py(), "read"), []).map(Some)
    }

    fn unread_bytes(&self) -> Outcome<usize> {
        pending(&self.incoming)
    }

    fn unsent_bytes(&self) -> Outcome<usize> {
        pending(&self.outgoing)
    }

    fn handshake(&self) -> Outcome<Progress> {
        let target = self.target()?;
        let py = target.py();
        let done = call::method(&target, intern!(py, "do_handshake"), []);
        Ok(progress(unless_again(py, done)?))
    }

    fn encrypt(&self, plain: &Segment, start: usize, end: usize) -> Outcome<Option<usize>> {
        let target = self.target()?;
        let py = target.py();
        let write = intern!(py, "write");
        let written = if start == 0 && end == plain.as_ref().len() {
            call::method(&target, write, [plain.as_obj()])
        } else {
            call::method(&target, write, [&view(plain.as_obj(), start, Some(end))?])
        };
        match unless_again(py, written)? {
            Some(count) => Ok(Some(count.bind().extract()?)),
            None => Ok(None),
        }
    }

    fn decrypt(&self, room: &Room, start: usize) -> Outcome<Decrypted> {
        let target = self.target()?;
        let py = target.py();
        let read = match (room, self.callee) {
            (Room::Shared(buffer), Callee::Custom) => self.read_copied(&target, buffer, start),
            (Room::Shared(buffer) | Room::Lent(buffer), _) => read_into(&target, buffer, start),
        };
        Ok(match unless_again(py, read)? {
            None => Decrypted::Again,
            Some(0) => Decrypted::CloseNotify,
            Some(count) => Decrypted::Bytes(count),
        })
    }

    /// A read that finds nothing raises, which takes longer than to ask first.
    fn is_drained(&self) -> Outcome<bool> {
        if self.callee == Callee::Custom || self.unread_bytes()? > 0 {
            return Ok(false);
        }
        let target = self.target()?;
        let pending = call::method(&target, intern!(target.py(), "pending"), [])?;
        Ok(pending.bind().extract::<usize>()? == 0)
    }

    fn shut_down(&self) -> Outcome<Progress> {
        let target = self.target()?;
        let py = target.py();
        let name: &Bound<'_, _> = match self.callee {
            Callee::Native => intern!(py, "shutdown"),
            Callee::Custom => intern!(py, "unwrap"),
        };
        let done = call::method(&target, name, []);
        Ok(progress(unless_again(py, done)?))
    }
}

fn progress(done: Option<Obj>) -> Progress {
    match done {
        Some(_) => Progress::Done,
        None => Progress::Again,
    }
}

/// `sslobj.read(wants, buffer)`: the protocol's own buffer, or the rest of it.
fn read_into(target: &Obj, buffer: &Obj, start: usize) -> Outcome<usize> {
    let py = target.py();
    let wants = buffer.bind().len()?.saturating_sub(start);
    let wants = Obj::from(PyInt::new(py, wants));
    let read = intern!(py, "read");
    let count = if start == 0 {
        call::method(target, read, [&wants, buffer])
    } else {
        call::method(target, read, [&wants, &view(buffer, start, None)?])
    }?;
    Ok(count.bind().extract()?)
}
