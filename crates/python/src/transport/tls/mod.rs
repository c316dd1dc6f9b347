//! TLS: `TlsProtocol` between a transport below and the user's protocol, which sees a `TlsTransport`.
//!
//! The two are `asyncio.sslproto.SSLProtocol` and `_SSLProtocolTransport`, function by function. What a step means in which
//! state is the reactor's `Session`'s business, the cryptography is done by `ssl.SSLObject` (`engine.rs`). `protocol.rs` has
//! the fields and the protocol as the transport below sees it, `transport.rs` the transport as the user sees it;
//! `handshake.rs`, `incoming.rs`, `outgoing.rs` and `shutdown.rs` are the ways through the states. `opening.rs` is the way
//! in, by `terms.rs`. Below may be a `StreamTransport`, which gives the records it reads to `incoming::received` and takes those to be sent
//! from `outgoing.rs` without Python in between, or any other transport.

pub mod dialect;
pub mod engine;
pub mod handshake;
pub mod incoming;
pub mod opening;
pub mod outgoing;
pub mod protocol;
pub mod report;
pub mod shutdown;
pub mod terms;
pub mod transport;
