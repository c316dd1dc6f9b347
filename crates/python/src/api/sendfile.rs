//! `_sendfile_native`: `os.sendfile` on a connection of ours. `loop.sendfile` itself, which decides between this and the
//! fallback, is the running Python's (`python/asyncioxide/_loop.py`).
//!
//! Follows `BaseSelectorEventLoop._sendfile_native` and `_UnixSelectorEventLoop._sock_sendfile_native_impl`. Other than
//! there, whatever way the sending ends (cancellation too) the connection is as it was before, and the file's position is
//! where the sending stopped. One attempt is one call into the kernel, and after each that sent something the loop turns.

use std::cell::Cell;
use std::io::ErrorKind;

use pyo3::exceptions::{PyAttributeError, PyConnectionError, PyOSError};
use pyo3::types::{PyAnyMethods, PyInt};
use pyo3::{Python, intern};

use super::waiting::check_socket;
use crate::event_loop::core::EventLoopData;
use crate::future::coroutine::{self, Co, Kept, KeptRef};
use crate::py::args::{Args, Signature};
use crate::py::call;
use crate::py::errors::{Outcome, Raised, set_aside, unless_blocked};
use crate::py::imports;
use crate::py::instance::Ref;
use crate::py::object::Obj;
use crate::py::slots::TypeBuilder;
use crate::py::version::{PY_3_13, PY_3_14};
use crate::transport::state::StreamTransport;
use crate::transport::{life, loan};

const NAME: &str = "BaseSelectorEventLoop._sendfile_native";

/// Adds this file's methods.
pub fn methods(builder: TypeBuilder<EventLoopData>) -> TypeBuilder<EventLoopData> {
    builder.method(
        c"_sendfile_native",
        c"_sendfile_native($self, transp, file, offset, count)\n--\n\n\
          Send a part of a file to a connection, by the kernel; the number of bytes.",
        sendfile_native,
    )
}

fn sendfile_native(this: &Ref<EventLoopData>, args: Args<'_>) -> Outcome {
    const SIGNATURE: Signature<4> =
        Signature::new(NAME, ["transp", "file", "offset", "count"], 4, 4);
    let py = this.py();
    let none = Obj::none(py);
    let [transport, file, offset, count] = SIGNATURE
        .bind(py, args)?
        .map(|argument| argument.unwrap_or(&none));
    let Some(transport) = transport.downcast::<StreamTransport>() else {
        return unavailable_coroutine(py);
    };
    coroutine::make(py, NAME, |co| {
        let request = Request {
            loop_: co.keep_ref(this.clone()),
            transport: co.keep_ref(transport.clone()),
            file: co.keep(file.clone()),
            offset: co.keep(offset.clone()),
            count: co.keep(count.clone()),
        };
        send(co, request)
    })
}

/// A transport that somebody else made (`BaseEventLoop._sendfile_native`).
fn unavailable_coroutine(py: Python<'_>) -> Outcome {
    coroutine::make(py, NAME, |co| async move {
        drop(co);
        let unavailable =
            Python::attach(|py| not_available(py, "sendfile syscall is not supported"));
        Err(unavailable)
    })
}

struct Request {
    loop_: KeptRef<EventLoopData>,
    transport: KeptRef<StreamTransport>,
    file: Kept,
    offset: Kept,
    count: Kept,
}

async fn send(co: Co, request: Request) -> Outcome {
    let (borrowing, drained) = Borrowing::begin(&co, &request)?;
    let sent = match co.wait(drained).await {
        Ok(_) => send_borrowed(&co, &request).await,
        Err(raised) => Err(raised),
    };
    borrowing.end(sent)
}

/// `sock_sendfile(transp._sock, file, offset, count, fallback=False)`.
async fn send_borrowed(co: &Co, request: &Request) -> Outcome {
    let Some(transfer) = Transfer::begin(co, request)? else {
        return Ok(zero(request.file.get().py()));
    };
    while transfer.attempt()? == Progress::More {
        let room = loan::wait_for_room(&request.transport.get())?;
        co.wait(room).await?;
        loan::check(&request.transport.get())?;
    }
    transfer.finish()
}

fn zero(py: Python<'_>) -> Obj {
    Obj::from(PyInt::new(py, 0))
}

fn not_available(py: Python<'_>, text: &str) -> Raised {
    Raised::of(imports::sendfile_not_available(py), text)
}

/// The connection while its socket is lent; whoever drops this has it given back.
struct Borrowing<'a> {
    transport: &'a KeptRef<StreamTransport>,
    was_reading: bool,
    is_over: Cell<bool>,
}

