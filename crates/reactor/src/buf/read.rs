//! `ReadBuffer`: the one buffer into which a loop's transports read.
//!
//! 256 KiB, shared by all transports of a loop: what was read is copied out into a `bytes` object
//! of its exact size before the next read. (One such buffer per TLS connection is a known weight of
//! uvloop's.)

/// A buffer of [`ReadBuffer::SIZE_BYTES`], zeroed once and reused for every read.
#[derive(Debug)]
pub struct ReadBuffer {
    bytes: Box<[u8]>,
}

impl ReadBuffer {
    /// 256 KiB, the most that one read can return (`selector_events.MAX_SIZE` is the same).
    pub const SIZE_BYTES: usize = 256 * 1024;

    /// A zeroed buffer. The kernel supplies its pages when they are first written to.
    #[must_use]
    pub fn new() -> Self {
        Self {
            bytes: vec![0; Self::SIZE_BYTES].into_boxed_slice(),
        }
    }

    /// All of it, with whatever earlier reads have left.
    #[inline]
    #[must_use]
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        &mut self.bytes
    }

    /// All of it, to look at.
    #[inline]
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        &self.bytes
    }
}

impl Default for ReadBuffer {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_zeroed_and_keeps_what_is_written() {
        let mut buffer = ReadBuffer::default();
        assert_eq!(buffer.as_slice().len(), ReadBuffer::SIZE_BYTES);
        assert!(buffer.as_slice().iter().take(4096).all(|&byte| byte == 0));
        buffer.as_mut_slice()[..3].copy_from_slice(b"abc");
        assert_eq!(&buffer.as_slice()[..4], b"abc\0");
    }
}
