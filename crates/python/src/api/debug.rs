//! Debug mode and the exception handler's place. What the handlers say is stdlib's own code, borrowed by the face.

use pyo3::intern;
use pyo3::types::{PyAnyMethods, PyFloat};

use crate::event_loop::core::EventLoopData;
use crate::event_loop::hooks;
use crate::py::args::{exactly, no_arguments};
use crate::py::call;
use crate::py::errors::{Outcome, Raised};
use crate::py::instance::Ref;
use crate::py::object::Obj;
use crate::py::slots::TypeBuilder;

/// Adds this file's methods.
pub fn methods(builder: TypeBuilder<EventLoopData>) -> TypeBuilder<EventLoopData> {
    let builder = builder
        .method(
            c"get_debug",
            c"get_debug($self, /)\n--\n\nWhether debug mode is on.",
            |this, args| {
                no_arguments(this.py(), "BaseEventLoop.get_debug", args)?;
                Ok(Obj::bool(this.py(), this.base.is_debug()))
            },
        )
        .method(
            c"set_debug",
            c"set_debug($self, enabled)\n--\n\nTurn debug mode on or off.",
            |this, args| {
                let [value] = exactly(this.py(), "BaseEventLoop.set_debug", ["enabled"], args)?;
                set_debug(this, value)
            },
        )
        .method(
            c"set_exception_handler",
            c"set_exception_handler($self, handler)\n--\n\n\
              Call handler(loop, context) for errors nobody else sees; None for the default.",
            |this, args| {
                let [value] = exactly(
                    this.py(),
                    "BaseEventLoop.set_exception_handler",
                    ["handler"],
                    args,
                )?;
                set_exception_handler(this, value)
            },
        )
        .method0(
            c"get_exception_handler",
            c"get_exception_handler($self, /)\n--\n\nThe exception handler, or None.",
            exception_handler,
        );
    attributes(builder)
}

fn attributes(builder: TypeBuilder<EventLoopData>) -> TypeBuilder<EventLoopData> {
    builder
        .getter(
            c"_exception_handler",
            c"The exception handler, or None.",
            exception_handler,
        )
        .getter(c"_debug", c"Whether debug mode is on.", |this| {
            Ok(Obj::bool(this.py(), this.base.is_debug()))
        })
        .attribute(
            c"_current_handle",
            c"The handle that runs now (debug mode), or None.",
            |this| {
                Ok(this
                    .own
                    .current_handle
                    .get()
                    .unwrap_or_else(|| Obj::none(this.py())))
            },
            |this, value| {
                this.own
                    .current_handle
                    .set(value.filter(|value| !value.is_none()).cloned());
                Ok(())
            },
        )
        .attribute(
            c"slow_callback_duration",
            c"How long a callback may take before debug mode logs it, in seconds.",
            |this| {
                Ok(Obj::from(PyFloat::new(
                    this.py(),
                    this.own.slow_callback_seconds.get(),
                )))
            },
            |this, value| {
                let seconds = match value {
                    Some(value) => value.bind().extract()?,
                    None => {
                        return Err(Raised::type_error(
                            this.py(),
                            "slow_callback_duration cannot be deleted",
                        ));
                    }
                };
                this.own.slow_callback_seconds.set(seconds);
                Ok(())
            },
        )
}

fn exception_handler(this: &Ref<EventLoopData>) -> Outcome {
    Ok(this
        .own
        .exception_handler
        .get()
        .unwrap_or_else(|| Obj::none(this.py())))
}

fn set_exception_handler(this: &Ref<EventLoopData>, handler: &Obj) -> Outcome {
    let py = this.py();
    if !handler.is_none() && !handler.bind().is_callable() {
        let text = format!(
            "A callable object or None is expected, got {}",
            handler.bind().repr()?
        );
        return Err(Raised::type_error(py, text));
    }
    this.own
        .exception_handler
        .set(Some(handler.clone()).filter(|handler| !handler.is_none()));
    Ok(Obj::none(py))
}

fn set_debug(this: &Ref<EventLoopData>, enabled: &Obj) -> Outcome {
    let py = this.py();
    let enabled = enabled.bind().is_truthy()?;
    this.base.set_debug(enabled);
    if this.base.is_running() {
        // Coroutine origins are tracked per thread: the loop's own thread has to change it.
        let change =
            crate::handle::action::make(py, [this.as_obj().clone()], move |[loop_], _| {
                match loop_.downcast::<EventLoopData>() {
                    Some(own) => hooks::set_origin_tracking(own, enabled),
                    None => Ok(()),
                }
            })?;
        call::method(
            this.as_obj(),
            intern!(py, "call_soon_threadsafe"),
            [&change],
        )?;
    }
    Ok(Obj::none(py))
}
