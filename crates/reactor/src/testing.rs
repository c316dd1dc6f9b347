//! What the crate's tests share.

use proptest::test_runner::Config;

/// How many cases a property is tried with: few under Miri, which is slow, and no files written.
pub(crate) fn cases() -> Config {
    Config {
        cases: if cfg!(miri) { 8 } else { 256 },
        failure_persistence: None,
        ..Config::default()
    }
}
