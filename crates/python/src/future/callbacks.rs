//! Who is told when a future is done: asyncio's list of `(callback, context)`, with the first entry inline.
//!
//! A task that waits is an entry of its own kind, and so is an observer. It is woken through the ready queue directly; the callable that stock
//! asyncio would show in `_callbacks` is made only when somebody looks.

use std::cell::Cell;

use pyo3::types::{PyAnyMethods, PyList, PyTuple};
use pyo3::{Python, intern};

use super::observer::Observer;
use crate::handle::handle::{self, Arguments};
use crate::handle::schedule::{Entry, Scheduler};
use crate::py::call;
use crate::py::cell::Slot;
use crate::py::context;
use crate::py::errors::Outcome;
use crate::py::gc::Visitor;
use crate::py::instance::Ref;
use crate::py::object::Obj;

/// One entry.
#[derive(Clone)]
pub enum Callback {
    /// A task of the same loop waits.
    Waiter(Obj),
    /// An observer is to be told.
    Tell {
        /// Who.
        observer: Obj,
        /// What it was added in. Others have it too: it is copied before it is entered, or shown.
        context: Obj,
    },
    /// `add_done_callback`.
    Call {
        /// Called with the future.
        callback: Obj,
        /// What it runs in.
        context: Obj,
    },
}

impl Callback {
    /// The ready queue's entry for a future that is done.
    #[inline]
    pub fn entry(self, future: Obj) -> Entry {
        match self {
            Self::Waiter(task) => Entry::Wakeup(task, future),
            Self::Tell { observer, context } => Entry::Tell(observer, future, context),
            Self::Call { callback, context } => Entry::Callback {
                callback,
                future,
                context,
            },
        }
    }

    /// The same in debug mode, where a callback's handle says who made the future done. A task step is reported as its
    /// task.
    ///
    /// # Errors
    /// `MemoryError`, and what extracting a stack raises.
    #[cold]
    pub fn traced_entry(self, scheduler: &Ref<Scheduler>, future: &Obj) -> Outcome<Entry> {
        match self {
            Self::Waiter(_) | Self::Tell { .. } => Ok(self.entry(future.clone())),
            Self::Call { callback, context } => {
                let argument = Arguments::One(future.clone());
                let handle = handle::make_queued(scheduler, &callback, argument, Some(&context))?;
                Ok(Entry::Handle(handle))
            }
        }
    }

    /// The callable and its context, as Python sees them.
    ///
    /// # Errors
    /// `MemoryError`.
    pub fn parts(&self) -> Outcome<(Obj, Obj)> {
        match self {
            Self::Tell { observer, context } => Ok((observer.clone(), context::copy(context)?)),
            Self::Waiter(task) => {
                let py = task.py();
                Ok((
                    call::attr(task, intern!(py, "_wakeup"))?,
                    call::attr(task, intern!(py, "_context"))?,
                ))
            }
            Self::Call { callback, context } => Ok((callback.clone(), context.clone())),
        }
    }

    fn visit(&self, visitor: &mut Visitor) {
        match self {
            Self::Waiter(task) => visitor.object(task),
            Self::Tell {
                observer: callback,
                context,
            }
            | Self::Call { callback, context } => {
                visitor.object(callback);
                visitor.object(context);
            }
        }
    }

    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Waiter(task), Self::Waiter(other)) => task.is(other),
            (
                Self::Tell { observer, context },
                Self::Tell {
                    observer: other,
                    context: other_context,
                },
            ) => observer.is(other) && context.is(other_context),
            (
                Self::Call { callback, context },
                Self::Call {
                    callback: other,
                    context: other_context,
                },
            ) => callback.is(other) && context.is(other_context),
            _ => false,
        }
    }

    fn tells(&self, observer: &Obj) -> bool {
        matches!(self, Self::Tell { observer: own, .. } if own.is(observer))
    }
}

/// The entries in order. Nearly every future has none or one, so the rest costs one pointer until it is needed.
#[derive(Default)]
pub struct Callbacks {
    /// The task, the observer or the callable of the first entry.
    first: Slot,
    /// The first entry's context; none for a task.
    first_context: Slot,
    #[expect(
        clippy::box_collection,
        reason = "one word in every future, instead of three for the few that have more callbacks"
    )]
    more: Cell<Option<Box<Vec<Callback>>>>,
}

