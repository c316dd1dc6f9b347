//! Hands the interpreter's `cfg`s (`Py_3_12`, `Py_3_13`, `Py_3_14`, `Py_3_15`, `Py_GIL_DISABLED`) to the
//! crate.

fn main() {
    pyo3_build_config::use_pyo3_cfgs();
}
