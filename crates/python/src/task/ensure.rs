//! `ensure_future()`: a future for whatever can be awaited.
//!
//! Follows `asyncio.tasks.ensure_future`. `gather()` and the like do it for each of their arguments and look the loop's
//! `create_task` up once.

use pyo3::types::PyAnyMethods;
use pyo3::{Python, intern};

use crate::future::future::loop_or_current;
use crate::future::native;
use crate::py::args::{Args, Signature};
use crate::py::call;
use crate::py::errors::{Outcome, Raised};
use crate::py::imports;
use crate::py::object::Obj;

/// Makes futures of awaitables on one loop.
#[derive(Default)]
pub struct Ensurer {
    loop_: Option<Obj>,
    create_task: Option<Obj>,
}

impl Ensurer {
    /// For `loop_`, or, where there is none, the loop that asyncio takes.
    pub fn new(loop_: Option<Obj>) -> Self {
        Self {
            loop_,
            create_task: None,
        }
    }

    /// The loop.
    pub fn loop_(&self) -> Option<&Obj> {
        self.loop_.as_ref()
    }

    /// The loop from now on.
    pub fn set_loop(&mut self, loop_: Obj) {
        self.loop_ = Some(loop_);
    }

    /// `awaitable` if it is a future, or a new task for it.
    ///
    /// # Errors
    /// TypeError for what cannot be awaited, ValueError for a future of another loop, and what making a task raises.
    #[inline]
    pub fn future_for(&mut self, awaitable: &Obj) -> Outcome {
        let py = awaitable.py();
        if awaitable.type_is(imports::coroutine_type(py)) {
            return self.task_for(awaitable, true);
        }
        if is_future(awaitable)? {
            self.check_loop(awaitable)?;
            return Ok(awaitable.clone());
        }
        let coroutines = imports::coroutines(py);
        if is_true(&call::method(
            coroutines,
            intern!(py, "iscoroutine"),
            [awaitable],
        )?)? {
            return self.task_for(awaitable, true);
        }
        let inspect = imports::inspect(py);
        if !is_true(&call::method(
            inspect,
            intern!(py, "isawaitable"),
            [awaitable],
        )?)? {
            let text = "An asyncio.Future, a coroutine or an awaitable is required";
            return Err(Raised::type_error(py, text));
        }
        // A coroutine of the interpreter's: programs look at a task's `get_coro()`.
        let coroutine = call::call(imports::wrap_awaitable(py), [awaitable])?;
        self.task_for(&coroutine, false)
    }

    fn check_loop(&self, future: &Obj) -> Outcome<()> {
        let Some(own) = &self.loop_ else {
            return Ok(());
        };
        if own.is(&loop_of(future)?) {
            return Ok(());
        }
        let text =
            "The future belongs to a different loop than the one specified as the loop argument";
        Err(Raised::value_error(own.py(), text))
    }

    /// `loop.create_task(coroutine)`; a coroutine that gets no task is closed if it is the caller's.
    fn task_for(&mut self, coroutine: &Obj, is_callers: bool) -> Outcome {
        let py = coroutine.py();
        let create_task = match &self.create_task {
            Some(create_task) => create_task,
            None => {
                let loop_ = loop_or_current(py, self.loop_.as_ref())?;
                let create_task = call::attr(&loop_, intern!(py, "create_task"))?;
                self.create_task.insert(create_task)
            }
        };
        let raised = match call::call(create_task, [coroutine]) {
            Ok(task) => return Ok(task),
            Err(raised) => raised,
        };
        let exception = raised.take(py);
        let is_runtime_error = exception
            .bind()
            .is_instance_of::<pyo3::exceptions::PyRuntimeError>();
        if is_runtime_error && is_callers {
            call::method(coroutine, intern!(py, "close"), [])?;
        }
        Err(Raised::raise(exception))
    }
}

fn is_true(answer: &Obj) -> Outcome<bool> {
    Ok(answer.bind().is_truthy()?)
}

/// `asyncio.isfuture()`: whether the class of `object` has `_asyncio_future_blocking`, and the object too.
///
/// # Errors
/// What the object raises.
#[inline]
pub fn is_future(object: &Obj) -> Outcome<bool> {
    if native::fields(object).is_some() {
        return Ok(true);
    }
    let py = object.py();
    let class = call::attr(object, intern!(py, "__class__"))?;
    let mark = intern!(py, "_asyncio_future_blocking");
    if call::optional_attr(&class, mark)?.is_none() {
        return Ok(false);
    }
    Ok(!call::attr(object, mark)?.is_none())
}

/// `futures._get_loop()`: the loop of any future.
///
/// # Errors
/// What the future raises.
#[inline]
pub fn loop_of(future: &Obj) -> Outcome {
    if let Some(loop_) = native::fields(future).and_then(|fields| fields.loop_ref()) {
        return Ok(loop_.object().clone());
    }
    let py = future.py();
    call::method(imports::futures(py), intern!(py, "_get_loop"), [future])
}

/// `asyncio.ensure_future(coro_or_future, *, loop=None)`.
///
/// # Errors
/// As `Ensurer::future_for`.
pub fn ensure_future(py: Python<'_>, args: Args<'_>) -> Outcome {
    const SIGNATURE: Signature<2> =
        Signature::new("ensure_future", ["coro_or_future", "loop"], 1, 1);
    let [awaitable, loop_] = SIGNATURE.bind(py, args)?;
    let none = Obj::none(py);
    let loop_ = loop_.filter(|loop_| !loop_.is_none()).cloned();
    Ensurer::new(loop_).future_for(awaitable.unwrap_or(&none))
}

/// `asyncio.isfuture(obj)`.
///
/// # Errors
/// As `is_future`.
pub fn isfuture(py: Python<'_>, args: Args<'_>) -> Outcome {
    let [object] = crate::py::args::exactly(py, "isfuture", ["obj"], args)?;
    Ok(Obj::bool(py, is_future(object)?))
}
