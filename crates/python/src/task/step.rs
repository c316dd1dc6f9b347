//! One step of a task: send into the coroutine, and one `match` on what it did.
//!
//! Called by the loop for `Entry::Step` and `Entry::Wakeup`, by `eager.rs`, and through `wakeup.rs` by loops that are not
//! ours. The caller has entered the task's context and made it the current task. Follows `task_step_impl` and
//! `task_step_handle_result_impl` of `_asynciomodule.c`.

use pyo3::intern;
use pyo3::types::{PyAnyMethods, PyStringMethods};

use super::gather::GatheringFuture;
use super::task::TaskData;
use super::{cancel, registry, wakeup};
use crate::future::callbacks::Callback;
use crate::future::state::{FutureData, State};
use crate::py::call;
use crate::py::coroutine::{self, Sent};
use crate::py::errors::{Outcome, Raised, leaves_the_loop};
use crate::py::imports;
use crate::py::instance::Ref;
use crate::py::object::Obj;

/// Runs the coroutine until it waits again or ends. `exception` is thrown in, if there is one.
///
/// # Errors
/// InvalidStateError for a task that is done; KeyboardInterrupt and SystemExit from the coroutine, which leave the loop
/// (the task keeps them too).
#[inline]
pub fn step(task: &Ref<TaskData>, exception: Option<Obj>) -> Outcome<()> {
    let py = task.py();
    if task.base.is_done() {
        return Err(already_done(task, exception.as_ref())?);
    }
    let exception = if task.own.must_cancel.replace(false) {
        Some(cancellation(task, exception)?)
    } else {
        exception
    };
    task.own.waiter.set(None);
    let Some(coro) = task.own.coro.get() else {
        return Err(Raised::runtime_error(py, "uninitialized Task object"));
    };
    let sent = match &exception {
        None => coroutine::send(&coro, &Obj::none(py)),
        Some(exception) => coroutine::throw(&coro, exception),
    };
    match sent {
        Ok(Sent::Yielded(awaited)) => wait_for(task, awaited),
        Ok(Sent::Returned(value)) => finish(task, value),
        Err(raised) => fail(task, raised),
    }
}

/// A step for a future that is done: its exception is thrown in, its result is fetched by the `await` itself.
///
/// # Errors
/// As `step`.
#[inline]
pub fn wake(task: &Ref<TaskData>, future: &Obj) -> Outcome<()> {
    let py = task.py();
    let exception = match future.downcast_exact::<FutureData>() {
        Some(fields) => failure(fields, py)?,
        None => match future.downcast_exact::<TaskData>() {
            Some(other) => failure(other.upcast(), py)?,
            None => failure_of_any(future)?,
        },
    };
    step(task, exception)
}

/// The same for the rarer kinds of futures.
fn failure_of_any(future: &Obj) -> Outcome<Option<Obj>> {
    let py = future.py();
    if let Some(outer) = future.downcast_exact::<GatheringFuture>() {
        return failure(outer.upcast(), py);
    }
    match call::method(future, intern!(py, "result"), []) {
        Ok(_) => Ok(None),
        Err(raised) => Ok(Some(raised.take(py))),
    }
}

/// What a done future has to raise in the task that waited for it.
#[inline]
fn failure(future: &Ref<FutureData>, py: pyo3::Python<'_>) -> Outcome<Option<Obj>> {
    match future.state() {
        State::Returned => Ok(None),
        State::Cancelled => future.make_cancelled_error(py).map(Some),
        State::Raised | State::Pending => match future.result(py) {
            Ok(_) => Ok(None),
            Err(raised) => Ok(Some(raised.take(py))),
        },
    }
}

fn already_done(task: &Ref<TaskData>, exception: Option<&Obj>) -> Outcome<Raised> {
    let py = task.py();
    let thrown = match exception {
        Some(exception) => exception.bind().repr()?.to_string_lossy().into_owned(),
        None => String::new(),
    };
    let text = format!(
        "__step(): already done: {} {thrown}",
        task.as_obj().bind().repr()?
    );
    Ok(Raised::of(
        imports::invalid_state_error(py),
        text.trim_end(),
    ))
}

/// The CancelledError to throw in for `cancel()`, unless one is on its way already.
fn cancellation(task: &Ref<TaskData>, exception: Option<Obj>) -> Outcome {
    let py = task.py();
    match exception {
        Some(exception)
            if exception
                .bind()
                .is_instance(imports::cancelled_error(py).bind())? =>
        {
            Ok(exception)
        }
        _ => task.base.make_cancelled_error(py),
    }
}

/// The coroutine returned.
#[inline]
fn finish(task: &Ref<TaskData>, value: Obj) -> Outcome<()> {
    let this = task.as_obj();
    registry::unregister(task)?;
    if task.own.must_cancel.replace(false) {
        // Cancelled right before the coroutine stopped.
        let message = task.base.rare().and_then(|rare| rare.cancel_message.get());
        task.base.cancel(this, message.as_ref())?;
        return Ok(());
    }
    task.base.set_result(this, value)
}

/// The coroutine raised.
fn fail(task: &Ref<TaskData>, raised: Raised) -> Outcome<()> {
    let py = task.py();
    let this = task.as_obj();
    let exception = raised.take(py);
    registry::unregister(task)?;
    if exception
        .bind()
        .is_instance(imports::cancelled_error(py).bind())?
    {
        task.base.rare_mut().cancelled_error.set(Some(exception));
        task.base.cancel(this, None)?;
        return Ok(());
    }
    task.base.set_exception(this, &exception)?;
    if leaves_the_loop(&exception) {
        return Err(Raised::raise(exception));
    }
    Ok(())
}

