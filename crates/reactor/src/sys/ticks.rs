//! The processor's own counter, for what may be wrong by a little.
//!
//! Reading CLOCK_MONOTONIC takes 25 to 50 ns, half of what a turn of the loop costs while callbacks
//! chain; the counter takes 10. How fast it counts is learnt from the clock (`driver::PollBudget`), and
//! nothing but the poll budget depends on it: a timer's time is always read from the clock.
#![allow(unsafe_code, reason = "one instruction")]

/// The counter's reading, where the processor has one that counts evenly.
#[cfg(target_arch = "x86_64")]
#[inline]
#[must_use]
pub fn ticks() -> Option<u64> {
    // SAFETY: RDTSC reads a register; every x86-64 processor has it.
    Some(unsafe { std::arch::x86_64::_rdtsc() })
}

/// No counter is known here; the clock serves.
#[cfg(not(target_arch = "x86_64"))]
#[inline]
#[must_use]
pub fn ticks() -> Option<u64> {
    None
}
