//! `Snapshot`: one copy of the current context for all who ask for one while its variables stay the same.
//!
//! asyncio copies the context for every callback when the callback is scheduled, and for every task when it is made. The
//! variables of a context are an immutable map, so a copy is a new object around the same map, and a hundred thousand
//! waiting callbacks are a hundred thousand collected objects around one map. Here they share one copy, which nobody
//! enters; each gets a copy of that when it runs, or the one that the callback or task before it had, if that one has
//! changed nothing in it and nobody else has it. 200 000 timers that are created and cancelled cost 750 ns each with
//! this and 1035 without; a waiting task is smaller by a context.
//!
//! The map's address, which tells whether the variables are still the same, is no part of the API. `prepare` checks at
//! import that it is where this file looks; where it is not, every request gets a copy of its own.
#![allow(
    unsafe_code,
    reason = "reads the current context's variables, which have no API"
)]

use std::cell::Cell;
use std::ffi::c_void;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, Ordering};

use pyo3::{Python, ffi};

use super::cell::Slot;
use super::context;
use super::errors::Outcome;
use super::gc::Visitor;
use super::object::Obj;

/// Where `PyThreadState` has the current context. The struct is the same in all releases of a version.
const CURRENT_OFFSET: usize = if cfg!(Py_3_12) { 208 } else { 224 };
/// Where a context has its variables: behind the header and the context entered before.
const VARIABLES_OFFSET: usize = size_of::<ffi::PyObject>() + size_of::<*mut ffi::PyObject>();

/// Whether both offsets were found to be right.
static IS_LAYOUT_KNOWN: AtomicBool = AtomicBool::new(false);

/// A copy of the current context, as long as nobody changes a variable.
#[derive(Default)]
pub struct Snapshot {
    copy: Slot,
    /// A copy of it that a callback has left as it was.
    used: Slot,
    /// The map that `copy` was made of. `copy` keeps it alive, so no other map has its address.
    variables: Cell<usize>,
}

impl Snapshot {
    /// A copy of the current context, shared with others: to be copied before it is entered or shown to anybody.
    ///
    /// # Errors
    /// `MemoryError`.
    #[inline]
    pub fn get(&self, py: Python<'_>) -> Outcome {
        let variables = current_variables(py).addr();
        if variables != 0
            && variables == self.variables.get()
            && let Some(copy) = self.copy.get()
        {
            return Ok(copy);
        }
        let copy = context::copy_current(py)?;
        self.variables.set(variables);
        self.copy.set(Some(copy.clone()));
        Ok(copy)
    }

    /// Lends a copy of `shared`, which came from `get`, to be entered once.
    #[inline]
    fn lend_once(&self, shared: &Obj) -> Outcome {
        match self.used.take() {
            Some(used) if are_alike(&used, shared) => Ok(used),
            _ => context::copy(shared),
        }
    }

    /// The same for one who asks again and again. None when a copy of another context is at hand: he alternates with
    /// others, and does better with a copy of his own.
    #[inline]
    fn lend(&self, shared: &Obj) -> Outcome<Option<Obj>> {
        match self.used.take() {
            None => context::copy(shared).map(Some),
            Some(used) if are_alike(&used, shared) => Ok(Some(used)),
            other => {
                self.used.set(other);
                Ok(None)
            }
        }
    }

    /// Runs `body` in a copy of `shared`, which came from `get` and nobody enters.
    ///
    /// # Errors
    /// What `body` gave; `MemoryError`.
    #[inline]
    pub fn run_in_copy<R>(&self, shared: &Obj, body: impl FnOnce() -> Outcome<R>) -> Outcome<R> {
        let lent = self.lend_once(shared)?;
        let result = context::run_in(&lent, body);
        drop(self.take_back(lent, shared));
        result
    }

    /// Takes back what was lent, or returns it: it is no longer like `shared`, or somebody else has it too.
    #[inline]
    fn take_back(&self, lent: Obj, shared: &Obj) -> Option<Obj> {
        if lent.is_unshared() && are_alike(&lent, shared) {
            self.used.set(Some(lent));
            return None;
        }
        Some(lent)
    }

    /// Lets go of copies that hold what nobody else does: a loop that always has something to do must not keep a variable's
    /// value alive.
    #[inline]
    pub fn release_unused(&self) {
        if self.copy.is_unshared() {
            self.clear();
        } else if self.used.is_some() && variables_in(&self.used) != variables_in(&self.copy) {
            self.used.set(None);
        }
    }

    /// Lets go of the copies, and of the values that only they keep alive.
    #[inline]
    pub fn clear(&self) {
        self.variables.set(0);
        self.copy.set(None);
        self.used.set(None);
    }

