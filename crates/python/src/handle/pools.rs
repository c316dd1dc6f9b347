//! `Pools`: the memory of dead objects that a loop keeps for its next ones.

use std::rc::Rc;

use crate::py::freelist::FreeList;

/// Dead objects of one kind that a loop keeps for reuse; so many of the largest kind are 2.3 MiB.
const POOL_LIMIT: usize = 16384;

/// The free lists of a loop.
pub struct Pools {
    /// For `Handle`.
    pub handles: Rc<FreeList>,
    /// For `TimerHandle`.
    pub timers: Rc<FreeList>,
    /// For `Future`.
    pub futures: Rc<FreeList>,
    /// For `Task`.
    pub tasks: Rc<FreeList>,
    /// For the iterators behind `await future`.
    pub iterators: Rc<FreeList>,
    /// For `Timeout`.
    pub timeouts: Rc<FreeList>,
}

impl Pools {
    /// Empty ones.
    pub fn new() -> Self {
        let list = || Rc::new(FreeList::new(POOL_LIMIT));
        Self {
            handles: list(),
            timers: list(),
            futures: list(),
            tasks: list(),
            iterators: list(),
            timeouts: list(),
        }
    }
}
