//! `create_future`, `create_task` and task factories.

use pyo3::types::{PyAnyMethods, PyDict, PyDictMethods};
use pyo3::{Python, intern};

use crate::event_loop::core::EventLoopData;
use crate::future::future;
use crate::py::args::{Args, Signature, exactly, no_arguments};
use crate::py::call;
use crate::py::errors::{Outcome, Raised};
use crate::py::imports;
use crate::py::instance::Ref;
use crate::py::object::Obj;
use crate::py::slots::TypeBuilder;
use crate::py::version::{PY_3_13, PY_3_14, at_least};
use crate::task::task;

/// Adds this file's methods.
pub fn methods(builder: TypeBuilder<EventLoopData>) -> TypeBuilder<EventLoopData> {
    builder
        .method(
            c"create_future",
            c"create_future($self, /)\n--\n\nA pending Future of this loop.",
            |this, args| {
                no_arguments(this.py(), "BaseEventLoop.create_future", args)?;
                future::make(this.upcast()).map(Ref::into_obj)
            },
        )
        .method(
            c"create_task",
            if PY_3_14 {
                c"create_task($self, coro, *, name=None, context=None, **kwargs)\n--\n\n\
                  Run a coroutine as a Task, made by the task factory if one is set."
            } else {
                c"create_task($self, coro, *, name=None, context=None)\n--\n\n\
                  Run a coroutine as a Task, made by the task factory if one is set."
            },
            create_task,
        )
        .method(
            c"set_task_factory",
            c"set_task_factory($self, factory)\n--\n\n\
              Make tasks with factory(loop, coro, ...); None for the loop's own.",
            |this, args| {
                let [value] = exactly(
                    this.py(),
                    "BaseEventLoop.set_task_factory",
                    ["factory"],
                    args,
                )?;
                set_task_factory(this, value)
            },
        )
        .method0(
            c"get_task_factory",
            c"get_task_factory($self, /)\n--\n\nThe task factory, or None.",
            get_task_factory,
        )
        .getter(
            c"_task_factory",
            c"The task factory, or None.",
            get_task_factory,
        )
}

fn get_task_factory(this: &Ref<EventLoopData>) -> Outcome {
    Ok(this
        .base
        .task_factory
        .get()
        .unwrap_or_else(|| Obj::none(this.py())))
}

fn set_task_factory(this: &Ref<EventLoopData>, factory: &Obj) -> Outcome {
    let py = this.py();
    if !factory.is_none() && !factory.bind().is_callable() {
        return Err(Raised::type_error(
            py,
            "task factory must be a callable or None",
        ));
    }
    this.base
        .task_factory
        .set(Some(factory.clone()).filter(|factory| !factory.is_none()));
    Ok(Obj::none(py))
}

#[inline]
fn create_task(this: &Ref<EventLoopData>, args: Args<'_>) -> Outcome {
    const SIGNATURE: Signature<3> = Signature::new(
        "BaseEventLoop.create_task",
        ["coro", "name", "context"],
        1,
        1,
    );
    let py = this.py();
    if let Some(factory) = this.base.task_factory.get() {
        this.base.check_closed(py)?;
        return from_factory(this, &factory, args);
    }
    if has_more_keywords(args) {
        return with_keywords(this, args);
    }
    let [coro, name, context] = SIGNATURE.bind(py, args)?;
    this.base.check_closed(py)?;
    let none = Obj::none(py);
    let task = task::make(this.upcast(), coro.unwrap_or(&none), name, context)?;
    Ok(task.into_obj())
}

/// 3.14 passes every keyword on to the task; older Pythons know two.
fn has_more_keywords(args: Args<'_>) -> bool {
    let is_more = |name: &Obj| {
        !name
            .bind()
            .extract::<&str>()
            .is_ok_and(|name| matches!(name, "name" | "context"))
    };
    PY_3_14 && args.has_keywords() && args.keywords().any(|(name, _)| is_more(&name))
}

/// `Task(coro, loop=self, **keywords)`.
fn with_keywords(this: &Ref<EventLoopData>, args: Args<'_>) -> Outcome {
    use crate::py::instance::Payload;
    let py = this.py();
    this.base.check_closed(py)?;
    let keywords = keyword_dict(py, args)?;
    keywords.set_item(intern!(py, "loop"), this.as_obj().bind())?;
    let class = task::TaskData::TYPE.object(py);
    let positional = pyo3::types::PyTuple::new(py, args.positional().iter().map(Obj::bind))?;
    Ok(Obj::from(class.bind().call(positional, Some(&keywords))?))
}

fn keyword_dict<'py>(py: Python<'py>, args: Args<'_>) -> Outcome<pyo3::Bound<'py, PyDict>> {
    let keywords = PyDict::new(py);
    for (name, value) in args.keywords() {
        keywords.set_item(name.bind(), value.bind())?;
    }
    Ok(keywords)
}

/// `factory(self, coro, **keywords)`.
fn from_factory_3_14(this: &Ref<EventLoopData>, factory: &Obj, args: Args<'_>) -> Outcome {
    const SIGNATURE: Signature<1> = Signature::new("BaseEventLoop.create_task", ["coro"], 1, 1);
    let py = this.py();
    let keywords = keyword_dict(py, args)?;
    let coro = match keywords.get_item(intern!(py, "coro"))? {
        Some(coro) if args.positional().is_empty() => {
            keywords.del_item(intern!(py, "coro"))?;
            Obj::from(coro)
        }
        Some(_) => {
            let text = "BaseEventLoop.create_task() got multiple values for argument 'coro'";
            return Err(Raised::type_error(py, text));
        }
        None => {
            let [coro] = SIGNATURE.bind(py, args.without_keywords())?;
            coro.cloned().unwrap_or_else(|| Obj::none(py))
        }
    };
    Ok(Obj::from(factory.bind().call(
        (this.as_obj().bind(), coro.bind()),
        Some(&keywords),
    )?))
}

/// Calls a task factory with exactly what the running Python's own loop passes.
fn from_factory(this: &Ref<EventLoopData>, factory: &Obj, args: Args<'_>) -> Outcome {
    const SIGNATURE: Signature<3> = Signature::new(
        "BaseEventLoop.create_task",
        ["coro", "name", "context"],
        1,
        1,
    );
    let py = this.py();
    if PY_3_14 {
        return from_factory_3_14(this, factory, args);
    }
    let [coro, name, context] = SIGNATURE.bind(py, args)?;
    let none = Obj::none(py);
    let coro = coro.unwrap_or(&none);
    let made = match context.filter(|context| !context.is_none()) {
        None => call::call(factory, [this.as_obj(), coro])?,
        Some(context) => call::call_keywords(
            factory,
            [this.as_obj(), coro, context],
            &[intern!(py, "context")],
        )?,
    };
    let name = name.unwrap_or(&none);
    if PY_3_13 {
        if at_least(py, (3, 13, 1)) && name.is_none() {
            return Ok(made);
        }
        call::method(&made, intern!(py, "set_name"), [name])?;
    } else {
        call::method(
            imports::tasks(py),
            intern!(py, "_set_task_name"),
            [&made, name],
        )?;
    }
    Ok(made)
}
