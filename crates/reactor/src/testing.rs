//! What the crate's property tests share. Under Miri, which is slow, they are tried with few cases
//! and short histories; nobody writes files.

use proptest::prelude::*;
use proptest::test_runner::Config;

/// How many cases a property is tried with.
pub(crate) fn cases() -> Config {
    Config {
        cases: if cfg!(miri) { 4 } else { 256 },
        failure_persistence: None,
        ..Config::default()
    }
}

/// Histories of at most `most` operations.
pub(crate) fn history<S: Strategy>(op: S, most: usize) -> impl Strategy<Value = Vec<S::Value>> {
    prop::collection::vec(op, 0..if cfg!(miri) { most / 10 } else { most })
}
