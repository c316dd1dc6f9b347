//! The primitives of a loom build, whose every interleaving loom tries.

pub(crate) use loom::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
pub(crate) use loom::sync::{Condvar, Mutex};
