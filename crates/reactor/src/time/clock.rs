//! `Clock`: where the time comes from. The wall clock is never read; tests bring their own time.
//!
//! The clock shows whole nanoseconds. Python's `loop.time()` and `call_at` speak seconds in a float,
//! and the conversions here are made for each other: a timer that is due in nanoseconds is due in
//! seconds too. Deadlines stay what they were asked for as, and are compared as Python compares them.

use std::sync::atomic::{AtomicU64, Ordering};

use rustix::time::{ClockId, clock_gettime};

/// A clock that never goes back.
pub trait Clock {
    /// Nanoseconds since an arbitrary fixed moment.
    fn now_ns(&self) -> u64;

    /// A cheaper reading of the time that passes, in units of its own: see `sys::ticks`. Good for
    /// estimates only. By default the clock itself.
    fn ticks(&self) -> u64 {
        self.now_ns()
    }
}

/// CLOCK_MONOTONIC, the clock of Python's `time.monotonic()` (clock_gettime(2)).
#[derive(Clone, Copy, Debug, Default)]
pub struct Monotonic;

impl Clock for Monotonic {
    #[inline]
    fn now_ns(&self) -> u64 {
        let now = clock_gettime(ClockId::Monotonic);
        // The kernel's monotonic clock starts near zero at boot; neither field is ever negative.
        now.tv_sec as u64 * NS_PER_S + now.tv_nsec as u64
    }

    #[inline]
    fn ticks(&self) -> u64 {
        crate::sys::ticks().unwrap_or_else(|| self.now_ns())
    }
}

/// A clock that stands still until it is advanced.
#[derive(Debug, Default)]
pub struct MockClock {
    now_ns: AtomicU64,
}

impl MockClock {
    /// A clock that shows `now_ns`.
    #[must_use]
    pub const fn new(now_ns: u64) -> Self {
        Self {
            now_ns: AtomicU64::new(now_ns),
        }
    }

    /// Moves the clock forward by `step_ns`.
    pub fn advance_ns(&self, step_ns: u64) {
        self.now_ns.fetch_add(step_ns, Ordering::Relaxed);
    }
}

impl Clock for MockClock {
    fn now_ns(&self) -> u64 {
        self.now_ns.load(Ordering::Relaxed)
    }
}

impl<C: Clock + ?Sized> Clock for &C {
    fn now_ns(&self) -> u64 {
        (**self).now_ns()
    }
}

impl<C: Clock + ?Sized> Clock for std::sync::Arc<C> {
    fn now_ns(&self) -> u64 {
        (**self).now_ns()
    }
}

const NS_PER_S: u64 = 1_000_000_000;

/// `ns` in seconds, rounded as Python's `time.monotonic()` rounds it.
#[inline]
#[must_use]
pub fn seconds(ns: u64) -> f64 {
    if ns > EXACT_NS {
        return many_seconds(ns);
    }
    // Signed, which is one instruction.
    ns as i64 as f64 / NS_PER_S as f64
}

/// Up to so many nanoseconds, 104 days, one division gives all that `_PyTime_AsSecondsDouble` gives.
const EXACT_NS: u64 = 1 << f64::MANTISSA_DIGITS;

/// `_PyTime_AsSecondsDouble`: whole seconds are converted as such, the rest is one division.
#[cold]
fn many_seconds(ns: u64) -> f64 {
    if ns.is_multiple_of(NS_PER_S) {
        (ns / NS_PER_S) as f64
    } else {
        ns as f64 / NS_PER_S as f64
    }
}

/// The first nanosecond at which `seconds(ns) >= when`: a timer that waits for it never runs early
/// by Python's own reading of the clock. Times before the clock's start become 0, infinity and
/// everything beyond the clock's range (584 years) `u64::MAX`, which never comes. `None` for NaN.
#[must_use]
pub fn deadline_ns(when: f64) -> Option<u64> {
    if when.is_nan() {
        return None;
    }
    // The cast saturates at both ends. The product was rounded once, so the guess misses by a few
    // units of its last place: by a nanosecond or two in the first 104 days after boot (2^53 ns).
    let mut deadline_ns = (when * NS_PER_S as f64).ceil() as u64;
    if deadline_ns == u64::MAX {
        return Some(deadline_ns);
    }
    while deadline_ns > 0 && seconds(deadline_ns - 1) >= when {
        deadline_ns -= 1;
    }
    while seconds(deadline_ns) < when {
        deadline_ns += 1;
    }
    Some(deadline_ns)
}

