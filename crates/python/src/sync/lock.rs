//! `Lock`. Follows `asyncio.locks.Lock`, which is the same from 3.11 to 3.15.

use std::cell::Cell;
use std::mem::offset_of;

use pyo3::Python;
use pyo3::types::PyAnyMethods;

use super::acquisition::{self, Acquire, Types, is_cancellation};
use super::object::{self, Common, Primitive, assigned, settled};
use super::waiters::Waiters;
use crate::future::any;
use crate::future::operation::Progress;
use crate::py::args::no_arguments;
use crate::py::cell::Slot;
use crate::py::errors::{Outcome, Raised};
use crate::py::gc::Visitor;
use crate::py::instance::{Payload, Ref, TypeSlot};
use crate::py::object::Obj;
use crate::py::slots::TypeBuilder;

static TYPE: TypeSlot = TypeSlot::new();
static TYPES: Types = Types::new();

/// The payload.
#[derive(Default)]
pub struct LockData {
    common: Common,
    /// Who waits.
    waiters: Waiters,
    locked: Cell<bool>,
}

impl Payload for LockData {
    const TYPE: &'static TypeSlot = &TYPE;

    fn blank() -> Self {
        Self::default()
    }

    fn visit(&self, visitor: &mut Visitor) {
        self.common.visit(visitor);
        self.waiters.visit(visitor);
    }

    fn clear(&self) {
        self.common.clear();
        self.waiters.clear();
    }
}

impl Primitive for LockData {
    const STATE: &'static [&'static str] = &["_waiters", "_locked"];

    fn common(&self) -> &Common {
        &self.common
    }
}

impl LockData {
    /// A new lock.
    ///
    /// # Errors
    /// `MemoryError`.
    pub fn make(py: Python<'_>) -> Outcome<Ref<Self>> {
        Ref::alloc(py, Self::default(), None)
    }

    /// `locked()`
    #[inline]
    pub fn is_locked(&self) -> bool {
        self.locked.get()
    }

    /// Lets the first waiter run, unless it will anyway (`_wake_up_first`).
    fn wake_first(&self, py: Python<'_>) -> Outcome<()> {
        match self.waiters.first()? {
            Some(first) if !any::is_done(&first)? => any::set_result(&first, &Obj::bool(py, true)),
            _ => Ok(()),
        }
    }
}

impl Acquire for LockData {
    const TYPES: &'static Types = &TYPES;
    const ACQUIRE: &'static str = "Lock.acquire";

    #[inline]
    fn begin(this: &Ref<Self>, waiter: &Slot) -> Outcome<Progress> {
        let py = this.py();
        let waiters = &this.waiters;
        // Whoever waits has its turn first; those who were cancelled only look as if they waited.
        if !this.locked.get() && !waiters.has_live()? {
            this.locked.set(true);
            return Ok(Progress::Done(Obj::bool(py, true)));
        }
        let future = this.common.bound.make_future(this.as_obj())?;
        waiters.push(&future)?;
        waiter.set(Some(future.clone()));
        Ok(Progress::Wait(future))
    }

    #[inline]
    fn resumed(this: &Ref<Self>, waiter: &Slot, waited: Outcome) -> Outcome<Progress> {
        let py = this.py();
        let waited = settled(py, waited);
        if let Some(future) = waiter.take() {
            this.waiters.remove(&future)?;
        }
        if let Err(exception) = waited {
            if is_cancellation(&exception)? && !this.locked.get() {
                // It may have been this one that the lock was meant for.
                this.wake_first(py)?;
            }
            return Err(Raised::raise(exception));
        }
        this.locked.set(true);
        Ok(Progress::Done(Obj::bool(py, true)))
    }

    #[inline]
    fn release(this: &Ref<Self>) -> Outcome<()> {
        if !this.locked.replace(false) {
            return Err(Raised::runtime_error(this.py(), "Lock is not acquired."));
        }
        this.wake_first(this.py())
    }
}

fn repr(this: &Ref<LockData>) -> Outcome {
    let state = if this.is_locked() {
        "locked"
    } else {
        "unlocked"
    };
    let waiters = object::waiters_text(&this.waiters)?;
    object::repr_with(this.as_obj(), &format!("{state}{waiters}"))
}

/// Builds the type and those of its operations.
///
/// # Errors
/// What making a type raises.
pub fn build(py: Python<'_>) -> Outcome {
    let builder = TypeBuilder::<LockData>::new(
        c"asyncioxide.locks.Lock",
        c"Lock()\n--\n\n\
          A lock for tasks of one event loop: at most one holds it.\n\n\
          Tasks get it in the order in which they asked. Not for several threads.\n\
          `async with lock:` holds it for the block.",
    )
    .constructor(|this, args| {
        no_arguments(this.py(), "Lock.__init__", args)?;
        this.waiters.clear();
        this.locked.set(false);
        Ok(())
    })
    .repr(repr)
    .method0(
        c"locked",
        c"locked($self)\n--\n\nWhether somebody holds the lock.",
        |this| Ok(Obj::bool(this.py(), this.is_locked())),
    )
    .method0(
        c"release",
        c"release($self)\n--\n\n\
          Give the lock back; the first of those who wait gets it.\n\n\
          RuntimeError when nobody holds it.",
        |this| LockData::release(this).map(|()| Obj::none(this.py())),
    )
    .method0(
        c"_wake_up_first",
        c"_wake_up_first($self)\n--\n\nLet the first of those who wait run.",
        |this| this.wake_first(this.py()).map(|()| Obj::none(this.py())),
    )
    .attribute(
        c"_locked",
        c"Whether somebody holds the lock.",
        |this| Ok(Obj::bool(this.py(), this.is_locked())),
        |this, value| {
            let is_locked = assigned(this, value)?.bind().is_truthy()?;
            this.locked.set(is_locked);
            Ok(())
        },
    )
    .attribute(
        c"_waiters",
        c"The futures of those who wait; None before there was one.",
        |this| this.waiters.share_if_used(this.py()),
        |this, value| {
            this.waiters.replace(&assigned(this, value)?);
            Ok(())
        },
    );
    let class = object::build(py, object::common(builder, offset_of!(LockData, common)))?;
    acquisition::add_acquire::<LockData>(
        &class,
        "acquire(self)\n--\n\n\
         Wait until nobody holds the lock, and hold it. True, always.",
    )?;
    acquisition::add_context_manager::<LockData>(py, &class)?;
    Ok(class)
}
