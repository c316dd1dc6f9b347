//! Bytes on their way: from the socket into Python, and from Python into the socket.

mod read;
mod write;

pub use read::ReadBuffer;
pub use write::WriteQueue;
