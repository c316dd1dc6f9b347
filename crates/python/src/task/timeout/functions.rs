//! What Python calls and awaits: `timeout()`, `timeout_at()`, `__aenter__` and `__aexit__`.

use pyo3::prelude::*;

use super::enter;
use super::leave::{self, Left};
use super::timeout::{TimeoutData, When};
use crate::future::operation::{self, Input, Machine, Operation, Progress};
use crate::py::args::{Args, exactly};
use crate::py::cell::Slot;
use crate::py::errors::Outcome;
use crate::py::function;
use crate::py::gc::Visitor;
use crate::py::instance::{Ref, TypeSlot};
use crate::py::object::Obj;

static ENTERING: TypeSlot = TypeSlot::new();
static LEAVING: TypeSlot = TypeSlot::new();

/// `asyncio.timeout(delay)`
///
/// # Errors
/// RuntimeError without a running loop; TypeError for what is no number.
pub fn timeout(py: Python<'_>, args: Args<'_>) -> Outcome {
    let [delay] = exactly(py, "timeout", ["delay"], args)?;
    let delay = Some(delay).filter(|delay| !delay.is_none());
    enter::make(py, delay).map(Ref::into_obj)
}

/// `asyncio.timeout_at(when)`
///
/// # Errors
/// `MemoryError`.
pub fn timeout_at(py: Python<'_>, args: Args<'_>) -> Outcome {
    let [when] = exactly(py, "timeout_at", ["when"], args)?;
    let timeout = TimeoutData::new(None, When::of(when));
    Ref::alloc(py, timeout, None).map(Ref::into_obj)
}

/// `Timeout.__aenter__()`, awaited.
struct Entering(Slot<Ref<TimeoutData>>);

impl Operation for Entering {
    const TYPE: &'static TypeSlot = &ENTERING;
    const NAME: &'static str = "Timeout.__aenter__";

    fn visit(&self, visitor: &mut Visitor) {
        visitor.slot(&self.0);
    }

    fn clear(&self) {
        self.0.set(None);
    }

    fn resume(this: &Machine<Self>, _input: Input) -> Outcome<Progress> {
        let Some(timeout) = this.own().0.get() else {
            return Ok(Progress::Done(Obj::none(this.py())));
        };
        enter::enter(&timeout)?;
        Ok(Progress::Done(timeout.into_obj()))
    }
}

/// `Timeout.__aexit__(exc_type, exc_val, exc_tb)`, awaited.
struct Leaving {
    timeout: Slot<Ref<TimeoutData>>,
    class: Slot,
    exception: Slot,
}

impl Operation for Leaving {
    const TYPE: &'static TypeSlot = &LEAVING;
    const NAME: &'static str = "Timeout.__aexit__";

    fn visit(&self, visitor: &mut Visitor) {
        visitor.slot(&self.timeout);
        visitor.slot(&self.class);
        visitor.slot(&self.exception);
    }

    fn clear(&self) {
        self.timeout.set(None);
        self.class.set(None);
        self.exception.set(None);
    }

    fn resume(this: &Machine<Self>, _input: Input) -> Outcome<Progress> {
        let py = this.py();
        let own = this.own();
        if let Some(timeout) = own.timeout.get() {
            let (class, exception) = (own.class.get(), own.exception.get());
            match leave::leave(&timeout, class.as_ref(), exception.as_ref())? {
                Left::Quietly => {}
                Left::TimedOut => return Err(leave::timed_out(py, exception.as_ref())),
            }
        }
        Ok(Progress::Done(Obj::none(py)))
    }
}

/// `Timeout.__aenter__()`
///
/// # Errors
/// `MemoryError`.
#[inline]
pub fn aenter(this: &Ref<TimeoutData>) -> Outcome {
    operation::make(this.py(), Entering(Slot::new(Some(this.clone()))))
}

/// `Timeout.__aexit__(exc_type, exc_val, exc_tb)`
///
/// # Errors
/// TypeError for wrong arguments.
#[inline]
pub fn aexit(this: &Ref<TimeoutData>, args: Args<'_>) -> Outcome {
    let py = this.py();
    let names = ["exc_type", "exc_val", "exc_tb"];
    let [class, exception, _traceback] = exactly(py, "Timeout.__aexit__", names, args)?;
    let given = |value: &Obj| Some(value.clone()).filter(|value| !value.is_none());
    let leaving = Leaving {
        timeout: Slot::new(Some(this.clone())),
        class: Slot::new(given(class)),
        exception: Slot::new(given(exception)),
    };
    operation::make(py, leaving)
}

/// Adds the functions to the module.
///
/// # Errors
/// `MemoryError`.
pub fn add_to(module: &Bound<'_, PyModule>) -> Outcome<()> {
    const MODULE: &str = "asyncioxide.timeouts";
    let py = module.py();
    let timeout = function::make(
        py,
        MODULE,
        "timeout(delay)\n--\n\n\
         An asynchronous context manager that cancels what runs inside it after delay seconds.\n\n\
         The seconds count from this call; None is for no limit. The CancelledError that leaves the\n\
         block then becomes a TimeoutError. RuntimeError without a running loop.",
        timeout,
    )?;
    let timeout_at = function::make(
        py,
        MODULE,
        "timeout_at(when)\n--\n\n\
         An asynchronous context manager that cancels what runs inside it at the time when.\n\n\
         The time is in seconds on the loop's clock, as loop.time() tells them; None is for no limit.\n\
         The CancelledError that leaves the block then becomes a TimeoutError.",
        timeout_at,
    )?;
    module.add("timeout", timeout.as_obj().bind())?;
    module.add("timeout_at", timeout_at.as_obj().bind())?;
    Ok(())
}

/// Builds the types of the operations.
///
/// # Errors
/// What making a type raises.
pub fn build(py: Python<'_>) -> Outcome<()> {
    leave::prepare(py);
    operation::build::<Entering>(py)?;
    operation::build::<Leaving>(py).map(drop)
}
