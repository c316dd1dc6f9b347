//! One turn of the loop: when to poll, how long to wait, and what then is due.
//!
//! [`Driver`] holds the parts (poller, sources, timers, remote queue, clock) and hands their work
//! out piece by piece. It calls nobody. A turn, as its user writes it:
//!
//! ```text
//! let wait = driver.plan(has_ready, force);
//! driver.wait_with(wait, |poller, timeout, events| poller.wait(timeout, events))?;
//! while let Some((source, event)) = driver.next_event() { … }
//! while let Some(timer) = driver.pop_due() { … }   // cancelled ones too, to be dropped here
//! driver.drain_remote(&mut items);
//! … run what is ready …
//! driver.finish_turn()
//! ```
//!
//! The wait itself needs only `&Poller`, so the interpreter's lock can be released around it.
//!
//! Every method takes `&self` and has given back its borrow when it returns, and what it returns is
//! owned. So the caller can run foreign code between any two calls, and that code can call any of
//! them.
//!
//! The policy is asyncio's (`BaseEventLoop._run_once`) with one deliberate difference: while
//! callbacks chain, the poll with timeout zero, 160 ns of system call beside 100 ns for a turn, is
//! skipped within two budgets ([`PollBudget`]).

mod budget;
mod policy;
#[cfg(test)]
#[cfg(not(miri))]
mod tests;
mod turn;

pub use budget::PollBudget;
pub use policy::Wait;
pub use turn::Driver;
