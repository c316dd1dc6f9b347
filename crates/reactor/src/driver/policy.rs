//! `Wait`: how a turn looks at its sources, and the decision.
//!
//! Follows `BaseEventLoop._run_once`: with work at hand look without waiting, otherwise wait until
//! the first timer. The one difference is [`Wait::Skip`].

use std::time::Duration;

use super::PollBudget;

/// How the turn is to look at its sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Wait {
    /// Not at all: callbacks chain, and the budget allows it.
    Skip,
    /// Without waiting.
    Poll,
    /// Until something happens. The driver is parked, and
    /// [`Driver::wait_with`](super::Driver::wait_with) must follow.
    Park {
        /// At most so long; `None` when no timer runs.
        timeout: Option<Duration>,
    },
}

/// The state of the first timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FirstTimer {
    None,
    /// It was cancelled, and waits to be handed back.
    Cancelled,
    Due,
    /// It is due in so many nanoseconds.
    In(u64),
}

/// No wait is longer, `base_events.MAXIMUM_SELECT_TIMEOUT`: a day.
pub(super) const MAX_TIMEOUT_NS: u64 = 24 * 3600 * 1_000_000_000;

/// Decides for the turn that begins at `now_ns`. The arguments are those of
/// [`Driver::plan`](super::Driver::plan).
pub(super) fn decide(
    budget: &mut PollBudget,
    now_ns: u64,
    has_ready: bool,
    force: bool,
    first: FirstTimer,
) -> Wait {
    // A cancelled timer has to be handed back before the loop parks, or the loop would wake up for
    // it. That costs a turn, but no look at the sources.
    let may_skip = has_ready || first == FirstTimer::Cancelled;
    if may_skip && !force && budget.spend(now_ns) {
        return Wait::Skip;
    }
    match first {
        _ if has_ready => Wait::Poll,
        FirstTimer::Cancelled | FirstTimer::Due => Wait::Poll,
        FirstTimer::None => Wait::Park { timeout: None },
        FirstTimer::In(ns) => Wait::Park {
            timeout: Some(Duration::from_nanos(ns.min(MAX_TIMEOUT_NS))),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARK: Wait = Wait::Park { timeout: None };

    fn full() -> PollBudget {
        let mut budget = PollBudget::exhausted();
        budget.refill(0, 0);
        budget
    }

    fn park_ns(ns: u64) -> Wait {
        Wait::Park {
            timeout: Some(Duration::from_nanos(ns)),
        }
    }

    #[test]
    fn every_combination() {
        use FirstTimer::{Cancelled, Due, In, None};
        for (has_ready, force, first, with_budget, without) in [
            (false, false, None, PARK, PARK),
            (false, false, In(5), park_ns(5), park_ns(5)),
            (false, false, Due, Wait::Poll, Wait::Poll),
            (false, false, Cancelled, Wait::Skip, Wait::Poll),
            (false, true, None, PARK, PARK),
            (false, true, In(5), park_ns(5), park_ns(5)),
            (false, true, Due, Wait::Poll, Wait::Poll),
            (false, true, Cancelled, Wait::Poll, Wait::Poll),
            (true, false, None, Wait::Skip, Wait::Poll),
            (true, false, In(5), Wait::Skip, Wait::Poll),
            (true, false, Due, Wait::Skip, Wait::Poll),
            (true, false, Cancelled, Wait::Skip, Wait::Poll),
            (true, true, None, Wait::Poll, Wait::Poll),
            (true, true, In(5), Wait::Poll, Wait::Poll),
            (true, true, Due, Wait::Poll, Wait::Poll),
            (true, true, Cancelled, Wait::Poll, Wait::Poll),
        ] {
            let decide = |mut budget| decide(&mut budget, 0, has_ready, force, first);
            let case = (has_ready, force, first);
            assert_eq!(decide(full()), with_budget, "{case:?}");
            assert_eq!(decide(PollBudget::exhausted()), without, "{case:?}");
        }
    }

    #[test]
    fn no_wait_is_longer_than_a_day() {
        let wait = decide(&mut full(), 0, false, false, FirstTimer::In(u64::MAX));
        assert_eq!(wait, park_ns(24 * 3600 * 1_000_000_000));
    }
}
