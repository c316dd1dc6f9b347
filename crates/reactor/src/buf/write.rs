//! `WriteQueue`: what a transport has accepted and the kernel has not.
//!
//! The segments are the user's own objects (`bytes`, or snapshots of mutable buffers): nothing is
//! copied together. One `sendmsg` takes as many as the kernel allows; what it took is handed back
//! segment by segment, because dropping a Python object may run anything.

use std::collections::VecDeque;
use std::io::IoSlice;

#[cfg(test)]
mod tests;

/// A FIFO of byte segments.
///
/// A segment's bytes (`as_ref`) must stay the same for as long as it is in the queue.
///
/// Limit: none of its own; `Flow` tells the writer to stop, as in asyncio, and a writer that goes
/// on is the user's.
#[derive(Debug)]
pub struct WriteQueue<B> {
    segments: VecDeque<Segment<B>>,
    len_bytes: usize,
}

#[derive(Debug)]
struct Segment<B> {
    bytes: B,
    /// How many bytes of it are sent already.
    start: usize,
}

impl<B: AsRef<[u8]>> Segment<B> {
    fn rest(&self) -> &[u8] {
        self.bytes.as_ref().get(self.start..).unwrap_or_default()
    }
}

impl<B: AsRef<[u8]>> WriteQueue<B> {
    /// The most segments that one `sendmsg` takes: Linux's IOV_MAX.
    pub const MAX_SLICES: usize = 1024;

    /// An empty queue.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            segments: VecDeque::new(),
            len_bytes: 0,
        }
    }

    /// Appends a segment. An empty one is kept too, and handed back with its neighbours.
    pub fn push(&mut self, bytes: B) {
        self.push_from(bytes, 0);
    }

    /// Appends a segment of which the first `offset` bytes are sent already.
    pub fn push_from(&mut self, bytes: B, offset: usize) {
        debug_assert!(
            offset <= bytes.as_ref().len(),
            "the offset lies beyond the segment"
        );
        let segment = Segment {
            bytes,
            start: offset,
        };
        self.len_bytes += segment.rest().len();
        self.segments.push_back(segment);
    }

    /// How many bytes are still to be sent (`get_write_buffer_size`).
    #[inline]
    #[must_use]
    pub fn len_bytes(&self) -> usize {
        self.len_bytes
    }

    /// True when no byte is to be sent.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len_bytes == 0
    }

    /// The unsent rests of the segments that have one, in order.
    pub fn rests(&self) -> impl Iterator<Item = &[u8]> {
        self.segments
            .iter()
            .map(Segment::rest)
            .filter(|rest| !rest.is_empty())
    }

    /// Appends the first unsent segments to `slices`, so many that it holds
    /// [`WriteQueue::MAX_SLICES`] at most.
    pub fn io_slices<'a>(&'a self, slices: &mut Vec<IoSlice<'a>>) {
        let room = Self::MAX_SLICES.saturating_sub(slices.len());
        slices.extend(self.rests().take(room).map(IoSlice::new));
    }

    /// Fills `slices` from the front with the first unsent segments and returns how many it holds
    /// then. The same as [`WriteQueue::io_slices`], for an array on the stack.
    pub fn fill_slices<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let mut count = 0;
        for (slice, rest) in slices.iter_mut().zip(self.rests()) {
            *slice = IoSlice::new(rest);
            count += 1;
        }
        count
    }

    /// Notes that the kernel took the first `n` bytes, `n <= len_bytes()`, and moves the segments
    /// that are finished to `spent`.
    pub fn advance(&mut self, n: usize, spent: &mut Vec<B>) {
        debug_assert!(n <= self.len_bytes, "more was sent than was queued");
        let mut left = n.min(self.len_bytes);
        self.len_bytes -= left;
        while let Some(head) = self.segments.front_mut() {
            let rest = head.rest().len();
            if rest > left {
                head.start += left;
                break;
            }
            left -= rest;
            spent.extend(self.segments.pop_front().map(|segment| segment.bytes));
        }
    }

    /// Another name for the first unsent segment, and how many bytes of it are sent already.
    #[must_use]
    pub fn front(&self) -> Option<(B, usize)>
    where
        B: Clone,
    {
        self.segments
            .iter()
            .find(|segment| !segment.rest().is_empty())
            .map(|segment| (segment.bytes.clone(), segment.start))
    }

    /// Gives everything up and returns it.
    pub fn clear(&mut self) -> Vec<B> {
        self.len_bytes = 0;
        std::mem::take(&mut self.segments)
            .into_iter()
            .map(|segment| segment.bytes)
            .collect()
    }
}

impl<B: AsRef<[u8]>> Default for WriteQueue<B> {
    fn default() -> Self {
        Self::new()
    }
}
