//! A socket that connects: its entry in the poller, and how the coroutine that waits for it is woken.
//!
//! Follows `BaseSelectorEventLoop._sock_connect` and `_sock_connect_cb`.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;

use pyo3::types::{PyAnyMethods, PyInt};
use pyo3::{Python, intern};
use reactor::poll::Event;
use reactor::{Fd, Interest, Stream, Token};

use super::address::numbered_os_error;
use super::life;
use crate::future::coroutine::{Co, KeptRef};
use crate::future::state::FutureData;
use crate::handle::schedule::{Entry, Scheduler, Source};
use crate::py::call;
use crate::py::cell::Slot;
use crate::py::errors::{Outcome, unless_blocked};
use crate::py::gc::Visitor;
use crate::py::instance::Ref;
use crate::py::object::Obj;

/// The attempts of a race that have ended, with the kernel's error if they failed.
#[derive(Default)]
pub struct Ended(RefCell<Vec<(usize, Option<io::Error>)>>);

impl Ended {
    /// Those since the last time.
    pub fn take(&self) -> Vec<(usize, Option<io::Error>)> {
        std::mem::take(&mut *self.0.borrow_mut())
    }
}

/// Completes the future that a coroutine waits for, once.
///
/// # Errors
/// RuntimeError when the loop is closed.
pub fn ring(waiter: &Obj) -> Outcome<()> {
    match waiter.downcast::<FutureData>() {
        Some(future) if !future.is_done() => future.set_result(waiter, Obj::none(waiter.py())),
        _ => Ok(()),
    }
}

/// A socket that connects, in the poller.
struct Connecting {
    index: usize,
    stream: Stream,
    ended: Rc<Ended>,
    has_ended: Cell<bool>,
    /// What the coroutine waits for. Through it the loop keeps alive whoever waits for the connection, as asyncio's
    /// selector does through the callback that it holds.
    waiter: Slot,
}

impl Source for Connecting {
    fn ready(self: Rc<Self>, scheduler: &Scheduler, event: Event) {
        scheduler.push(Entry::Fired(self, event));
    }

    fn fire(&self, _event: Event) -> Outcome<()> {
        // The error can be read once only, and the socket stays writable until the coroutine has run.
        if self.has_ended.replace(true) {
            return Ok(());
        }
        let error = self.stream.take_error().unwrap_or_else(Some);
        self.ended.0.borrow_mut().push((self.index, error));
        match self.waiter.take() {
            Some(waiter) => ring(&waiter),
            None => Ok(()),
        }
    }

    fn visit(&self, visitor: &mut Visitor) {
        visitor.slot(&self.waiter);
    }
}

/// A socket's place in the poller while it connects; given up when this is dropped.
pub struct Registration {
    scheduler: KeptRef<Scheduler>,
    token: Token,
    source: Rc<Connecting>,
}

impl Registration {
    /// Sets the future to be completed when the attempt ends; none when nobody waits.
    pub fn set_waiter(&self, waiter: Option<&Obj>) {
        self.source.waiter.set(waiter.cloned());
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        // An event may be in the queue already, and the descriptor somebody else's when its turn comes.
        self.source.has_ended.set(true);
        self.set_waiter(None);
        self.scheduler.get().deregister(self.token);
    }
}

/// `socket.connect(address)` without blocking. None when the connection is made at once; else attempt `index` is
/// added to `ended` when it is over.
///
/// # Errors
/// OSError; RuntimeError when a transport has the socket.
pub fn begin(
    co: &Co,
    scheduler: &Ref<Scheduler>,
    socket: &Obj,
    address: &Obj,
    ended: &Rc<Ended>,
    index: usize,
) -> Outcome<Option<Registration>> {
    let py = socket.py();
    let connected = call::method(socket, intern!(py, "connect"), [address]);
    if unless_blocked(py, connected)?.is_some() {
        return Ok(None);
    }
    let fileno = call::method(socket, intern!(py, "fileno"), [])?;
    let fd: i32 = fileno.bind().extract()?;
    life::refuse_taken(scheduler, &fileno, fd)?;
    let source = Rc::new(Connecting {
        index,
        stream: Stream::new(Fd::new(fd)),
        ended: ended.clone(),
        has_ended: Cell::new(false),
        waiter: Slot::default(),
    });
    let token = scheduler.register(py, Fd::new(fd), Interest::WRITABLE, source.clone())?;
    Ok(Some(Registration {
        scheduler: co.keep_ref(scheduler.clone()),
        token,
        source,
    }))
}

/// The OSError for the kernel's error.
///
/// # Errors
/// What the address's `str` raises.
pub fn failure(py: Python<'_>, error: &io::Error, address: &Obj) -> Outcome {
    let text = format!("Connect call failed {}", address.bind().str()?);
    let errno = PyInt::new(py, error.raw_os_error().unwrap_or(0));
    numbered_os_error(&Obj::from(errno), &text)
}
