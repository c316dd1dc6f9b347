//! `PipeEnd`: what the two pipe transports have in common, one end of a pipe and its place in the poller.
//!
//! The user hands over a file object, and from then on it is the transport's: it is closed when `connection_lost` has
//! returned, or when the user drops the transport unclosed, and in no other place. Its number is asked for before each
//! system call, so that a file closed behind our back costs EBADF and touches nobody else's descriptor.
//!
//! ```text
//! Open ── close(), bytes queued ──> Closing ── written ──┐
//!  ├───── close(), nothing queued ───────────────────────┼──> Lost ── connection_lost() ──> Closed
//!  └───── abort(), an error, the other end ──────────────┘
//! ```
//!
//! Follows `unix_events._UnixReadPipeTransport` and `_UnixWritePipeTransport`.

use std::cell::{Cell, RefCell};
use std::os::fd::OwnedFd;

use pyo3::exceptions::PyAttributeError;
use pyo3::types::{PyAnyMethods, PyDict, PyInt};
use pyo3::{Python, intern};
use reactor::{Fd, Interest, Pipe, PipeKind};

use super::endpoint::Endpoint;
use super::life::soon;
use super::presence::Presence;
use super::report;
use crate::handle::schedule::Scheduler;
use crate::py::args::{Args, Signature};
use crate::py::call;
use crate::py::cell::Slot;
use crate::py::errors::{Outcome, Raised};
use crate::py::gc::Visitor;
use crate::py::imports;
use crate::py::instance::{Dict, Ref, WeakList};
use crate::py::object::Obj;
use crate::py::slots::TypeBuilder;

/// Where a pipe transport is in its life; see the head of the file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PipeLife {
    /// In use.
    Open,
    /// `close` was called, and queued bytes are still to be written.
    Closing,
    /// `connection_lost` is scheduled.
    Lost,
    /// The file is closed.
    Closed,
}

/// A pipe transport's fields, whichever end it has.
pub struct PipeEnd<T: Endpoint> {
    pub(super) weak: WeakList,
    pub(super) dict: Dict,
    scheduler: Slot<Ref<Scheduler>>,
    /// The user's file object.
    pipe: Slot,
    /// `pipe.fileno`
    fileno: Slot,
    protocol: Slot,
    extra: Slot,
    presence: Presence<T>,
    /// The descriptor in the poller, if another transport is there under the number of the file.
    duplicate: RefCell<Option<OwnedFd>>,
    fd: Cell<i32>,
    life: Cell<PipeLife>,
}

impl<T: Endpoint> Default for PipeEnd<T> {
    fn default() -> Self {
        Self {
            weak: WeakList::default(),
            dict: Dict::default(),
            scheduler: Slot::default(),
            pipe: Slot::default(),
            fileno: Slot::default(),
            protocol: Slot::default(),
            extra: Slot::default(),
            presence: Presence::default(),
            duplicate: RefCell::new(None),
            fd: Cell::new(-1),
            life: Cell::new(PipeLife::Open),
        }
    }
}

/// A transport that has a `PipeEnd`.
pub trait PipeTransport: Endpoint {
    /// Its name in reprs.
    const NAME: &'static str;

    /// The arguments of `set_protocol`.
    const SET_PROTOCOL: Signature<1>;

    /// Whether it waits to read from a file of this kind, be it only to learn that the other end has left.
    fn reads(kind: PipeKind) -> bool;

    /// The fields.
    fn end(&self) -> &PipeEnd<Self>;

    /// Lets go of what only an open transport needs.
    fn let_go(&self);
}

impl<T: Endpoint> PipeEnd<T> {
    /// The loop; none once the transport is closed.
    #[inline]
    pub fn scheduler(&self) -> Option<Ref<Scheduler>> {
        self.scheduler.get()
    }

    /// The protocol; none once the transport is closed.
    #[inline]
    pub fn protocol(&self) -> Option<Obj> {
        self.protocol.get()
    }

    /// Where the transport is in its life.
    #[inline]
    pub fn life(&self) -> PipeLife {
        self.life.get()
    }

    /// `close` was called and bytes are queued.
    pub fn set_closing(&self) {
        self.life.set(PipeLife::Closing);
    }

    /// What the transport waits for.
    #[inline]
    pub fn interest(&self) -> Interest {
        self.presence.interest()
    }

    /// Whether the file is still ours to close.
    pub fn has_pipe(&self) -> bool {
        self.pipe.is_some()
    }

    /// Whether there is something left to end: the file, or, where somebody has taken that over, the place in the poller.
    pub fn is_in_use(&self) -> bool {
        self.scheduler.is_some() && self.life() != PipeLife::Closed
    }

