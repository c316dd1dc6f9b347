//! `Attempts`: the addresses of `create_connection`, tried through `loop.sock_connect`.
//!
//! `create_connection` goes this way when somebody has replaced that method, and else runs a race of its own
//! (`transport/race.rs`). Here speed is the business of who replaced it: each attempt is the running Python's own
//! `BaseEventLoop._connect_sock`, and the race of happy eyeballs asyncio's `staggered_race`.

use pyo3::intern;
use pyo3::types::{PyAnyMethods, PyList};

use crate::event_loop::core::EventLoopData;
use crate::future::coroutine::{Co, Kept, KeptRef};
use crate::py::call;
use crate::py::errors::{Outcome, Raised};
use crate::py::imports;
use crate::py::object::Obj;
use crate::transport::address::is_os_error;
use crate::transport::owned_socket::OwnedSocket;
use crate::transport::race::Finish;

use super::resolve::kept;

/// Attempts that have not begun.
pub struct Attempts<'a> {
    co: &'a Co,
    loop_: &'a KeptRef<EventLoopData>,
    addresses: Vec<Kept>,
    /// A list of the local addresses to bind to, or None.
    local: Kept,
    /// A list with a list for each attempt that was made: its errors.
    errors: Kept,
}

impl<'a> Attempts<'a> {
    /// To connect to one of `addresses` from one of the `local` ones, all as `getaddrinfo` gives them.
    ///
    /// # Errors
    /// `MemoryError`.
    pub fn new(
        co: &'a Co,
        loop_: &'a KeptRef<EventLoopData>,
        addresses: Vec<Kept>,
        local: Option<Vec<Kept>>,
    ) -> Outcome<Self> {
        let scheduler = loop_.get();
        let py = scheduler.py();
        let local = match local {
            Some(infos) => {
                let infos: Vec<Obj> = infos.iter().map(Kept::get).collect();
                Obj::from(PyList::new(py, infos.iter().map(Obj::bind))?)
            }
            None => Obj::none(py),
        };
        Ok(Self {
            co,
            loop_,
            addresses,
            local: co.keep(local),
            errors: co.keep(Obj::from(PyList::empty(py))),
        })
    }

    /// Tries one address after the other.
    ///
    /// # Errors
    /// What is no OSError; CancelledError.
    pub async fn one_by_one(self) -> Outcome<Finish> {
        for address in &self.addresses {
            let attempt = self.begin(address)?;
            match self.co.wait(attempt).await {
                Ok(socket) => {
                    return Ok(Finish::Connected(OwnedSocket::new(self.co, socket)));
                }
                Err(raised) => self.passes_over(raised)?,
            }
        }
        self.failed()
    }

    /// Tries all of them, each `delay` seconds after the one before or as soon as that has failed.
    ///
    /// # Errors
    /// What asyncio's `staggered_race` raises; CancelledError.
    pub async fn race(self, delay: &Kept) -> Outcome<Finish> {
        let race = self.begin_race(&delay.get())?;
        let answer = self.co.wait(race).await?;
        let winner = Obj::from(answer.bind().get_item(0)?);
        drop(answer);
        if winner.is_none() {
            return self.failed();
        }
        Ok(Finish::Connected(OwnedSocket::new(self.co, winner)))
    }

    /// A coroutine that gives a connected socket.
    fn begin(&self, address: &Kept) -> Outcome {
        let loop_ = self.loop_.get();
        call::method(
            loop_.as_obj(),
            intern!(loop_.py(), "_connect_sock"),
            [&self.errors.get(), &address.get(), &self.local.get()],
        )
    }

    /// A coroutine that gives the first connected socket, or None, and more.
    fn begin_race(&self, delay: &Obj) -> Outcome {
        let py = delay.py();
        let loop_ = self.loop_.get();
        let connect = call::attr(loop_.as_obj(), intern!(py, "_connect_sock"))?;
        let mut attempts = Vec::new();
        for address in &self.addresses {
            let attempt = [
                &connect,
                &self.errors.get(),
                &address.get(),
                &self.local.get(),
            ];
            attempts.push(call::call(imports::partial(py), attempt)?);
        }
        let attempts = PyList::new(py, attempts.iter().map(Obj::bind))?;
        call::call_keywords(
            imports::staggered_race(py),
            [&Obj::from(attempts), delay, loop_.as_obj()],
            &[intern!(py, "loop")],
        )
    }

    /// The next address is tried after an OSError, which `_connect_sock` has added to the errors.
    fn passes_over(&self, raised: Raised) -> Outcome<()> {
        let exception = raised.take(self.loop_.get().py());
        if is_os_error(&exception) {
            return Ok(());
        }
        Err(Raised::raise(exception))
    }

    fn failed(&self) -> Outcome<Finish> {
        let mut errors = Vec::new();
        for attempt in kept(self.co, &self.errors.get())? {
            errors.append(&mut kept(self.co, &attempt.get())?);
        }
        Ok(Finish::Failed(errors))
    }
}
