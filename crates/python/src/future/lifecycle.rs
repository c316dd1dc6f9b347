//! What every awaitable of ours that stands for an `async def` does as a coroutine: `send`, `throw`, `close`, the `cr_`
//! attributes, the warning when nobody has awaited it.
//!
//! `Coroutine` (an `async` block) and `Operation` (a state machine) bring the one function that differs, `resume`.

use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::types::{PyAnyMethods, PyIterator, PyList, PyListMethods, PyType, PyTypeMethods};
use pyo3::{Python, intern};

use super::awaiting;
use super::state::FutureData;
use crate::py::args::Args;
use crate::py::call;
use crate::py::coroutine::{self, Sent};
use crate::py::errors::{Outcome, Raised};
use crate::py::imports;
use crate::py::instance::{Payload, Ref};
use crate::py::object::Obj;
use crate::py::slots::TypeBuilder;
use crate::py::version::{PY_3_14, PY_3_15};

/// `CO_ITERABLE_COROUTINE`: what `types.coroutine` marks a generator's code with.
const ITERABLE_COROUTINE: u32 = 0x100;

/// Where a coroutine is in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// Nobody has awaited it.
    Created,
    /// It executes.
    Running,
    /// It waits.
    Suspended,
    /// It has returned, raised, or been closed.
    Finished,
}

/// A payload that is a coroutine.
pub trait Lifecycle: Payload {
    /// Where it is in its life.
    fn stage(&self) -> Stage;

    /// It goes there.
    fn set_stage(&self, stage: Stage);

    /// `__qualname__`.
    fn qualified_name(&self) -> &'static str;

    /// `cr_await`.
    fn awaited(&self) -> Option<Obj>;

    /// `cr_origin`.
    fn origin(&self) -> Option<Obj>;

    /// Begins (`from` is `Created`, and nothing is thrown), or goes on from where it waits, where `thrown` is raised.
    ///
    /// # Errors
    /// What the coroutine raises.
    fn resume(this: &Ref<Self>, from: Stage, thrown: Option<Obj>) -> Outcome<Sent>;

    /// It will not be resumed: what it holds for that is dropped.
    fn abandon(&self);
}

/// Marks a coroutine finished when its `resume` does not come back: a panic must not leave it running for good.
struct Running<'a, T: Lifecycle>(&'a T);

impl<T: Lifecycle> Drop for Running<'_, T> {
    fn drop(&mut self) {
        if self.0.stage() == Stage::Running {
            self.0.set_stage(Stage::Finished);
        }
    }
}

/// Resumes the coroutine, with `thrown` raised where it waits.
///
/// # Errors
/// What it raises; ValueError when it executes, RuntimeError when it is over.
#[inline]
fn advance<T: Lifecycle>(this: &Ref<T>, thrown: Option<Obj>) -> Outcome<Sent> {
    let from = this.stage();
    match from {
        Stage::Created | Stage::Suspended => {}
        Stage::Running => {
            let text = "coroutine already executing";
            return Err(Raised::value_error(this.py(), text));
        }
        Stage::Finished => {
            let text = "cannot reuse already awaited coroutine";
            return Err(Raised::runtime_error(this.py(), text));
        }
    }
    if let (Stage::Created, Some(exception)) = (from, &thrown) {
        this.set_stage(Stage::Finished);
        this.abandon();
        return Err(Raised::raise(exception.clone()));
    }
    this.set_stage(Stage::Running);
    let running = Running(&**this);
    let sent = T::resume(this, from, thrown);
    if let Ok(Sent::Yielded(_)) = &sent {
        this.set_stage(Stage::Suspended);
    }
    drop(running);
    sent.map_err(|raised| no_stop_iteration(this.py(), raised))
}

/// A StopIteration that leaves a coroutine would look like its end (PEP 479).
fn no_stop_iteration(py: Python<'_>, raised: Raised) -> Raised {
    if !raised.is_stop_iteration(py) {
        return raised;
    }
    let exception = raised.take(py);
    caused_by("coroutine raised StopIteration", &exception).unwrap_or_else(|raised| raised)
}

