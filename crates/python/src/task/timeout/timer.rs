//! When a timeout's time comes: reckoning it, setting the timer, and what the timer does.

use pyo3::intern;
use pyo3::types::{PyAnyMethods, PyFloat, PyFloatMethods, PyInt};

use super::leave::assertion_failed;
use super::timeout::{State, TimeoutData, When, is_plain};
use crate::handle::handle::{self, Arguments, HandleData};
use crate::handle::native::Native;
use crate::handle::schedule::{Entry, Scheduler, now};
use crate::handle::timer_handle::{self, TimerHandleData};
use crate::py::call;
use crate::py::errors::Outcome;
use crate::py::instance::Ref;
use crate::py::object::Obj;
use crate::task::{any, current};

/// What a timer of ours calls.
static EXPIRY: Native = Native {
    run: |owner| match owner.downcast::<TimeoutData>() {
        Some(timeout) => expire(timeout),
        None => unreachable!("the owner of this function is a Timeout"),
    },
    callable: |owner| call::attr(owner, intern!(owner.py(), "_on_timeout")),
    arguments: |_| Vec::new(),
};

/// `Timeout._on_timeout`
pub fn expire(this: &Ref<TimeoutData>) -> Outcome<()> {
    if this.state.get() != State::Entered {
        return Err(assertion_failed());
    }
    if let Some(task) = this.task.get() {
        any::cancel(&task)?;
    }
    this.state.set(State::Expiring);
    this.handler.set(None);
    Ok(())
}

/// Cancels the timer there is, and sets the one for `when`. `running` is the running loop, where it is known.
#[inline]
pub fn set(this: &Ref<TimeoutData>, when: When, running: Option<&Obj>) -> Outcome<()> {
    let py = this.py();
    this.set_when(when.clone());
    if let Some(handler) = this.handler.get() {
        cancel(&handler)?;
    }
    if matches!(when, When::Never) {
        this.handler.set(None);
        return Ok(());
    }
    let loop_ = match running {
        Some(loop_) => loop_.clone(),
        None => current::running_loop(py)?,
    };
    let native = loop_
        .downcast::<Scheduler>()
        .filter(|scheduler| is_plain(this) && !scheduler.own_clock.get());
    let handler = match (native, &when) {
        (Some(scheduler), When::At(seconds)) => native_timer(this, scheduler, *seconds)?,
        (Some(scheduler), When::Given(given)) => match plain_seconds(given)? {
            Some(seconds) => native_timer(this, scheduler, seconds)?,
            None => any_timer(this, &loop_, &when)?,
        },
        _ => any_timer(this, &loop_, &when)?,
    };
    this.handler.set(Some(handler));
    Ok(())
}

/// A timer of our own loop.
#[inline]
fn native_timer(this: &Ref<TimeoutData>, scheduler: &Ref<Scheduler>, when: f64) -> Outcome {
    if when <= now() {
        if scheduler.is_patched() {
            return any_handle(this, scheduler.as_obj());
        }
        check(scheduler)?;
        let arguments = Arguments::Native(&EXPIRY);
        let handle = handle::make_queued(scheduler, this.as_obj(), arguments, None)?;
        scheduler.push(Entry::Handle(handle.clone()));
        return Ok(handle.into_obj());
    }
    check(scheduler)?;
    let arguments = Arguments::Native(&EXPIRY);
    let timer = timer_handle::schedule(scheduler, when, this.as_obj(), arguments, None)?;
    Ok(timer.into_obj())
}

/// What `call_at` and `call_soon` check.
///
/// # Errors
/// RuntimeError on a closed loop, and in debug mode on another thread.
#[inline]
pub fn check(scheduler: &Ref<Scheduler>) -> Outcome<()> {
    let py = scheduler.py();
    scheduler.check_closed(py)?;
    if scheduler.is_debug() {
        scheduler.check_thread(py)?;
    }
    Ok(())
}

/// A timer of any loop.
fn any_timer(this: &Ref<TimeoutData>, loop_: &Obj, when: &When) -> Outcome {
    let py = this.py();
    let when = when.number(py).unwrap_or_else(|| Obj::none(py));
    let time = call::method(loop_, intern!(py, "time"), [])?;
    if when.bind().le(time.bind())? {
        return any_handle(this, loop_);
    }
    let callback = call::attr(this.as_obj(), intern!(py, "_on_timeout"))?;
    call::method(loop_, intern!(py, "call_at"), [&when, &callback])
}

fn any_handle(this: &Ref<TimeoutData>, loop_: &Obj) -> Outcome {
    let py = this.py();
    let callback = call::attr(this.as_obj(), intern!(py, "_on_timeout"))?;
    call::method(loop_, intern!(py, "call_soon"), [&callback])
}

/// `handle.cancel()`
#[inline]
pub fn cancel(handler: &Obj) -> Outcome<()> {
    if let Some(timer) = handler.downcast_exact::<TimerHandleData>() {
        return timer_handle::cancel(timer);
    }
    if let Some(handle) = handler.downcast_exact::<HandleData>() {
        return handle::cancel(handle);
    }
    call::method(handler, intern!(handler.py(), "cancel"), []).map(drop)
}

/// `loop.time() + delay`
#[inline]
pub fn later(loop_: &Obj, home: Option<&Ref<Scheduler>>, delay: &Obj) -> Outcome<When> {
    let py = loop_.py();
    let is_plain = home.is_some_and(|scheduler| !scheduler.own_clock.get());
    if is_plain && let Some(delay) = plain_seconds(delay)? {
        return Ok(When::At(now() + delay));
    }
    let time = call::method(loop_, intern!(py, "time"), [])?;
    Ok(When::Given(Obj::from(time.bind().add(delay.bind())?)))
}

/// A number of seconds that is a float or an int; none for anything else.
#[inline]
pub fn plain_seconds(value: &Obj) -> Outcome<Option<f64>> {
    let bound = value.bind();
    if bound.is_exact_instance_of::<PyInt>() {
        return call::int_as_f64(value).map(Some);
    }
    Ok(match bound.cast_exact::<PyFloat>() {
        Ok(seconds) => Some(seconds.value()),
        Err(_) => None,
    })
}
