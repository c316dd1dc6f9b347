//! `Link`: a transport's entry in the poller.
//!
//! The loop keeps a transport alive while it is read from or written to, as asyncio's selector does through the callbacks
//! it holds. A transport that is paused belongs to its user: if the user drops it, it is reported as unclosed. So the link
//! holds the transport while there is something to wait for, and remembers it weakly otherwise.
//!
//! The poller's book alone owns the link (and, for a moment, an entry of the ready queue). The transport has a `Weak` to
//! it, so that nothing is left over when a closed loop drops its book.

use std::cell::Cell;
use std::rc::Rc;

use pyo3::types::{PyWeakrefMethods, PyWeakrefReference};
use reactor::poll::{Event, Interest, Token};

use super::endpoint::Endpoint;
use crate::handle::schedule::{Entry, Scheduler, Source};
use crate::py::cell::Slot;
use crate::py::errors::Outcome;
use crate::py::gc::Visitor;
use crate::py::instance::Ref;
use crate::py::object::Obj;

/// The entry.
pub struct Link<T: Endpoint> {
    /// The transport, while the loop keeps it alive.
    held: Slot<Ref<T>>,
    /// A weak reference, while it does not.
    weak: Slot,
    token: Cell<Option<Token>>,
}

impl<T: Endpoint> Link<T> {
    /// An entry that keeps `transport` alive, until its interest first becomes none.
    pub fn new(transport: Ref<T>) -> Rc<Self> {
        Rc::new(Self {
            held: Slot::new(Some(transport)),
            weak: Slot::default(),
            token: Cell::new(None),
        })
    }

    /// The entry's name in the poller; none once it has left.
    pub fn token(&self) -> Option<Token> {
        self.token.get()
    }

    /// Gives the entry its name.
    pub fn set_token(&self, token: Token) {
        self.token.set(Some(token));
    }

    /// Keeps the transport alive.
    pub fn hold(&self, transport: &Ref<T>) {
        if !self.held.is_some() {
            self.held.set(Some(transport.clone()));
        }
    }

    /// Leaves the transport to its user.
    ///
    /// # Errors
    /// `MemoryError`.
    pub fn loosen(&self, transport: &Ref<T>) -> Outcome<()> {
        if !self.weak.is_some() {
            let weak = PyWeakrefReference::new(transport.as_obj().bind())?;
            self.weak.set(Some(Obj::from(weak)));
        }
        self.held.set(None);
        Ok(())
    }

    /// The entry leaves the poller: its name, to be deregistered. It keeps nothing alive any more.
    pub fn release(&self) -> Option<Token> {
        let token = self.token.take();
        self.held.set(None);
        token
    }

    /// The transport, if it is alive.
    #[inline]
    pub fn find(&self) -> Option<Ref<T>> {
        match self.held.get() {
            Some(transport) => Some(transport),
            None => self.find_weak(),
        }
    }

    fn find_weak(&self) -> Option<Ref<T>> {
        self.token.get()?;
        let weak = self.weak.get()?;
        let found = weak
            .bind()
            .cast::<PyWeakrefReference>()
            .ok()?
            .upgrade()
            .map(Obj::from)?;
        found.into_ref().ok()
    }
}

impl<T: Endpoint> Source for Link<T> {
    #[inline]
    fn ready(self: Rc<Self>, scheduler: &Scheduler, event: Event) {
        scheduler.push(Entry::Fired(self, event));
    }

    #[inline]
    fn fire(&self, event: Event) -> Outcome<()> {
        match self.held.get() {
            Some(transport) => T::fire(&transport, event),
            None => Ok(()),
        }
    }

    fn end_turn(&self) -> Outcome<()> {
        match self.find() {
            Some(transport) => T::end_turn(&transport),
            None => Ok(()),
        }
    }

    fn visit(&self, visitor: &mut Visitor) {
        visitor.slot(&self.held);
    }

    fn disown(&self) {
        if let Some(transport) = self.find() {
            transport.disown();
        }
    }

    fn transport(&self) -> Option<Obj> {
        self.find()
            .filter(|transport| !transport.is_closing())
            .map(Ref::into_obj)
    }
}

/// What to wait for, with `part` added or taken away.
pub fn changed(interest: Interest, part: Interest, wanted: bool) -> Interest {
    if wanted {
        interest | part
    } else {
        interest - part
    }
}
