//! `PollBudget`: how long the loop may go on without looking at its sources.
//!
//! Two limits, because each alone starves somebody. Turns alone: 32 turns of callbacks of 10 ms
//! each keep the sockets waiting for a third of a second. Time alone: within 100 µs fit hundreds of
//! turns, and what they saved beyond the first 32 was within the noise (a chain of `call_soon`: 302
//! ns a turn with a poll in each, 161 with one in 4, 124 in 32, 116 in 256).

/// Counts what has happened since the last poll.
#[derive(Clone, Debug)]
pub struct PollBudget {
    skipped_turns: u32,
    /// How many turns may go by without a reading of the time, quick as the last ones were.
    unread_turns: u32,
    /// The last reading of the time.
    read_ns: u64,
    polled_ns: u64,
    polled_ticks: u64,
    /// The moment from which the ticks' rate is learnt.
    anchor_ns: u64,
    anchor_ticks: u64,
    /// Nanoseconds per tick; 0 until it is learnt.
    ns_per_tick: f64,
}

impl PollBudget {
    /// At most so many turns in a row go without a poll.
    pub const MAX_SKIPPED_TURNS: u32 = 32;
    /// No poll is skipped when the last one is so long ago.
    pub const MAX_SKIPPED_NS: u64 = 100_000;
    /// After a reading, so many turns go without one if they are quick.
    const UNREAD_TURNS: u32 = 3;
    /// Turns are quick when less than this has passed since the reading before. Reading the counter
    /// takes 18 ns, a turn of a chain 300.
    const QUICK_NS: u64 = 8_000;
    /// The rate is learnt over at least so long, and then anew every so often: a machine can be
    /// moved or put to sleep.
    const LEARN_NS: u64 = 1_000_000;

    /// A budget that is used up, so that the first turn polls.
    #[must_use]
    pub const fn exhausted() -> Self {
        Self {
            skipped_turns: Self::MAX_SKIPPED_TURNS,
            unread_turns: 0,
            read_ns: 0,
            polled_ns: 0,
            polled_ticks: 0,
            anchor_ns: 0,
            anchor_ticks: 0,
            ns_per_tick: 0.0,
        }
    }

    /// What the clock shows at `ticks`, about; `None` while that cannot be told. It is never more
    /// than a poll's worth of time away from a reading of the clock.
    #[must_use]
    pub fn estimate_ns(&self, ticks: u64) -> Option<u64> {
        if self.ns_per_tick == 0.0 {
            return None;
        }
        let passed = ticks.wrapping_sub(self.polled_ticks) as f64 * self.ns_per_tick;
        // The cast saturates: a counter that went back looks like an age, and the clock is asked.
        Some(self.polled_ns.saturating_add(passed as u64))
    }

    /// Takes one turn out of the budget. False when there is none left: the turn must poll.
    #[must_use]
    pub fn spend(&mut self, now_ns: u64) -> bool {
        let is_left = self.skipped_turns < Self::MAX_SKIPPED_TURNS
            && now_ns.saturating_sub(self.polled_ns) < Self::MAX_SKIPPED_NS;
        if is_left {
            self.skipped_turns += 1;
        }
        let is_quick = now_ns.saturating_sub(self.read_ns) < Self::QUICK_NS;
        self.unread_turns = if is_quick { Self::UNREAD_TURNS } else { 0 };
        self.read_ns = now_ns;
        is_left
    }

    /// The same without knowing the time: true for a few turns after quick ones.
    #[inline]
    #[must_use]
    pub fn spend_unread(&mut self) -> bool {
        let is_left = self.unread_turns > 0 && self.skipped_turns < Self::MAX_SKIPPED_TURNS;
        if is_left {
            self.unread_turns -= 1;
            self.skipped_turns += 1;
        }
        is_left
    }

    /// Fills the budget, after a poll at `now_ns` and `ticks`.
    pub fn refill(&mut self, now_ns: u64, ticks: u64) {
        self.skipped_turns = 0;
        self.unread_turns = 0;
        self.read_ns = now_ns;
        self.polled_ns = now_ns;
        self.polled_ticks = ticks;
        let passed_ns = now_ns.saturating_sub(self.anchor_ns);
        if passed_ns < Self::LEARN_NS {
            return;
        }
        let passed_ticks = ticks.wrapping_sub(self.anchor_ticks);
        if self.anchor_ns > 0 && passed_ticks > 0 {
            self.ns_per_tick = passed_ns as f64 / passed_ticks as f64;
        }
        self.anchor_ns = now_ns;
        self.anchor_ticks = ticks;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_exhausted() {
        assert!(!PollBudget::exhausted().spend(0));
    }

    #[test]
    fn lasts_32_turns() {
        let mut budget = PollBudget::exhausted();
        budget.refill(7, 7);
        for _ in 0..PollBudget::MAX_SKIPPED_TURNS {
            assert!(budget.spend(7));
        }
        assert!(!budget.spend(7));
        budget.refill(8, 8);
        assert!(budget.spend(8));
    }

    #[test]
    fn lasts_100_microseconds() {
        let mut budget = PollBudget::exhausted();
        budget.refill(1000, 1000);
        assert!(budget.spend(1000 + PollBudget::MAX_SKIPPED_NS - 1));
        assert!(!budget.spend(1000 + PollBudget::MAX_SKIPPED_NS));
    }

    #[test]
    fn quick_turns_are_read_now_and_then() {
        let mut budget = PollBudget::exhausted();
        assert!(!budget.spend_unread());
        budget.refill(1000, 1000);
        assert!(
            !budget.spend_unread(),
            "nobody knows yet how quick the turns are"
        );
        assert!(budget.spend(1300));
        for _ in 0..PollBudget::UNREAD_TURNS {
            assert!(budget.spend_unread());
        }
        assert!(!budget.spend_unread());
        // The four turns took long.
        assert!(budget.spend(1300 + PollBudget::QUICK_NS));
        assert!(!budget.spend_unread());
    }

    #[test]
    fn unread_turns_are_of_the_32_too() {
        let mut budget = PollBudget::exhausted();
        budget.refill(7, 7);
        let mut skipped = 0;
        while budget.spend_unread() || budget.spend(8) {
            skipped += 1;
        }
        assert_eq!(skipped, PollBudget::MAX_SKIPPED_TURNS);
        assert!(!budget.spend_unread());
    }

    #[test]
    fn learns_the_rate_of_the_ticks() {
        let mut budget = PollBudget::exhausted();
        budget.refill(5_000_000, 100);
        assert_eq!(budget.estimate_ns(200), None);
        // Three ticks a nanosecond.
        budget.refill(7_000_000, 6_000_100);
        assert_eq!(budget.estimate_ns(6_000_100), Some(7_000_000));
        assert_eq!(budget.estimate_ns(6_030_100), Some(7_010_000));
    }

    #[test]
    fn ticks_that_went_back_use_the_budget_up() {
        let mut budget = PollBudget::exhausted();
        budget.refill(5_000_000, 1_000_000);
        budget.refill(7_000_000, 3_000_000);
        let estimate_ns = budget.estimate_ns(2_000_000).unwrap();
        assert!(!budget.spend(estimate_ns));
    }
}
