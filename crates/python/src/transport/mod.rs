//! Transports and servers: sockets between the loop and a protocol.
//!
//! `stream.rs` is the transport as Python sees it, `state.rs` its fields, `life.rs` how it opens and ends, `deliver.rs` what
//! comes in, `write.rs` what goes out, `link.rs` its entry in the poller, `report.rs` what goes wrong, `extra_info.rs` what
//! `get_extra_info` answers.
//! `server.rs` is `Server`, `listener.rs` one of its sockets, `dial.rs` how a
//! client connects.

pub mod deliver;
pub mod dial;
pub mod extra_info;
pub mod life;
pub mod link;
pub mod listener;
pub mod report;
pub mod server;
pub mod state;
pub mod stream;
pub mod write;
