//! `Fd`: the name of a descriptor that somebody else owns.
//!
//! A Python socket owns its descriptor and may close it, detach it or duplicate it at any time,
//! without a word to us. A lifetime cannot express that, so this type does not try to: it is a
//! number, and every use of it may find the number stale. The kernel then answers EBADF, or acts on
//! whatever took the number over; nothing in this crate reads or writes memory on the strength of
//! an `Fd`.

#![allow(unsafe_code, reason = "a descriptor is borrowed by its number")]

use std::os::fd::{AsRawFd, BorrowedFd, RawFd};

use rustix::io::Errno;

/// The number of a descriptor that somebody else owns and may already have closed.
///
/// Two equal `Fd`s are the same number, not necessarily the same file: `poll::Sources` adds the
/// generation that tells them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fd(RawFd);

impl Fd {
    /// Names descriptor `raw`. Any number is accepted, `-1` of a closed Python socket included: its
    /// uses fail with EBADF.
    #[inline]
    #[must_use]
    pub const fn new(raw: RawFd) -> Self {
        Self(raw)
    }

    /// The number.
    #[inline]
    #[must_use]
    pub const fn raw(self) -> RawFd {
        self.0
    }

    /// Borrows the descriptor for one system call. Fails with EBADF when the number cannot be a
    /// descriptor.
    #[inline]
    pub(crate) fn borrow(&self) -> Result<BorrowedFd<'_>, Errno> {
        if self.0 < 0 {
            return Err(Errno::BADF);
        }
        // SAFETY: `-1`, the one value `BorrowedFd` cannot hold, was just refused. That the
        // descriptor is open cannot be promised (see the head of this file); the borrow lives for
        // one system call, which gets the number by value and checks it itself, so a stale one
        // costs EBADF and never memory.
        Ok(unsafe { BorrowedFd::borrow_raw(self.0) })
    }
}

impl<T: AsRawFd> From<&T> for Fd {
    fn from(owner: &T) -> Self {
        Self(owner.as_raw_fd())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_cannot_be_a_descriptor_answers_ebadf() {
        for raw in [-1, -2, i32::MIN] {
            assert_eq!(Fd::new(raw).borrow().err(), Some(Errno::BADF));
        }
    }

    #[test]
    fn keeps_its_number() {
        assert_eq!(Fd::new(7).raw(), 7);
        assert_eq!(Fd::new(7), Fd::new(7));
    }
}
