//! A socket that connects: its entry in the poller, and how the coroutine that waits for it is woken.
//!
//! Follows `BaseSelectorEventLoop._sock_connect` and `_sock_connect_cb`.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;

use pyo3::types::PyAnyMethods;
use pyo3::{Python, intern};
use reactor::poll::Event;
use reactor::{Fd, Interest, Stream, Token};

use super::life;
use crate::future::coroutine::{Co, Kept, KeptRef};
use crate::future::future;
use crate::future::state::FutureData;
use crate::handle::schedule::{Entry, Scheduler, Source};
use crate::py::call;
use crate::py::errors::{Outcome, Raised};
use crate::py::gc::Visitor;
use crate::py::instance::Ref;
use crate::py::object::Obj;

/// Wakes a coroutine that waits for connections to be made.
#[derive(Default)]
pub struct Bell {
    waiter: Cell<Option<Kept>>,
    /// Attempts that have ended, with the kernel's error if they failed.
    ended: RefCell<Vec<(usize, Option<io::Error>)>>,
}

impl Bell {
    /// A future that `ring` completes, once.
    ///
    /// # Errors
    /// `MemoryError`.
    pub fn waiter(&self, co: &Co, scheduler: &Ref<Scheduler>) -> Outcome {
        let waiter = future::make(scheduler)?.into_obj();
        drop(self.waiter.replace(Some(co.keep(waiter.clone()))));
        Ok(waiter)
    }

    /// Nobody waits any more.
    pub fn silence(&self) {
        drop(self.waiter.take());
    }

    /// The attempts that have ended since the last time, with the kernel's error if they failed.
    pub fn take_ended(&self) -> Vec<(usize, Option<io::Error>)> {
        std::mem::take(&mut *self.ended.borrow_mut())
    }

    /// Wakes the coroutine.
    ///
    /// # Errors
    /// RuntimeError when the loop is closed.
    pub fn ring(&self) -> Outcome<()> {
        let Some(waiter) = self.waiter.take() else {
            return Ok(());
        };
        let waiter = waiter.get();
        match waiter.downcast::<FutureData>() {
            Some(future) if !future.is_done() => future.set_result(&waiter, Obj::none(waiter.py())),
            _ => Ok(()),
        }
    }
}

/// A socket that connects, in the poller.
struct Connecting {
    index: usize,
    stream: Stream,
    bell: Rc<Bell>,
    has_ended: Cell<bool>,
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
        self.bell.ended.borrow_mut().push((self.index, error));
        self.bell.ring()
    }

    fn visit(&self, _visitor: &mut Visitor) {}
}

/// A socket's place in the poller while it connects; given up when this is dropped.
pub struct Registration {
    scheduler: KeptRef<Scheduler>,
    token: Token,
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.scheduler.get().deregister(self.token);
    }
}

/// `socket.connect(address)` without blocking. None when the connection is made at once; else `bell` is rung for attempt
/// `index` when it has ended.
///
/// # Errors
/// OSError; RuntimeError when a transport has the socket.
pub fn begin(
    co: &Co,
    scheduler: &Ref<Scheduler>,
    socket: &Obj,
    address: &Obj,
    bell: &Rc<Bell>,
    index: usize,
) -> Outcome<Option<Registration>> {
    let py = socket.py();
    match call::method(socket, intern!(py, "connect"), [address]) {
        Ok(_) => return Ok(None),
        Err(raised) => is_under_way(py, raised)?,
    }
    let fileno = call::method(socket, intern!(py, "fileno"), [])?;
    let fd: i32 = fileno.bind().extract()?;
    life::refuse_taken(scheduler, &fileno, fd)?;
    let source = Connecting {
        index,
        stream: Stream::new(Fd::new(fd)),
        bell: bell.clone(),
        has_ended: Cell::new(false),
    };
    let token = scheduler.register(py, Fd::new(fd), Interest::WRITABLE, Rc::new(source))?;
    Ok(Some(Registration {
        scheduler: co.keep_ref(scheduler.clone()),
        token,
    }))
}

/// The OSError for the kernel's error.
///
/// # Errors
/// What the address's `str` raises.
pub fn failure(py: Python<'_>, error: &io::Error, address: &Obj) -> Outcome {
    let text = format!("Connect call failed {}", address.bind().str()?);
    let errno = error.raw_os_error().unwrap_or(0);
    let error = pyo3::exceptions::PyOSError::new_err((errno, text));
    Ok(Obj::from(error.into_value(py).into_bound(py)))
}

/// Lets BlockingIOError and InterruptedError pass: the connection is being made.
fn is_under_way(py: Python<'_>, raised: Raised) -> Outcome<()> {
    let exception = raised.take(py);
    let bound = exception.bind();
    if bound.is_instance_of::<pyo3::exceptions::PyBlockingIOError>()
        || bound.is_instance_of::<pyo3::exceptions::PyInterruptedError>()
    {
        return Ok(());
    }
    Err(Raised::raise(exception))
}
