//! Which Python this is built for: known when compiling, because there is one build per version.

use pyo3::Python;

/// 3.12 or later.
pub const PY_3_12: bool = cfg!(Py_3_12);
/// 3.13 or later.
pub const PY_3_13: bool = cfg!(Py_3_13);
/// 3.14 or later.
pub const PY_3_14: bool = cfg!(Py_3_14);
/// 3.15 or later.
pub const PY_3_15: bool = cfg!(Py_3_15);

/// Whether the running Python is at least this patch release; parses a string, so not for hot paths.
pub fn at_least(py: Python<'_>, version: (u8, u8, u8)) -> bool {
    py.version_info() >= version
}