/// A moment on the loop's clock as Python names it, in a form that is compared as fast as an integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline(u64);

impl Deadline {
    /// A moment before all others.
    pub const PAST: Self = Self(0);

    const SIGN: u64 = 1 << 63;

    /// The moment `when`, in seconds; `None` for NaN.
    #[inline]
    #[must_use]
    pub fn at(when: f64) -> Option<Self> {
        // Both zeros are the same moment.
        let bits = (when + 0.0).to_bits();
        let is_negative = bits & Self::SIGN != 0;
        (!when.is_nan()).then_some(Self(if is_negative {
            !bits
        } else {
            bits | Self::SIGN
        }))
    }

    /// The moment at which the clock shows `ns`.
    #[inline]
    #[must_use]
    pub fn at_ns(ns: u64) -> Self {
        // No number of nanoseconds is negative or NaN.
        Self(seconds(ns).to_bits() | Self::SIGN)
    }

    /// The first nanosecond at which the moment has come; see [`deadline_ns`].
    #[must_use]
    pub fn ns(self) -> u64 {
        if self.0 & Self::SIGN == 0 {
            return 0;
        }
        deadline_ns(f64::from_bits(self.0 & !Self::SIGN)).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_mock_clock_moves_only_when_told() {
        let clock = MockClock::new(5);
        assert_eq!(Clock::now_ns(&&clock), 5);
        assert_eq!(clock.now_ns(), 5);
        clock.advance_ns(7);
        assert_eq!(std::sync::Arc::new(clock).now_ns(), 12);
    }

    #[test]
    fn the_monotonic_clock_does_not_go_back() {
        let first = Monotonic.now_ns();
        assert!(first > 0);
        assert!(Monotonic.now_ns() >= first);
    }

    #[test]
    fn the_ends_of_the_range_as_deadlines() {
        assert_eq!(Deadline::at(f64::NAN), None);
        assert_eq!(Deadline::at(-0.0), Deadline::at(0.0));
        assert_eq!(Deadline::at(0.0), Some(Deadline::at_ns(0)));
        let past = Deadline::at(f64::NEG_INFINITY).unwrap();
        assert!(Deadline::PAST < past && past < Deadline::at(-1.0).unwrap());
        assert_eq!((Deadline::PAST.ns(), past.ns()), (0, 0));
        assert_eq!(Deadline::at(f64::INFINITY).unwrap().ns(), u64::MAX);
    }

    #[test]
    fn the_ends_of_the_range() {
        assert_eq!(deadline_ns(f64::NAN), None);
        assert_eq!(deadline_ns(f64::INFINITY), Some(u64::MAX));
        assert_eq!(deadline_ns(1e300), Some(u64::MAX));
        assert_eq!(deadline_ns(f64::NEG_INFINITY), Some(0));
        assert_eq!(deadline_ns(-1.0), Some(0));
        assert_eq!(deadline_ns(0.0), Some(0));
        assert_eq!(deadline_ns(1.5), Some(1_500_000_000));
        assert_eq!(deadline_ns(f64::MIN_POSITIVE), Some(1));
    }

    proptest! {
        #![proptest_config(crate::testing::cases())]

        #[test]
        fn a_deadline_is_never_early(when in 0.0..1e9_f64) {
            let ns = deadline_ns(when).unwrap();
            prop_assert!(seconds(ns) >= when);
            // ... and late by no more than the float's own resolution.
            prop_assert!(seconds(ns) - when <= 1e-9 + 4.0 * when * f64::EPSILON);
        }

        #[test]
        fn deadlines_are_ordered_as_floats_are(left in any::<f64>(), right in any::<f64>()) {
            if let (Some(first), Some(second)) = (Deadline::at(left), Deadline::at(right)) {
                prop_assert_eq!(Some(first.cmp(&second)), left.partial_cmp(&right));
            } else {
                prop_assert!(left.is_nan() || right.is_nan());
            }
        }

        #[test]
        fn a_deadline_has_come_at_its_nanosecond(when in 0.0..9e6_f64) {
            let deadline = Deadline::at(when).unwrap();
            prop_assert!(Deadline::at_ns(deadline.ns()) >= deadline);
            prop_assert!(deadline.ns() == 0 || Deadline::at_ns(deadline.ns() - 1) < deadline);
        }

        #[test]
        fn what_the_clock_shows_is_due_now(ns in 0..(1_u64 << 53)) {
            prop_assert!(deadline_ns(seconds(ns)).unwrap() <= ns);
        }
    }
}
