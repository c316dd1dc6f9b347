//! `Waiters`: the futures of those who wait for a primitive, oldest first.
//!
//! A queue of our own, until somebody asks for `_waiters`: tests and libraries look into asyncio's deque and put things
//! there. From then on it is a real `collections.deque`, which Python and this file share.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

use pyo3::types::{PyAnyMethods, PyList, PyListMethods};
use pyo3::{Python, intern};

use crate::future::any;
use crate::py::call;
use crate::py::cell::Slot;
use crate::py::errors::Outcome;
use crate::py::gc::Visitor;
use crate::py::imports;
use crate::py::object::Obj;

/// The queue. Nothing is called while it is borrowed.
#[derive(Default)]
pub struct Waiters {
    own: RefCell<VecDeque<Obj>>,
    /// What Python has seen as `_waiters`; takes the place of `own`.
    shared: Slot,
    /// Whether there was a waiter ever: some primitives have `None` before.
    was_used: Cell<bool>,
}

impl Waiters {
    /// Adds a future behind all others.
    ///
    /// # Errors
    /// What the shared deque raises.
    #[inline]
    pub fn push(&self, future: &Obj) -> Outcome<()> {
        self.was_used.set(true);
        if let Some(shared) = self.shared.get() {
            return call::method(&shared, intern!(future.py(), "append"), [future]).map(drop);
        }
        self.own.borrow_mut().push_back(future.clone());
        Ok(())
    }

    /// Takes a future out.
    ///
    /// # Errors
    /// ValueError when it is not in the shared deque.
    #[inline]
    pub fn remove(&self, future: &Obj) -> Outcome<()> {
        if let Some(shared) = self.shared.get() {
            return call::method(&shared, intern!(future.py(), "remove"), [future]).map(drop);
        }
        let mut own = self.own.borrow_mut();
        let removed = if own.front().is_some_and(|first| first.is(future)) {
            own.pop_front()
        } else {
            let index = own.iter().position(|waiter| waiter.is(future));
            index.and_then(|index| own.remove(index))
        };
        drop(own);
        drop(removed);
        Ok(())
    }

    /// Takes a future out, if it is there.
    ///
    /// # Errors
    /// What the shared deque raises.
    #[inline]
    pub fn discard(&self, future: &Obj) -> Outcome<()> {
        match self.shared.get() {
            Some(shared) if !shared.bind().contains(future.bind())? => Ok(()),
            _ => self.remove(future),
        }
    }

    /// How many there are.
    ///
    /// # Errors
    /// What the shared deque raises.
    #[inline]
    pub fn len(&self) -> Outcome<usize> {
        match self.shared.get() {
            Some(shared) => Ok(shared.bind().len()?),
            None => Ok(self.own.borrow().len()),
        }
    }

    /// The oldest.
    ///
    /// # Errors
    /// What the shared deque raises.
    #[inline]
    pub fn first(&self) -> Outcome<Option<Obj>> {
        if self.shared.is_some() {
            return Ok(self.all()?.into_iter().next());
        }
        Ok(self.own.borrow().front().cloned())
    }

    /// The oldest for which `is_wanted` holds.
    ///
    /// # Errors
    /// What `is_wanted` or the shared deque raises.
    #[inline]
    pub fn find(&self, is_wanted: impl Fn(&Obj) -> Outcome<bool>) -> Outcome<Option<Obj>> {
        if self.shared.is_some() {
            for waiter in self.all()? {
                if is_wanted(&waiter)? {
                    return Ok(Some(waiter));
                }
            }
            return Ok(None);
        }
        for index in 0.. {
            let Some(waiter) = self.own_at(index) else {
                break;
            };
            if is_wanted(&waiter)? {
                return Ok(Some(waiter));
            }
        }
        Ok(None)
    }

    fn own_at(&self, index: usize) -> Option<Obj> {
        self.own.borrow().get(index).cloned()
    }