    /// Shows the copies to the collector.
    pub fn visit(&self, visitor: &mut Visitor) {
        visitor.slot(&self.copy);
        visitor.slot(&self.used);
    }
}

/// The context of a handle or a task: its own, or the loop's snapshot until somebody asks for it or it is changed.
#[derive(Default)]
pub struct SharedContext {
    slot: Slot,
    state: Cell<State>,
}

/// What a `SharedContext` holds.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum State {
    /// A context that stays the same object.
    #[default]
    Own,
    /// The snapshot, to be copied before anybody gets it.
    Shared,
    /// A copy that the loop lends for as long as something runs in it.
    Lent,
}

impl SharedContext {
    /// `given`, or else what the current context is.
    ///
    /// # Errors
    /// `MemoryError`.
    #[inline]
    pub fn new(py: Python<'_>, given: Option<&Obj>, snapshot: Option<&Snapshot>) -> Outcome<Self> {
        let (context, state) = match (given, snapshot) {
            (Some(given), _) => (given.clone(), State::Own),
            (None, Some(snapshot)) => (snapshot.get(py)?, State::Shared),
            (None, None) => (context::copy_current(py)?, State::Own),
        };
        Ok(Self {
            slot: Slot::new(Some(context)),
            state: Cell::new(state),
        })
    }

    /// Takes the place of what is there.
    pub fn set(&self, other: Self) {
        self.state.set(other.state.get());
        self.slot.set(other.slot.take());
    }

    /// The context, which from now on stays this one; none before there is one.
    ///
    /// # Errors
    /// `MemoryError`.
    #[inline]
    pub fn get(&self) -> Outcome<Option<Obj>> {
        let context = self.slot.get();
        if self.state.get() != State::Shared {
            self.state.set(State::Own);
            return Ok(context);
        }
        let own = context.map(|context| context::copy(&context)).transpose()?;
        self.state.set(State::Own);
        self.slot.set(own.clone());
        Ok(own)
    }

    /// Runs a callback in the context, in a lent one if it is shared.
    ///
    /// # Errors
    /// What `body` gave; RuntimeError when the context is entered already; `MemoryError`.
    #[inline]
    pub fn run_once<R>(
        &self,
        snapshot: &Snapshot,
        body: impl FnOnce() -> Outcome<R>,
    ) -> Outcome<R> {
        match self.shared() {
            Some(shared) => self.run_in_lent(snapshot, snapshot.lend_once(&shared)?, shared, body),
            None => self.run(body),
        }
    }

    /// `run_once`, where nobody can ask for the context meanwhile.
    ///
    /// # Errors
    /// As `run_once`.
    #[inline]
    pub fn run_alone<R>(
        &self,
        snapshot: &Snapshot,
        body: impl FnOnce() -> Outcome<R>,
    ) -> Outcome<R> {
        let Some(shared) = self.shared() else {
            return self.run(body);
        };
        let lent = snapshot.lend_once(&shared)?;
        let result = context::run_in(&lent, body);
        if let Some(changed) = snapshot.take_back(lent, &shared) {
            self.state.set(State::Own);
            self.slot.set(Some(changed));
        }
        result
    }

    /// Runs one of many steps in the context, in a lent one if it is shared.
    ///
    /// # Errors
    /// As `run_once`.
    #[inline]
    pub fn run_step<R>(
        &self,
        snapshot: &Snapshot,
        body: impl FnOnce() -> Outcome<R>,
    ) -> Outcome<R> {
        if let Some(shared) = self.shared()
            && let Some(lent) = snapshot.lend(&shared)?
        {
            return self.run_in_lent(snapshot, lent, shared, body);
        }
        self.run(body)
    }

    /// Runs `body` in the context, which from now on stays this one.
    ///
    /// # Errors
    /// As `run_once`.
    #[inline]
    pub fn run<R>(&self, body: impl FnOnce() -> Outcome<R>) -> Outcome<R> {
        match self.get()? {
            Some(context) => context::run_in(&context, body),
            None => body(),
        }
    }

    #[inline]
    fn shared(&self) -> Option<Obj> {
        if self.state.get() == State::Shared {
            return self.slot.get();
        }
        None
    }

    /// Who asks for the context meanwhile gets `lent`, which then stays. It stays too if `body` has changed a variable.
    #[inline]
    fn run_in_lent<R>(
        &self,
        snapshot: &Snapshot,
        lent: Obj,
        shared: Obj,
        body: impl FnOnce() -> Outcome<R>,
    ) -> Outcome<R> {
        self.state.set(State::Lent);
        self.slot.set(Some(lent.clone()));
        let result = context::run_in(&lent, body);
        if self.state.get() == State::Lent {
            // Dropped first, so that it does not count as somebody else's.
            drop(self.slot.take());
            let (state, context) = match snapshot.take_back(lent, &shared) {
                None => (State::Shared, shared),
                Some(changed) => (State::Own, changed),
            };
            self.state.set(state);
            self.slot.set(Some(context));
        }
        result
    }

