//! A race of connection attempts.
//!
//! When to start which attempt is the reactor's `Plan` (happy eyeballs, or one after the other). A socket that nobody
//! takes over is closed when its owner is dropped, on whatever way. Follows `BaseEventLoop._connect_sock`.

use std::io;
use std::rc::Rc;

use pyo3::types::PyAnyMethods;
use pyo3::{Python, intern};
use reactor::net::{Next, Plan};
use reactor::time::deadline_ns;

use super::address::{bind_error, is_os_error, os_error, parts, socket_module};
use super::connecting::{self, Ended, Registration, ring};
use super::owned_socket::OwnedSocket;
use crate::future::coroutine::{Co, Kept, KeptRef};
use crate::future::future;
use crate::handle::action;
use crate::handle::schedule::Scheduler;
use crate::py::call;
use crate::py::errors::{Outcome, Raised};
use crate::py::object::Obj;

/// An attempt that is under way, or has won. Its socket leaves the poller before it is closed: fields are dropped in order.
struct Attempt {
    registration: Option<Registration>,
    socket: OwnedSocket,
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
        ended: Rc::default(),
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
                Some(attempt) => return Ok(Finish::Connected(attempt.socket)),
                None => unreachable!("the winner is kept"),
            },
            Next::Lost => {
                let errors = std::mem::take(&mut race.errors);
                return Ok(Finish::Failed(errors.into_iter().flatten().collect()));
            }
        }
    }
}

struct Race {
    co: Co,
    course: Course,
    plan: Plan,
    ended: Rc<Ended>,
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
            Ok(attempt) => {
                let is_connected = attempt.registration.is_none();
                self.attempts[index] = Some(attempt);
                if is_connected {
                    self.won(index);
                }
                Ok(())
            }
            Err(raised) => self.failed(index, raised),
        }
    }

    /// `_connect_sock`, as far as it goes without waiting.
    fn begin(&mut self, index: usize) -> Outcome<Attempt> {
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
        let owned = OwnedSocket::new(&self.co, socket.clone());
        call::method(&socket, intern!(py, "setblocking"), [&Obj::bool(py, false)])?;
        self.bind(index, &socket, &family)?;
        let registration = connecting::begin(
            &self.co,
            &self.course.scheduler.get(),
            &socket,
            &address,
            &self.ended,
            index,
        )?;
        Ok(Attempt {
            registration,
            socket: owned,
        })
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
        let (waiter, timer) = self.begin_waiting(now_ns, deadline_ns)?;
        let waited = self.co.wait(waiter).await;
        let scheduler = self.course.scheduler.get();
        let py = scheduler.py();
        let interruption = waited.err().map(|raised| raised.take(py));
        self.tell(None);
        if let Some(timer) = timer {
            call::method(&timer.get(), intern!(py, "cancel"), [])?;
        }
        if let Some(exception) = interruption {
            return Err(Raised::raise(exception));
        }
        for (index, error) in self.ended.take() {
            self.attempt_ended(py, index, error)?;
        }
        Ok(())
    }

    /// The future that is completed by the first attempt to end, or in time to start the next one.
    fn begin_waiting(&self, now_ns: u64, deadline_ns: Option<u64>) -> Outcome<(Obj, Option<Kept>)> {
        let waiter = future::make(&self.course.scheduler.get())?.into_obj();
        self.tell(Some(&waiter));
        let timer = match deadline_ns {
            Some(deadline_ns) => Some(self.timer(&waiter, deadline_ns.saturating_sub(now_ns))?),
            None => None,
        };
        Ok((waiter, timer))
    }

    /// Tells the attempts that are under way which future to complete.
    fn tell(&self, waiter: Option<&Obj>) {
        for attempt in self.attempts.iter().flatten() {
            if let Some(registration) = &attempt.registration {
                registration.set_waiter(waiter);
            }
        }
    }

    fn timer(&self, waiter: &Obj, delay_ns: u64) -> Outcome<Kept> {
        let scheduler = self.course.scheduler.get();
        let py = scheduler.py();
        let ring = action::make(py, [waiter.clone()], |[waiter], _| ring(waiter))?;
        let delay = reactor::time::seconds(delay_ns);
        let delay = Obj::from(pyo3::types::PyFloat::new(py, delay));
        let timer = call::method(
            scheduler.as_obj(),
            intern!(py, "call_later"),
            [&delay, &ring],
        )?;
        Ok(self.co.keep(timer))
    }

    fn attempt_ended(
        &mut self,
        py: Python<'_>,
        index: usize,
        error: Option<io::Error>,
    ) -> Outcome<()> {
        if self.attempts[index].is_none() {
            // It lost against another attempt of the same turn.
            return Ok(());
        }
        let Some(error) = error else {
            self.won(index);
            return Ok(());
        };
        let [_, _, _, _, address] = parts(&self.course.addresses[index].get())?;
        let raised = Raised::raise(connecting::failure(py, &error, &address)?);
        self.failed(index, raised)
    }
}
