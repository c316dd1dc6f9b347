//! What comes in: one event of the poller, some reads, and the protocol's methods.
//!
//! Whether the protocol is a `Protocol` or a `BufferedProtocol` is decided once per `set_protocol`; its methods are looked
//! up by the first delivery and called by vectorcall from then on. Follows `_SelectorSocketTransport._read_ready`.

use std::cell::Cell;

use pyo3::types::{PyAnyMethods, PyInt};
use pyo3::{Python, intern};
use reactor::{ReadBuffer, Received, Stream};

use super::direct::Direct;
use super::endpoint::Endpoint;
use super::state::StreamTransport;
use super::tls::incoming;
use super::tls::protocol::TlsProtocol;
use super::{life, report};
use crate::handle::turn::Turn;
use crate::py::bytes::{bytes, bytes_filled, with_memory};
use crate::py::call;
use crate::py::cell::Slot;
use crate::py::errors::{Outcome, Raised};
use crate::py::gc::Visitor;
use crate::py::imports;
use crate::py::instance::Ref;
use crate::py::object::Obj;

/// One event is answered with at most so many reads of a full buffer (1 MiB), so that a peer that sends without end costs
/// the others no more than that per turn.
const READS_PER_EVENT: usize = 4;

/// When the last read brought so much, the next one goes straight into the object that the protocol gets. Below it, a
/// second copy costs less than an object that is made too large and cut.
const DIRECT_BYTES: usize = 32 * 1024;

/// How a protocol takes bytes.
#[derive(Clone, Copy)]
pub enum Kind {
    /// `Protocol.data_received(data)`
    Bytes,
    /// The same by a protocol of ours.
    Direct(&'static Direct),
    /// `BufferedProtocol.get_buffer(sizehint)` and `buffer_updated(nbytes)`
    Buffer,
    /// TLS of ours takes records as they are read.
    Records,
}

/// The protocol's receiving methods.
pub struct Receiver {
    kind: Cell<Kind>,
    /// `data_received` or `get_buffer`, once looked up.
    first: Slot,
    /// `buffer_updated`, once looked up.
    second: Slot,
    /// How many bytes the last read brought.
    last_bytes: Cell<usize>,
}

impl Default for Receiver {
    fn default() -> Self {
        Self {
            kind: Cell::new(Kind::Bytes),
            first: Slot::default(),
            second: Slot::default(),
            last_bytes: Cell::new(0),
        }
    }
}

impl Receiver {
    /// Forgets the methods of the last protocol and looks at what the new one is.
    ///
    /// # Errors
    /// What `isinstance` and looking for a method raise.
    pub fn set_protocol(&self, protocol: &Obj) -> Outcome<()> {
        if protocol.downcast_exact::<TlsProtocol>().is_some() {
            self.kind.set(Kind::Records);
            self.clear();
            return Ok(());
        }
        let kind = if lends_buffers(protocol)? {
            Kind::Buffer
        } else {
            Direct::of(protocol)?.map_or(Kind::Bytes, Kind::Direct)
        };
        self.kind.set(kind);
        self.clear();
        Ok(())
    }

    /// How the protocol takes bytes.
    #[inline]
    pub fn kind(&self) -> Kind {
        self.kind.get()
    }

    /// `protocol.data_received`
    ///
    /// # Errors
    /// AttributeError.
    #[inline]
    pub fn data_received(&self, protocol: &Obj) -> Outcome {
        found(
            &self.first,
            protocol,
            intern!(protocol.py(), "data_received"),
        )
    }

    /// `protocol.get_buffer`
    ///
    /// # Errors
    /// AttributeError.
    #[inline]
    pub fn get_buffer(&self, protocol: &Obj) -> Outcome {
        found(&self.first, protocol, intern!(protocol.py(), "get_buffer"))
    }

    /// `protocol.buffer_updated`
    ///
    /// # Errors
    /// AttributeError.
    #[inline]
    pub fn buffer_updated(&self, protocol: &Obj) -> Outcome {
        found(
            &self.second,
            protocol,
            intern!(protocol.py(), "buffer_updated"),
        )
    }

    /// For the collector.
    pub fn visit(&self, visitor: &mut Visitor) {
        visitor.slot(&self.first);
        visitor.slot(&self.second);
    }

