//! What goes wrong in a callback, told to the loop's exception handler and log in asyncio's words.

use pyo3::intern;

use super::core::EventLoopData;
use crate::handle::handle::{self, Arguments, HandleData};
use crate::handle::report::callback_failed;
use crate::handle::schedule::Entry;
use crate::py::call;
use crate::py::context;
use crate::py::errors::Outcome;
use crate::py::imports;
use crate::py::instance::Ref;
use crate::py::object::Obj;
use crate::task::task::TaskData;
use crate::task::wakeup;

/// The handle that stands for an entry in reports; made for the occasion where the entry needed none. Sources have none.
///
/// # Errors
/// `MemoryError`.
pub fn handle_of(this: &Ref<EventLoopData>, entry: &Entry) -> Outcome<Option<Obj>> {
    Ok(typed_handle_of(this, entry)?.map(Ref::into_obj))
}

fn typed_handle_of(this: &Ref<EventLoopData>, entry: &Entry) -> Outcome<Option<Ref<HandleData>>> {
    let scheduler = this.upcast();
    let made = match entry {
        Entry::Handle(handle) => handle.clone(),
        Entry::Callback {
            callback,
            future,
            context,
        } => handle::make(
            scheduler,
            callback,
            Arguments::One(future.clone()),
            Some(context),
        )?,
        Entry::Step(task, _) => {
            let Some(typed) = task.downcast::<TaskData>() else {
                return Ok(None);
            };
            let callback = wakeup::step_callable(typed)?;
            handle::make(
                scheduler,
                &callback,
                Arguments::None,
                Some(&typed.context()?),
            )?
        }
        Entry::Wakeup(task, future) => {
            let Some(typed) = task.downcast::<TaskData>() else {
                return Ok(None);
            };
            let (callback, context) = (wakeup::wakeup_callable(typed)?, typed.context()?);
            let argument = Arguments::One(future.clone());
            handle::make(scheduler, &callback, argument, Some(&context))?
        }
        Entry::Tell(observer, future, context) => handle::make(
            scheduler,
            observer,
            Arguments::One(future.clone()),
            Some(&context::copy(context)?),
        )?,
        Entry::Fired(source, _) => {
            let Some(transport) = source.transport() else {
                return Ok(None);
            };
            let callback = call::attr(&transport, intern!(this.py(), "_read_ready"))?;
            handle::make(scheduler, &callback, Arguments::None, None)?
        }
    };
    Ok(Some(made))
}

/// An entry raised: 'Exception in callback ...'.
///
/// # Errors
/// What the exception handler raises: KeyboardInterrupt and SystemExit.
pub fn entry_failed(this: &Ref<EventLoopData>, entry: &Entry, exception: &Obj) -> Outcome<()> {
    match typed_handle_of(this, entry)? {
        Some(handle) => callback_failed(&handle, exception),
        None => {
            let py = this.py();
            let report = pyo3::types::PyDict::new(py);
            use pyo3::types::PyDictMethods;
            report.set_item(
                intern!(py, "message"),
                "Exception in a transport's callback",
            )?;
            report.set_item(intern!(py, "exception"), exception.bind())?;
            let report = Obj::from(report);
            call::method(
                this.as_obj(),
                intern!(py, "call_exception_handler"),
                [&report],
            )
            .map(drop)
        }
    }
}

/// 'Executing ... took ... seconds' (`BaseEventLoop._run_once`).
///
/// # Errors
/// What a repr raises.
pub fn slow(handle: &Obj, seconds: f64) -> Outcome<()> {
    let py = handle.py();
    let text = call::method(
        imports::base_events(py),
        intern!(py, "_format_handle"),
        [handle],
    )?;
    let format = Obj::str(py, "Executing %s took %.3f seconds");
    let seconds = Obj::from(pyo3::types::PyFloat::new(py, seconds));
    call::method(
        imports::logger(py),
        intern!(py, "warning"),
        [&format, &text, &seconds],
    )?;
    Ok(())
}
