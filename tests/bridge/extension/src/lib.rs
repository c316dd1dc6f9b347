//! `bridge_tests`: what the tests of the bridge await. Futures that a test opens from any thread, that panic, raise, give
//! way, and that tell when they are dropped.
#![forbid(unsafe_code)]

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;

use asyncioxide::bridge::{Awaitable, into_future};
use pyo3::prelude::*;

/// What the tests of the bridge await.
#[pymodule(gil_used = false)]
mod bridge_tests {
    #[pymodule_export]
    use super::{Gate, give_way, panics, panics_when_dropped, passes, race, raises, returns, unit};
}

/// Futures that wait until it is opened.
#[pyclass(frozen, weakref)]
#[derive(Clone, Default)]
struct Gate(Arc<Mutex<GateState>>);

#[derive(Default)]
struct GateState {
    is_open: bool,
    polls: usize,
    /// Futures that were dropped.
    dropped: usize,
    wakers: Vec<Waker>,
}

struct Wait(Gate);

#[pymethods]
impl Gate {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    /// An awaitable that ends when the gate is open.
    fn wait(&self) -> Awaitable {
        Awaitable::new("Gate.wait", Wait(self.clone()))
    }

    /// Opens it on the calling thread, attached, with its lock held.
    fn open(&self) {
        self.open_locked();
    }

    /// Opens it on the calling thread, detached, with its lock held.
    fn open_detached(&self, py: Python<'_>) {
        py.detach(|| self.open_locked());
    }

    /// Opens it on a thread of Rust's with its lock held; the caller, attached, waits for that thread.
    fn open_on_a_thread(&self) {
        let gate = self.clone();
        let opening = thread::spawn(move || gate.open_locked());
        opening.join().expect("opening a gate does not panic");
    }

    /// Wakes everybody who waits and opens nothing.
    fn knock(&self) {
        let state = self.state();
        state.wakers.iter().for_each(Waker::wake_by_ref);
    }

    #[getter]
    fn polls(&self) -> usize {
        self.state().polls
    }

    #[getter]
    fn dropped(&self) -> usize {
        self.state().dropped
    }

    /// How many wakers are kept.
    #[getter]
    fn waiting(&self) -> usize {
        self.state().wakers.len()
    }
}

impl Gate {
    /// Wakes under the lock that polling takes: what a waker must put up with.
    fn open_locked(&self) {
        let mut state = self.state();
        state.is_open = true;
        for waker in std::mem::take(&mut state.wakers) {
            waker.wake();
        }
    }

    fn state(&self) -> MutexGuard<'_, GateState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Future for Wait {
    type Output = PyResult<&'static str>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.0.state();
        state.polls += 1;
        if state.is_open {
            return Poll::Ready(Ok("open"));
        }
        state.wakers.push(context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        self.0.state().dropped += 1;
    }
}

/// Ends at once.
#[pyfunction]
fn returns(value: Py<PyAny>) -> Awaitable {
    Awaitable::new("returns", async { Ok(value) })
}

/// Ends at once with `()`.
#[pyfunction]
fn unit() -> Awaitable {
    Awaitable::new("unit", async { Ok(()) })
}

/// Raises at once.
#[pyfunction]
fn raises(exception: Bound<'_, PyAny>) -> Awaitable {
    let error = PyErr::from_value(exception);
    Awaitable::new("raises", async { Err::<(), _>(error) })
}

/// Wakes itself so many times before it ends.
#[pyfunction]
fn give_way(times: usize) -> Awaitable {
    let mut left = times;
    let future = std::future::poll_fn(move |context| {
        if left == 0 {
            return Poll::Ready(Ok(times));
        }
        left -= 1;
        context.waker().wake_by_ref();
        Poll::Pending
    });
    Awaitable::new("give_way", future)
}

/// Panics, after an awaitable has ended.
#[pyfunction]
fn panics(after: Py<PyAny>) -> Awaitable {
    Awaitable::new("panics", async {
        into_future(after).await?;
        let text = "on purpose";
        panic!("{text}");
        #[allow(unreachable_code, reason = "what the future would give")]
        Ok(())
    })
}

struct Bomb;

impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("in drop");
    }
}

/// Waits, and panics when it is dropped.
#[pyfunction]
fn panics_when_dropped(gate: &Bound<'_, Gate>) -> Awaitable {
    let gate = gate.get().clone();
    Awaitable::new("panics_when_dropped", async {
        let bomb = Bomb;
        let end = Wait(gate).await;
        std::mem::forget(bomb);
        end
    })
}

/// Passes on what a Python awaitable ends with.
#[pyfunction]
fn passes(awaitable: Py<PyAny>) -> Awaitable {
    Awaitable::new("passes", into_future(awaitable))
}

/// What ends first; the other one is dropped.
#[pyfunction]
fn race(first: Py<PyAny>, second: Py<PyAny>) -> Awaitable {
    let mut both = [first, second].map(|one| Box::pin(into_future(one)));
    let race = std::future::poll_fn(move |context| {
        for one in &mut both {
            if let Poll::Ready(result) = one.as_mut().poll(context) {
                return Poll::Ready(result);
            }
        }
        Poll::Pending
    });
    Awaitable::new("race", race)
}
