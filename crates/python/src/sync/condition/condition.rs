//! `Condition` as Python sees it.

use std::cell::Cell;
use std::mem::offset_of;

use pyo3::types::{PyAnyMethods, PyInt, PyString};
use pyo3::{Python, intern};

use super::operations;
use crate::future::any;
use crate::future::operation::Progress;
use crate::py::args::{Args, Signature};
use crate::py::call;
use crate::py::cell::Slot;
use crate::py::errors::{Outcome, Raised};
use crate::py::gc::Visitor;
use crate::py::instance::{Payload, Ref, TypeSlot};
use crate::py::object::Obj;
use crate::py::slots::TypeBuilder;
use crate::sync::acquisition::{self, Acquire, Types, acquire_any, release_any};
use crate::sync::lock::LockData;
use crate::sync::object::{self, Common, Primitive, assigned, is_plain, no_attribute};
use crate::sync::waiters::Waiters;

static TYPE: TypeSlot = TypeSlot::new();
static TYPES: Types = Types::new();

/// The payload.
#[derive(Default)]
pub struct ConditionData {
    pub(super) common: Common,
    /// Who waits.
    pub(super) waiters: Waiters,
    lock: Slot,
    /// `locked`, `acquire` and `release`, which are the lock's. None where the lock is a plain one of ours: then they are
    /// made when somebody asks.
    exported: [Slot; 3],
}

/// What a condition takes over from its lock, in the order in which asyncio asks for it.
const EXPORTED: [&str; 3] = ["locked", "acquire", "release"];

impl Payload for ConditionData {
    const TYPE: &'static TypeSlot = &TYPE;

    fn blank() -> Self {
        Self::default()
    }

    fn visit(&self, visitor: &mut Visitor) {
        self.common.visit(visitor);
        self.waiters.visit(visitor);
        visitor.slot(&self.lock);
        self.exported.iter().for_each(|method| visitor.slot(method));
    }

    fn clear(&self) {
        self.common.clear();
        self.waiters.clear();
        self.lock.set(None);
        self.exported.iter().for_each(|method| method.set(None));
    }
}

impl Primitive for ConditionData {
    const STATE: &'static [&'static str] = &["_lock", "locked", "acquire", "release", "_waiters"];

    fn common(&self) -> &Common {
        &self.common
    }
}

impl ConditionData {
    /// A new condition with a new lock.
    ///
    /// # Errors
    /// `MemoryError`.
    pub fn make(py: Python<'_>) -> Outcome<Ref<Self>> {
        let data = Self {
            lock: Slot::new(Some(LockData::make(py)?.into_obj())),
            ..Self::default()
        };
        Ref::alloc(py, data, None)
    }

    /// The lock, if it is one of ours and its methods are the condition's.
    #[inline]
    fn own_lock(&self) -> Option<Ref<LockData>> {
        if self.exported.iter().any(Slot::is_some) {
            return None;
        }
        let lock = self.lock.get()?;
        lock.downcast_exact::<LockData>().cloned()
    }

    /// Wakes up to `count` of those who wait and were not woken yet (`_notify`).
    ///
    /// # Errors
    /// What `count` raises when it is compared.
    pub fn wake(&self, count: &Obj) -> Outcome<()> {
        let woken = Obj::bool(count.py(), false);
        let small = count.bind().extract::<i64>().ok();
        let number = Cell::new(0_i64);
        // No waiter leaves the queue before its task runs, so each is met once.
        self.waiters.find(|waiter| {
            let is_enough = match small {
                Some(count) => number.get() >= count,
                None => count.bind().le(number.get())?,
            };
            if !is_enough && !any::is_done(waiter)? {
                number.set(number.get() + 1);
                any::set_result(waiter, &woken)?;
            }
            Ok(is_enough)
        })?;
        Ok(())
    }
}

