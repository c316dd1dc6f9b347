//! `Unread`: what has come for a stream's reader and nobody has read yet.
//!
//! A reader that keeps up takes each chunk before the next one comes. So a chunk that finds the
//! buffer empty is kept as the object in which it came: whoever reads all of it gets that object,
//! and no byte is copied. Chunks that pile up are copied into one run of bytes, from whose front
//! reading takes by moving an offset; the bytes behind it move down when at least as many were read
//! as are left, so each byte moves once on average, however small the reads are.

#[cfg(test)]
mod tests;

/// Bytes in order, appended at the end and taken from the front.
///
/// A chunk's bytes (`as_ref`) must stay the same for as long as it is kept.
///
/// Limit: none of its own; a reader pauses its transport at twice its limit, as in asyncio.
#[derive(Debug)]
pub struct Unread<B> {
    store: Store<B>,
    /// How many bytes of the store are taken already.
    start: usize,
}

#[derive(Debug)]
enum Store<B> {
    /// One chunk, as it came.
    Whole(B),
    /// Chunks that piled up, or nothing.
    Flat(Vec<u8>),
}

impl<B> Store<B> {
    const EMPTY: Self = Self::Flat(Vec::new());
}

impl<B: AsRef<[u8]>> Unread<B> {
    /// An empty buffer.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            store: Store::EMPTY,
            start: 0,
        }
    }

    /// All of it.
    #[inline]
    #[must_use]
    pub fn as_slice(&self) -> &[u8] {
        let all = match &self.store {
            Store::Whole(chunk) => chunk.as_ref(),
            Store::Flat(bytes) => bytes,
        };
        all.get(self.start..).unwrap_or_default()
    }

    /// How many bytes there are.
    #[inline]
    #[must_use]
    pub fn len_bytes(&self) -> usize {
        self.as_slice().len()
    }

    /// True when there is no byte.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.as_slice().is_empty()
    }

    /// Keeps `chunk` as it is, if there is nothing else; gives it back if there is, or if it is empty.
    #[inline]
    pub fn keep(&mut self, chunk: B) -> Option<B> {
        if chunk.as_ref().is_empty() || !self.is_empty() {
            return Some(chunk);
        }
        self.start = 0;
        match std::mem::replace(&mut self.store, Store::Whole(chunk)) {
            Store::Whole(spent) => Some(spent),
            Store::Flat(_) => None,
        }
    }

    /// Appends a copy of `data`. Gives back the chunk that was kept, if it had to be copied for that.
    pub fn push(&mut self, data: &[u8]) -> Option<B> {
        let spent = self.flatten(data.len());
        if let Store::Flat(bytes) = &mut self.store {
            if self.start > 0 && self.start >= bytes.len() - self.start {
                bytes.drain(..self.start);
                self.start = 0;
            }
            bytes.extend_from_slice(data);
        }
        spent
    }

    /// Makes one run of bytes of what is kept, with room for as many as are to come.
    fn flatten(&mut self, coming_bytes: usize) -> Option<B> {
        if let Store::Flat(_) = self.store {
            return None;
        }
        let kept = self.as_slice();
        let mut bytes = Vec::with_capacity(kept.len() + coming_bytes);
        bytes.extend_from_slice(kept);
        self.start = 0;
        match std::mem::replace(&mut self.store, Store::Flat(bytes)) {
            Store::Whole(spent) => Some(spent),
            Store::Flat(_) => None,
        }
    }

    /// The chunk itself, if nothing else is in the buffer, nothing of it was taken, and it has at
    /// most `most_bytes`.
    #[inline]
    pub fn take_chunk(&mut self, most_bytes: usize) -> Option<B> {
        let Store::Whole(chunk) = &self.store else {
            return None;
        };
        if self.start > 0 || chunk.as_ref().len() > most_bytes {
            return None;
        }
        match std::mem::replace(&mut self.store, Store::EMPTY) {
            Store::Whole(chunk) => Some(chunk),
            Store::Flat(_) => unreachable!("looked at above"),
        }
    }

    /// Notes that the first `count` bytes, `count <= len_bytes()`, were taken. Gives back the chunk
    /// that was kept, once there is nothing left of it.
    #[inline]
    pub fn consume(&mut self, count: usize) -> Option<B> {
        debug_assert!(count <= self.len_bytes(), "more was taken than there is");
        if count >= self.len_bytes() {
            return self.clear();
        }
        self.start += count;
        None
    }

    /// Gives everything up, and the chunk that was kept back. No memory is kept: the next chunk comes with its own.
    pub fn clear(&mut self) -> Option<B> {
        self.start = 0;
        match std::mem::replace(&mut self.store, Store::EMPTY) {
            Store::Whole(spent) => Some(spent),
            Store::Flat(_) => None,
        }
    }
}

impl<B: AsRef<[u8]>> Default for Unread<B> {
    fn default() -> Self {
        Self::new()
    }
}