impl<'a> Borrowing<'a> {
    /// Pauses reading and writing; and a future that is done when everything written before has left.
    fn begin(_co: &Co, request: &'a Request) -> Outcome<(Self, Obj)> {
        let transport = request.transport.get();
        let was_reading = transport.is_reading();
        let drained = loan::begin(&transport)?;
        let this = Self {
            transport: &request.transport,
            was_reading,
            is_over: Cell::new(false),
        };
        life::pause_reading(&transport)?;
        Ok((this, drained))
    }

    /// Gives the socket back, after `sent`.
    fn end(self, sent: Outcome) -> Outcome {
        self.is_over.set(true);
        match sent {
            Ok(count) => self.give_back().map(|()| count),
            Err(raised) => {
                let exception = raised.take(self.transport.get().py());
                self.give_back()?;
                Err(Raised::raise(exception))
            }
        }
    }

    fn give_back(&self) -> Outcome<()> {
        let transport = self.transport.get();
        loan::end(&transport)?;
        if self.was_reading {
            life::resume_reading(&transport)?;
        }
        Ok(())
    }
}

impl Drop for Borrowing<'_> {
    fn drop(&mut self) {
        if self.is_over.get() {
            return;
        }
        let transport = self.transport.get();
        let py = transport.py();
        set_aside(py, || {
            if let Err(raised) = self.give_back() {
                raised.unraisable(py, None);
            }
        });
    }
}

/// Whether there is more to send.
#[derive(PartialEq, Eq)]
enum Progress {
    /// Perhaps, when the kernel has room.
    More,
    /// No: so much was asked for, or the file has ended.
    Done,
}

/// A file on its way. Whoever drops this has the file's position put where the sending stopped.
struct Transfer<'a> {
    request: &'a Request,
    /// The file's descriptor when the sending began.
    fileno: i32,
    /// How much to send in the first attempt, and in all of them when no count was given.
    block: Kept,
    sent: Cell<u64>,
    attempts: Cell<u32>,
    is_placed: Cell<bool>,
}

impl<'a> Transfer<'a> {
    /// Checks the arguments, in the order of `sock_sendfile`; none for an empty file.
    fn begin(co: &Co, request: &'a Request) -> Outcome<Option<Self>> {
        let transport = request.transport.get();
        let py = transport.py();
        loan::check(&transport)?;
        let socket = transport.socket().unwrap_or_else(|| Obj::none(py));
        let (loop_, file, count) = (request.loop_.get(), request.file.get(), request.count.get());
        check_socket(&loop_, &socket)?;
        call::method(
            loop_.as_obj(),
            intern!(py, "_check_sendfile_params"),
            [&socket, &file, &request.offset.get(), &count],
        )?;
        let fileno = descriptor(&file)?;
        let size = size(&fileno)?;
        let block = if count.bind().is_truthy()? {
            count
        } else {
            size
        };
        if !block.bind().is_truthy()? {
            return Ok(None);
        }
        loan::lend(&transport);
        Ok(Some(Self {
            request,
            fileno: fileno.bind().extract()?,
            block: co.keep(block),
            sent: Cell::new(0),
            attempts: Cell::new(0),
            is_placed: Cell::new(false),
        }))
    }

    /// One `os.sendfile`.
    fn attempt(&self) -> Outcome<Progress> {
        let block = self.next_block()?;
        if !block.bind().gt(0)? {
            return Ok(Progress::Done);
        }
        let attempts = self.attempts.get();
        self.attempts.set(attempts.saturating_add(1));
        let sent = match self.call_kernel(&block).and_then(|sent| match sent {
            Some(sent) => Ok(Some(sent.bind().extract::<u64>()?)),
            None => Ok(None),
        }) {
            Ok(sent) => sent,
            Err(raised) => return Err(self.failed(raised, attempts > 0)),
        };
        match sent {
            None => Ok(Progress::More),
            Some(0) => Ok(Progress::Done),
            Some(sent) => {
                self.sent.set(self.sent.get() + sent);
                Ok(Progress::More)
            }
        }
    }

    /// How much the next attempt asks for. The numbers stay Python's, because one that the kernel's types cannot hold is
    /// an OverflowError of `os.sendfile`.
    fn next_block(&self) -> Outcome {
        let (count, mut block) = (self.request.count.get(), self.block.get());
        let py = count.py();
        if count.bind().is_truthy()? {
            block = Obj::from(count.bind().sub(self.sent.get())?);
        }
        if PY_3_13 {
            let limit = PyInt::new(py, isize::MAX / 2 + 1);
            if block.bind().gt(&limit)? {
                block = Obj::from(limit);
            }
        }
        Ok(block)
    }

    /// None when the kernel has no room.
    fn call_kernel(&self, block: &Obj) -> Outcome<Option<Obj>> {
        let transport = self.request.transport.get();
        let py = transport.py();
        let socket = transport.socket().unwrap_or_else(|| Obj::none(py));
        let fd = call::method(&socket, intern!(py, "fileno"), [])?;
        let file = self.file_number();
        let offset = self.position()?;
        let sent = call::method(
            imports::os(py),
            intern!(py, "sendfile"),
            [&fd, &file, &offset, block],
        );
        unless_blocked(py, sent)
    }