    /// The end for system calls.
    ///
    /// # Errors
    /// What the `fileno` of a file raises that is not the standard library's.
    pub fn pipe(&self, py: Python<'_>) -> Outcome<Pipe> {
        let Some(fileno) = self.fileno.get() else {
            return Ok(Pipe::new(Fd::new(-1)));
        };
        let number = match call::call0(&fileno) {
            Ok(number) => number.bind().extract()?,
            Err(raised) => {
                let exception = raised.take(py);
                // A file that is closed has no number, and says so with ValueError.
                if !exception
                    .bind()
                    .is_instance_of::<pyo3::exceptions::PyValueError>()
                {
                    return Err(Raised::raise(exception));
                }
                -1
            }
        };
        Ok(Pipe::new(Fd::new(number)))
    }

    /// This is a forked child: the transport, which is the parent's, does nothing any more.
    pub fn disown(&self) {
        self.life.set(PipeLife::Lost);
    }

    /// For the collector.
    pub fn visit(&self, visitor: &mut Visitor) {
        self.dict.visit(visitor);
        visitor.slot(&self.scheduler);
        visitor.slot(&self.pipe);
        visitor.slot(&self.fileno);
        visitor.slot(&self.protocol);
        visitor.slot(&self.extra);
    }

    /// For the collector.
    pub fn clear(&self) {
        self.protocol.set(None);
        self.extra.set(None);
        self.pipe.set(None);
        self.fileno.set(None);
        self.dict.clear();
        self.scheduler.set(None);
    }
}

/// What a pipe transport is made from.
pub struct PipeOpening<'a> {
    /// The user's file object.
    pub pipe: &'a Obj,
    /// Its protocol.
    pub protocol: &'a Obj,
    /// A future to be told when the protocol knows of the pipe.
    pub waiter: &'a Obj,
    /// The dict behind `get_extra_info`, or None.
    pub extra: &'a Obj,
    /// What a file that is no pipe is refused with.
    pub refusal: &'static str,
}

/// Opens `this`, whose `connection_made`, first look at the poller and waiter follow in this order. The file stays the
/// caller's when this fails.
///
/// # Errors
/// ValueError for what is no pipe; OSError; AttributeError for what is no file or no protocol.
pub fn open<T: PipeTransport>(
    this: &Ref<T>,
    scheduler: &Ref<Scheduler>,
    opening: &PipeOpening<'_>,
) -> Outcome<PipeKind> {
    let py = this.py();
    let end = this.end();
    let extra = if opening.extra.is_none() {
        Obj::from(PyDict::new(py))
    } else {
        opening.extra.clone()
    };
    extra
        .bind()
        .set_item(intern!(py, "pipe"), opening.pipe.bind())?;
    let fileno = call::attr(opening.pipe, intern!(py, "fileno"))?;
    let fd: i32 = call::call0(&fileno)?.bind().extract()?;
    let pipe = Pipe::new(Fd::new(fd));
    let failed = |error: std::io::Error| Raised::os_error(py, &error);
    let kind = pipe.kind().map_err(failed)?;
    if kind == PipeKind::Other {
        return Err(Raised::value_error(py, opening.refusal));
    }
    pipe.set_nonblocking().map_err(failed)?;
    end.scheduler.set(Some(scheduler.clone()));
    end.fileno.set(Some(fileno));
    end.extra.set(Some(extra));
    end.protocol.set(Some(opening.protocol.clone()));
    end.fd.set(fd);
    register(this, scheduler, pipe, kind)?;
    if let Err(raised) = schedule_beginning(this, scheduler, opening) {
        let exception = raised.take(py);
        leave(this);
        return Err(Raised::raise(exception));
    }
    end.pipe.set(Some(opening.pipe.clone()));
    Ok(kind)
}

/// Gives the transport its entry in the poller, which it does not wait in yet. One descriptor is watched for one source
/// there: where the number is another transport's (a terminal that is read and written under one number), a duplicate is
/// watched. A reader of `add_reader` is replaced, as in asyncio: it would take bytes from the transport. What else is there
/// stays beside it.
fn register<T: PipeTransport>(
    this: &Ref<T>,
    scheduler: &Ref<Scheduler>,
    pipe: Pipe,
    kind: PipeKind,
) -> Outcome<()> {
    let py = this.py();
    let end = this.end();
    let mut fd = Fd::new(end.fd.get());
    let stays_beside = scheduler.driver().is_some_and(|driver| {
        let Some(token) = driver.token_of(fd) else {
            return false;
        };
        let is_read = driver
            .interest(token)
            .is_some_and(|interest| interest.contains(Interest::READABLE));
        let is_transport = driver
            .source(token)
            .is_some_and(|source| source.transport().is_some());
        is_transport || !(is_read && T::reads(kind))
    });
    if stays_beside {
        let duplicate = pipe
            .duplicate()
            .map_err(|error| Raised::os_error(py, &error))?;
        fd = Fd::from(&duplicate);
        end.duplicate.replace(Some(duplicate));
    }
    end.presence.enter(this, scheduler, fd)
}

