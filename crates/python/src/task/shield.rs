//! `shield()`: a future that follows another one and does not pass its own cancellation on.
//!
//! Follows `asyncio.tasks.shield`. The inner future reports to one observer and the outer to another one; each refers to
//! the other future, as asyncio's two callbacks do.

use pyo3::{Python, intern};

use super::ensure::{Ensurer, loop_of};
use crate::future::any::{self, Became};
use crate::future::observer::{Observer, observe, stop_observing};
use crate::py::args::{Args, exactly};
use crate::py::call;
use crate::py::cell::Slot;
use crate::py::errors::Outcome;
use crate::py::gc::Visitor;
use crate::py::imports;
use crate::py::instance::{Derived, Payload, Ref, TypeSlot};
use crate::py::object::Obj;
use crate::py::slots::TypeBuilder;
use crate::py::version::PY_3_14;

static INNER_TYPE: TypeSlot = TypeSlot::new();
static OUTER_TYPE: TypeSlot = TypeSlot::new();

/// What the inner future reports to: who follows it.
pub struct Inner {
    outer: Slot,
}

/// What the outer future reports to: whom it follows, and how to stop that.
pub struct Outer {
    inner: Slot,
    observer: Slot<Ref<InnerObserver>>,
}

type InnerObserver = Derived<Observer, Inner>;
type OuterObserver = Derived<Observer, Outer>;

impl Payload for InnerObserver {
    const TYPE: &'static TypeSlot = &INNER_TYPE;

    fn blank() -> Self {
        Self {
            base: Observer::blank(),
            own: Inner {
                outer: Slot::default(),
            },
        }
    }

    fn visit(&self, visitor: &mut Visitor) {
        self.base.visit(visitor);
        visitor.slot(&self.own.outer);
    }

    fn clear(&self) {
        self.base.clear();
        self.own.outer.set(None);
    }
}

impl Payload for OuterObserver {
    const TYPE: &'static TypeSlot = &OUTER_TYPE;

    fn blank() -> Self {
        Self {
            base: Observer::blank(),
            own: Outer {
                inner: Slot::default(),
                observer: Slot::default(),
            },
        }
    }

    fn visit(&self, visitor: &mut Visitor) {
        self.base.visit(visitor);
        visitor.slot(&self.own.inner);
        visitor.slot(&self.own.observer);
    }

    fn clear(&self) {
        self.base.clear();
        self.own.inner.set(None);
        self.own.observer.set(None);
    }
}

/// `asyncio.shield(arg)`.
///
/// # Errors
/// TypeError for what cannot be awaited.
pub fn shield(py: Python<'_>, args: Args<'_>) -> Outcome {
    let [awaitable] = exactly(py, "shield", ["arg"], args)?;
    let inner = Ensurer::default().future_for(awaitable)?;
    if any::is_done(&inner)? {
        return Ok(inner);
    }
    let loop_ = loop_of(&inner)?;
    let outer = call::method(&loop_, intern!(py, "create_future"), [])?;
    let on_inner = Derived {
        base: Observer::new(
            "shield.<locals>._inner_done_callback",
            inner_done,
            awaiter_on(&loop_)?,
        ),
        own: Inner {
            outer: Slot::new(Some(outer.clone())),
        },
    };
    let on_inner = Ref::alloc(py, on_inner, None)?;
    observe(&inner, &on_inner)?;
    let on_outer = Derived {
        base: Observer::new("shield.<locals>._outer_done_callback", outer_done, None),
        own: Outer {
            inner: Slot::new(Some(inner)),
            observer: Slot::new(Some(on_inner)),
        },
    };
    observe(&outer, &Ref::alloc(py, on_outer, None)?)?;
    Ok(outer)
}

/// The current task of the loop, for call graphs since 3.14.
fn awaiter_on(loop_: &Obj) -> Outcome<Option<Obj>> {
    if !PY_3_14 {
        return Ok(None);
    }
    let py = loop_.py();
    let task = call::method(imports::tasks(py), intern!(py, "current_task"), [loop_])?;
    Ok(Some(task).filter(|task| !task.is_none()))
}

fn inner_done(observer: &Obj, inner: &Obj) -> Outcome<()> {
    let observer = observer.downcast_exact::<InnerObserver>();
    let Some(outer) = observer.and_then(|observer| observer.own.outer.get()) else {
        return Ok(());
    };
    if any::is_cancelled(&outer)? {
        // Up to 3.13 the exception counts as seen; later on it is reported as never retrieved.
        if !PY_3_14 && reporter(inner.py())?.is_none() {
            any::outcome(inner)?;
        }
        return Ok(());
    }
    match any::outcome(inner)? {
        Became::Cancelled => any::cancel(&outer),
        Became::Raised(exception) => any::set_exception(&outer, &exception),
        Became::Returned(value) => any::set_result(&outer, &value),
    }
}

fn outer_done(observer: &Obj, _outer: &Obj) -> Outcome<()> {
    let Some(own) = observer
        .downcast_exact::<OuterObserver>()
        .map(|observer| &observer.own)
    else {
        return Ok(());
    };
    let (Some(inner), Some(on_inner)) = (own.inner.get(), own.observer.get()) else {
        return Ok(());
    };
    if any::is_done(&inner)? {
        return Ok(());
    }
    stop_observing(&inner, &on_inner)?;
    let py = inner.py();
    if let Some(reporter) = reporter(py)? {
        let remove = intern!(py, "remove_done_callback");
        call::method(&inner, remove, [&reporter])?;
        call::method(&inner, intern!(py, "add_done_callback"), [&reporter])?;
    }
    Ok(())
}

/// The callback with which some releases of asyncio report an exception of the inner future at once.
fn reporter(py: Python<'_>) -> Outcome<Option<Obj>> {
    call::optional_attr(imports::tasks(py), intern!(py, "_log_on_exception"))
}

/// Builds the types.
///
/// # Errors
/// What making a type raises.
pub fn build(py: Python<'_>) -> Outcome<()> {
    TypeBuilder::<InnerObserver>::new(c"asyncioxide.ShieldInner", c"Tells the outer future.")
        .base(Observer::TYPE)
        .no_constructor()
        .build(py)?;
    TypeBuilder::<OuterObserver>::new(c"asyncioxide.ShieldOuter", c"Lets the inner future go.")
        .base(Observer::TYPE)
        .no_constructor()
        .build(py)?;
    Ok(())
}
