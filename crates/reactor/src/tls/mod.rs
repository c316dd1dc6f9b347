//! TLS without I/O: bytes in, bytes out.
//!
//! The cryptography is an engine's ([`TlsEngine`]); the real one drives the user's own
//! `ssl.SSLContext`. [`Session`] is everything around it that decides: what bytes mean in which
//! state, what waits for what, who is told to stop and to go on. It follows
//! `asyncio.sslproto.SSLProtocol`, whose rules its user applies by doing what the session answers.

mod engine;
mod marks;
mod session;

pub use engine::{Decrypted, Progress, TlsEngine};
pub use marks::{Marks, Signal};
pub use session::{End, Eof, Input, Lost, Plain, Refused, Session, State};
