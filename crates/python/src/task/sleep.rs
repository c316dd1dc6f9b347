//! `asyncioxide.sleep`: waiting for some time, as a native coroutine.
//!
//! Follows `asyncio.tasks.sleep`: nothing to wait for is a bare yield; otherwise a future that a timer fulfils, and the
//! timer is cancelled on every way out.

use pyo3::types::{PyAnyMethods, PyFloat, PyFloatMethods};
use pyo3::{Python, intern};

use crate::future::operation::{self, Input, Machine, Operation, Progress};
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
    let [delay, result] = SIGNATURE.bind(py, args)?;
    let none = Obj::none(py);
    let delay = delay.unwrap_or(&none).clone();
    let result = result.unwrap_or(&none).clone();
    operation::make(
        py,
        Sleep {
            delay: Slot::new(Some(delay)),
            result: Slot::new(Some(result)),
            alarm: Slot::default(),
        },
    )
}

static TYPE: TypeSlot = TypeSlot::new();

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

    fn resume(this: &Machine<Self>, input: Input) -> Outcome<Progress> {
        let (own, py) = (this.own(), this.py());
        match input {
            Input::Start => {
                let delay = own.delay.take().unwrap_or_else(|| Obj::none(py));
                if delay.bind().le(0)? {
                    return Ok(Progress::Pause);
                }
                refuse_nan(&delay)?;
                begin(own, &delay).map(Progress::Wait)
            }
            Input::Resumed(waited) => {
                if let Some(alarm) = own.alarm.take() {
                    silence(&alarm);
                }
                // What a bare yield gives is no result.
                waited?;
                Ok(Progress::Done(
                    own.result.take().unwrap_or_else(|| Obj::none(py)),
                ))
            }
        }
    }
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
        if let Err(raised) = call::method(alarm, intern!(py, "cancel"), []) {
            raised.unraisable(py, Some(alarm));
        }
    });
}

/// Sets the timer; answers the future that it fulfils.
fn begin(own: &Sleep, delay: &Obj) -> Outcome {
    let py = delay.py();
    let loop_ = call::method(imports::events(py), intern!(py, "get_running_loop"), [])?;
    let future = call::method(&loop_, intern!(py, "create_future"), [])?;
    let set = call::attr(
        imports::futures(py),
        intern!(py, "_set_result_unless_cancelled"),
    )?;
    let result = own.result.get().unwrap_or_else(|| Obj::none(py));
    let alarm = call::method(
        &loop_,
        intern!(py, "call_later"),
        [delay, &set, &future, &result],
    )?;
    own.alarm.set(Some(alarm));
    Ok(future)
}
