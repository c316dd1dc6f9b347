//! `ChildWatch`: the loop waits for a child process to end, by a process descriptor in its poller.
//!
//! The poller's book owns the descriptor, so that a closed loop leaves none behind. What happens at the end of the process
//! is Python's (`python/asyncioxide/_process.py`): it reaps through the watch and closes it. Where the kernel or a sandbox
//! has no process descriptors, `start` raises OSError, and a thread waits instead.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use pyo3::Python;
use pyo3::types::{PyAnyMethods, PyInt};
use reactor::poll::{Event, Token};
use reactor::{Child, Interest};

use crate::handle::handle::{self, Arguments, HandleData};
use crate::handle::schedule::{Entry, Scheduler, Source};
use crate::py::cell::Slot;
use crate::py::errors::{Outcome, Raised};
use crate::py::gc::Visitor;
use crate::py::instance::{Payload, Ref, TypeSlot};
use crate::py::object::Obj;
use crate::py::slots::TypeBuilder;

static TYPE: TypeSlot = TypeSlot::new();

/// What Python holds of a watched process.
pub struct ChildWatch {
    scheduler: Slot<Ref<Scheduler>>,
    source: RefCell<Weak<ChildSource>>,
    token: Cell<Option<Token>>,
}

/// The process in the poller.
struct ChildSource {
    /// None in a forked child, whose child this is not.
    child: RefCell<Option<Child>>,
    /// Called whenever the poller finds that the process has ended.
    handle: Slot<Ref<HandleData>>,
}

impl Source for ChildSource {
    fn ready(self: Rc<Self>, scheduler: &Scheduler, _event: Event) {
        if let Some(handle) = self.handle.get().filter(|handle| !handle.is_cancelled()) {
            scheduler.push(Entry::Handle(handle));
        }
    }

    fn fire(&self, _event: Event) -> Outcome<()> {
        Ok(())
    }

    fn visit(&self, visitor: &mut Visitor) {
        visitor.slot(&self.handle);
    }

    fn disown(&self) {
        drop(self.child.take());
    }
}

impl Payload for ChildWatch {
    const TYPE: &'static TypeSlot = &TYPE;

    fn blank() -> Self {
        Self {
            scheduler: Slot::default(),
            source: RefCell::default(),
            token: Cell::new(None),
        }
    }

    fn visit(&self, visitor: &mut Visitor) {
        visitor.slot(&self.scheduler);
    }

    fn clear(&self) {
        self.scheduler.set(None);
    }
}

impl ChildWatch {
    fn source(&self) -> Option<Rc<ChildSource>> {
        self.source.borrow().upgrade()
    }

    /// The process leaves the poller, and its descriptor is closed.
    fn close(&self) {
        let Some(token) = self.token.take() else {
            return;
        };
        if let Some(source) = self.source() {
            source.handle.set(None);
        }
        if let Some(scheduler) = self.scheduler.take() {
            scheduler.deregister(token);
        }
    }
}

/// Calls `callback()` on the loop when the child `pid` has ended, until the watch is closed.
///
/// # Errors
/// OSError of pidfd_open(2) and epoll_ctl(2), ProcessLookupError when the child was reaped; RuntimeError on a closed loop.
pub fn start(scheduler: &Ref<Scheduler>, pid: i32, callback: &Obj) -> Outcome<Ref<ChildWatch>> {
    let py = scheduler.py();
    scheduler.check_closed(py)?;
    let child = Child::open(pid).map_err(|error| Raised::os_error(py, &error))?;
    let fd = child.fd();
    let handle = handle::make(scheduler, callback, Arguments::None, None)?;
    let source = Rc::new(ChildSource {
        child: RefCell::new(Some(child)),
        handle: Slot::new(Some(handle)),
    });
    let weak = Rc::downgrade(&source);
    let token = scheduler.register(py, fd, Interest::READABLE, source)?;
    let watch = ChildWatch {
        scheduler: Slot::new(Some(scheduler.clone())),
        source: RefCell::new(weak),
        token: Cell::new(Some(token)),
    };
    match Ref::alloc(py, watch, None) {
        Ok(watch) => Ok(watch),
        Err(raised) => {
            scheduler.deregister(token);
            Err(raised)
        }
    }
}

/// The return code of the child, which is reaped by this; None while it lives, and when nothing is watched any more.
fn reap(this: &Ref<ChildWatch>) -> Outcome {
    let py = this.py();
    let Some(source) = this.source() else {
        return Ok(Obj::none(py));
    };
    let reaped = source.child.borrow().as_ref().map(Child::reap);
    match reaped.unwrap_or(Ok(None)) {
        Ok(Some(exit)) => Ok(Obj::from(PyInt::new(py, exit.returncode()))),
        Ok(None) => Ok(Obj::none(py)),
        Err(error) => Err(Raised::os_error(py, &error)),
    }
}

/// Builds the type.
///
/// # Errors
/// What making a type raises.
pub fn build(py: Python<'_>) -> Outcome {
    TypeBuilder::<ChildWatch>::new(
        c"asyncioxide._ChildWatch",
        c"A child process whose end the loop waits for.",
    )
    .no_constructor()
    .method0(
        c"reap",
        c"reap($self, /)\n--\n\nReap the child: its return code, or None while it lives.",
        reap,
    )
    .method0(
        c"fileno",
        c"fileno($self, /)\n--\n\nThe process descriptor; -1 once nothing is watched.",
        |this| {
            let fd = this.source().and_then(|source| {
                let child = source.child.borrow();
                child.as_ref().map(|child| child.fd().raw())
            });
            let fd = fd.unwrap_or(-1);
            Ok(Obj::from(PyInt::new(this.py(), fd)))
        },
    )
    .method0(c"close", c"close($self, /)\n--\n\nStop watching.", |this| {
        this.close();
        Ok(Obj::none(this.py()))
    })
    .build(py)
}

/// The number of a process.
///
/// # Errors
/// TypeError for what is no number, OverflowError for what is too large.
pub fn pid_of(object: &Obj) -> Outcome<i32> {
    Ok(object.bind().extract()?)
}
