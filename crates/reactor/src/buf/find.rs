//! Where a message ends: the search for separators in what has come.

use memchr::{memchr, memmem};

#[cfg(test)]
mod tests;

/// A separator that was found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Found {
    /// Where it begins.
    pub start: usize,
    /// Where it ends, and the message with it.
    pub end: usize,
}

/// The separator that ends first in `data`, none of which begins before `from`. Of several that end
/// together, the one that comes first in `separators`; an empty one is never found.
#[must_use]
pub fn find_first<S: AsRef<[u8]>>(data: &[u8], from: usize, separators: &[S]) -> Option<Found> {
    let mut first: Option<Found> = None;
    for separator in separators {
        let separator = separator.as_ref();
        // What ends no earlier than the best so far is of no interest.
        let until = first.map_or(data.len(), |found| found.end - 1);
        let Some(haystack) = data.get(from..until) else {
            continue;
        };
        if let Some(offset) = find(haystack, separator) {
            let start = from + offset;
            let end = start + separator.len();
            first = Some(Found { start, end });
        }
    }
    first
}

#[inline]
fn find(haystack: &[u8], separator: &[u8]) -> Option<usize> {
    match separator {
        [] => None,
        [byte] => memchr(*byte, haystack),
        bytes => memmem::find(haystack, bytes),
    }
}
