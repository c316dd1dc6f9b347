//! `add_reader`, `add_writer` and their opposites: callbacks for descriptors that belong to the user.

use std::rc::Rc;

use pyo3::types::PyAnyMethods;
use pyo3::{Bound, PyAny, Python, intern};
use reactor::poll::{Event, Interest};
use reactor::sys::Fd;

use crate::event_loop::core::EventLoopData;
use crate::handle::handle::{self, Arguments, HandleData};
use crate::handle::schedule::{Entry, Scheduler, Source};
use crate::py::args::{Args, exactly, leading};
use crate::py::cell::Slot;
use crate::py::errors::{Outcome, Raised};
use crate::py::gc::Visitor;
use crate::py::instance::Ref;
use crate::py::object::Obj;
use crate::py::slots::TypeBuilder;

/// Adds this file's methods.
pub fn methods(builder: TypeBuilder<EventLoopData>) -> TypeBuilder<EventLoopData> {
    builder
        .method(
            c"add_reader",
            c"add_reader($self, fd, callback, *args)\n--\n\nCall callback(*args) whenever fd can be read.",
            |this, args| add(this, args, "BaseSelectorEventLoop.add_reader", Side::Reader),
        )
        .method(
            c"add_writer",
            c"add_writer($self, fd, callback, *args)\n--\n\nCall callback(*args) whenever fd can be written.",
            |this, args| add(this, args, "BaseSelectorEventLoop.add_writer", Side::Writer),
        )
        .method(
            c"remove_reader",
            c"remove_reader($self, fd)\n--\n\nStop watching fd for reading. False if it was not watched.",
            |this, args| remove(this, args, "BaseSelectorEventLoop.remove_reader", Side::Reader),
        )
        .method(
            c"remove_writer",
            c"remove_writer($self, fd)\n--\n\nStop watching fd for writing. False if it was not watched.",
            |this, args| remove(this, args, "BaseSelectorEventLoop.remove_writer", Side::Writer),
        )
}

/// Which readiness a callback waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// There is something to read, or the other side has closed.
    Reader,
    /// There is room to write.
    Writer,
}

/// A watched descriptor with its one reader and one writer.
pub struct Watch {
    fd: i32,
    /// The object that the descriptor was first given as, if not as its number. Once it is closed it has no number to be
    /// found by (`_BaseSelectorImpl._fileobj_lookup`).
    file: Slot,
    reader: Slot<Ref<HandleData>>,
    writer: Slot<Ref<HandleData>>,
}

impl Watch {
    fn new(fd: i32, file: Option<&Obj>) -> Self {
        Self {
            fd,
            file: Slot::new(file.cloned()),
            reader: Slot::default(),
            writer: Slot::default(),
        }
    }

    fn side(&self, side: Side) -> &Slot<Ref<HandleData>> {
        match side {
            Side::Reader => &self.reader,
            Side::Writer => &self.writer,
        }
    }

    fn interest(&self) -> Interest {
        let mut interest = Interest::NONE;
        if self.reader.is_some() {
            interest |= Interest::READABLE;
        }
        if self.writer.is_some() {
            interest |= Interest::WRITABLE;
        }
        interest
    }
}

impl Source for Watch {
    /// asyncio puts the handles themselves into its queue, the reader's first.
    fn ready(self: Rc<Self>, scheduler: &Scheduler, event: Event) {
        let sides = [
            (event.readable, &self.reader),
            (event.writable, &self.writer),
        ];
        for (is_ready, handle) in sides {
            if let Some(handle) = handle
                .get()
                .filter(|handle| is_ready && !handle.is_cancelled())
            {
                scheduler.push(Entry::Handle(handle));
            }
        }
    }

    fn fire(&self, _event: Event) -> Outcome<()> {
        Ok(())
    }

    fn visit(&self, visitor: &mut Visitor) {
        visitor.slot(&self.file);
        visitor.slot(&self.reader);
        visitor.slot(&self.writer);
    }

    fn as_watch(&self) -> Option<&dyn std::any::Any> {
        Some(self)
    }
}