    /// Lets go of the context.
    pub fn clear(&self) {
        self.slot.set(None);
    }

    /// Shows the context to the collector.
    pub fn visit(&self, visitor: &mut Visitor) {
        visitor.slot(&self.slot);
    }
}

/// The variables of the current context; null when there is no context yet, or when the layout is unknown.
#[inline]
fn current_variables(py: Python<'_>) -> *mut ffi::PyObject {
    if !IS_LAYOUT_KNOWN.load(Ordering::Relaxed) {
        return null_mut();
    }
    let current = current_context(py);
    if current.is_null() {
        return null_mut();
    }
    // SAFETY: the thread state holds a reference to its current context, and the layout was checked.
    unsafe { variables_of(current) }
}

/// Whether two contexts are known to have the same variables with the same values.
#[inline]
fn are_alike(left: &Obj, right: &Obj) -> bool {
    // SAFETY: a live context: `get` or `context::copy` made it.
    let left = unsafe { variables_of(left.as_ptr()) };
    // SAFETY: as above.
    let right = unsafe { variables_of(right.as_ptr()) };
    IS_LAYOUT_KNOWN.load(Ordering::Relaxed) && left == right
}

/// The variables of the context in a field; null when there is none.
#[inline]
fn variables_in(slot: &Slot) -> *mut ffi::PyObject {
    let context = slot.address();
    if context.is_null() {
        return null_mut();
    }
    // SAFETY: a context, which the field keeps alive.
    unsafe { variables_of(context) }
}

#[inline]
fn current_context(py: Python<'_>) -> *mut ffi::PyObject {
    let _attached = py;
    // SAFETY: the thread is attached, so it has a state.
    let state = unsafe { ffi::PyThreadState_Get() };
    // SAFETY: the struct is larger than the offset in every supported version.
    unsafe { word(state.cast(), CURRENT_OFFSET) }
}

/// # Safety
/// `context` is a live context.
#[inline]
unsafe fn variables_of(context: *mut ffi::PyObject) -> *mut ffi::PyObject {
    // SAFETY: a context is larger than the offset.
    unsafe { word(context.cast(), VARIABLES_OFFSET) }
}

/// # Safety
/// `base` points to a struct with a pointer at `offset`.
#[inline]
unsafe fn word(base: *const c_void, offset: usize) -> *mut ffi::PyObject {
    // SAFETY: within the struct.
    let place = unsafe { base.byte_add(offset) };
    // SAFETY: a pointer is there, aligned as all fields are.
    unsafe { place.cast::<*mut ffi::PyObject>().read() }
}

/// Finds out whether this interpreter has the layout that this file expects.
///
/// # Errors
/// `MemoryError`.
pub fn prepare(py: Python<'_>) -> Outcome<()> {
    let outside = current_context(py);
    // SAFETY: the thread is attached.
    let probe = unsafe { ffi::PyContext_New() };
    // SAFETY: a new reference or null with an exception.
    let probe = unsafe { Obj::from_result(probe) }?;
    let is_known = context::run_in(&probe, || shows_changes(&probe))?;
    let is_left = current_context(py) == outside;
    IS_LAYOUT_KNOWN.store(is_known && is_left, Ordering::Relaxed);
    Ok(())
}

/// Whether the current context is found to be `probe`, and its variables change when one is set and only then.
fn shows_changes(probe: &Obj) -> Outcome<bool> {
    let py = probe.py();
    // SAFETY: the name is a C string, and no default is given.
    let variable = unsafe { ffi::PyContextVar_New(c"probe".as_ptr(), null_mut()) };
    // SAFETY: a new reference or null with an exception.
    let variable = unsafe { Obj::from_result(variable) }?;
    if current_context(py) != probe.as_ptr() {
        return Ok(false);
    }
    // SAFETY: a live context, here and below.
    let before = unsafe { variables_of(probe.as_ptr()) };
    // SAFETY: a live variable and a live value.
    let token = unsafe { ffi::PyContextVar_Set(variable.as_ptr(), variable.as_ptr()) };
    // SAFETY: a new reference or null with an exception.
    drop(unsafe { Obj::from_result(token) }?);
    // SAFETY: see above.
    let after = unsafe { variables_of(probe.as_ptr()) };
    let copy = context::copy_current(py)?;
    // SAFETY: see above.
    let copied = unsafe { variables_of(copy.as_ptr()) };
    Ok(before != after && after == copied)
}
