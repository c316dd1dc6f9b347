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
    polled_ns: u64,
}

impl PollBudget {
    /// At most so many turns in a row go without a poll.
    pub const MAX_SKIPPED_TURNS: u32 = 32;
    /// No poll is skipped when the last one is so long ago.
    pub const MAX_SKIPPED_NS: u64 = 100_000;

    /// A budget that is used up, so that the first turn polls.
    #[must_use]
    pub const fn exhausted() -> Self {
        Self {
            skipped_turns: Self::MAX_SKIPPED_TURNS,
            polled_ns: 0,
        }
    }

    /// Takes one turn out of the budget. False when there is none left: the turn must poll.
    #[must_use]
    pub fn spend(&mut self, now_ns: u64) -> bool {
        let is_left = self.skipped_turns < Self::MAX_SKIPPED_TURNS
            && now_ns.saturating_sub(self.polled_ns) < Self::MAX_SKIPPED_NS;
        if is_left {
            self.skipped_turns += 1;
        }
        is_left
    }

    /// Fills the budget, after a poll at `now_ns`.
    pub fn refill(&mut self, now_ns: u64) {
        *self = Self {
            skipped_turns: 0,
            polled_ns: now_ns,
        };
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
        budget.refill(7);
        for _ in 0..PollBudget::MAX_SKIPPED_TURNS {
            assert!(budget.spend(7));
        }
        assert!(!budget.spend(7));
        budget.refill(8);
        assert!(budget.spend(8));
    }

    #[test]
    fn lasts_100_microseconds() {
        let mut budget = PollBudget::exhausted();
        budget.refill(1000);
        assert!(budget.spend(1000 + PollBudget::MAX_SKIPPED_NS - 1));
        assert!(!budget.spend(1000 + PollBudget::MAX_SKIPPED_NS));
    }
}
