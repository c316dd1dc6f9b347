//! Time: the clock that the loop reads, and the timers that wait for it.

mod clock;
mod timers;

pub use clock::{Clock, Deadline, MockClock, Monotonic, deadline_ns, seconds};
pub use timers::{Expiry, Timers};
