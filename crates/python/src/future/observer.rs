//! `Observer`: who is told, in Rust, that a future is done.
//!
//! `gather()`, `shield()`, `wait()` and the like have each of their futures call them back. An observer is added to a
//! future of ours as a waiting task is (`Callback::Tell`), becomes an entry of the ready queue as such a task does, and
//! costs no handle and no context of its own: it is told in a copy of the one in which it was added, which the loop lends.
//! It is a callable as well, for futures and loops that are not ours.
//!
//! Each kind of observer is a type derived from this one. An observer may say which task waits through it, and so is
//! itself the record that the future is awaited by that task (`awaited_by.rs`).

use std::cell::Cell;

use pyo3::{Python, intern};

use super::callbacks::Callback;
use super::{awaited_by, native};
use crate::py::args::{Args, exactly};
use crate::py::call;
use crate::py::cell::Slot;
use crate::py::context;
use crate::py::errors::Outcome;
use crate::py::gc::Visitor;
use crate::py::instance::{Derived, Payload, Ref, TypeSlot};
use crate::py::object::Obj;
use crate::py::slots::TypeBuilder;

static TYPE: TypeSlot = TypeSlot::new();

/// What runs: `told(observer, future)`.
type Told = fn(&Obj, &Obj) -> Outcome<()>;

/// What all observers have.
pub struct Observer {
    told: Cell<Option<Told>>,
    name: Cell<&'static str>,
    awaiter: Slot,
}

impl Payload for Observer {
    const TYPE: &'static TypeSlot = &TYPE;

    fn blank() -> Self {
        Self {
            told: Cell::new(None),
            name: Cell::new(""),
            awaiter: Slot::default(),
        }
    }

    fn visit(&self, visitor: &mut Visitor) {
        visitor.slot(&self.awaiter);
    }

    fn clear(&self) {
        self.awaiter.set(None);
    }
}

impl Observer {
    /// The base of an observer that `told` is called for; `name` is what reprs of futures call it, and the task that waits
    /// through it, if it is to be known.
    pub fn new(name: &'static str, told: Told, awaiter: Option<Obj>) -> Self {
        Self {
            told: Cell::new(Some(told)),
            name: Cell::new(name),
            awaiter: Slot::new(awaiter),
        }
    }

    /// The task that waits through this observer.
    pub fn awaiter(&self) -> Option<Obj> {
        self.awaiter.get()
    }

    /// The task waits no longer. Gives the task: futures that are not ours have to be told.
    pub fn forget_awaiter(&self) -> Option<Obj> {
        self.awaiter.take()
    }
}

/// Tells an observer that `future` is done.
///
/// # Errors
/// An exception that the loop reports.
pub fn tell(observer: &Ref<Observer>, future: &Obj) -> Outcome<()> {
    if let Some(awaiter) = observer.awaiter.get()
        && native::fields(future).is_none()
    {
        awaited_by::discard(future, &awaiter)?;
    }
    match observer.told.get() {
        Some(told) => told(observer.as_obj(), future),
        None => Ok(()),
    }
}

/// `future.add_done_callback(observer)`.
///
/// # Errors
/// What scheduling, or a future that is not ours, raises.
#[inline]
pub fn observe<T: 'static>(future: &Obj, observer: &Ref<Derived<Observer, T>>) -> Outcome<()>
where
    Derived<Observer, T>: Payload,
{
    if let Some(fields) = native::fields(future) {
        let py = future.py();
        fields.ensure_alive(py)?;
        let context = match fields.scheduler() {
            Some(scheduler) => scheduler.snapshot.get(py)?,
            None => context::copy_current(py)?,
        };
        let observer = observer.as_obj().clone();
        return fields.add_callback(future, Callback::Tell { observer, context });
    }
    if let Some(awaiter) = observer.base.awaiter.get() {
        awaited_by::add(future, &awaiter)?;
    }
    let name = intern!(future.py(), "add_done_callback");
    call::method(future, name, [observer.as_obj()]).map(drop)
}

/// `future.remove_done_callback(observer)`.
///
/// # Errors
/// What a future that is not ours raises.
#[inline]
pub fn stop_observing<T: 'static>(future: &Obj, observer: &Ref<Derived<Observer, T>>) -> Outcome<()>
where
    Derived<Observer, T>: Payload,
{
    if let Some(fields) = native::fields(future) {
        fields.callbacks().remove_observer(observer.as_obj());
        return Ok(());
    }
    if let Some(awaiter) = observer.base.awaiter.get() {
        awaited_by::discard(future, &awaiter)?;
    }
    let name = intern!(future.py(), "remove_done_callback");
    call::method(future, name, [observer.as_obj()]).map(drop)
}

fn called(this: &Ref<Observer>, args: Args<'_>) -> Outcome {
    let py = this.py();
    let [future] = exactly(py, this.name.get(), ["future"], args)?;
    tell(this, future)?;
    Ok(Obj::none(py))
}

/// Builds the type.
///
/// # Errors
/// What making a type raises.
pub fn build(py: Python<'_>) -> Outcome {
    TypeBuilder::<Observer>::new(c"asyncioxide.Observer", c"A done-callback in Rust.")
        .subclassable()
        .no_constructor()
        .callable(called)
        .getter(c"__qualname__", c"The name in reprs.", |this| {
            Ok(Obj::str(this.py(), this.name.get()))
        })
        .build(py)
}
