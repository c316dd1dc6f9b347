//! `Ready`: what the loop runs next, in asyncio's order: first in, first out.
//!
//! Only the loop's thread touches it. A turn runs what is in here when it begins and leaves what it
//! adds to the next.

use std::collections::VecDeque;

/// A FIFO.
///
/// Limit: none, as in asyncio: each entry is a callback that somebody has asked for and that must
/// run.
#[derive(Debug)]
pub struct Ready<T> {
    entries: VecDeque<T>,
}

impl<T> Ready<T> {
    /// An empty queue.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            entries: VecDeque::new(),
        }
    }

    /// Appends `entry`.
    #[inline]
    pub fn push(&mut self, entry: T) {
        self.entries.push_back(entry);
    }

    /// Takes the oldest entry out.
    #[inline]
    pub fn pop(&mut self) -> Option<T> {
        self.entries.pop_front()
    }

    /// How many entries wait.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True when nothing waits.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The entries, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.entries.iter()
    }

    /// Takes everything out, oldest first, memory included.
    pub fn drain(&mut self) -> VecDeque<T> {
        std::mem::take(&mut self.entries)
    }
}

impl<T> Default for Ready<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_in_first_out() {
        let mut ready = Ready::new();
        assert!(ready.is_empty());
        ready.push(1);
        ready.push(2);
        assert_eq!(ready.pop(), Some(1));
        ready.push(3);
        assert_eq!(ready.len(), 2);
        assert_eq!(ready.drain(), [2, 3]);
        assert_eq!(ready.pop(), None);
        assert!(Ready::<u8>::default().is_empty());
    }
}
