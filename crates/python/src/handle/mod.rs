//! Handles, and what everything above may do with a loop's queues.
//!
//! `handle.rs` and `timer_handle.rs` are asyncio's `Handle` and `TimerHandle`, `arguments.rs` is what they call their
//! callbacks with, `threadsafe.rs` what sets those of `call_soon_threadsafe` apart; `schedule.rs` is the loop as futures
//! and tasks see it, `phase.rs` where it is in its life, `turn.rs` what transports share in a turn; `report.rs` tells of
//! callbacks that failed; `action.rs` makes a Rust closure callable from Python, `native.rs` lets the loop call a Rust
//! function without a callable. `pools.rs` is the memory of dead objects.

pub mod action;
pub mod arguments;
#[expect(
    clippy::module_inception,
    reason = "the folder is the subject, the file its type"
)]
pub mod handle;
pub mod native;
pub mod phase;
pub mod pools;
pub mod report;
pub mod schedule;
pub mod threadsafe;
pub mod timer_handle;
pub mod turn;