/// The coroutine gave something out: what to wait for.
#[inline]
fn wait_for(task: &Ref<TaskData>, awaited: Obj) -> Outcome<()> {
    if awaited.is_none() {
        // A bare yield: the others' turn.
        return wakeup::step_soon(task, None);
    }
    if let Some(future) = awaited.downcast_exact::<FutureData>() {
        return wait_for_native(task, future);
    }
    if let Some(other) = awaited.downcast_exact::<TaskData>() {
        return wait_for_native(task, other.upcast());
    }
    if let Some(outer) = awaited.downcast_exact::<GatheringFuture>() {
        return wait_for_native(task, outer.upcast());
    }
    wait_for_any(task, &awaited)
}

/// Waits for one of our own futures: no callable, no handle, no attribute look-ups.
#[inline]
fn wait_for_native(task: &Ref<TaskData>, future: &Ref<FutureData>) -> Outcome<()> {
    let awaited = future.as_obj();
    if awaited.is(task.as_obj()) {
        return fail_soon(task, "Task cannot await on itself: ", None);
    }
    let same_loop = match task.base.scheduler() {
        Some(scheduler) => future.belongs_to(&scheduler),
        None => match (task.base.loop_ref(), future.loop_ref()) {
            (Some(own), Some(other)) => own.object().is(other.object()),
            _ => false,
        },
    };
    if !same_loop {
        return attached_to_another_loop(task, awaited);
    }
    if !future.blocking.replace(false) {
        return not_yielded_from(task, awaited);
    }
    let callback = match task.base.scheduler() {
        Some(_) => Callback::Waiter(task.as_obj().clone()),
        None => Callback::Call {
            callback: wakeup::wakeup_callable(task)?,
            context: task.context()?,
        },
    };
    future.add_callback(awaited, callback)?;
    task.own.waiter.set(Some(awaited.clone()));
    pass_cancellation_on(task)
}

/// Waits for any object with `_asyncio_future_blocking`; everything else is a mistake of the coroutine's.
fn wait_for_any(task: &Ref<TaskData>, awaited: &Obj) -> Outcome<()> {
    let py = task.py();
    let blocking = call::optional_attr(awaited, intern!(py, "_asyncio_future_blocking"))?
        .filter(|blocking| !blocking.is_none());
    let Some(blocking) = blocking else {
        if awaited
            .bind()
            .get_type()
            .is(imports::generator_type(py).bind())
        {
            return fail_soon(
                task,
                "yield was used instead of yield from for generator in task ",
                Some((" with ", awaited)),
            );
        }
        let text = format!("Task got bad yield: {}", awaited.bind().repr()?);
        return fail_with(task, &text);
    };
    if awaited.is(task.as_obj()) {
        return fail_soon(task, "Task cannot await on itself: ", None);
    }
    let get_loop = call::attr(imports::futures(py), intern!(py, "_get_loop"))?;
    let other = call::call(&get_loop, [awaited])?;
    if !task
        .base
        .loop_ref()
        .is_some_and(|own| own.object().is(&other))
    {
        return attached_to_another_loop(task, awaited);
    }
    if !blocking.bind().is_truthy()? {
        return not_yielded_from(task, awaited);
    }
    call::set_attr(
        awaited,
        intern!(py, "_asyncio_future_blocking"),
        &Obj::bool(py, false),
    )?;
    let (wakeup, context) = (wakeup::wakeup_callable(task)?, task.context()?);
    call::method_keywords(
        awaited,
        intern!(py, "add_done_callback"),
        [&wakeup, &context],
        &[intern!(py, "context")],
    )?;
    task.own.waiter.set(Some(awaited.clone()));
    pass_cancellation_on(task)
}

/// `cancel()` was called while the coroutine ran: what it waits for at present is cancelled in its place.
#[inline]
fn pass_cancellation_on(task: &Ref<TaskData>) -> Outcome<()> {
    if task.own.must_cancel.get() && cancel::cancel_waiter(task)? {
        task.own.must_cancel.set(false);
    }
    Ok(())
}

fn attached_to_another_loop(task: &Ref<TaskData>, awaited: &Obj) -> Outcome<()> {
    let text = format!(
        "Task {} got Future {} attached to a different loop",
        task.as_obj().bind().repr()?,
        awaited.bind().repr()?
    );
    fail_with(task, &text)
}

fn not_yielded_from(task: &Ref<TaskData>, awaited: &Obj) -> Outcome<()> {
    fail_soon(
        task,
        "yield was used instead of yield from in task ",
        Some((" with ", awaited)),
    )
}

/// Throws RuntimeError("{before}{task!r}{between}{other!r}") into the coroutine in the next turn.
fn fail_soon(task: &Ref<TaskData>, before: &str, other: Option<(&str, &Obj)>) -> Outcome<()> {
    let mut text = format!("{before}{}", task.as_obj().bind().repr()?);
    if let Some((between, other)) = other {
        text.push_str(between);
        text.push_str(&other.bind().repr()?.to_string_lossy());
    }
    fail_with(task, &text)
}

fn fail_with(task: &Ref<TaskData>, text: &str) -> Outcome<()> {
    let class = Obj::from(task.py().get_type::<pyo3::exceptions::PyRuntimeError>());
    wakeup::step_soon(task, Some(Raised::instance(&class, text)?))
}
