//! An extension whose functions are Rust futures: `bridge_example`, which `program.py` uses. Each file is one way to be
//! awaited: a timer, numbers from a thread, two Python awaitables at once.
#![forbid(unsafe_code)]

mod join;
mod primes;
mod timer;

use std::time::Duration;

use asyncioxide::bridge::{Awaitable, into_future};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// Rust futures for Python.
#[pymodule(gil_used = false)]
mod bridge_example {
    #[pymodule_export]
    use super::{Primes, both, sleep};
}

/// Wait for so many seconds, by a thread of Rust's.
#[pyfunction]
fn sleep(seconds: f64) -> PyResult<Awaitable> {
    let time = Duration::try_from_secs_f64(seconds)
        .map_err(|error| PyValueError::new_err(error.to_string()))?;
    Ok(Awaitable::new("sleep", async move {
        timer::Sleep::new(time).await;
        Ok(())
    }))
}

/// Await two Python awaitables at the same time: a pair of their results.
///
/// The first failure ends it, and the other one is cancelled.
#[pyfunction]
fn both(first: Py<PyAny>, second: Py<PyAny>) -> Awaitable {
    Awaitable::new(
        "both",
        join::Join::new(into_future(first), into_future(second)),
    )
}

/// The first primes, found by a thread: `async for prime in Primes(10)`.
#[pyclass(frozen)]
struct Primes(primes::Receiver);

#[pymethods]
impl Primes {
    #[new]
    fn new(count: usize) -> PyResult<Self> {
        Ok(Self(primes::search(count)?))
    }

    fn __aiter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __anext__(&self) -> Awaitable {
        let next = self.0.next();
        Awaitable::new("Primes.__anext__", async move {
            let end = || pyo3::exceptions::PyStopAsyncIteration::new_err(());
            next.await.ok_or_else(end)
        })
    }
}