    /// A copy, oldest first.
    ///
    /// # Errors
    /// What the shared deque raises.
    pub fn all(&self) -> Outcome<Vec<Obj>> {
        match self.shared.get() {
            Some(shared) => {
                let list = shared.py().get_type::<PyList>().call1((shared.bind(),))?;
                Ok(list.cast::<PyList>()?.iter().map(Obj::from).collect())
            }
            None => Ok(self.own.borrow().iter().cloned().collect()),
        }
    }

    /// Whether somebody waits who was not cancelled.
    ///
    /// # Errors
    /// What a foreign future or the shared deque raises.
    #[inline]
    pub fn has_live(&self) -> Outcome<bool> {
        if !self.shared.is_some() && self.own.borrow().is_empty() {
            return Ok(false);
        }
        let live = self.find(|waiter| Ok(!any::is_cancelled(waiter)?))?;
        Ok(live.is_some())
    }

    /// The oldest that is not done.
    ///
    /// # Errors
    /// What a foreign future or the shared deque raises.
    #[inline]
    pub fn next_pending(&self) -> Outcome<Option<Obj>> {
        self.find(|waiter| Ok(!any::is_done(waiter)?))
    }

    /// Takes the oldest out.
    ///
    /// # Errors
    /// What the shared deque raises.
    #[inline]
    pub fn pop(&self) -> Outcome<Option<Obj>> {
        let Some(shared) = self.shared.get() else {
            return Ok(self.own.borrow_mut().pop_front());
        };
        if shared.bind().is_empty()? {
            return Ok(None);
        }
        call::method(&shared, intern!(shared.py(), "popleft"), []).map(Some)
    }

    /// Takes futures out up to the first that is not done, and fulfils that one.
    ///
    /// # Errors
    /// What a foreign future or the shared deque raises.
    #[inline]
    pub fn wake_next(&self, py: Python<'_>) -> Outcome<()> {
        while let Some(future) = self.pop()? {
            if !any::is_done(&future)? {
                return any::set_result(&future, &Obj::none(py));
            }
        }
        Ok(())
    }

    /// Takes all futures out, and fulfils those that are not done.
    ///
    /// # Errors
    /// As `wake_next`.
    pub fn wake_all(&self, py: Python<'_>) -> Outcome<()> {
        while self.len()? > 0 {
            self.wake_next(py)?;
        }
        Ok(())
    }

    /// `_waiters` where asyncio always has a deque.
    ///
    /// # Errors
    /// `MemoryError`.
    pub fn share(&self, py: Python<'_>) -> Outcome {
        if let Some(shared) = self.shared.get() {
            return Ok(shared);
        }
        let own = std::mem::take(&mut *self.own.borrow_mut());
        let list = PyList::new(py, own.iter().map(Obj::bind))?;
        let shared = call::call(imports::deque(py), [&Obj::from(list.into_any())])?;
        self.shared.set(Some(shared.clone()));
        Ok(shared)
    }

    /// `_waiters` where asyncio makes the deque for the first waiter.
    ///
    /// # Errors
    /// `MemoryError`.
    pub fn share_if_used(&self, py: Python<'_>) -> Outcome {
        if self.was_used.get() {
            self.share(py)
        } else {
            Ok(Obj::none(py))
        }
    }

    /// `_waiters = value`; for `None`, the queue is empty and our own.
    pub fn replace(&self, value: &Obj) {
        self.clear();
        if !value.is_none() {
            self.shared.set(Some(value.clone()));
        }
        self.was_used.set(!value.is_none());
    }

    /// Shows everything to the collector.
    pub fn visit(&self, visitor: &mut Visitor) {
        visitor.slot(&self.shared);
        if let Ok(own) = self.own.try_borrow() {
            own.iter().for_each(|waiter| visitor.object(waiter));
        }
    }

    /// Drops everything.
    pub fn clear(&self) {
        self.shared.set(None);
        let own = std::mem::take(&mut *self.own.borrow_mut());
        drop(own);
        self.was_used.set(false);
    }
}
