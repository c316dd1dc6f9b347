//! `Presence`: a transport's side of its entry in the poller, and what it waits for there.

use std::cell::{Cell, OnceCell};
use std::rc::{Rc, Weak};

use reactor::{Fd, Interest};

use super::endpoint::Endpoint;
use super::link::{self, Link};
use crate::handle::schedule::Scheduler;
use crate::py::errors::{Outcome, Raised};
use crate::py::instance::Ref;

/// The way to the entry, and the interest.
pub struct Presence<T: Endpoint> {
    link: OnceCell<Weak<Link<T>>>,
    interest: Cell<Interest>,
}

impl<T: Endpoint> Default for Presence<T> {
    fn default() -> Self {
        Self {
            link: OnceCell::new(),
            interest: Cell::new(Interest::NONE),
        }
    }
}

impl<T: Endpoint> Presence<T> {
    /// What the transport waits for.
    #[inline]
    pub fn interest(&self) -> Interest {
        self.interest.get()
    }

    /// Enters the poller, and waits for nothing yet. The loop keeps the transport alive.
    ///
    /// # Errors
    /// RuntimeError on a closed loop; OSError of epoll_ctl(2).
    pub fn enter(&self, this: &Ref<T>, scheduler: &Ref<Scheduler>, fd: Fd) -> Outcome<()> {
        let link = Link::new(this.clone());
        let token = scheduler.register(this.py(), fd, Interest::NONE, link.clone())?;
        link.set_token(token);
        if self.link.set(Rc::downgrade(&link)).is_err() {
            unreachable!("a transport is opened once");
        }
        Ok(())
    }

    /// Begins or ends to wait for `part`.
    ///
    /// # Errors
    /// OSError of epoll_ctl(2).
    pub fn want(&self, this: &Ref<T>, part: Interest, wanted: bool) -> Outcome<()> {
        let interest = link::changed(self.interest.get(), part, wanted);
        if interest == self.interest.get() {
            return Ok(());
        }
        let (Some(scheduler), Some(link)) = (this.scheduler(), self.link()) else {
            return Ok(());
        };
        let Some(token) = link.token() else {
            return Ok(());
        };
        link.hold(this);
        if let Err(raised) = scheduler.set_interest(this.py(), token, interest) {
            let exception = raised.take(this.py());
            self.settle(this)?;
            return Err(Raised::raise(exception));
        }
        self.interest.set(interest);
        self.settle(this)
    }

    /// Leaves a transport that waits for nothing, neither the poller nor the end of the turn, to its user.
    ///
    /// # Errors
    /// `MemoryError`.
    pub fn settle(&self, this: &Ref<T>) -> Outcome<()> {
        if !self.interest.get().is_empty() || this.awaits_end_of_turn() {
            return Ok(());
        }
        match self.link() {
            Some(link) => link.loosen(this),
            None => Ok(()),
        }
    }

    /// Leaves the poller for good.
    pub fn leave(&self, this: &Ref<T>) {
        self.interest.set(Interest::NONE);
        if let (Some(scheduler), Some(link)) = (this.scheduler(), self.link())
            && let Some(token) = link.release()
        {
            scheduler.deregister(token);
        }
    }

    /// The entry in the poller, while there is one.
    pub fn link(&self) -> Option<Rc<Link<T>>> {
        self.link.get()?.upgrade()
    }

    /// The way to the entry, also once that is gone; none before the transport was opened.
    pub fn way(&self) -> Option<&Weak<Link<T>>> {
        self.link.get()
    }
}
