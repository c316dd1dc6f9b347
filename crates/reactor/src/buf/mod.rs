//! Bytes on their way: from the socket into Python, and from Python into the socket.

mod find;
mod read;
mod unread;
mod write;

pub use find::{Found, find_first};
pub use read::ReadBuffer;
pub use unread::Unread;
pub use write::WriteQueue;