/// `self.locked()`
///
/// # Errors
/// What a lock that is not ours raises.
#[inline]
pub fn is_locked(this: &Ref<ConditionData>) -> Outcome<bool> {
    match this.own_lock() {
        Some(lock) => Ok(lock.is_locked()),
        None => {
            let locked = call::method(this.as_obj(), intern!(this.py(), "locked"), [])?;
            Ok(locked.bind().is_truthy()?)
        }
    }
}

impl Acquire for ConditionData {
    const TYPES: &'static Types = &TYPES;
    const ACQUIRE: &'static str = LockData::ACQUIRE;

    #[inline]
    fn has_own_methods(this: &Ref<Self>) -> bool {
        this.own_lock().is_some()
    }

    #[inline]
    fn begin(this: &Ref<Self>, waiter: &Slot) -> Outcome<Progress> {
        match this.own_lock() {
            Some(lock) => LockData::begin(&lock, waiter),
            None => acquire_any(this.as_obj()).map(Progress::Wait),
        }
    }

    #[inline]
    fn resumed(this: &Ref<Self>, waiter: &Slot, waited: Outcome) -> Outcome<Progress> {
        match this.own_lock() {
            Some(lock) if waiter.is_some() => LockData::resumed(&lock, waiter, waited),
            _ => waited.map(Progress::Done),
        }
    }

    #[inline]
    fn release(this: &Ref<Self>) -> Outcome<()> {
        match this.own_lock() {
            Some(lock) => LockData::release(&lock),
            None => release_any(this.as_obj()),
        }
    }
}

/// `notify(count)`, as this class has it.
///
/// # Errors
/// RuntimeError when the lock is not held.
pub fn notify(this: &Ref<ConditionData>, count: &Obj) -> Outcome<()> {
    if !is_locked(this)? {
        let text = "cannot notify on un-acquired lock";
        return Err(Raised::runtime_error(this.py(), text));
    }
    this.wake(count)
}

/// `self.notify_all()`
///
/// # Errors
/// As `notify`.
pub fn notify_all(this: &Ref<ConditionData>) -> Outcome<()> {
    let py = this.py();
    let count = this.waiters.len()?;
    let count = Obj::from(PyInt::new(py, count).into_any());
    if is_plain(this) {
        return notify(this, &count);
    }
    call::method(this.as_obj(), intern!(py, "notify"), [&count]).map(drop)
}

fn initialise(this: &Ref<ConditionData>, args: Args<'_>) -> Outcome<()> {
    const SIGNATURE: Signature<1> = Signature::new("Condition.__init__", ["lock"], 1, 0);
    let py = this.py();
    let [lock] = SIGNATURE.bind(py, args)?;
    let lock = match lock.filter(|lock| !lock.is_none()) {
        Some(lock) => lock.clone(),
        None => LockData::make(py)?.into_obj(),
    };
    this.lock.set(Some(lock.clone()));
    this.waiters.clear();
    this.exported.iter().for_each(|method| method.set(None));
    let is_ours = lock.downcast_exact::<LockData>().is_some_and(is_plain);
    if is_ours && this.is_exact() {
        return Ok(());
    }
    for name in EXPORTED {
        let name = PyString::intern(py, name);
        call::set_attr(this.as_obj(), &name, &call::attr(&lock, &name)?)?;
    }
    Ok(())
}

/// One of the methods that are the lock's.
fn exported(this: &Ref<ConditionData>, index: usize) -> Outcome {
    if let Some(method) = this.exported[index].get() {
        return Ok(method);
    }
    let (py, name) = (this.py(), EXPORTED[index]);
    match this.own_lock() {
        Some(lock) => {
            let class = LockData::TYPE.object(py);
            let method = class.bind().getattr(name)?;
            let bound = method.call_method1(intern!(py, "__get__"), (lock.as_obj().bind(),))?;
            Ok(Obj::from(bound))
        }
        None => Err(no_attribute(this.as_obj(), name)),
    }
}