    /// The file's number. One that was closed meanwhile has none any more, or somebody else has it: -1, at which the kernel
    /// says EBADF, and nothing of theirs is sent.
    fn file_number(&self) -> Obj {
        let file = self.request.file.get();
        let fileno = if self.is_file_ours() { self.fileno } else { -1 };
        Obj::from(PyInt::new(file.py(), fileno))
    }

    fn is_file_ours(&self) -> bool {
        let file = self.request.file.get();
        match call::method(&file, intern!(file.py(), "fileno"), []) {
            Ok(fileno) => fileno
                .bind()
                .extract()
                .is_ok_and(|now: i32| now == self.fileno),
            Err(raised) => {
                drop(raised.take(file.py()));
                false
            }
        }
    }

    fn position(&self) -> Outcome {
        let offset = self.request.offset.get();
        Ok(Obj::from(offset.bind().add(self.sent.get())?))
    }

    /// What an attempt's exception becomes. An error of the first bytes says that this file cannot be sent so.
    fn failed(&self, raised: Raised, is_later: bool) -> Raised {
        let file = self.request.file.get();
        match self.failure(raised.take(file.py()), is_later) {
            Ok(exception) => match self.place() {
                Ok(()) => Raised::raise(exception),
                Err(raised) => raised,
            },
            Err(raised) => raised,
        }
    }

    fn failure(&self, exception: Obj, is_later: bool) -> Outcome {
        let py = exception.py();
        if !exception.bind().is_instance_of::<PyOSError>() {
            return Ok(exception);
        }
        if self.sent.get() == 0 {
            let class = imports::sendfile_not_available(py);
            return Raised::instance(class, "os.sendfile call failed");
        }
        let errno = call::attr(&exception, intern!(py, "errno"))?;
        let is_unconnected = errno.bind().extract::<i32>().is_ok_and(|errno| {
            std::io::Error::from_raw_os_error(errno).kind() == ErrorKind::NotConnected
        });
        let class = py.get_type::<PyConnectionError>();
        if !is_later || !is_unconnected || exception.bind().get_type().is(&class) {
            return Ok(exception.clone());
        }
        let plain = class.call1(("socket is not connected", errno.bind()))?;
        plain.setattr(intern!(py, "__cause__"), exception.bind())?;
        Ok(Obj::from(plain))
    }

    /// Puts the file's position where the sending has got to (`_sock_sendfile_update_filepos`), once.
    fn place(&self) -> Outcome<()> {
        if self.is_placed.replace(true) || (self.sent.get() == 0 && !PY_3_14) {
            return Ok(());
        }
        if !self.is_file_ours() {
            return Ok(());
        }
        let position = self.position()?;
        let py = position.py();
        let os = imports::os(py);
        let from_start = call::attr(os, intern!(py, "SEEK_SET"))?;
        let file = Obj::from(PyInt::new(py, self.fileno));
        call::method(os, intern!(py, "lseek"), [&file, &position, &from_start]).map(drop)
    }

    fn finish(self) -> Outcome {
        self.place()?;
        Ok(Obj::from(PyInt::new(
            self.request.file.get().py(),
            self.sent.get(),
        )))
    }
}

impl Drop for Transfer<'_> {
    fn drop(&mut self) {
        let file = self.request.file.get();
        let py = file.py();
        set_aside(py, || {
            if let Err(raised) = self.place() {
                raised.unraisable(py, None);
            }
        });
    }
}

/// `file.fileno()`, which an object that is no file does not have.
fn descriptor(file: &Obj) -> Outcome {
    let py = file.py();
    let asked = call::attr(file, intern!(py, "fileno")).and_then(|fileno| call::call0(&fileno));
    let exception = match asked {
        Ok(fileno) => return Ok(fileno),
        Err(raised) => raised.take(py),
    };
    let unsupported = imports::unsupported_operation(py);
    if exception.bind().is_instance_of::<PyAttributeError>()
        || exception.bind().is_instance(unsupported.bind())?
    {
        return Err(not_available(py, "not a regular file"));
    }
    Err(Raised::raise(exception))
}

/// `os.fstat(fileno).st_size`
fn size(fileno: &Obj) -> Outcome {
    let py = fileno.py();
    let stat = call::method(imports::os(py), intern!(py, "fstat"), [fileno])
        .and_then(|stat| call::attr(&stat, intern!(py, "st_size")));
    let exception = match stat {
        Ok(size) => return Ok(size),
        Err(raised) => raised.take(py),
    };
    if exception.bind().is_instance_of::<PyOSError>() {
        return Err(not_available(py, "not a regular file"));
    }
    Err(Raised::raise(exception))
}
