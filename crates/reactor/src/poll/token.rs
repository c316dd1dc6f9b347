//! `Token`: the name of a registration, which no later registration ever shares.

/// Names one entry of [`Sources`](super::Sources): a slot, and the serial number that tells its
/// successive uses apart.
///
/// The 64 bits are what epoll carries for us: the slot below, the serial above.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Token(u64);

impl Token {
    /// The waker's own token. [`Sources`](super::Sources) never gives it to a source.
    pub const WAKER: Self = Self(u64::MAX);

    /// The token of use `serial` of slot `slot`.
    #[inline]
    pub(crate) fn new(slot: u32, serial: u32) -> Self {
        debug_assert!(slot != u32::MAX, "the last slot number is the waker's");
        Self(u64::from(serial) << 32 | u64::from(slot))
    }

    /// The token that epoll has carried as `data`.
    #[inline]
    pub(crate) const fn from_data(data: u64) -> Self {
        Self(data)
    }

    /// What epoll carries for this token.
    #[inline]
    pub(crate) const fn data(self) -> u64 {
        self.0
    }

    /// The slot's index.
    #[inline]
    pub(crate) const fn slot(self) -> usize {
        (self.0 & 0xffff_ffff) as usize
    }

    /// The serial number within the slot.
    #[cfg(test)]
    pub(crate) const fn serial(self) -> u32 {
        (self.0 >> 32) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_slot_and_serial_apart() {
        for (slot, serial) in [
            (0, 0),
            (1, 0),
            (0, 1),
            (u32::MAX - 1, u32::MAX),
            (123, u32::MAX),
        ] {
            let token = Token::new(slot, serial);
            assert_eq!(token.slot(), slot as usize);
            assert_eq!(token.serial(), serial);
            assert_eq!(Token::from_data(token.data()), token);
            assert_ne!(token, Token::WAKER);
        }
    }
}
