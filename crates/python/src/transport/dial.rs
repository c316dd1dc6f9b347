//! A race of connection attempts: the sockets, and what the poller says about them.
//!
//! When to start which attempt is the reactor's `Plan` (happy eyeballs, or one after the other). Here an attempt is a
//! Python socket that connects without blocking. The coroutine that runs the race sleeps on a `Bell`, which is rung by an
//! attempt's end and by a timer. A socket that nobody takes over is closed when its owner is dropped, on whatever way.
//! Follows `BaseEventLoop._connect_sock` and `BaseSelectorEventLoop._sock_connect`.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::Rc;

use pyo3::types::{PyAnyMethods, PyStringMethods, PyTuple, PyTupleMethods};
use pyo3::{Python, intern};
use reactor::net::{Next, Plan};
use reactor::poll::Event;
use reactor::time::deadline_ns;
use reactor::{Fd, Interest, Stream, Token};

use crate::future::coroutine::{Co, Kept, KeptRef};
use crate::future::future;
use crate::future::state::FutureData;
use crate::handle::action;
use crate::handle::schedule::{Entry, Scheduler, Source};
use crate::py::call;
use crate::py::errors::{Outcome, Raised, set_aside};
use crate::py::gc::Visitor;
use crate::py::imports;
use crate::py::object::Obj;

/// A socket that is closed unless somebody takes it.
pub struct OwnedSocket(Option<Kept>);

impl OwnedSocket {
    /// Takes care of `socket`.
    pub fn new(co: &Co, socket: Obj) -> Self {
        Self(Some(co.keep(socket)))
    }

    /// The socket.
    ///
    /// # Panics
    /// Never: only `release` takes the socket out, and takes `self` with it.
    pub fn get(&self) -> Obj {
        self.0
            .as_ref()
            .expect("an owned socket is there until it is released")
            .get()
    }

    /// The socket, whose closing is the caller's business now.
    pub fn release(mut self) -> Obj {
        let socket = self.get();
        self.0 = None;
        socket
    }
}

impl Drop for OwnedSocket {
    fn drop(&mut self) {
        let Some(kept) = self.0.take() else {
            return;
        };
        let socket = kept.get();
        let py = socket.py();
        set_aside(py, || {
            // A new socket that cannot even be closed is not worth hiding what went wrong before.
            if let Err(raised) = call::method(&socket, intern!(py, "close"), []) {
                drop(raised.take(py));
            }
        });
    }
}

/// Wakes the race's coroutine.
#[derive(Default)]
struct Bell {
    waiter: Cell<Option<Kept>>,
    /// Attempts that have ended, with the kernel's error if they failed.
    ended: RefCell<Vec<(usize, Option<io::Error>)>>,
}

