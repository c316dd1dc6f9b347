//! What a forked child does with the loops that it inherits: it lets go of them, and says so when one is used.
//!
//! fork(2) copies the process, but the copy of an epoll descriptor is the same epoll instance, the copy of an eventfd the
//! same counter, and the other threads are gone. Whatever the child did with an inherited loop it would do to the parent:
//! take sources out of its poller, swallow its wake-ups, write its signals. So in the child, before anything else runs
//! there, each loop loses its driver and its queues, without a system call on them other than close(2), and is in
//! `Phase::Inherited` from then on.
//!
//! The objects in its queues are neither run nor dropped: dropping them would run the parent's finalizers in the child.
//! They stay where fork has copied them. A process made by C code that never comes back to Python knows nothing of this,
//! and needs not.

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyList;

use super::core::EventLoopData;
use super::wakeup_fd;
use crate::py::call;
use crate::py::errors::{First, Outcome, Raised};
use crate::py::imports;
use crate::py::instance::Ref;
use crate::py::object::{Held, Obj};
use crate::task::current;

/// All loops of this process, a WeakSet.
static LOOPS: PyOnceLock<Held> = PyOnceLock::new();

fn loops(py: Python<'_>) -> Outcome<&Obj> {
    let held = LOOPS.get_or_try_init(py, || -> PyResult<Held> {
        let weak_set = imports::weakref(py).bind().getattr("WeakSet")?.call0()?;
        Ok(Held::new(Obj::from(weak_set)))
    })?;
    Ok(held.get(py))
}

/// A loop was made: a child that inherits it will know.
///
/// # Errors
/// TypeError for an instance of the native type itself, which has no weak references.
pub fn remember(this: &Ref<EventLoopData>) -> Outcome<()> {
    let py = this.py();
    call::method(loops(py)?, intern!(py, "add"), [this.as_obj()]).map(drop)
}

/// All loops of this process that somebody holds, for a look into it from outside.
#[pyfunction]
#[pyo3(name = "_loops")]
pub fn list_loops(py: Python<'_>) -> PyResult<Bound<'_, PyList>> {
    let set = loops(py).map_err(|raised: Raised| raised.into_error(py))?;
    let list = py.get_type::<PyList>().call1((set.bind(),))?;
    Ok(list.cast_into::<PyList>()?)
}

/// Called in a forked child (`os.register_at_fork`): lets go of the parent's loops.
#[pyfunction]
#[pyo3(name = "_after_fork_in_child")]
pub fn after_fork_in_child(py: Python<'_>) -> PyResult<()> {
    disown_all(py).map_err(|raised: Raised| raised.into_error(py))
}

fn disown_all(py: Python<'_>) -> Outcome<()> {
    let set = loops(py)?.clone();
    let inherited = py.get_type::<PyList>().call1((set.bind(),))?;
    // None of the parent's loops must stay because of another.
    let mut first = First::default();
    for loop_ in inherited.try_iter()? {
        if let Some(loop_) = Obj::from(loop_?).downcast::<EventLoopData>() {
            first.keep(py, disown(loop_));
        }
    }
    first.keep(py, call::method(&set, intern!(py, "clear"), []).map(drop));
    first.outcome()
}

fn disown(this: &Ref<EventLoopData>) -> Outcome<()> {
    let mut first = First::default();
    first.keep(this.py(), wakeup_fd::disown(this));
    first.keep(this.py(), withdraw_task(this));
    let (driver, entries) = this.base.disown();
    std::mem::forget(entries);
    std::mem::forget(this.base.turn.take_gathered());
    if let Some(driver) = driver {
        let (sources, timers, called) = driver.abandon();
        for source in &sources {
            source.disown();
        }
        std::mem::forget((sources, timers, called));
        // The epoll descriptor and the eventfd are closed here, or when the `run_forever` below us on the stack ends.
    }
    first.outcome()
}

/// The task that forked, if one did, is nobody's current task here: asyncio's own tasks would not run on another loop. It
/// lets go of it for the running loop only (3.14), and no loop runs here.
fn withdraw_task(this: &Ref<EventLoopData>) -> Outcome<()> {
    if !this.base.current.is_some() {
        return Ok(());
    }
    let py = this.py();
    let set_running = call::attr(imports::events(py), intern!(py, "_set_running_loop"))?;
    call::call(&set_running, [this.as_obj()])?;
    let mut first = First::default();
    first.keep(py, current::withdraw(this.upcast()));
    first.keep(py, call::call(&set_running, [&Obj::none(py)]).map(drop));
    first.outcome()
}