/// The number behind a descriptor argument.
enum Number {
    Descriptor(i32),
    /// No descriptor can have it.
    TooLarge,
    /// What a closed socket says.
    Negative(String),
}

/// Asks an argument for its number (`selectors._fileobj_to_fd`).
///
/// # Errors
/// ValueError for what has none.
fn number_of(object: &Obj) -> Outcome<Number> {
    let py = object.py();
    let number = match object.bind().cast::<pyo3::types::PyInt>() {
        Ok(number) => number.clone().into_any(),
        Err(_) => object
            .bind()
            .call_method0(intern!(py, "fileno"))
            .and_then(|number| number.call_method0(intern!(py, "__int__")))
            .or_else(|error| invalid_object(py, object, &error))?,
    };
    if number.lt(0)? {
        return Ok(Number::Negative(number.to_string()));
    }
    let fd = number.extract::<i32>().ok();
    Ok(fd.map_or(Number::TooLarge, Number::Descriptor))
}

fn invalid_number(py: Python<'_>, number: &str) -> Raised {
    Raised::value_error(py, format!("Invalid file descriptor: {number}"))
}

fn invalid_object<'py>(
    py: Python<'py>,
    object: &Obj,
    error: &pyo3::PyErr,
) -> pyo3::PyResult<Bound<'py, PyAny>> {
    use pyo3::exceptions::{PyAttributeError, PyTypeError, PyValueError};
    let expected = error.is_instance_of::<PyAttributeError>(py)
        || error.is_instance_of::<PyTypeError>(py)
        || error.is_instance_of::<PyValueError>(py);
    if !expected {
        return Err(error.clone_ref(py));
    }
    Err(PyValueError::new_err(format!(
        "Invalid file object: {}",
        object.bind().repr()?
    )))
}

/// RuntimeError when a transport of ours uses the descriptor (`_ensure_fd_no_transport`).
fn refuse_transports(this: &Ref<EventLoopData>, fd: i32) -> Outcome<()> {
    let Some(driver) = this.base.driver() else {
        return Ok(());
    };
    let Some(source) = driver
        .token_of(Fd::new(fd))
        .and_then(|token| driver.source(token))
    else {
        return Ok(());
    };
    match source.transport() {
        Some(transport) => {
            let text = format!(
                "File descriptor {fd} is used by transport {}",
                transport.bind().repr()?
            );
            Err(Raised::runtime_error(this.py(), text))
        }
        None => Ok(()),
    }
}

/// What the selector says about a number that no descriptor can have.
fn too_large() -> Raised {
    Raised::from(pyo3::exceptions::PyOverflowError::new_err(
        "Python int too large to convert to C int",
    ))
}

fn add(this: &Ref<EventLoopData>, args: Args<'_>, method: &'static str, side: Side) -> Outcome {
    let py = this.py();
    let ([fd, callback], rest) = leading(py, method, ["fd", "callback"], args)?;
    let (file, fd) = match number_of(fd)? {
        Number::Descriptor(number) => (fd, number),
        Number::TooLarge => return Err(too_large()),
        Number::Negative(number) => return Err(invalid_number(py, &number)),
    };
    refuse_transports(this, fd)?;
    this.base.check_closed(py)?;
    let handle = handle::make(this.upcast(), callback, Arguments::of(rest), None)?;
    let is_number = file.bind().is_instance_of::<pyo3::types::PyInt>();
    watch(this, fd, (!is_number).then_some(file), side, handle)?;
    Ok(Obj::none(py))
}