/// `RuntimeError(text)` with `exception` for its cause and its context (`_PyErr_FormatFromCause`).
fn caused_by(text: &str, exception: &Obj) -> Outcome<Raised> {
    let py = exception.py();
    let class = Obj::from(py.get_type::<pyo3::exceptions::PyRuntimeError>());
    let error = Raised::instance(&class, text)?;
    for name in [intern!(py, "__cause__"), intern!(py, "__context__")] {
        call::set_attr(&error, name, exception)?;
    }
    Ok(Raised::raise(error))
}

/// What `await awaitable` iterates over (`_PyCoro_GetAwaitableIter`).
///
/// # Errors
/// TypeError for what cannot be awaited; what `__await__` raises.
pub fn iterator_of(awaitable: &Obj) -> Outcome {
    let py = awaitable.py();
    if let Some(future) = awaitable.downcast_exact::<FutureData>() {
        return awaiting::of(future);
    }
    if awaitable.type_is(imports::coroutine_type(py)) {
        // Only what is delegated to cannot be awaited a second time; what executes says so when it is sent to.
        if !call::attr(awaitable, intern!(py, "cr_await"))?.is_none() {
            return Err(awaited_already(py));
        }
        return Ok(awaitable.clone());
    }
    let class = Obj::from(awaitable.bind().get_type());
    if let Some(function) = call::optional_attr(&class, intern!(py, "__await__"))? {
        return checked(&class, call::call(&function, [awaitable])?);
    }
    if is_marked_generator(awaitable)? {
        return Ok(awaitable.clone());
    }
    let name = name_of(&class)?;
    let text = if PY_3_14 {
        format!("'{name}' object can't be awaited")
    } else {
        format!("object {name} can't be used in 'await' expression")
    };
    Err(Raised::type_error(py, text))
}

/// A generator that `types.coroutine` has marked (`gen_is_coroutine`).
fn is_marked_generator(object: &Obj) -> Outcome<bool> {
    let py = object.py();
    if !object.type_is(imports::generator_type(py)) {
        return Ok(false);
    }
    let code = object.bind().getattr(intern!(py, "gi_code"))?;
    let flags: u32 = code.getattr(intern!(py, "co_flags"))?.extract()?;
    Ok(flags & ITERABLE_COROUTINE != 0)
}

/// What the `__await__` of `class` has returned, if it may be iterated over.
fn checked(class: &Obj, iterator: Obj) -> Outcome {
    let py = class.py();
    let is_coroutine =
        iterator.type_is(imports::coroutine_type(py)) || is_marked_generator(&iterator)?;
    if !is_coroutine && iterator.bind().cast::<PyIterator>().is_ok() {
        return Ok(iterator);
    }
    let found = Obj::from(iterator.bind().get_type());
    let text = match (PY_3_15, is_coroutine) {
        (true, _) => {
            let (class, found) = (full_name_of(class)?, full_name_of(&found)?);
            let found = if is_coroutine { "coroutine" } else { &*found };
            format!("{class}.__await__() must return an iterator, not {found}")
        }
        (false, true) => String::from("__await__() returned a coroutine"),
        (false, false) => {
            let found = name_of(&found)?;
            format!("__await__() returned non-iterator of type '{found}'")
        }
    };
    Err(Raised::type_error(py, text))
}

fn name_of(class: &Obj) -> Outcome<String> {
    let name = class.bind().getattr(intern!(class.py(), "__name__"))?;
    Ok(name.extract()?)
}

/// With the module, where that is neither `builtins` nor `__main__`.
fn full_name_of(class: &Obj) -> Outcome<String> {
    let name = class.bind().cast::<PyType>()?.fully_qualified_name()?;
    Ok(name.extract()?)
}

#[cold]
fn awaited_already(py: Python<'_>) -> Raised {
    Raised::runtime_error(py, "coroutine is being awaited already")
}

/// `__await__`, which the interpreter asks of all coroutines but its own. It asks its own whether they are awaited.
fn awaiter<T: Lifecycle>(this: &Ref<T>) -> Outcome {
    if this.stage() == Stage::Suspended {
        return Err(awaited_already(this.py()));
    }
    Ok(this.as_obj().clone())
}

