//! The primitives of `asyncio.locks` and `asyncio.queues`: `Lock`, `Event`, `Condition`, `Semaphore`, `BoundedSemaphore`,
//! `Barrier`, `Queue`, `LifoQueue`, `PriorityQueue`; and `as_completed()`, which is over a queue.
//!
//! Each follows the Python class of the running version to the turn: who is woken when, what a cancellation undoes. They
//! work on any loop: `loop_bound.rs` finds it and makes the futures, `waiters.rs` is the queue of those. An await is an
//! `Operation`; what several of them do is a struct with `begin` and `resumed` that they are put together from
//! (`acquisition.rs`). What asyncio does through a method that a subclass can replace goes through the method here, unless
//! the object is plain: of the class itself and without attributes of its own.

pub mod acquisition;
pub mod as_completed;
pub mod barrier;
pub mod condition;
pub mod count;
pub mod event;
pub mod lock;
pub mod loop_bound;
pub mod object;
pub mod queue;
pub mod semaphore;
pub mod waiters;

use pyo3::prelude::*;

use crate::py::errors::Outcome;

/// Builds the types and adds those that Python sees to the module.
///
/// # Errors
/// What making a type raises.
pub fn add_to(module: &Bound<'_, PyModule>) -> Outcome<()> {
    let py = module.py();
    let types = [
        ("Lock", lock::build(py)?),
        ("Event", event::build(py)?),
        ("Condition", condition::build(py)?),
        ("Semaphore", semaphore::build(py)?),
        ("BoundedSemaphore", semaphore::build_bounded(py)?),
        ("Barrier", barrier::build(py)?),
    ];
    for (name, class) in types {
        module.add(name, class.bind())?;
    }
    queue::queue::add_to(module)?;
    as_completed::add_to(module)
}