/// Puts `handle` in as the reader or writer of `fd`; one that was there is cancelled.
fn watch(
    this: &Ref<EventLoopData>,
    fd: i32,
    file: Option<&Obj>,
    side: Side,
    handle: Ref<HandleData>,
) -> Outcome<()> {
    let py = this.py();
    let Some(driver) = this.base.driver() else {
        return this.base.check_closed(py);
    };
    let found = driver
        .token_of(Fd::new(fd))
        .and_then(|token| Some((token, driver.source(token)?)));
    let Some((token, source)) = found else {
        let watch = Watch::new(fd, file);
        watch.side(side).set(Some(handle));
        let interest = watch.interest();
        this.base
            .register(py, Fd::new(fd), interest, Rc::new(watch))?;
        return Ok(());
    };
    let Some(watch) = source
        .as_watch()
        .and_then(|watch| watch.downcast_ref::<Watch>())
    else {
        return Err(Raised::runtime_error(
            py,
            format!("File descriptor {fd} is used by the loop itself"),
        ));
    };
    let interest = watch.interest();
    let before = watch.side(side).replace(Some(handle));
    let changed = if interest == watch.interest() {
        // The number may have been closed and used again behind our back; only a new registration can tell.
        this.base
            .register(py, Fd::new(fd), interest, source.clone())
            .map(drop)
    } else {
        this.base.set_interest(py, token, watch.interest())
    };
    if let Err(raised) = changed {
        drop(watch.side(side).replace(before));
        return Err(raised);
    }
    match before {
        Some(before) => handle::cancel(&before),
        None => Ok(()),
    }
}

fn remove(this: &Ref<EventLoopData>, args: Args<'_>, method: &'static str, side: Side) -> Outcome {
    let py = this.py();
    let [file] = exactly(py, method, ["fd"], args)?;
    let fd = match number_of(file)? {
        Number::Descriptor(number) => number,
        Number::TooLarge => return Ok(Obj::bool(py, false)),
        Number::Negative(number) => {
            watched_as(this, file).ok_or_else(|| invalid_number(py, &number))?
        }
    };
    refuse_transports(this, fd)?;
    Ok(Obj::bool(py, unwatch(this, fd, side)?))
}

/// The number that `file` had when it was watched.
fn watched_as(this: &Ref<EventLoopData>, file: &Obj) -> Option<i32> {
    let driver = this.base.driver()?;
    let mut found = None;
    driver.visit(&mut |_| {}, &mut |source| {
        let watch = source
            .as_watch()
            .and_then(|watch| watch.downcast_ref::<Watch>());
        if let Some(watch) = watch
            && watch.file.get().is_some_and(|own| own.is(file))
        {
            found = Some(watch.fd);
        }
    });
    found
}

/// Takes the reader or writer of `fd` out and cancels it; false if there is none.
fn unwatch(this: &Ref<EventLoopData>, fd: i32, side: Side) -> Outcome<bool> {
    let py = this.py();
    let Some(driver) = this.base.driver() else {
        return Ok(false);
    };
    let found = driver
        .token_of(Fd::new(fd))
        .and_then(|token| Some((token, driver.source(token)?)));
    let Some((token, source)) = found else {
        return Ok(false);
    };
    let Some(watch) = source
        .as_watch()
        .and_then(|watch| watch.downcast_ref::<Watch>())
    else {
        return Ok(false);
    };
    let before = watch.side(side).take();
    if watch.interest() == Interest::NONE {
        this.base.deregister(token);
    } else {
        this.base.set_interest(py, token, watch.interest())?;
    }
    let removed = before.is_some();
    if let Some(before) = before {
        handle::cancel(&before)?;
    }
    Ok(removed)
}

/// The loop's own `add_reader` or `add_writer`, for a socket of the caller's.
///
/// # Errors
/// As those.
pub fn start(
    this: &Ref<EventLoopData>,
    fd: i32,
    side: Side,
    callback: &Obj,
) -> Outcome<Ref<HandleData>> {
    refuse_transports(this, fd)?;
    this.base.check_closed(this.py())?;
    let handle = handle::make(this.upcast(), callback, Arguments::None, None)?;
    watch(this, fd, None, side, handle.clone())?;
    Ok(handle)
}

/// Takes `start` back.
///
/// # Errors
/// OSError of epoll_ctl(2).
pub fn stop(this: &Ref<EventLoopData>, fd: i32, side: Side) -> Outcome<()> {
    unwatch(this, fd, side).map(drop)
}
