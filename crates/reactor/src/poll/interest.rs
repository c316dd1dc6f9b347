//! `Interest`: what a source wants to hear about.

use std::ops::{BitOr, BitOrAssign, Sub, SubAssign};

use crate::sys::epoll::EventFlags;

/// A set out of "readable" and "writable".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Interest(u8);

impl Interest {
    /// Nothing: such a source is not in the poller at all.
    pub const NONE: Self = Self(0);
    /// Bytes, a connection or the end of the stream can be read.
    pub const READABLE: Self = Self(1);
    /// There is room to write.
    pub const WRITABLE: Self = Self(2);
    /// Both directions.
    pub const BOTH: Self = Self(3);

    /// True when every member of `other` is in this set.
    #[inline]
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// True for [`Interest::NONE`].
    #[inline]
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// True when reading is wanted.
    #[inline]
    #[must_use]
    pub const fn is_readable(self) -> bool {
        self.contains(Self::READABLE)
    }

    /// True when writing is wanted.
    #[inline]
    #[must_use]
    pub const fn is_writable(self) -> bool {
        self.contains(Self::WRITABLE)
    }

    /// What to ask epoll for. EPOLLERR and EPOLLHUP come unasked.
    pub(crate) fn flags(self) -> EventFlags {
        let mut flags = EventFlags::empty();
        if self.is_readable() {
            flags |= EventFlags::IN;
        }
        if self.is_writable() {
            flags |= EventFlags::OUT;
        }
        flags
    }
}

impl BitOr for Interest {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Interest {
    fn bitor_assign(&mut self, other: Self) {
        *self = *self | other;
    }
}

impl Sub for Interest {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }
}

impl SubAssign for Interest {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_a_set() {
        assert_eq!(Interest::READABLE | Interest::WRITABLE, Interest::BOTH);
        assert_eq!(Interest::BOTH - Interest::READABLE, Interest::WRITABLE);
        assert_eq!(Interest::WRITABLE - Interest::READABLE, Interest::WRITABLE);
        assert_eq!(Interest::NONE | Interest::READABLE, Interest::READABLE);
        assert!(Interest::BOTH.contains(Interest::READABLE));
        assert!(!Interest::READABLE.contains(Interest::BOTH));
        assert!(Interest::READABLE.contains(Interest::NONE));
        assert!((Interest::READABLE - Interest::BOTH).is_empty());
        let mut interest = Interest::NONE;
        interest |= Interest::BOTH;
        interest -= Interest::WRITABLE;
        assert!(interest.is_readable() && !interest.is_writable());
    }

    #[test]
    fn asks_epoll_for_nothing_more() {
        assert_eq!(Interest::NONE.flags(), EventFlags::empty());
        assert_eq!(Interest::READABLE.flags(), EventFlags::IN);
        assert_eq!(Interest::WRITABLE.flags(), EventFlags::OUT);
        assert_eq!(Interest::BOTH.flags(), EventFlags::IN | EventFlags::OUT);
    }
}
