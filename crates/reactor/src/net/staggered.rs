//! Happy eyeballs (RFC 8305) as a plan: which connection attempt to start when, and which to give
//! up. No I/O and no clock; the caller starts attempts, reports how they ended and says what time
//! it is.
//!
//! Follows `base_events._interleave_addrinfos` and `staggered.staggered_race`.

#[cfg(test)]
mod tests;

/// Reorders addresses so that families take turns, in the order of their first appearance, after
/// `first_family_count` addresses of the first family (asyncio's `interleave`; 0 and 1 are the
/// same).
#[must_use]
pub fn interleave<F: PartialEq, T>(addresses: Vec<(F, T)>, first_family_count: usize) -> Vec<T> {
    let mut reordered = Vec::with_capacity(addresses.len());
    let mut families: Vec<(F, std::collections::VecDeque<T>)> = Vec::new();
    for (family, address) in addresses {
        match families.iter_mut().find(|(known, _)| *known == family) {
            Some((_, members)) => members.push_back(address),
            None => families.push((family, [address].into())),
        }
    }
    if let Some((_, first)) = families.first_mut() {
        let ahead = first_family_count.saturating_sub(1).min(first.len());
        reordered.extend(first.drain(..ahead));
    }
    while families.iter().any(|(_, members)| !members.is_empty()) {
        reordered.extend(
            families
                .iter_mut()
                .filter_map(|(_, members)| members.pop_front()),
        );
    }
    reordered
}

/// A race of attempts, numbered from 0, with staggered starts.
///
/// The first attempt starts at once. Each further one starts when the one before it has failed, or
/// when it has been running for the delay. The first success wins and ends the race. (An *earlier*
/// attempt's failure starts nothing.)
#[derive(Clone, Debug)]
pub struct Plan {
    delay_ns: Option<u64>,
    attempts: Vec<Attempt>,
    started: usize,
    /// When the next attempt may start, if `started` is neither 0 nor all.
    next_start: Start,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Attempt {
    Waiting,
    Running,
    Failed,
    Won,
    Cancelled,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Start {
    Now,
    At(u64),
    /// There is no delay: only the failure of the attempt before starts the next.
    AfterFailure,
}

/// What the caller is to do now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Next {
    /// Start this attempt, and ask again.
    Start(usize),
    /// Wait until an attempt ends, or until this time in nanoseconds, whichever comes first; then
    /// ask again.
    Wait {
        /// When the next attempt is due; `None` when only the end of an attempt changes anything.
        deadline_ns: Option<u64>,
    },
    /// The race is over; this attempt has won.
    Won(usize),
    /// The race is over without a winner: all have failed, or it was cancelled, or there was
    /// nothing to try.
    Lost,
}

impl Plan {
    /// A race of `attempts`, `delay_ns` apart. Without a delay they run one after the other.
    #[must_use]
    pub fn new(attempts: usize, delay_ns: Option<u64>) -> Self {
        Self {
            delay_ns,
            attempts: vec![Attempt::Waiting; attempts],
            started: 0,
            next_start: Start::Now,
        }
    }

    /// What to do at `now_ns`. Asked again without anything having happened, it answers the same,
    /// except that a start is announced once.
    pub fn next(&mut self, now_ns: u64) -> Next {
        if let Some(winner) = self
            .attempts
            .iter()
            .position(|&attempt| attempt == Attempt::Won)
        {
            return Next::Won(winner);
        }
        if self.attempts.get(self.started) == Some(&Attempt::Waiting) {
            let deadline_ns = match self.next_start {
                Start::Now => return self.start(now_ns),
                Start::At(deadline_ns) if deadline_ns <= now_ns => return self.start(now_ns),
                Start::At(deadline_ns) => Some(deadline_ns),
                Start::AfterFailure => None,
            };
            return Next::Wait { deadline_ns };
        }
        if self.attempts.contains(&Attempt::Running) {
            Next::Wait { deadline_ns: None }
        } else {
            Next::Lost
        }
    }

    /// Attempt `index` has failed. Ignored unless it is running.
    pub fn failed(&mut self, index: usize) {
        if self.attempts.get(index) != Some(&Attempt::Running) {
            return;
        }
        self.attempts[index] = Attempt::Failed;
        if index + 1 == self.started {
            self.next_start = Start::Now;
        }
    }

    /// Attempt `index` has succeeded: it wins, and the others that are running are returned, to be
    /// cancelled. Nothing is returned, and nothing won, unless it is running; a second success is a
    /// connection to close.
    pub fn succeeded(&mut self, index: usize) -> Vec<usize> {
        if self.attempts.get(index) != Some(&Attempt::Running) {
            return Vec::new();
        }
        self.attempts[index] = Attempt::Won;
        self.cancel()
    }

    /// Gives the race up and returns the attempts that are running, to be cancelled.
    pub fn cancel(&mut self) -> Vec<usize> {
        let mut running = Vec::new();
        for (index, attempt) in self.attempts.iter_mut().enumerate() {
            match attempt {
                Attempt::Running => running.push(index),
                Attempt::Waiting => {}
                Attempt::Failed | Attempt::Won | Attempt::Cancelled => continue,
            }
            *attempt = Attempt::Cancelled;
        }
        running
    }

    fn start(&mut self, now_ns: u64) -> Next {
        let index = self.started;
        self.attempts[index] = Attempt::Running;
        self.started += 1;
        self.next_start = self.delay_ns.map_or(Start::AfterFailure, |delay_ns| {
            Start::At(now_ns.saturating_add(delay_ns))
        });
        Next::Start(index)
    }
}
