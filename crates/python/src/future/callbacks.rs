//! Who is told when a future is done: asyncio's list of `(callback, context)`, with the first entry inline.
//!
//! A task that waits is an entry of its own kind. It is woken through the ready queue directly; the callable that stock
//! asyncio would show in `_callbacks` is made only when somebody looks.

use std::cell::{Cell, RefCell};

use pyo3::types::{PyAnyMethods, PyList, PyTuple};
use pyo3::{Python, intern};

use crate::handle::schedule::Entry;
use crate::py::call;
use crate::py::errors::Outcome;
use crate::py::gc::Visitor;
use crate::py::object::Obj;

/// One entry.
#[derive(Clone)]
pub enum Callback {
    /// A task of the same loop waits.
    Waiter(Obj),
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
            Self::Call { callback, context } => Entry::Callback {
                callback,
                future,
                context,
            },
        }
    }

    /// The callable and its context, as Python sees them.
    ///
    /// # Errors
    /// `MemoryError`.
    pub fn parts(&self) -> Outcome<(Obj, Obj)> {
        match self {
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
            Self::Call { callback, context } => {
                visitor.object(callback);
                visitor.object(context);
            }
        }
    }

    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Waiter(task), Self::Waiter(other)) => task.is(other),
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
}

/// The entries in order.
#[derive(Default)]
pub struct Callbacks {
    first: Cell<Option<Callback>>,
    more: RefCell<Vec<Callback>>,
}

impl Callbacks {
    /// Appends an entry.
    #[inline]
    pub fn add(&self, callback: Callback) {
        let mut more = self.more.borrow_mut();
        match self.first.take() {
            None if more.is_empty() => self.first.set(Some(callback)),
            first => {
                self.first.set(first);
                more.push(callback);
            }
        }
    }

    /// Takes all entries out: the first one, and the rest.
    #[inline]
    pub fn take(&self) -> (Option<Callback>, Vec<Callback>) {
        let first = self.first.take();
        (first, std::mem::take(&mut *self.more.borrow_mut()))
    }

    /// Copies of all entries.
    pub fn snapshot(&self) -> Vec<Callback> {
        let first = self.first.take();
        let mut all: Vec<Callback> = first.iter().cloned().collect();
        self.first.set(first);
        all.extend(self.more.borrow().iter().cloned());
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
            drop(self.remove_one(entry));
        }
        Ok(found.len())
    }

    /// Takes a waiting task out.
    pub fn remove_waiter(&self, task: &Obj) {
        drop(self.remove_one(&Callback::Waiter(task.clone())));
    }

    fn remove_one(&self, entry: &Callback) -> Option<Callback> {
        match self.first.take() {
            Some(first) if first.is_same(entry) => {
                let mut more = self.more.borrow_mut();
                if !more.is_empty() {
                    self.first.set(Some(more.remove(0)));
                }
                Some(first)
            }
            first => {
                self.first.set(first);
                let mut more = self.more.borrow_mut();
                let index = more.iter().position(|own| own.is_same(entry))?;
                Some(more.remove(index))
            }
        }
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
        let first = self.first.take();
        if let Some(first) = &first {
            first.visit(visitor);
        }
        self.first.set(first);
        if let Ok(more) = self.more.try_borrow() {
            more.iter().for_each(|entry| entry.visit(visitor));
        }
    }
}