/// `cond.acquire = method`: from now on none of the three is what the lock has of its own.
fn export(this: &Ref<ConditionData>, index: usize, value: Option<&Obj>) -> Outcome<()> {
    let value = assigned(this, value)?;
    let found: Vec<Option<Obj>> = (0..EXPORTED.len())
        .map(|other| this.own_lock().map(|_| exported(this, other)).transpose())
        .collect::<Outcome<_>>()?;
    for (slot, method) in this.exported.iter().zip(found) {
        if method.is_some() {
            slot.set(method);
        }
    }
    this.exported[index].set(Some(value));
    Ok(())
}

fn repr(this: &Ref<ConditionData>) -> Outcome {
    let state = if is_locked(this)? {
        "locked"
    } else {
        "unlocked"
    };
    let waiters = object::waiters_text(&this.waiters)?;
    object::repr_with(this.as_obj(), &format!("{state}{waiters}"))
}

fn notify_method(this: &Ref<ConditionData>, args: Args<'_>) -> Outcome {
    const SIGNATURE: Signature<1> = Signature::new("Condition.notify", ["n"], 1, 0);
    let py = this.py();
    let [count] = SIGNATURE.bind(py, args)?;
    let one = Obj::from(PyInt::new(py, 1).into_any());
    notify(this, count.unwrap_or(&one))?;
    Ok(Obj::none(py))
}

fn attributes(builder: TypeBuilder<ConditionData>) -> TypeBuilder<ConditionData> {
    builder
        .attribute(
            c"locked",
            c"The lock's method.",
            |this| exported(this, 0),
            |this, value| export(this, 0, value),
        )
        .attribute(
            c"acquire",
            c"The lock's method.",
            |this| exported(this, 1),
            |this, value| export(this, 1, value),
        )
        .attribute(
            c"release",
            c"The lock's method.",
            |this| exported(this, 2),
            |this, value| export(this, 2, value),
        )
        .attribute(
            c"_lock",
            c"The lock.",
            |this| match this.lock.get() {
                Some(lock) => Ok(lock),
                None => Err(no_attribute(this.as_obj(), "_lock")),
            },
            |this, value| {
                this.lock.set(Some(assigned(this, value)?));
                Ok(())
            },
        )
        .attribute(
            c"_waiters",
            c"The futures of those who wait.",
            |this| this.waiters.share(this.py()),
            |this, value| {
                this.waiters.replace(&assigned(this, value)?);
                Ok(())
            },
        )
}

/// Builds the type and those of its operations.
///
/// # Errors
/// What making a type raises.
pub fn build(py: Python<'_>) -> Outcome {
    let builder = TypeBuilder::<ConditionData>::new(
        c"asyncioxide.locks.Condition",
        c"Condition(lock=None)\n--\n\n\
          A lock whose holders can wait until another holder notifies them.\n\n\
          For tasks of one event loop. lock is what the condition locks with: any object with\n\
          locked(), acquire() and release(); by default a new Lock. `async with` holds it.",
    )
    .constructor(initialise)
    .repr(repr)
    .method(
        c"notify",
        c"notify($self, n=1)\n--\n\n\
          Wake n of those who wait, or all if there are fewer, the first ones first.\n\n\
          They go on once they hold the lock again. RuntimeError when nobody holds it now.",
        notify_method,
    )
    .method0(
        c"notify_all",
        c"notify_all($self)\n--\n\nWake all who wait. RuntimeError when nobody holds the lock.",
        |this| notify_all(this).map(|()| Obj::none(this.py())),
    )
    .method(
        c"_notify",
        c"_notify($self, n)\n--\n\nWake n of those who wait, whoever holds the lock.",
        |this, args| {
            let [count] = crate::py::args::exactly(this.py(), "Condition._notify", ["n"], args)?;
            this.wake(count)?;
            Ok(Obj::none(this.py()))
        },
    );
    let builder = attributes(builder);
    let class = object::build(
        py,
        object::common(builder, offset_of!(ConditionData, common)),
    )?;
    operations::add_to(py, &class)?;
    acquisition::add_context_manager::<ConditionData>(py, &class)?;
    Ok(class)
}
