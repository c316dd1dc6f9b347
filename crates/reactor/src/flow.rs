//! `Flow`: when a protocol must stop writing, and when it may go on.
//!
//! Follows `transports._FlowControlMixin`: above the high-water mark `pause_writing` is called,
//! once; at or below the low-water mark `resume_writing`, once. The calls themselves are the
//! transport's.

/// The two marks and the protocol's state.
#[derive(Clone, Debug)]
pub struct Flow {
    high_bytes: usize,
    low_bytes: usize,
    paused: bool,
}

/// `protocol.pause_writing()` is to be called now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Pause;

/// `protocol.resume_writing()` is to be called now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Resume;

/// The marks are in the wrong order. Holds them as they are after the defaults were filled in, for
/// asyncio's message `high ({high}) must be >= low ({low}) must be >= 0`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadLimits {
    /// The high-water mark in bytes.
    pub high: usize,
    /// The low-water mark in bytes.
    pub low: usize,
}

impl std::fmt::Display for BadLimits {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "high ({}) must be >= low ({}) must be >= 0",
            self.high, self.low
        )
    }
}

impl std::error::Error for BadLimits {}

impl Flow {
    /// The high-water mark unless the user sets one: 64 KiB.
    pub const DEFAULT_HIGH_BYTES: usize = 64 * 1024;

    /// The default marks, not paused.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            high_bytes: Self::DEFAULT_HIGH_BYTES,
            low_bytes: Self::DEFAULT_HIGH_BYTES / 4,
            paused: false,
        }
    }

    /// Sets the marks in bytes (`_set_write_buffer_limits`). Without `high` it is four times `low`,
    /// or 64 KiB; without `low` it is a quarter of `high`. A high-water mark of 0 is legal: every
    /// unsent byte pauses. The caller asks [`Flow::after_growth`] next, as
    /// `set_write_buffer_limits` does.
    ///
    /// # Errors
    /// When `high < low`; the marks are unchanged then.
    pub fn set_limits(&mut self, high: Option<usize>, low: Option<usize>) -> Result<(), BadLimits> {
        let high = match (high, low) {
            (Some(high), _) => high,
            (None, Some(low)) => low.saturating_mul(4),
            (None, None) => Self::DEFAULT_HIGH_BYTES,
        };
        let low = low.unwrap_or(high / 4);
        if high < low {
            return Err(BadLimits { high, low });
        }
        (self.high_bytes, self.low_bytes) = (high, low);
        Ok(())
    }

    /// The marks in bytes, low first (`get_write_buffer_limits`).
    #[must_use]
    pub const fn limits(&self) -> (usize, usize) {
        (self.low_bytes, self.high_bytes)
    }

    /// True between a [`Pause`] and the next [`Resume`].
    #[must_use]
    pub const fn is_paused(&self) -> bool {
        self.paused
    }

    /// The write buffer has grown to `size` bytes, or the marks have changed
    /// (`_maybe_pause_protocol`).
    pub fn after_growth(&mut self, size: usize) -> Option<Pause> {
        if self.paused || size <= self.high_bytes {
            return None;
        }
        self.paused = true;
        Some(Pause)
    }

    /// The write buffer has shrunk to `size` bytes (`_maybe_resume_protocol`).
    pub fn after_drain(&mut self, size: usize) -> Option<Resume> {
        if !self.paused || size > self.low_bytes {
            return None;
        }
        self.paused = false;
        Some(Resume)
    }
}

impl Default for Flow {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn fills_in_asyncios_defaults() {
        let mut flow = Flow::new();
        assert_eq!(flow.limits(), (16 * 1024, 64 * 1024));
        for (high, low, expected) in [
            (None, None, (16 * 1024, 64 * 1024)),
            (Some(100), None, (25, 100)),
            (None, Some(100), (100, 400)),
            (Some(7), Some(7), (7, 7)),
            (Some(0), None, (0, 0)),
            (None, Some(0), (0, 0)),
            (None, Some(usize::MAX), (usize::MAX, usize::MAX)),
        ] {
            flow.set_limits(high, low).unwrap();
            assert_eq!(flow.limits(), expected);
        }
    }

    #[test]
    fn refuses_marks_in_the_wrong_order_and_keeps_the_old_ones() {
        let mut flow = Flow::default();
        let error = flow.set_limits(Some(1), Some(2)).unwrap_err();
        assert_eq!(error, BadLimits { high: 1, low: 2 });
        assert_eq!(
            error.to_string(),
            "high (1) must be >= low (2) must be >= 0"
        );
        assert_eq!(flow.limits(), Flow::new().limits());
    }

    #[test]
    fn with_high_zero_every_byte_pauses_and_only_empty_resumes() {
        let mut flow = Flow::new();
        flow.set_limits(Some(0), None).unwrap();
        assert_eq!(flow.after_growth(0), None);
        assert_eq!(flow.after_growth(1), Some(Pause));
        assert_eq!(flow.after_growth(2), None);
        assert_eq!(flow.after_drain(1), None);
        assert_eq!(flow.after_drain(0), Some(Resume));
        assert_eq!(flow.after_drain(0), None);
    }

    #[test]
    fn the_marks_themselves_are_on_the_quiet_side() {
        let mut flow = Flow::new();
        flow.set_limits(Some(10), Some(5)).unwrap();
        assert_eq!(flow.after_growth(10), None);
        assert_eq!(flow.after_growth(11), Some(Pause));
        assert!(flow.is_paused());
        assert_eq!(flow.after_drain(6), None);
        assert_eq!(flow.after_drain(5), Some(Resume));
        assert!(!flow.is_paused());
    }

    #[derive(Clone, Debug)]
    enum Op {
        Limits(Option<usize>, Option<usize>),
        Grow(usize),
        Drain(usize),
    }

    fn op() -> impl Strategy<Value = Op> {
        let mark = || prop::option::of(0..40_usize);
        prop_oneof![
            (mark(), mark()).prop_map(|(high, low)| Op::Limits(high, low)),
            (0..40_usize).prop_map(Op::Grow),
            (0..40_usize).prop_map(Op::Drain),
        ]
    }

    proptest! {
        #![proptest_config(crate::testing::cases())]

        /// The model is `_FlowControlMixin`, line by line.
        #[test]
        fn behaves_as_the_mixin(ops in crate::testing::history(op(), 60)) {
            let mut flow = Flow::new();
            let (mut high, mut low, mut paused) = (65536_usize, 16384_usize, false);
            for op in ops {
                match op {
                    Op::Limits(new_high, new_low) => {
                        let from_low = new_low.map_or(65536, |low| 4 * low);
                        let want_high = new_high.unwrap_or(from_low);
                        let want_low = new_low.unwrap_or(want_high / 4);
                        let accepted = want_high >= want_low;
                        if accepted {
                            (high, low) = (want_high, want_low);
                        }
                        prop_assert_eq!(flow.set_limits(new_high, new_low).is_ok(), accepted);
                    }
                    Op::Grow(size) => {
                        let pause = size > high && !paused;
                        paused |= pause;
                        prop_assert_eq!(flow.after_growth(size).is_some(), pause);
                    }
                    Op::Drain(size) => {
                        let resume = paused && size <= low;
                        paused &= !resume;
                        prop_assert_eq!(flow.after_drain(size).is_some(), resume);
                    }
                }
                prop_assert_eq!(flow.limits(), (low, high));
                prop_assert_eq!(flow.is_paused(), paused);
            }
        }
    }
}