    /// Lets the methods go.
    pub fn clear(&self) {
        self.first.set(None);
        self.second.set(None);
    }
}

/// Whether bytes go into buffers of the protocol. asyncio asks for the class alone, and a protocol that has the methods
/// without it, and no `data_received`, loses its connection to an AttributeError at the first byte.
fn lends_buffers(protocol: &Obj) -> Outcome<bool> {
    let py = protocol.py();
    let class = imports::buffered_protocol(py);
    if protocol.bind().is_instance(class.bind())? {
        return Ok(true);
    }
    let receives = call::optional_attr(protocol, intern!(py, "data_received"))?;
    if receives.is_some() {
        return Ok(false);
    }
    Ok(call::optional_attr(protocol, intern!(py, "get_buffer"))?.is_some())
}

/// The method in `slot`, looked up by the first use.
#[inline]
fn found(slot: &Slot, protocol: &Obj, name: &pyo3::Bound<'_, pyo3::types::PyString>) -> Outcome {
    if let Some(method) = slot.get() {
        return Ok(method);
    }
    let method = call::attr(protocol, name)?;
    slot.set(Some(method.clone()));
    Ok(method)
}

/// Bytes, the end of the stream or an error has come.
///
/// # Errors
/// KeyboardInterrupt and SystemExit.
#[inline]
pub fn on_readable(this: &Ref<StreamTransport>) -> Outcome<()> {
    match this.receiver.kind.get() {
        Kind::Bytes => read_bytes(this),
        Kind::Direct(direct) => read_directly(this, direct),
        Kind::Buffer => read_into_buffer(this),
        Kind::Records => read_records(this),
    }
}

/// What a read gave.
enum Chunk {
    /// So many bytes. `full`: the buffer was filled, so there may be more.
    Data {
        data: Obj,
        count: usize,
        full: bool,
    },
    Eof,
    Nothing,
}

fn read_bytes(this: &Ref<StreamTransport>) -> Outcome<()> {
    for _ in 0..READS_PER_EVENT {
        let (data, full) = match read_chunk(this, ReadBuffer::SIZE_BYTES) {
            Ok(Chunk::Data { data, full, .. }) => (data, full),
            Ok(Chunk::Nothing) => return Ok(()),
            Ok(Chunk::Eof) => return on_eof(this),
            Err(raised) => return read_failed(this, raised),
        };
        let delivered = this
            .receiver
            .data_received(&this.protocol_or_none(this.py()))
            .and_then(|data_received| call::call(&data_received, [&data]));
        if let Err(raised) = delivered {
            return failed(this, raised, "data_received");
        }
        // The protocol may have put another one in its place, which takes bytes in another way.
        let is_same_kind = matches!(this.receiver.kind.get(), Kind::Bytes);
        if !full || !is_same_kind || !this.presence.interest().is_readable() {
            return Ok(());
        }
    }
    Ok(())
}

/// The same for a protocol of ours. What it will take at once is read into an object of just that size; who waits for bytes
/// gets his turn before more of them are read.
fn read_directly(this: &Ref<StreamTransport>, direct: &'static Direct) -> Outcome<()> {
    for _ in 0..READS_PER_EVENT {
        let protocol = this.protocol_or_none(this.py());
        let appetite = match (direct.appetite)(&protocol) {
            Ok(appetite) => appetite,
            Err(raised) => return failed(this, raised, "data_received"),
        };
        let wanted_bytes = appetite
            .wanted_bytes
            .filter(|&wanted| wanted >= DIRECT_BYTES);
        let most_bytes = wanted_bytes
            .unwrap_or(appetite.room_bytes)
            .clamp(DIRECT_BYTES, ReadBuffer::SIZE_BYTES);
        let (data, full) = match read_chunk(this, most_bytes) {
            Ok(Chunk::Data { data, full, .. }) => (data, full),
            Ok(Chunk::Nothing) => return Ok(()),
            Ok(Chunk::Eof) => return on_eof(this),
            Err(raised) => return read_failed(this, raised),
        };
        if let Err(raised) = (direct.receive)(&protocol, &data) {
            return failed(this, raised, "data_received");
        }
        let is_same_kind = matches!(this.receiver.kind.get(), Kind::Direct(_));
        if !full || appetite.is_waiting || !is_same_kind || !this.presence.interest().is_readable()
        {
            return Ok(());
        }
    }
    Ok(())
}

/// Records for TLS of ours: no more of them at a time than `Turn` has room for plaintext.
fn read_records(this: &Ref<StreamTransport>) -> Outcome<()> {
    for _ in 0..READS_PER_EVENT {
        let (records, full) = match read_at_most(this, Turn::PLAINTEXT_BYTES) {
            Ok(Chunk::Data { data, full, .. }) => (data, full),
            Ok(Chunk::Nothing) => return Ok(()),
            Ok(Chunk::Eof) => return on_eof(this),
            Err(raised) => return read_failed(this, raised),
        };
        let protocol = this.protocol_or_none(this.py());
        let Some(tls) = protocol.downcast_exact::<TlsProtocol>() else {
            return Ok(());
        };
        if let Err(raised) = incoming::received(tls, &records) {
            return failed(this, raised, "buffer_updated");
        }
        let is_same_kind = matches!(this.receiver.kind.get(), Kind::Records);
        if !full || !is_same_kind || !this.presence.interest().is_readable() {
            return Ok(());
        }
    }
    Ok(())
}

/// Reads into the loop's buffer and copies what came, `most_bytes` of it, into a `bytes` of its size.
fn read_at_most(this: &Ref<StreamTransport>, most_bytes: usize) -> Outcome<Chunk> {
    let py = this.py();
    let Some(scheduler) = this.scheduler() else {
        return Ok(Chunk::Nothing);
    };
    let stream = this.stream()?;
    scheduler.turn.with_buffer(|buffer| {
        let buffer = &mut buffer[..most_bytes.min(ReadBuffer::SIZE_BYTES)];
        match stream.recv(buffer) {
            Ok(Received::Bytes(count)) => Ok(Chunk::Data {
                data: bytes(py, &buffer[..count])?,
                count,
                full: count == buffer.len(),
            }),
            Ok(Received::Eof) => Ok(Chunk::Eof),
            Ok(Received::WouldBlock) => Ok(Chunk::Nothing),
            Err(error) => Err(Raised::os_error(py, &error)),
        }
    })
}

/// At most `most_bytes`, by way of the loop's buffer, or straight into a large object where the last read was large.
#[inline]
fn read_chunk(this: &Ref<StreamTransport>, most_bytes: usize) -> Outcome<Chunk> {
    let py = this.py();
    let last_bytes = &this.receiver.last_bytes;
    if last_bytes.get() >= DIRECT_BYTES {
        return read_direct(py, this.stream()?, last_bytes, most_bytes);
    }
    let chunk = read_at_most(this, most_bytes)?;
    if let Chunk::Data { count, .. } = chunk {
        last_bytes.set(count);
    }
    Ok(chunk)
}

/// Reads into a new `bytes` object of about the size that the last read had.
fn read_direct(
    py: Python<'_>,
    stream: Stream,
    last_bytes: &Cell<usize>,
    most_bytes: usize,
) -> Outcome<Chunk> {
    let capacity = (last_bytes.get() + 1).next_power_of_two().min(most_bytes);
    let (data, received) = bytes_filled(py, capacity, |memory| {
        let received = stream.recv_uninit(memory);
        let count = match received {
            Ok(Received::Bytes(count)) => count,
            _ => 0,
        };
        (count, received)
    })?;
    match (data, received) {
        (Some(data), Ok(Received::Bytes(count))) => {
            last_bytes.set(count);
            Ok(Chunk::Data {
                data,
                count,
                full: count == capacity,
            })
        }
        (_, Ok(Received::Eof)) => Ok(Chunk::Eof),
        (_, Ok(_)) => Ok(Chunk::Nothing),
        (_, Err(error)) => Err(Raised::os_error(py, &error)),
    }
}

/// `_read_ready__get_buffer`: the protocol lends its buffer.
fn read_into_buffer(this: &Ref<StreamTransport>) -> Outcome<()> {
    let py = this.py();
    let buffer = match lent_buffer(this) {
        Ok(buffer) => buffer,
        Err(raised) => return failed(this, raised, "get_buffer"),
    };
    let received = this
        .stream()
        .and_then(|stream| receive_into(stream, &buffer));
    let count = match received {
        Ok(Received::Bytes(count)) => count,
        Ok(Received::WouldBlock) => return Ok(()),
        Ok(Received::Eof) => return on_eof(this),
        Err(raised) => return read_failed(this, raised),
    };
    drop(buffer);
    let updated = this
        .receiver
        .buffer_updated(&this.protocol_or_none(py))
        .and_then(|updated| call::call(&updated, [&Obj::from(PyInt::new(py, count))]));
    match updated {
        Ok(_) => Ok(()),
        Err(raised) => failed(this, raised, "buffer_updated"),
    }
}

fn lent_buffer(this: &Ref<StreamTransport>) -> Outcome {
    let py = this.py();
    let get_buffer = this.receiver.get_buffer(&this.protocol_or_none(py))?;
    let buffer = call::call(&get_buffer, [&Obj::from(PyInt::new(py, -1))])?;
    if buffer.bind().len()? == 0 {
        return Err(Raised::runtime_error(
            py,
            "get_buffer() returned an empty buffer",
        ));
    }
    Ok(buffer)
}

/// `socket.recv_into(buffer)`. The memory is given back before Python runs again, so that the protocol may resize.
fn receive_into(stream: Stream, buffer: &Obj) -> Outcome<Received> {
    let received = with_memory(buffer, |memory| stream.recv(memory))?;
    received.map_err(|error| Raised::os_error(buffer.py(), &error))
}

/// The peer has ended its side (`_read_ready__on_eof`).
fn on_eof(this: &Ref<StreamTransport>) -> Outcome<()> {
    let py = this.py();
    report::log_debug(this, "%r received EOF")?;
    let answer = call::method(
        &this.protocol_or_none(this.py()),
        intern!(py, "eof_received"),
        [],
    );
    let keep_open = match answer {
        Ok(answer) => answer.bind().is_truthy()?,
        Err(raised) => return failed(this, raised, "eof_received"),
    };
    if keep_open {
        // The protocol may go on writing; there is nothing more to read.
        return life::stop_reading(this);
    }
    life::close_as_found(this)
}

fn read_failed(this: &Ref<StreamTransport>, raised: Raised) -> Outcome<()> {
    report::fatal_error(this, raised, "Fatal read error on socket transport")
}

fn failed(this: &Ref<StreamTransport>, raised: Raised, method: &str) -> Outcome<()> {
    let message = format!("Fatal error: protocol.{method}() call failed.");
    report::fatal_error(this, raised, &message)
}