impl Bell {
    fn ring(&self) -> Outcome<()> {
        let Some(waiter) = self.waiter.take() else {
            return Ok(());
        };
        let waiter = waiter.get();
        match waiter.downcast::<FutureData>() {
            Some(future) if !future.is_done() => {
                future.set_result(&waiter, Obj::none(waiter.py()))
            }
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

/// An attempt that is under way. Dropped, it leaves the poller before its socket is closed.
struct Attempt {
    scheduler: KeptRef<Scheduler>,
    token: Option<Token>,
    socket: OwnedSocket,
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if let Some(token) = self.token.take() {
            self.scheduler.get().deregister(token);
        }
    }
}

/// How an attempt began.
enum Begun {
    Connected(Attempt),
    Waiting(Attempt),
}

/// How the race ended.
pub enum Finish {
    /// With a connection.
    Connected(OwnedSocket),
    /// With the errors of all attempts, in the order of the addresses.
    Failed(Vec<Kept>),
}

/// What a race is run on.
pub struct Course {
    /// The loop.
    pub scheduler: KeptRef<Scheduler>,
    /// The addresses to try, as `getaddrinfo` gives them.
    pub addresses: Vec<Kept>,
    /// Local addresses to bind to.
    pub local: Option<Vec<Kept>>,
    /// How long an attempt may run before the next one starts too.
    pub delay_ns: Option<u64>,
}

/// Runs the race.
///
/// # Errors
/// What is no OSError; CancelledError.
pub async fn race(co: &Co, course: Course) -> Outcome<Finish> {
    let count = course.addresses.len();
    let mut race = Race {
        co: co.clone(),
        plan: Plan::new(count, course.delay_ns),
        bell: Rc::default(),
        attempts: (0..count).map(|_| None).collect(),
        errors: (0..count).map(|_| Vec::new()).collect(),
        course,
    };
    loop {
        let now_ns = race.now_ns()?;
        match race.plan.next(now_ns) {
            Next::Start(index) => race.start(index)?,
            Next::Wait { deadline_ns } => race.wait(now_ns, deadline_ns).await?,
            Next::Won(index) => match race.attempts[index].take() {
                Some(attempt) => return Ok(Finish::Connected(attempt.into_socket())),
                None => unreachable!("the winner is kept"),
            },
            Next::Lost => {
                let errors = std::mem::take(&mut race.errors);
                return Ok(Finish::Failed(errors.into_iter().flatten().collect()));
            }
        }
    }
}

impl Attempt {
    fn into_socket(mut self) -> OwnedSocket {
        if let Some(token) = self.token.take() {
            self.scheduler.get().deregister(token);
        }
        OwnedSocket(self.socket.0.take())
    }
}

struct Race {
    co: Co,
    course: Course,
    plan: Plan,
    bell: Rc<Bell>,
    attempts: Vec<Option<Attempt>>,
    errors: Vec<Vec<Kept>>,
}

impl Race {
    /// The loop's time, which a subclass may tell in its own way. Without a delay no time is needed.
    fn now_ns(&self) -> Outcome<u64> {
        if self.course.delay_ns.is_none() {
            return Ok(0);
        }
        let scheduler = self.course.scheduler.get();
        let now = call::method(scheduler.as_obj(), intern!(scheduler.py(), "time"), [])?;
        Ok(deadline_ns(now.bind().extract()?).unwrap_or(0))
    }

    fn start(&mut self, index: usize) -> Outcome<()> {
        match self.begin(index) {
            Ok(Begun::Waiting(attempt)) => {
                self.attempts[index] = Some(attempt);
                Ok(())
            }
            Ok(Begun::Connected(attempt)) => {
                self.attempts[index] = Some(attempt);
                self.won(index);
                Ok(())
            }
            Err(raised) => self.failed(index, raised),
        }
    }

    /// `_connect_sock`, as far as it goes without waiting.
    fn begin(&mut self, index: usize) -> Outcome<Begun> {
        let info = self.course.addresses[index].get();
        let py = info.py();
        let [family, type_, protocol, _, address] = parts(&info)?;
        let module = socket_module(py)?;
        let class = call::attr(&module, intern!(py, "socket"))?;
        let names = [
            intern!(py, "family"),
            intern!(py, "type"),
            intern!(py, "proto"),
        ];
        let socket = call::call_keywords(&class, [&family, &type_, &protocol], &names)?;
        let mut attempt = Attempt {
            scheduler: self.co.keep_ref(self.course.scheduler.get()),
            token: None,
            socket: OwnedSocket::new(&self.co, socket.clone()),
        };
        call::method(
            &socket,
            intern!(py, "setblocking"),
            [&Obj::bool(py, false)],
        )?;
        self.bind(index, &socket, &family)?;
        match call::method(&socket, intern!(py, "connect"), [&address]) {
            Ok(_) => return Ok(Begun::Connected(attempt)),
            Err(raised) => is_under_way(py, raised)?,
        }
        let fd = Fd::new(
            socket
                .bind()
                .call_method0(intern!(py, "fileno"))?
                .extract()?,
        );
        let source = Connecting {
            index,
            stream: Stream::new(fd),
            bell: self.bell.clone(),
            has_ended: Cell::new(false),
        };
        let scheduler = self.course.scheduler.get();
        attempt.token = Some(scheduler.register(py, fd, Interest::WRITABLE, Rc::new(source))?);
        Ok(Begun::Waiting(attempt))
    }

    /// Binds to the first local address of the family that can be had.
    fn bind(&mut self, index: usize, socket: &Obj, family: &Obj) -> Outcome<()> {
        let py = socket.py();
        let Some(local) = &self.course.local else {
            return Ok(());
        };
        let mut errors = Vec::new();
        for info in local {
            let [local_family, _, _, _, address] = parts(&info.get())?;
            if !local_family.bind().eq(family.bind())? {
                continue;
            }
            match call::method(socket, intern!(py, "bind"), [&address]) {
                Ok(_) => {
                    self.errors[index].append(&mut errors);
                    return Ok(());
                }
                Err(raised) => {
                    let begin = "error while attempting to bind on address";
                    errors.push(self.co.keep(bind_error(py, raised, begin, &address)?));
                }
            }
        }
        let last = errors.pop();
        self.errors[index].append(&mut errors);
        match last {
            Some(error) => Err(Raised::raise(error.get())),
            None => {
                let family = family.bind().repr()?;
                let text = format!("no matching local address with family={family} found");
                Err(os_error(text))
            }
        }
    }

    /// An attempt has ended in an error: an OSError is kept, anything else ends the race.
    fn failed(&mut self, index: usize, raised: Raised) -> Outcome<()> {
        let py = self.course.scheduler.get();
        let exception = raised.take(py.py());
        self.attempts[index] = None;
        if !is_os_error(&exception) {
            return Err(Raised::raise(exception));
        }
        self.errors[index].push(self.co.keep(exception));
        self.plan.failed(index);
        Ok(())
    }

    fn won(&mut self, index: usize) {
        for loser in self.plan.succeeded(index) {
            self.attempts[loser] = None;
        }
    }

    /// Sleeps until an attempt ends or the next one is due.
    async fn wait(&mut self, now_ns: u64, deadline_ns: Option<u64>) -> Outcome<()> {
        let waiter = future::make(&self.course.scheduler.get())?;
        let kept = self.co.keep(waiter.as_obj().clone());
        drop(self.bell.waiter.replace(Some(kept)));
        let timer = match deadline_ns {
            Some(deadline_ns) => Some(self.timer(deadline_ns.saturating_sub(now_ns))?),
            None => None,
        };
        let waited = self.co.wait(waiter.into_obj()).await;
        let scheduler = self.course.scheduler.get();
        let py = scheduler.py();
        let interruption = waited.err().map(|raised| raised.take(py));
        drop(self.bell.waiter.take());
        if let Some(timer) = timer {
            call::method(&timer.get(), intern!(py, "cancel"), [])?;
        }
        if let Some(exception) = interruption {
            return Err(Raised::raise(exception));
        }
        let ended = std::mem::take(&mut *self.bell.ended.borrow_mut());
        for (index, error) in ended {
            self.ended(py, index, error)?;
        }
        Ok(())
    }

    fn timer(&self, delay_ns: u64) -> Outcome<Kept> {
        let scheduler = self.course.scheduler.get();
        let py = scheduler.py();
        let bell = self.bell.clone();
        let ring = action::make(py, [], move |[], _| bell.ring())?;
        let delay = reactor::time::seconds(delay_ns);
        let delay = Obj::from(pyo3::types::PyFloat::new(py, delay));
        let timer = call::method(
            scheduler.as_obj(),
            intern!(py, "call_later"),
            [&delay, &ring],
        )?;
        Ok(self.co.keep(timer))
    }

    fn ended(&mut self, py: Python<'_>, index: usize, error: Option<io::Error>) -> Outcome<()> {
        if self.attempts[index].is_none() {
            // It lost against another attempt of the same turn.
            return Ok(());
        }
        let Some(error) = error else {
            self.won(index);
            return Ok(());
        };
        let [_, _, _, _, address] = parts(&self.course.addresses[index].get())?;
        let text = format!("Connect call failed {}", address.bind().str()?);
        let errno = error.raw_os_error().unwrap_or(0);
        let error = pyo3::exceptions::PyOSError::new_err((errno, text));
        let raised = Raised::raise(Obj::from(error.into_value(py).into_bound(py)));
        self.failed(index, raised)
    }
}

/// The parts of what `getaddrinfo` gives: family, type, protocol, canonical name, address.
///
/// # Errors
/// TypeError and ValueError for something else.
pub fn parts(info: &Obj) -> Outcome<[Obj; 5]> {
    let py = info.py();
    let items: Vec<Obj> = match info.bind().cast::<PyTuple>() {
        Ok(tuple) => tuple.iter().map(Obj::from).collect(),
        Err(_) => info
            .bind()
            .try_iter()?
            .map(|item| item.map(Obj::from))
            .collect::<Result<_, _>>()?,
    };
    let count = items.len();
    items.try_into().map_err(|_| {
        let relation = if count < 5 { "not enough" } else { "too many" };
        Raised::value_error(py, format!("{relation} values to unpack (expected 5, got {count})"))
    })
}

/// The module `socket` as asyncio's own loop finds it.
///
/// # Errors
/// None in practice.
pub fn socket_module(py: Python<'_>) -> Outcome {
    call::attr(imports::base_events(py), intern!(py, "socket"))
}

/// `OSError(text)`
pub fn os_error(text: String) -> Raised {
    Raised::from(pyo3::exceptions::PyOSError::new_err(text))
}

/// Whether an exception is an OSError.
pub fn is_os_error(exception: &Obj) -> bool {
    exception
        .bind()
        .is_instance_of::<pyo3::exceptions::PyOSError>()
}

/// The OSError of a failed `bind`, with the address in its text; anything else is raised as it is.
///
/// # Errors
/// What is no OSError.
pub fn bind_error(py: Python<'_>, raised: Raised, begin: &str, address: &Obj) -> Outcome {
    let exception = raised.take(py);
    if !is_os_error(&exception) {
        return Err(Raised::raise(exception));
    }
    let bound = exception.bind();
    let errno = bound.getattr(intern!(py, "errno"))?;
    let reason = if skips_unavailable_addresses(py)? {
        bound.str()?
    } else {
        bound.getattr(intern!(py, "strerror"))?.str()?
    };
    let reason = reason.to_string_lossy().to_lowercase();
    let text = format!("{begin} {}: {reason}", address.bind().repr()?);
    let error = pyo3::exceptions::PyOSError::new_err((errno.unbind(), text));
    Ok(Obj::from(error.into_value(py).into_bound(py)))
}

/// Whether this Python's `create_server` passes over addresses that it cannot have (bpo-30945). The change brought the
/// module `errno` into `base_events`, and came with a bugfix release.
///
/// # Errors
/// None in practice.
pub fn skips_unavailable_addresses(py: Python<'_>) -> Outcome<bool> {
    Ok(imports::base_events(py)
        .bind()
        .hasattr(intern!(py, "errno"))?)
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
