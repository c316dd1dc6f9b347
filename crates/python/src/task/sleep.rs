//! `asyncioxide.sleep`: waiting for some time, as a native coroutine.
//!
//! Follows `asyncio.tasks.sleep`: nothing to wait for is a bare yield; otherwise a future that a timer fulfils, and the
//! timer is cancelled on every way out.

use pyo3::types::{PyAnyMethods, PyFloat, PyFloatMethods};
use pyo3::{Python, intern};

use crate::future::coroutine::{self, Co, Kept};
use crate::py::args::{Args, Signature};
use crate::py::call;
use crate::py::errors::{Outcome, Raised, set_aside};
use crate::py::imports;
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
    coroutine::make(py, "sleep", |co| {
        let (delay, result) = (co.keep(delay), co.keep(result));
        sleeping(co, delay, result)
    })
}

async fn sleeping(co: Co, delay: Kept, result: Kept) -> Outcome {
    if delay.get().bind().le(0)? {
        co.pause().await?;
        return Ok(result.get());
    }
    refuse_nan(&delay.get())?;
    let (future, alarm) = begin(&co, &delay, &result)?;
    let waited = co.wait(future).await;
    drop(alarm);
    waited
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

/// The timer of a sleep; cancelled when dropped.
struct Alarm(Kept);

impl Drop for Alarm {
    fn drop(&mut self) {
        let handle = self.0.get();
        let py = handle.py();
        set_aside(py, || {
            if let Err(raised) = call::method(&handle, intern!(py, "cancel"), []) {
                raised.unraisable(py, Some(&handle));
            }
        });
    }
}

fn begin(co: &Co, delay: &Kept, result: &Kept) -> Outcome<(Obj, Alarm)> {
    let delay = delay.get();
    let py = delay.py();
    let loop_ = call::method(imports::events(py), intern!(py, "get_running_loop"), [])?;
    let future = call::method(&loop_, intern!(py, "create_future"), [])?;
    let set = call::attr(
        imports::futures(py),
        intern!(py, "_set_result_unless_cancelled"),
    )?;
    let handle = call::method(
        &loop_,
        intern!(py, "call_later"),
        [&delay, &set, &future, &result.get()],
    )?;
    Ok((future, Alarm(co.keep(handle))))
}
