//! [`Marks`]: the high and low water marks of one direction.
//!
//! Not [`Flow`](crate::Flow): here reaching the high mark is enough, as in
//! `SSLProtocol._control_app_writing` and `_control_ssl_reading`; there it has to be passed.

use std::cell::Cell;

use crate::flow::BadLimits;

/// What the other side has to be told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Signal {
    /// Stop.
    Pause,
    /// Go on.
    Resume,
}

/// Two marks, and what the other side was told last.
#[derive(Debug)]
pub struct Marks {
    high_bytes: Cell<usize>,
    low_bytes: Cell<usize>,
    paused: Cell<bool>,
}

impl Marks {
    /// High at `high_bytes`, low at a quarter of it.
    #[must_use]
    pub const fn new(high_bytes: usize) -> Self {
        Self {
            high_bytes: Cell::new(high_bytes),
            low_bytes: Cell::new(high_bytes / 4),
            paused: Cell::new(false),
        }
    }

    /// Sets both marks in bytes.
    ///
    /// # Errors
    /// When `high < low`; the marks are unchanged then.
    pub fn set(&self, high: usize, low: usize) -> Result<(), BadLimits> {
        if high < low {
            return Err(BadLimits { high, low });
        }
        self.high_bytes.set(high);
        self.low_bytes.set(low);
        Ok(())
    }

    /// Low and high, in bytes.
    #[must_use]
    pub fn limits(&self) -> (usize, usize) {
        (self.low_bytes.get(), self.high_bytes.get())
    }

    /// Whether the last signal was to pause.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.paused.get()
    }

    /// The buffer holds `size` bytes now, or the marks have changed.
    #[must_use]
    pub fn signal(&self, size: usize) -> Option<Signal> {
        match self.paused.get() {
            // Not where nothing is there, which nobody takes away: a high mark of 0 is one of 1.
            false if size > 0 && size >= self.high_bytes.get() => {
                self.paused.set(true);
                Some(Signal::Pause)
            }
            true if size <= self.low_bytes.get() => {
                self.paused.set(false);
                Some(Signal::Resume)
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reaching_the_high_mark_pauses_and_the_low_one_resumes() {
        let marks = Marks::new(100);
        assert_eq!(marks.limits(), (25, 100));
        assert_eq!(marks.signal(99), None);
        assert_eq!(marks.signal(100), Some(Signal::Pause));
        assert_eq!(marks.signal(200), None);
        assert_eq!(marks.signal(26), None);
        assert_eq!(marks.signal(25), Some(Signal::Resume));
        assert!(!marks.is_paused());
    }

    #[test]
    fn nothing_is_never_too_much() {
        let marks = Marks::new(0);
        assert_eq!(marks.signal(0), None);
        assert_eq!(marks.signal(1), Some(Signal::Pause));
        assert_eq!(marks.signal(0), Some(Signal::Resume));
    }

    #[test]
    fn refuses_marks_in_the_wrong_order() {
        let marks = Marks::new(100);
        assert_eq!(marks.set(1, 2), Err(BadLimits { high: 1, low: 2 }));
        assert_eq!(marks.limits(), (25, 100));
    }
}
