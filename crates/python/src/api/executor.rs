//! `run_in_executor` and the default executor.

use pyo3::intern;
use pyo3::types::{PyAnyMethods, PyDict, PyDictMethods, PyTuple};

use super::callbacks::check_callback;
use crate::event_loop::core::EventLoopData;
use crate::py::args::{Args, exactly, leading};
use crate::py::call;
use crate::py::errors::{Outcome, Raised};
use crate::py::imports;
use crate::py::instance::Ref;
use crate::py::object::Obj;
use crate::py::slots::TypeBuilder;
use crate::task::chain;

/// Adds this file's methods.
pub fn methods(builder: TypeBuilder<EventLoopData>) -> TypeBuilder<EventLoopData> {
    builder
        .method(
            c"run_in_executor",
            c"run_in_executor($self, executor, func, *args)\n--\n\n\
              Call func(*args) in an executor (None: the loop's default threads). Returns a Future.",
            run_in_executor,
        )
        .method(
            c"set_default_executor",
            c"set_default_executor($self, executor)\n--\n\nThe ThreadPoolExecutor for run_in_executor(None, ...).",
            |this, args| {
                let [value] = exactly(this.py(), "BaseEventLoop.set_default_executor", ["executor"], args)?;
                set_default_executor(this, value)
            },
        )
        .method0(
            c"_check_default_executor",
            c"_check_default_executor($self, /)\n--\n\nRuntimeError after shutdown_default_executor().",
            |this| check_default_executor(this).map(|()| Obj::none(this.py())),
        )
        .attribute(
            c"_default_executor",
            c"The default executor, or None.",
            |this| Ok(this.own.default_executor.get().unwrap_or_else(|| Obj::none(this.py()))),
            |this, value| {
                this.own.default_executor.set(value.filter(|value| !value.is_none()).cloned());
                Ok(())
            },
        )
        .attribute(
            c"_executor_shutdown_called",
            c"Whether shutdown_default_executor() was called.",
            |this| Ok(Obj::bool(this.py(), this.own.executor_shutdown.get())),
            |this, value| {
                this.own.executor_shutdown.set(value.is_some_and(|value| value.bind().is_truthy().unwrap_or(true)));
                Ok(())
            },
        )
}

fn check_default_executor(this: &Ref<EventLoopData>) -> Outcome<()> {
    if this.own.executor_shutdown.get() {
        return Err(Raised::runtime_error(
            this.py(),
            "Executor shutdown has been called",
        ));
    }
    Ok(())
}

fn run_in_executor(this: &Ref<EventLoopData>, args: Args<'_>) -> Outcome {
    let py = this.py();
    let ([executor, function], rest) = leading(
        py,
        "BaseEventLoop.run_in_executor",
        ["executor", "func"],
        args,
    )?;
    this.base.check_closed(py)?;
    if this.base.is_debug() {
        check_callback(this, function, "run_in_executor")?;
    }
    let executor = if executor.is_none() {
        default_executor(this)?
    } else {
        executor.clone()
    };
    let submitted: Vec<_> = std::iter::once(function)
        .chain(rest)
        .map(Obj::bind)
        .collect();
    let submitted = PyTuple::new(py, submitted)?;
    let submitted = Obj::from(
        executor
            .bind()
            .call_method1(intern!(py, "submit"), submitted)?,
    );
    let wrap = call::attr(imports::futures(py), intern!(py, "wrap_future"))?;
    // In debug mode the futures say where in asyncio's code they were made, and by what they are called back.
    if wrap.is(imports::wrap_future(py)) && !this.base.is_debug() {
        return chain::wrap(&submitted, Some(this.as_obj()));
    }
    call::call_keywords(&wrap, [&submitted, this.as_obj()], &[intern!(py, "loop")])
}

fn default_executor(this: &Ref<EventLoopData>) -> Outcome {
    let py = this.py();
    check_default_executor(this)?;
    if let Some(executor) = this.own.default_executor.get() {
        return Ok(executor);
    }
    let keywords = PyDict::new(py);
    keywords.set_item(intern!(py, "thread_name_prefix"), "asyncio")?;
    let class = imports::concurrent_futures(py)
        .bind()
        .getattr(intern!(py, "ThreadPoolExecutor"))?;
    let executor = Obj::from(class.call((), Some(&keywords))?);
    this.own.default_executor.set(Some(executor.clone()));
    Ok(executor)
}

fn set_default_executor(this: &Ref<EventLoopData>, executor: &Obj) -> Outcome {
    let py = this.py();
    let class = imports::concurrent_futures(py)
        .bind()
        .getattr(intern!(py, "ThreadPoolExecutor"))?;
    if !executor.bind().is_instance(&class)? {
        return Err(Raised::type_error(
            py,
            "executor must be ThreadPoolExecutor instance",
        ));
    }
    this.own.default_executor.set(Some(executor.clone()));
    Ok(Obj::none(py))
}
