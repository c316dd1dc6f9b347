//! Streams: coroutines that read and write connections, over transports of any loop.
//!
//! `state.rs` holds what a `StreamReader` has, `reader.rs` shows it to Python, `reading.rs` says how a read goes on and
//! `awaiting.rs` is the coroutine around it. `writer.rs` is `StreamWriter`, `draining.rs` its `drain`, `upgrading.rs` its
//! `start_tls`. `protocol.rs` is the protocol between a transport and both, over `flow_control.rs`;
//! `client_connected.rs` calls a server's callback. `open.rs` opens connections and servers, `functions.rs` shows that to
//! Python.

pub mod awaiting;
pub mod buffer;
pub mod client_connected;
pub mod dialect;
pub mod draining;
pub mod flow_control;
pub mod functions;
pub mod limit;
pub mod open;
pub mod overridden;
pub mod protocol;
pub mod reader;
pub mod reading;
pub mod state;
pub mod upgrading;
pub mod writer;