/// Throws into an awaited iterator as a generator does that delegates to it (`_gen_throw`): GeneratorExit closes it.
///
/// # Errors
/// What the iterator makes of the exception.
pub fn throw_into(iterator: &Obj, exception: &Obj) -> Outcome<Sent> {
    let py = iterator.py();
    let is_exit = exception
        .bind()
        .is_instance_of::<pyo3::exceptions::PyGeneratorExit>();
    let name = if is_exit {
        intern!(py, "close")
    } else {
        intern!(py, "throw")
    };
    let Some(method) = call::optional_attr(iterator, name)? else {
        return Err(Raised::raise(exception.clone()));
    };
    if is_exit {
        call::call0(&method)?;
        return Err(Raised::raise(exception.clone()));
    }
    coroutine::throw(iterator, exception)
}

/// Whether origins of coroutines have ever been asked for: asking the interpreter costs as much as half an operation that
/// ends at once. A loop of ours looks when it begins to run and when its debug mode changes.
static ORIGINS_WANTED: AtomicBool = AtomicBool::new(false);

/// Looks whether the interpreter is to track origins (`sys.set_coroutine_origin_tracking_depth`).
///
/// # Errors
/// What asking raises.
pub fn look_for_origin_tracking(py: Python<'_>) -> Outcome<()> {
    if tracking_depth(py)? > 0 {
        ORIGINS_WANTED.store(true, Ordering::Relaxed);
    }
    Ok(())
}

fn tracking_depth(py: Python<'_>) -> Outcome<usize> {
    let depth = call::call0(imports::coroutine_origin_tracking_depth(py))?;
    Ok(depth.bind().extract()?)
}

/// Where the coroutine is made, as debug mode wants to know: a tuple of `(filename, lineno, function)`.
///
/// # Errors
/// `MemoryError`.
#[inline]
pub fn origin(py: Python<'_>) -> Outcome<Option<Obj>> {
    if !ORIGINS_WANTED.load(Ordering::Relaxed) {
        return Ok(None);
    }
    current_origin(py)
}

#[cold]
fn current_origin(py: Python<'_>) -> Outcome<Option<Obj>> {
    let depth = tracking_depth(py)?;
    if depth == 0 {
        return Ok(None);
    }
    let sys = imports::sys(py).bind();
    let places = PyList::empty(py);
    let mut frame = sys.call_method0(intern!(py, "_getframe"))?;
    while !frame.is_none() && places.len() < depth {
        let code = frame.getattr(intern!(py, "f_code"))?;
        places.append((
            code.getattr(intern!(py, "co_filename"))?,
            frame.getattr(intern!(py, "f_lineno"))?,
            code.getattr(intern!(py, "co_name"))?,
        ))?;
        frame = frame.getattr(intern!(py, "f_back"))?;
    }
    Ok(Some(Obj::from(places.to_tuple())))
}

/// `Payload::finalize` of a coroutine: warns when it was never awaited, closes it when it waits.
pub fn finalize<T: Lifecycle>(this: &Ref<T>) {
    let py = this.py();
    let ended = match this.stage() {
        Stage::Created => warn_never_awaited(this),
        Stage::Suspended => close(this).map(drop),
        Stage::Running | Stage::Finished => Ok(()),
    };
    if let Err(raised) = ended {
        raised.unraisable(py, Some(this.as_obj()));
    }
}

/// RuntimeWarning "coroutine '...' was never awaited".
fn warn_never_awaited<T: Lifecycle>(this: &Ref<T>) -> Outcome<()> {
    let py = this.py();
    this.set_stage(Stage::Finished);
    call::method(
        imports::warnings(py),
        intern!(py, "_warn_unawaited_coroutine"),
        [this.as_obj()],
    )
    .map(drop)
}

#[inline]
fn step<T: Lifecycle>(this: &Ref<T>, value: &Obj) -> Outcome<Sent> {
    if this.stage() == Stage::Created && !value.is_none() {
        return Err(Raised::type_error(
            this.py(),
            "can't send non-None value to a just-started coroutine",
        ));
    }
    advance(this, None)
}

/// What `send` and `throw` give to Python code: the end is a StopIteration.
fn as_python_sees(py: Python<'_>, sent: Sent) -> Outcome {
    match sent {
        Sent::Yielded(value) => Ok(value),
        Sent::Returned(value) => {
            let class = Obj::from(py.get_type::<pyo3::exceptions::PyStopIteration>());
            Err(call::raise(&call::call(&class, [&value])?))
        }
    }
}