/// The protocol is told first, then the poller looks, then the waiter is woken: three steps of one turn, as in asyncio.
fn schedule_beginning<T: PipeTransport>(
    this: &Ref<T>,
    scheduler: &Ref<Scheduler>,
    opening: &PipeOpening<'_>,
) -> Outcome<()> {
    let py = this.py();
    let connection_made = call::attr(opening.protocol, intern!(py, "connection_made"))?;
    let begin = call::attr(this.as_obj(), intern!(py, "_begin"))?;
    soon(scheduler, &connection_made, &[this.as_obj().clone()])?;
    soon(scheduler, &begin, &[])?;
    if opening.waiter.is_none() {
        return Ok(());
    }
    let set_result = call::attr(
        imports::futures(py),
        intern!(py, "_set_result_unless_cancelled"),
    )?;
    soon(
        scheduler,
        &set_result,
        &[opening.waiter.clone(), Obj::none(py)],
    )
}

/// Begins or ends to wait for `part`.
///
/// # Errors
/// OSError of epoll_ctl(2): EPERM for a device that cannot be waited for.
pub fn want<T: PipeTransport>(this: &Ref<T>, part: Interest, wanted: bool) -> Outcome<()> {
    this.end().presence.want(this, part, wanted)
}

/// Leaves a transport that waits for nothing to its user.
///
/// # Errors
/// `MemoryError`.
pub fn settle<T: PipeTransport>(this: &Ref<T>) -> Outcome<()> {
    this.end().presence.settle(this)
}

/// Leaves the poller for good.
fn leave<T: PipeTransport>(this: &Ref<T>) {
    let end = this.end();
    end.presence.leave(this);
    drop(end.duplicate.take());
}

/// `_close`: leaves the poller and schedules `connection_lost`, once.
///
/// # Errors
/// RuntimeError when the loop is closed.
pub fn lose_soon<T: PipeTransport>(this: &Ref<T>, exception: Option<Obj>) -> Outcome<()> {
    let end = this.end();
    if let PipeLife::Lost | PipeLife::Closed = end.life() {
        return Ok(());
    }
    let py = this.py();
    end.life.set(PipeLife::Lost);
    leave(this);
    let Some(scheduler) = end.scheduler() else {
        return Ok(());
    };
    let lost = call::attr(this.as_obj(), intern!(py, "_call_connection_lost"))?;
    let exception = exception.unwrap_or_else(|| Obj::none(py));
    soon(&scheduler, &lost, &[exception])
}

/// `_call_connection_lost`: tells the protocol, then closes the file, whatever the protocol raises.
///
/// # Errors
/// What `connection_lost` or the file's `close` raises.
pub fn call_connection_lost<T: PipeTransport>(this: &Ref<T>, exception: &Obj) -> Outcome<()> {
    let py = this.py();
    let end = this.end();
    let told = match end.protocol.get() {
        Some(protocol) => call::method(&protocol, intern!(py, "connection_lost"), [exception]),
        None => Ok(Obj::none(py)),
    };
    let raised = told.err().map(|raised| raised.take(py));
    leave(this);
    end.life.set(PipeLife::Closed);
    let closed = match end.pipe.take() {
        Some(pipe) => call::method(&pipe, intern!(py, "close"), []).map(drop),
        None => Ok(()),
    };
    let raised = raised.or_else(|| closed.err().map(|raised| raised.take(py)));
    end.fileno.set(None);
    end.protocol.set(None);
    end.scheduler.set(None);
    this.let_go();
    raised.map_or(Ok(()), |exception| Err(Raised::raise(exception)))
}

/// Everything queued before `close()` is written: no need to wait for another turn.
///
/// # Errors
/// What `connection_lost` raises.
pub fn lose_now<T: PipeTransport>(this: &Ref<T>) -> Outcome<()> {
    let end = this.end();
    end.life.set(PipeLife::Lost);
    leave(this);
    call_connection_lost(this, &Obj::none(this.py()))
}

/// `__del__`: the user dropped the transport without closing it.
///
/// # Errors
/// The ResourceWarning, where it is an error.
pub fn abandoned<T: PipeTransport>(this: &Ref<T>) -> Outcome<()> {
    leave(this);
    if !this.end().has_pipe() {
        // Somebody has taken the file over.
        return Ok(());
    }
    let warned = report::warn_unclosed(this.as_obj());
    let raised = warned.err().map(|raised| raised.take(this.py()));
    if let Some(pipe) = this.end().pipe.take() {
        call::method(&pipe, intern!(this.py(), "close"), [])?;
    }
    raised.map_or(Ok(()), |exception| Err(Raised::raise(exception)))
}

