//! The way in: making a timeout and entering it.

use pyo3::{Python, intern};

use super::timeout::{State, TimeoutData, When, is_plain};
use super::timer;
use crate::handle::schedule::Scheduler;
use crate::py::call;
use crate::py::errors::{Outcome, Raised};
use crate::py::instance::Ref;
use crate::py::object::Obj;
use crate::task::{any, current};

/// A timeout of `delay` seconds, beginning now; none for one that never expires (`asyncio.timeout`).
///
/// # Errors
/// RuntimeError without a running loop; TypeError for what is no number.
#[inline]
pub fn make(py: Python<'_>, delay: Option<&Obj>) -> Outcome<Ref<TimeoutData>> {
    let loop_ = current::running_loop(py)?;
    make_on(&loop_, delay)
}

/// The same for a loop that is known to be the running one.
///
/// # Errors
/// TypeError for what is no number.
#[inline]
pub fn make_on(loop_: &Obj, delay: Option<&Obj>) -> Outcome<Ref<TimeoutData>> {
    let py = loop_.py();
    let home = loop_.downcast::<Scheduler>();
    let when = match delay {
        None => When::Never,
        Some(delay) => timer::later(loop_, home, delay)?,
    };
    let pool = home.map(|scheduler| &*scheduler.pools.timeouts);
    Ref::alloc(py, TimeoutData::new(home.cloned(), when), pool)
}

/// `Timeout.__aenter__`
///
/// # Errors
/// RuntimeError when it was entered before, or outside a task; what setting a timer raises.
#[inline]
pub fn enter(this: &Ref<TimeoutData>) -> Outcome<()> {
    let py = this.py();
    if this.state.get() != State::Created {
        return Err(Raised::runtime_error(
            py,
            "Timeout has already been entered",
        ));
    }
    let loop_ = current::running_loop(py)?;
    enter_on(this, &loop_)
}

/// The same for a loop that is known to be the running one, and a timeout that is new.
///
/// # Errors
/// As `enter`.
#[inline]
pub fn enter_on(this: &Ref<TimeoutData>, loop_: &Obj) -> Outcome<()> {
    let py = this.py();
    let Some(task) = current::task_of(loop_)? else {
        return Err(Raised::runtime_error(
            py,
            "Timeout should be used inside a task",
        ));
    };
    this.state.set(State::Entered);
    this.task.set(Some(task.clone()));
    this.cancelling.set(any::cancelling(&task)?);
    if is_plain(this) {
        return timer::set(this, this.when(), Some(loop_));
    }
    let when = this.when().number(py).unwrap_or_else(|| Obj::none(py));
    call::method(this.as_obj(), intern!(py, "reschedule"), [&when]).map(drop)
}
