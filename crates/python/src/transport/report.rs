//! What goes wrong on a transport, told in asyncio's words to the loop's exception handler and log; and its repr.

use pyo3::types::{PyAnyMethods, PyDict, PyDictMethods, PyString};
use pyo3::{Bound, intern};
use reactor::Interest;

use super::endpoint::Endpoint;
use super::state::Life;
use crate::handle::schedule::Scheduler;
use crate::py::call;
use crate::py::errors::{Outcome, Raised, leaves_the_loop};
use crate::py::imports;
use crate::py::instance::Ref;
use crate::py::object::Obj;

/// `_fatal_error`: reports what ends the connection, and ends it. The kernel's errors are ordinary and told to the
/// protocol only.
///
/// # Errors
/// KeyboardInterrupt and SystemExit.
pub fn fatal_error<T: Endpoint>(this: &Ref<T>, raised: Raised, message: &str) -> Outcome<()> {
    let py = this.py();
    let exception = raised.take(py);
    if leaves_the_loop(&exception) {
        return Err(Raised::raise(exception));
    }
    if exception
        .bind()
        .is_instance_of::<pyo3::exceptions::PyOSError>()
    {
        log_error(this, &exception, message)?;
    } else {
        tell_handler(this, &exception, message)?;
    }
    T::force_close(this, Some(exception))
}

/// Tells the loop's exception handler what a protocol's method raised.
///
/// # Errors
/// KeyboardInterrupt and SystemExit.
pub fn report<T: Endpoint>(this: &Ref<T>, raised: Raised, message: &str) -> Outcome<()> {
    let exception = raised.take(this.py());
    if leaves_the_loop(&exception) {
        return Err(Raised::raise(exception));
    }
    tell_handler(this, &exception, message)
}

/// Tells the loop's exception handler of `exception`.
///
/// # Errors
/// KeyboardInterrupt and SystemExit.
pub fn tell_handler<T: Endpoint>(this: &Ref<T>, exception: &Obj, message: &str) -> Outcome<()> {
    let py = this.py();
    let Some(scheduler) = this.scheduler() else {
        return Err(Raised::raise(exception.clone()));
    };
    let report = PyDict::new(py);
    report.set_item(intern!(py, "message"), message)?;
    report.set_item(intern!(py, "exception"), exception.bind())?;
    report.set_item(intern!(py, "transport"), this.as_obj().bind())?;
    report.set_item(intern!(py, "protocol"), this.protocol_or_none(py).bind())?;
    tell_loop(&scheduler, report)
}

/// `loop.call_exception_handler(report)`.
///
/// # Errors
/// KeyboardInterrupt and SystemExit.
pub fn tell_loop(scheduler: &Ref<Scheduler>, report: Bound<'_, PyDict>) -> Outcome<()> {
    let report = Obj::from(report);
    call::method(
        scheduler.as_obj(),
        intern!(scheduler.py(), "call_exception_handler"),
        [&report],
    )
    .map(drop)
}

/// `logger.debug(text, transport)` in debug mode.
///
/// # Errors
/// What a repr raises.
pub fn log_debug<T: Endpoint>(this: &Ref<T>, text: &str) -> Outcome<()> {
    log(this, intern!(this.py(), "debug"), text)
}

/// `logger.info(text, transport)` in debug mode.
///
/// # Errors
/// What a repr raises.
pub fn log_info<T: Endpoint>(this: &Ref<T>, text: &str) -> Outcome<()> {
    log(this, intern!(this.py(), "info"), text)
}

fn log<T: Endpoint>(this: &Ref<T>, level: &Bound<'_, PyString>, text: &str) -> Outcome<()> {
    if !this.is_debug() {
        return Ok(());
    }
    let py = this.py();
    call::method(
        imports::logger(py),
        level,
        [&Obj::str(py, text), this.as_obj()],
    )
    .map(drop)
}

/// `ResourceWarning('unclosed transport ...')`
///
/// # Errors
/// The warning, where it is an error; what a repr raises.
pub fn warn_unclosed(transport: &Obj) -> Outcome<()> {
    let py = transport.py();
    let text = format!("unclosed transport {}", transport.bind().repr()?);
    let category = Obj::from(py.get_type::<pyo3::exceptions::PyResourceWarning>());
    let warn = call::attr(imports::warnings(py), intern!(py, "warn"))?;
    call::call_keywords(
        &warn,
        [&Obj::str(py, &text), &category, transport],
        &[intern!(py, "source")],
    )
    .map(drop)
}

/// Debug mode: tells the log of an error that is told to the protocol only.
///
/// # Errors
/// What a repr raises.
pub fn log_error<T: Endpoint>(this: &Ref<T>, exception: &Obj, message: &str) -> Outcome<()> {
    if !this.is_debug() {
        return Ok(());
    }
    let py = this.py();
    let (text, message) = (Obj::str(py, "%r: %s"), Obj::str(py, message));
    call::method_keywords(
        imports::logger(py),
        intern!(py, "debug"),
        [&text, this.as_obj(), &message, exception],
        &[intern!(py, "exc_info")],
    )
    .map(drop)
}

/// `repr(transport)` of one that is called `name`, waits for `interest` and has `queued_bytes` to send.
pub fn repr<T: Endpoint>(
    this: &Ref<T>,
    name: &str,
    (life, fd): (Life, i32),
    (interest, queued_bytes): (Interest, usize),
) -> Obj {
    let mut words = vec![String::from(name)];
    match life {
        Life::Closed(_) => words.push(String::from("closed")),
        Life::Closing | Life::Lost(_) => words.push(String::from("closing")),
        Life::Open => {}
    }
    words.push(format!("fd={fd}"));
    let is_open = this
        .scheduler()
        .is_some_and(|scheduler| scheduler.driver().is_some());
    if is_open {
        let word = |polls: bool| if polls { "polling" } else { "idle" };
        words.push(format!("read={}", word(interest.is_readable())));
        let state = word(interest.is_writable());
        words.push(format!("write=<{state}, bufsize={queued_bytes}>"));
    }
    Obj::str(this.py(), &format!("<{}>", words.join(" ")))
}