/// The words that the repr of both transports begins with, and whether the poller is in use.
pub fn repr_words<T: PipeTransport>(this: &Ref<T>, polls: bool) -> (Vec<String>, bool) {
    let end = this.end();
    let mut words = vec![String::from(T::NAME)];
    if !end.has_pipe() {
        words.push(String::from("closed"));
    } else if end.life() != PipeLife::Open {
        words.push(String::from("closing"));
    }
    words.push(format!("fd={}", end.fd.get()));
    let has_poller = end
        .scheduler()
        .is_some_and(|scheduler| scheduler.driver().is_some());
    words.push(String::from(match (end.has_pipe(), has_poller) {
        (true, true) if polls => "polling",
        (true, true) => "idle",
        (true, false) => "open",
        (false, _) => "closed",
    }));
    (words, end.has_pipe() && has_poller)
}

fn get_extra_info<T: PipeTransport>(this: &Ref<T>, args: Args<'_>) -> Outcome {
    const SIGNATURE: Signature<2> =
        Signature::new("BaseTransport.get_extra_info", ["name", "default"], 2, 1);
    let py = this.py();
    let [name, default] = SIGNATURE.bind(py, args)?;
    let none = Obj::none(py);
    let extra = this.end().extra.get().unwrap_or_else(|| none.clone());
    call::method(
        &extra,
        intern!(py, "get"),
        [name.unwrap_or(&none), default.unwrap_or(&none)],
    )
}

fn or_none(py: Python<'_>, value: Option<Obj>) -> Outcome {
    Ok(value.unwrap_or_else(|| Obj::none(py)))
}

/// `transport._pipe = file`. Programs set None so that the transport is not held to be forgotten.
fn set_pipe<T: PipeTransport>(this: &Ref<T>, pipe: Option<&Obj>) -> Outcome<()> {
    let Some(pipe) = pipe else {
        let text = "can't delete attribute '_pipe'";
        return Err(Raised::from(PyAttributeError::new_err(text)));
    };
    this.end().pipe.set((!pipe.is_none()).then(|| pipe.clone()));
    Ok(())
}

/// Adds the methods that both transports have.
pub fn methods<T: PipeTransport>(builder: TypeBuilder<T>) -> TypeBuilder<T> {
    builder
        .method(
            c"set_protocol",
            c"set_protocol($self, protocol)\n--\n\nGive the pipe to another protocol.",
            |this, args| {
                if let [Some(protocol)] = T::SET_PROTOCOL.bind(this.py(), args)? {
                    this.end().protocol.set(Some(protocol.clone()));
                }
                Ok(Obj::none(this.py()))
            },
        )
        .method0(
            c"get_protocol",
            c"get_protocol($self, /)\n--\n\nThe protocol; None once the pipe is closed.",
            |this| Ok(this.protocol_or_none(this.py())),
        )
        .method0(
            c"is_closing",
            c"is_closing($self, /)\n--\n\nWhether the transport is ending or has ended.",
            |this| Ok(Obj::bool(this.py(), this.is_closing())),
        )
        .method(
            c"get_extra_info",
            c"get_extra_info($self, name, default=None)\n--\n\nOptional facts: 'pipe'.",
            get_extra_info,
        )
        .method1(
            c"_call_connection_lost",
            c"_call_connection_lost($self, exc, /)\n--\n\nTell the protocol, and close the file.",
            |this, exception| {
                call_connection_lost(this, exception)?;
                Ok(Obj::none(this.py()))
            },
        )
        .getter(c"_loop", c"The event loop; None once closed.", |this| {
            or_none(this.py(), this.scheduler().map(Ref::into_obj))
        })
        .attribute(
            c"_pipe",
            c"The file; None once closed. Who sets it to None takes the file over, to close or to keep.",
            |this| or_none(this.py(), this.end().pipe.get()),
            set_pipe,
        )
        .getter(c"_fileno", c"The file's descriptor.", |this| {
            Ok(Obj::from(PyInt::new(this.py(), this.end().fd.get())))
        })
        .getter(c"_protocol", c"The protocol; None once closed.", |this| {
            Ok(this.protocol_or_none(this.py()))
        })
        .getter(c"_extra", c"The dict behind get_extra_info().", |this| {
            or_none(this.py(), this.end().extra.get())
        })
        .getter(c"_closing", c"Whether the transport is ending.", |this| {
            Ok(Obj::bool(this.py(), this.is_closing()))
        })
}
