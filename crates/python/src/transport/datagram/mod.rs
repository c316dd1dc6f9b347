//! `DatagramTransport`: datagrams between a socket and a protocol.
//!
//! `state.rs` has the fields, `methods.rs` the transport as Python sees it, `life.rs` how it opens and ends, `receive.rs`
//! what comes in, `send.rs` what goes out, `socket_calls.rs` the system calls for both. Follows
//! `selector_events._SelectorDatagramTransport`.

pub mod life;
pub mod methods;
mod receive;
mod send;
mod socket_calls;
mod state;
