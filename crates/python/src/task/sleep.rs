//! `asyncioxide.sleep`: waiting for some time, as a native coroutine.
//!
//! Follows `asyncio.tasks.sleep`: nothing to wait for is a bare yield; otherwise a future that a timer fulfils, and the
//! timer is cancelled on every way out.

use pyo3::types::{PyAnyMethods, PyFloat, PyFloatMethods, PyInt};
use pyo3::{Python, intern};

use super::current;
use super::timeout::timer;
use crate::future::any;
use crate::future::future::make_for;
use crate::future::operation::{self, Input, Machine, Operation, Progress};
use crate::handle::handle::Arguments;
use crate::handle::native::Native;
use crate::handle::schedule::{Scheduler, now};
use crate::handle::timer_handle;
use crate::py::args::{Args, Signature};
use crate::py::call;
use crate::py::cell::Slot;
use crate::py::errors::{Outcome, Raised, set_aside};
use crate::py::gc::Visitor;
use crate::py::imports;
use crate::py::instance::TypeSlot;
use crate::py::object::Obj;
use crate::py::version::PY_3_13;

/// `asyncio.sleep(delay, result=None)`.
///
/// # Errors
/// TypeError for wrong arguments.
pub fn sleep(py: Python<'_>, args: Args<'_>) -> Outcome {
    const SIGNATURE: Signature<2> = Signature::new("sleep", ["delay", "result"], 2, 1);
    let (delay, result) = match args.positional() {
        // Nearly every call, without a walk through the names.
        [delay] if !args.has_keywords() => (Some(delay), None),
        _ => {
            let [delay, result] = SIGNATURE.bind(py, args)?;
            (delay, result)
        }
    };
    operation::make(
        py,
        Sleep {
            delay: Slot::new(delay.cloned()),
            result: Slot::new(result.cloned()),
            alarm: Slot::default(),
        },
    )
}

static TYPE: TypeSlot = TypeSlot::new();

/// What a timer of ours calls, with the future, when the result is None.
static WAKE: Native = Native {
    run: |future| match any::is_cancelled(future)? {
        true => Ok(()),
        false => any::set_result(future, &Obj::none(future.py())),
    },
    callable: |future| {
        let name = intern!(future.py(), "_set_result_unless_cancelled");
        call::attr(imports::futures(future.py()), name)
    },
    arguments: |future| vec![future.clone(), Obj::none(future.py())],
};

/// The operation.
pub struct Sleep {
    delay: Slot,
    result: Slot,
    /// The timer while it is needed.
    alarm: Slot,
}

impl Operation for Sleep {
    const TYPE: &'static TypeSlot = &TYPE;
    const NAME: &'static str = "sleep";

    fn visit(&self, visitor: &mut Visitor) {
        visitor.slot(&self.delay);
        visitor.slot(&self.result);
        visitor.slot(&self.alarm);
    }

    fn clear(&self) {
        self.delay.set(None);
        self.result.set(None);
        self.alarm.set(None);
    }

    #[inline]
    fn resume(this: &Machine<Self>, input: Input) -> Outcome<Progress> {
        let (own, py) = (this.own(), this.py());
        match input {
            Input::Start => {
                let delay = own.delay.take().unwrap_or_else(|| Obj::none(py));
                if is_nothing(&delay)? {
                    return Ok(Progress::Pause);
                }
                refuse_nan(&delay)?;
                begin(own, &delay).map(Progress::Wait)
            }
            Input::Resumed(waited) => {
                if let Some(alarm) = own.alarm.take() {
                    silence(&alarm);
                }
                // What a bare yield gives is no result, and the timer has given the future this one.
                waited?;
                Ok(Progress::Done(
                    own.result.take().unwrap_or_else(|| Obj::none(py)),
                ))
            }
        }
    }
}

/// `delay <= 0`
#[inline]
fn is_nothing(delay: &Obj) -> Outcome<bool> {
    let bound = delay.bind();
    if let Ok(delay) = bound.cast_exact::<PyFloat>() {
        return Ok(delay.value() <= 0.0);
    }
    if bound.is_exact_instance_of::<PyInt>() {
        match call::int_as_f64(delay) {
            Ok(delay) => return Ok(delay <= 0.0),
            // Larger than any float.
            Err(raised) => drop(raised.take(delay.py())),
        }
    }
    Ok(bound.le(0)?)
}

/// Since 3.13 a NaN is refused.
fn refuse_nan(delay: &Obj) -> Outcome<()> {
    let py = delay.py();
    let is_nan = delay
        .bind()
        .cast::<PyFloat>()
        .is_ok_and(|delay| delay.value().is_nan());
    if is_nan && PY_3_13 {
        return Err(Raised::value_error(py, "Invalid delay: NaN (not a number)"));
    }
    Ok(())
}

/// Cancels the timer, whatever is being raised.
fn silence(alarm: &Obj) {
    let py = alarm.py();
    set_aside(py, || {
        if let Err(raised) = timer::cancel(alarm) {
            raised.unraisable(py, Some(alarm));
        }
    });
}

/// Sets the timer; answers the future that it fulfils.
fn begin(own: &Sleep, delay: &Obj) -> Outcome {
    let py = delay.py();
    let loop_ = current::running_loop(py)?;
    let future = make_for(&loop_)?;
    let result = own.result.get().unwrap_or_else(|| Obj::none(py));
    own.alarm.set(Some(set(&loop_, delay, &future, &result)?));
    Ok(future)
}

/// `loop.call_later(delay, _set_result_unless_cancelled, future, result)`
fn set(loop_: &Obj, delay: &Obj, future: &Obj, result: &Obj) -> Outcome {
    let py = loop_.py();
    let ours = loop_
        .downcast::<Scheduler>()
        .filter(|scheduler| !scheduler.own_clock.get() && result.is_none());
    if let Some(scheduler) = ours
        && let Some(seconds) = timer::plain_seconds(delay)?
    {
        timer::check(scheduler)?;
        let arguments = Arguments::Native(&WAKE);
        let alarm = timer_handle::schedule(scheduler, now() + seconds, future, arguments, None)?;
        return Ok(alarm.into_obj());
    }
    call::method(
        loop_,
        intern!(py, "call_later"),
        [delay, &(WAKE.callable)(future)?, future, result],
    )
}