impl Callbacks {
    /// Appends an entry.
    #[inline]
    pub fn add(&self, callback: Callback) {
        if self.first.is_some() {
            self.with_more(|more| more.push(callback));
            return;
        }
        self.set_first(Some(callback));
    }

    fn set_first(&self, callback: Option<Callback>) {
        let (object, context) = match callback {
            None => (None, None),
            Some(Callback::Waiter(task)) => (Some(task), None),
            Some(Callback::Tell { observer, context }) => (Some(observer), Some(context)),
            Some(Callback::Call { callback, context }) => (Some(callback), Some(context)),
        };
        self.first_context.set(context);
        self.first.set(object);
    }

    fn take_first(&self) -> Option<Callback> {
        let (object, context) = (self.first.take()?, self.first_context.take());
        Some(match context {
            None => Callback::Waiter(object),
            Some(context) if object.downcast::<Observer>().is_some() => Callback::Tell {
                observer: object,
                context,
            },
            Some(context) => Callback::Call {
                callback: object,
                context,
            },
        })
    }

    /// Gives access to the entries after the first. `body` must run no Python.
    fn with_more<R>(&self, body: impl FnOnce(&mut Vec<Callback>) -> R) -> R {
        let mut more = self.more.take().unwrap_or_default();
        let result = body(&mut more);
        self.more.set((!more.is_empty()).then_some(more));
        result
    }

    /// Takes all entries out: the first one, and the rest.
    #[inline]
    pub fn take(&self) -> (Option<Callback>, Vec<Callback>) {
        (
            self.take_first(),
            self.more.take().map_or_else(Vec::new, |more| *more),
        )
    }

    /// Copies of all entries.
    pub fn snapshot(&self) -> Vec<Callback> {
        let first = self.take_first();
        let mut all: Vec<Callback> = first.iter().cloned().collect();
        self.set_first(first);
        self.with_more(|more| all.extend(more.iter().cloned()));
        all
    }

    /// Takes out every entry whose callback equals `callback`; the number of entries found.
    ///
    /// # Errors
    /// What the comparison raises; nothing is removed then.
    pub fn remove(&self, callback: &Obj) -> Outcome<usize> {
        let mut found = Vec::new();
        for entry in self.snapshot() {
            let (own, _context) = entry.parts()?;
            if own.is(callback) || own.bind().eq(callback.bind())? {
                found.push(entry);
            }
        }
        // The comparison may have run Python that changed the list, so entries are found again by identity.
        for entry in &found {
            drop(self.remove_first(|own| own.is_same(entry)));
        }
        Ok(found.len())
    }

    /// Takes out the entry of an observer, if it is there.
    #[inline]
    pub fn remove_observer(&self, observer: &Obj) {
        if self.first.is_some() {
            drop(self.remove_first(|entry| entry.tells(observer)));
        }
    }

    /// Takes out the first entry that `is_wanted`, which must run no Python.
    fn remove_first(&self, is_wanted: impl Fn(&Callback) -> bool) -> Option<Callback> {
        let first = self.take_first();
        if first.as_ref().is_some_and(&is_wanted) {
            let next = self.with_more(|more| (!more.is_empty()).then(|| more.remove(0)));
            self.set_first(next);
            return first;
        }
        self.set_first(first);
        self.with_more(|more| {
            let index = more.iter().position(is_wanted)?;
            Some(more.remove(index))
        })
    }

    /// `Future._callbacks`: a list of `(callback, context)`, or None when there is none.
    ///
    /// # Errors
    /// `MemoryError`.
    pub fn as_list(&self, py: Python<'_>) -> Outcome {
        let all = self.snapshot();
        if all.is_empty() {
            return Ok(Obj::none(py));
        }
        let list = PyList::empty(py);
        for entry in &all {
            let (callback, context) = entry.parts()?;
            use pyo3::types::PyListMethods;
            list.append(PyTuple::new(py, [callback.bind(), context.bind()])?)?;
        }
        Ok(Obj::from(list))
    }

    /// For the collector.
    pub fn visit(&self, visitor: &mut Visitor) {
        visitor.slot(&self.first);
        visitor.slot(&self.first_context);
        if let Some(more) = self.more.take() {
            more.iter().for_each(|entry| entry.visit(visitor));
            self.more.set(Some(more));
        }
    }
}
