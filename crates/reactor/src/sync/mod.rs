//! The synchronization primitives of the crate: std's, or loom's when a model is checked.
//!
//! Only what other threads may touch uses these (`queue::remote` and the model of the waker). A
//! loom build (`--cfg loom`) is for the tests named `loom_*` alone.

#[cfg(loom)]
mod model;
#[cfg(not(loom))]
mod real;

#[cfg(loom)]
pub(crate) use model::*;
#[cfg(not(loom))]
pub(crate) use real::*;
