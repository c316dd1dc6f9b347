//! `Event` and `Events`: what one wait has found.

use crate::sys::epoll::{EventBuffer, EventFlags, RawEvent};

use super::{Interest, Token};

/// One source is ready, in one or both directions.
///
/// Follows `selectors.EpollSelector.select`: whatever is not EPOLLIN counts as writable and
/// whatever is not EPOLLOUT as readable, so EPOLLERR and EPOLLHUP are both. [`Event::within`] then
/// leaves what the source has asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// Whose event it is.
    pub token: Token,
    /// A read will not block: data, end of stream or an error is there.
    pub readable: bool,
    /// A write will not block: there is room, or an error is there.
    pub writable: bool,
}

impl Event {
    /// This event without the directions that `interest` does not contain.
    #[inline]
    #[must_use]
    pub const fn within(self, interest: Interest) -> Self {
        Self {
            token: self.token,
            readable: self.readable && interest.is_readable(),
            writable: self.writable && interest.is_writable(),
        }
    }

    /// True when no direction is ready.
    #[inline]
    #[must_use]
    pub const fn is_empty(self) -> bool {
        !self.readable && !self.writable
    }

    fn from_raw(raw: RawEvent) -> Self {
        let (flags, data) = (raw.flags, raw.data);
        Self {
            token: Token::from_data(data.u64()),
            readable: flags.intersects(EventFlags::OUT.complement()),
            writable: flags.intersects(EventFlags::IN.complement()),
        }
    }
}

/// The reusable answer of [`Poller::wait`](super::Poller::wait). It can be sent to where the wait
/// happens.
#[derive(Default)]
pub struct Events {
    pub(super) raw: EventBuffer,
    pub(super) interrupted: bool,
}

impl Events {
    /// How many events one wait returns at most: 12 KiB of buffer. What does not fit comes with the
    /// next wait.
    pub const CAPACITY: usize = 1024;

    /// An empty buffer. It gets its memory in the first wait.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many events the last wait has returned.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.raw.0.len()
    }

    /// True when the last wait has returned none.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.raw.0.is_empty()
    }

    /// True when a signal ended the last wait (EINTR): the caller lets signal handlers run.
    #[inline]
    #[must_use]
    pub fn interrupted(&self) -> bool {
        self.interrupted
    }

    /// Event number `index`, both directions unmasked.
    #[inline]
    #[must_use]
    pub fn event(&self, index: usize) -> Option<Event> {
        self.raw.0.get(index).copied().map(Event::from_raw)
    }

    /// The events in the kernel's order.
    pub fn iter(&self) -> impl Iterator<Item = Event> + '_ {
        self.raw.0.iter().copied().map(Event::from_raw)
    }

    /// Forgets everything, keeps the memory.
    pub fn clear(&mut self) {
        self.raw.0.clear();
        self.interrupted = false;
    }
}

impl std::fmt::Debug for Events {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use rustix::event::epoll::EventData;

    use super::*;

    fn event(flags: EventFlags) -> (bool, bool) {
        let token = Token::new(3, 9);
        let event = Event::from_raw(RawEvent {
            flags,
            data: EventData::new_u64(token.data()),
        });
        assert_eq!(event.token, token);
        (event.readable, event.writable)
    }

    #[test]
    fn errors_and_hangups_are_both_directions() {
        assert_eq!(event(EventFlags::IN), (true, false));
        assert_eq!(event(EventFlags::OUT), (false, true));
        assert_eq!(event(EventFlags::IN | EventFlags::OUT), (true, true));
        assert_eq!(event(EventFlags::ERR), (true, true));
        assert_eq!(event(EventFlags::HUP), (true, true));
        assert_eq!(event(EventFlags::IN | EventFlags::HUP), (true, true));
        assert_eq!(event(EventFlags::empty()), (false, false));
    }

    #[test]
    fn only_what_was_asked_for_is_left() {
        let both = Event {
            token: Token::new(0, 0),
            readable: true,
            writable: true,
        };
        assert!(both.within(Interest::NONE).is_empty());
        assert_eq!(both.within(Interest::BOTH), both);
        let read = both.within(Interest::READABLE);
        assert!(read.readable && !read.writable);
        assert!(read.within(Interest::WRITABLE).is_empty());
    }
}