fn send<T: Lifecycle>(this: &Ref<T>, value: &Obj) -> Outcome {
    as_python_sees(this.py(), step(this, value)?)
}

fn throw<T: Lifecycle>(this: &Ref<T>, args: Args<'_>) -> Outcome {
    let py = this.py();
    let exception = awaiting::thrown(py, args)?;
    as_python_sees(py, advance(this, Some(exception))?)
}

fn close<T: Lifecycle>(this: &Ref<T>) -> Outcome {
    let py = this.py();
    match this.stage() {
        Stage::Finished => return Ok(Obj::none(py)),
        Stage::Created => {
            this.set_stage(Stage::Finished);
            this.abandon();
            return Ok(Obj::none(py));
        }
        Stage::Running | Stage::Suspended => {}
    }
    let class = Obj::from(py.get_type::<pyo3::exceptions::PyGeneratorExit>());
    let exit = call::call0(&class)?;
    match advance(this, Some(exit)) {
        Ok(Sent::Yielded(_)) => Err(Raised::runtime_error(py, "coroutine ignored GeneratorExit")),
        Ok(Sent::Returned(_)) => Ok(Obj::none(py)),
        Err(raised) => {
            let exception = raised.take(py);
            let is_exit = exception
                .bind()
                .is_instance_of::<pyo3::exceptions::PyGeneratorExit>();
            if is_exit {
                return Ok(Obj::none(py));
            }
            Err(Raised::raise(exception))
        }
    }
}

fn or_none(py: Python<'_>, value: Option<Obj>) -> Outcome {
    Ok(value.unwrap_or_else(|| Obj::none(py)))
}

fn name<T: Lifecycle>(this: &Ref<T>) -> Outcome {
    let name = this.qualified_name();
    let last = name.rsplit('.').next().unwrap_or(name);
    Ok(Obj::str(this.py(), last))
}

fn repr<T: Lifecycle>(this: &Ref<T>) -> Outcome {
    let text = format!(
        "<coroutine object {} at {:p}>",
        this.qualified_name(),
        this.as_obj().as_ptr()
    );
    Ok(Obj::str(this.py(), &text))
}

/// Gives a type all of a coroutine's protocol.
pub fn coroutine<T: Lifecycle>(builder: TypeBuilder<T>) -> TypeBuilder<T> {
    builder
        .no_constructor()
        .finalizer()
        .repr(repr)
        // `yield from` in a generator-based coroutine asks for an iterator.
        .iter(|this| Ok(this.as_obj().clone()))
        .awaiting(awaiter)
        .step(step)
        .method1(
            c"send",
            c"send($self, value, /)\n--\n\nResume the coroutine.",
            send,
        )
        .method(
            c"throw",
            c"throw($self, type, value=None, traceback=None, /)\n--\n\n\
              Raise an exception where the coroutine waits.",
            throw,
        )
        .method0(
            c"close",
            c"close($self, /)\n--\n\nRaise GeneratorExit where the coroutine waits.",
            close,
        )
        .getter(c"__name__", c"The function's name.", name)
        .getter(
            c"__qualname__",
            c"The function's name with its class.",
            |this| Ok(Obj::str(this.py(), this.qualified_name())),
        )
        .getter(c"cr_running", c"Whether the coroutine is executing.", |this| {
            Ok(Obj::bool(this.py(), this.stage() == Stage::Running))
        })
        .getter(c"cr_suspended", c"Whether the coroutine waits.", |this| {
            Ok(Obj::bool(this.py(), this.stage() == Stage::Suspended))
        })
        .getter(c"cr_await", c"What the coroutine waits for, or None.", |this| {
            or_none(this.py(), this.awaited())
        })
        .getter(
            c"cr_origin",
            c"Where the coroutine was made, or None.",
            |this| or_none(this.py(), this.origin()),
        )
        .getter(c"cr_frame", c"None: there is no Python frame.", |this| {
            Ok(Obj::none(this.py()))
        })
        .getter(c"cr_code", c"None: there is no Python code.", |this| {
            Ok(Obj::none(this.py()))
        })
}
