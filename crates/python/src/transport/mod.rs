//! Transports and servers: sockets and pipes between the loop and a protocol.
//!
//! `stream.rs` is the transport as Python sees it, `state.rs` its fields, `life.rs` how it opens and ends, `deliver.rs` what
//! comes in, `write.rs` what goes out, `link.rs` its entry in the poller, `report.rs` what goes wrong, `extra_info.rs` what
//! `get_extra_info` answers, `loan.rs` the socket in the hands of `sendfile`.
//! `pipe_read.rs` and `pipe_write.rs` are the transports of pipes, over `pipe.rs`; `child.rs` watches a child process.
//! `server.rs` is `Server`, `listener.rs` one of its sockets, `socket_file.rs` the file that one may be bound to. A
//! client's socket connects in `connecting.rs`, alone or in a `race.rs`. `tls/` is what lies between a transport and a
//! protocol that speak through TLS.

pub mod address;
pub mod child;
pub mod connecting;
pub mod datagram;
pub mod deliver;
pub mod direct;
pub mod endpoint;
pub mod extra_info;
pub mod flow_control;
pub mod life;
pub mod lifelong;
pub mod link;
pub mod listener;
pub mod loan;
pub mod owned_socket;
pub mod pipe;
pub mod pipe_read;
pub mod pipe_write;
pub mod presence;
pub mod race;
pub mod report;
pub mod server;
pub mod socket_file;
pub mod state;
pub mod stream;
pub mod tls;
pub mod write;
