//! The wakeup descriptor: how a signal ends the wait of the main thread's loop, and how several who want it get along.
//!
//! The interpreter writes the number of every signal into one descriptor (`signal.set_wakeup_fd`). A loop needs it while
//! it runs, because a signal that another thread of the process received does not end a wait, and between its runs while it
//! has signal handlers. There is one for the whole process, so whoever was there before is remembered, gets what we cannot
//! use, and has his place back when ours is given up; if he has closed it meanwhile, nobody has.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::sync::{Mutex, MutexGuard, PoisonError};

use pyo3::exceptions::PyValueError;
use pyo3::types::{PyAnyMethods, PyDict, PyDictMethods, PyInt};
use pyo3::{Python, intern};
use reactor::poll::{Event, Interest};
use reactor::sys::{SignalPipe, WakeupFd};

use super::core::EventLoopData;
use crate::handle::handle::HandleData;
use crate::handle::schedule::{Entry, Scheduler, Source};
use crate::py::call;
use crate::py::errors::{Outcome, Raised};
use crate::py::gc::Visitor;
use crate::py::imports;
use crate::py::instance::Ref;
use crate::py::object::Obj;
use crate::py::thread;

/// A loop's part in the descriptor. Only the main thread changes it.
#[derive(Default)]
pub struct Wakeup {
    /// Where the interpreter writes for this loop, once that is needed.
    pipe: RefCell<Option<SignalPipe>>,
    /// Who was there before, while ours is installed.
    before: Cell<Option<WakeupFd>>,
    /// Who had taken our place when this run began, and has it back when the run ends.
    displaced: Cell<Option<WakeupFd>>,
    /// The signals that have a handler here; bit 0 is signal 1.
    handled: Cell<u64>,
}

thread_local! {
    /// The loops of the main thread that have a pipe. An entry without its loop is dropped when the next loop comes.
    static LOOPS: RefCell<Vec<Weak<Wakeup>>> = const { RefCell::new(Vec::new()) };
}

impl Wakeup {
    fn own_fd(&self) -> Option<i32> {
        self.pipe.borrow().as_ref().map(SignalPipe::write_fd)
    }

    fn handles(&self, signal: u8) -> bool {
        self.handled.get() & bit(signal) != 0
    }

    /// A handler was added (true) or removed.
    pub fn set_handled(&self, signal: u8, handled: bool) {
        let others = self.handled.get() & !bit(signal);
        self.handled.set(if handled {
            others | bit(signal)
        } else {
            others
        });
    }
}

/// The pipe of a loop that was closed in another thread while the interpreter wrote there. Only the main thread can end
/// that, and until it does, the number must not become another file's.
struct Abandoned {
    pipe: SignalPipe,
    before: WakeupFd,
}

static ABANDONED: Mutex<Vec<Abandoned>> = Mutex::new(Vec::new());

fn abandoned() -> MutexGuard<'static, Vec<Abandoned>> {
    ABANDONED.lock().unwrap_or_else(PoisonError::into_inner)
}

fn bit(signal: u8) -> u64 {
    match signal {
        1..=64 => 1 << (signal - 1),
        _ => 0,
    }
}

/// A loop is made. In the main thread, where it will probably run, it gets its pipe now: a loop that could be made can run,
/// however few descriptors are left by then.
///
/// # Errors
/// OSError when no pipe can be made.
pub fn prepare(this: &Ref<EventLoopData>) -> Outcome<()> {
    if is_main_thread(this.py())? {
        own_fd(this)?;
    }
    Ok(())
}

/// The loop of the main thread begins to run.
///
/// # Errors
/// OSError when no pipe can be made.
pub fn begin_run(this: &Ref<EventLoopData>) -> Outcome<()> {
    install(this).map(drop)
}

/// The run is over.
///
/// # Errors
/// What `signal.set_wakeup_fd` raises.
pub fn end_run(this: &Ref<EventLoopData>) -> Outcome<()> {
    let wakeup = &this.own.wakeup;
    if let Some(displaced) = wakeup.displaced.take() {
        if wakeup.handled.get() == 0 {
            wakeup.before.set(None);
        }
        return put_back(this.py(), wakeup.own_fd(), displaced);
    }
    release(this)
}

/// A signal handler is added: false when this is not the main thread.
///
/// # Errors
/// As `begin_run`.
pub fn require(this: &Ref<EventLoopData>) -> Outcome<bool> {
    install(this)
}

fn install(this: &Ref<EventLoopData>) -> Outcome<bool> {
    let py = this.py();
    if !is_main_thread(py)? {
        return Ok(false);
    }
    reclaim_abandoned(py)?;
    let own = own_fd(this)?;
    // asyncio installs it with a handler only, and lets the interpreter warn when it overflows. Without one nothing of ours
    // can be lost.
    let wakeup = &this.own.wakeup;
    let found = match set(py, own, wakeup.handled.get() != 0) {
        Ok(found) => found,
        Err(raised) => {
            let exception = raised.take(py);
            if exception.bind().is_instance_of::<PyValueError>() {
                // The main thread of another interpreter: signals are not ours.
                return Ok(false);
            }
            return Err(Raised::raise(exception));
        }
    };
    if wakeup.before.get().is_none() {
        wakeup.before.set(Some(WakeupFd::remember(found)));
    } else if found != own {
        wakeup.displaced.set(Some(WakeupFd::remember(found)));
    }
    Ok(true)
}

/// With the last handler gone, the descriptor stays only while the loop runs.
///
/// # Errors
/// ValueError in another thread than the main one.
pub fn release(this: &Ref<EventLoopData>) -> Outcome<()> {
    if this.base.is_running() || has_handlers(this)? {
        return Ok(());
    }
    give_up(this)
}

fn give_up(this: &Ref<EventLoopData>) -> Outcome<()> {
    let wakeup = &this.own.wakeup;
    let Some(before) = wakeup.before.get() else {
        return Ok(());
    };
    put_back(this.py(), wakeup.own_fd(), before)?;
    wakeup.before.set(None);
    if let Some(own) = wakeup.own_fd() {
        hand_on(own, before);
    }
    Ok(())
}

fn has_handlers(this: &Ref<EventLoopData>) -> Outcome<bool> {
    let Some(handlers) = this.own.signal_handlers.get() else {
        return Ok(false);
    };
    Ok(!handlers.bind().cast::<PyDict>()?.is_empty())
}

/// Whoever would put `own` back has to put back what was there before it.
fn hand_on(own: i32, before: WakeupFd) {
    for other in other_loops() {
        if other.before.get().is_some_and(|theirs| theirs.raw() == own) {
            other.before.set(Some(before));
        }
    }
}

/// The loop is closed: the descriptor is given up.
///
/// # Errors
/// What `signal.set_wakeup_fd` raises.
pub fn close(this: &Ref<EventLoopData>) -> Outcome<()> {
    let py = this.py();
    let wakeup = &this.own.wakeup;
    wakeup.handled.set(0);
    if is_main_thread(py)? {
        reclaim_abandoned(py)?;
        give_up(this)?;
        drop(wakeup.pipe.take());
    } else if let (Some(before), Some(pipe)) = (wakeup.before.take(), wakeup.pipe.take()) {
        abandoned().push(Abandoned { pipe, before });
    }
    Ok(())
}

/// Called in the main thread: gives up what loops that were closed in other threads could not.
fn reclaim_abandoned(py: Python<'_>) -> Outcome<()> {
    let taken = std::mem::take(&mut *abandoned());
    for Abandoned { pipe, before } in taken {
        let own = pipe.write_fd();
        put_back(py, Some(own), before)?;
        hand_on(own, before);
    }
    Ok(())
}

/// This is a forked child, and the loop the parent's: the interpreter must not write into the parent's pipe. Whoever else
/// has the descriptor keeps it.
///
/// # Errors
/// What `signal.set_wakeup_fd` raises.
pub fn disown(this: &Ref<EventLoopData>) -> Outcome<()> {
    let py = this.py();
    let wakeup = &this.own.wakeup;
    wakeup.before.set(None);
    wakeup.displaced.set(None);
    wakeup.handled.set(0);
    // Taken before anything can fail: the parent's pipe is closed here in any case.
    let Some(pipe) = wakeup.pipe.take() else {
        return Ok(());
    };
    let found = set(py, -1, true)?;
    if found != pipe.write_fd() && found != -1 {
        set(py, found, true)?;
    }
    Ok(())
}

/// Takes our descriptor back and restores `target`. If somebody has put another one in meanwhile, it stays.
fn put_back(py: Python<'_>, own: Option<i32>, target: WakeupFd) -> Outcome<()> {
    let restored = if target.is_there() {
        set(py, target.raw(), true)
    } else {
        set(py, -1, true)
    };
    let found = match restored {
        Ok(found) => found,
        Err(raised) => {
            // It is refused when it blocks by now. In another thread than the main one, this is refused too.
            drop(raised.take(py));
            set(py, -1, true)?
        }
    };
    if Some(found) != own
        && let Err(raised) = set(py, found, true)
    {
        // It was closed without being taken back: nobody can have the place.
        drop(raised.take(py));
    }
    Ok(())
}

/// The module `signal` as asyncio's Unix loop finds it.
///
/// # Errors
/// None in practice.
pub fn signal_module(py: Python<'_>) -> Outcome {
    call::attr(imports::unix_events(py), intern!(py, "signal"))
}

fn set(py: Python<'_>, fd: i32, warns_when_full: bool) -> Outcome<i32> {
    let module = signal_module(py)?;
    let name = intern!(py, "set_wakeup_fd");
    let found = if warns_when_full {
        module.bind().call_method1(name, (fd,))?
    } else {
        let keyword = PyDict::new(py);
        keyword.set_item(intern!(py, "warn_on_full_buffer"), false)?;
        module.bind().call_method(name, (fd,), Some(&keyword))?
    };
    // A replacement of the function need not know who was there.
    Ok(if found.is_none() {
        -1
    } else {
        found.extract()?
    })
}

fn is_main_thread(py: Python<'_>) -> Outcome<bool> {
    let main = imports::threading(py)
        .bind()
        .call_method0(intern!(py, "main_thread"))?;
    Ok(main
        .getattr(intern!(py, "ident"))?
        .extract::<Option<u64>>()?
        == Some(thread::ident(py)))
}

/// The pipe's end for the interpreter; the pipe is made and registered when first needed, if `prepare` did not.
fn own_fd(this: &Ref<EventLoopData>) -> Outcome<i32> {
    let py = this.py();
    let wakeup = &this.own.wakeup;
    if let Some(fd) = wakeup.own_fd() {
        return Ok(fd);
    }
    let failed = |error: std::io::Error| Raised::os_error(py, &error);
    let pipe = SignalPipe::new().map_err(failed)?;
    let (fd, read_fd) = (pipe.write_fd(), pipe.read_fd());
    this.base
        .register(py, read_fd, Interest::READABLE, Rc::new(SignalSource))?;
    *wakeup.pipe.borrow_mut() = Some(pipe);
    LOOPS.with_borrow_mut(|loops| {
        loops.retain(|known| known.strong_count() > 0);
        loops.push(Rc::downgrade(wakeup));
    });
    Ok(fd)
}

fn other_loops() -> Vec<Rc<Wakeup>> {
    LOOPS.with_borrow(|loops| loops.iter().filter_map(Weak::upgrade).collect())
}

/// The readable end.
struct SignalSource;

impl Source for SignalSource {
    fn ready(self: Rc<Self>, scheduler: &Scheduler, _event: Event) {
        scheduler.signals_pending.set(true);
    }

    fn fire(&self, _event: Event) -> Outcome<()> {
        Ok(())
    }

    fn visit(&self, _visitor: &mut Visitor) {}
}

/// Puts the handlers of the signals that arrived into the ready queue (`_process_self_data`, `_handle_signal`).
///
/// # Errors
/// OSError from reading the pipe.
pub fn deliver(this: &Ref<EventLoopData>) -> Outcome<()> {
    let py = this.py();
    let mut numbers = Vec::new();
    let drained = match this.own.wakeup.pipe.borrow().as_ref() {
        Some(pipe) => pipe.drain(&mut numbers),
        None => Ok(()),
    };
    drained.map_err(|error| Raised::os_error(py, &error))?;
    for number in numbers {
        match handler(this, number) {
            Some(handle) if handle.is_cancelled() => {
                let number = Obj::from(PyInt::new(py, number));
                let remove = intern!(py, "remove_signal_handler");
                call::method(this.as_obj(), remove, [&number])?;
            }
            Some(handle) => this.base.push(Entry::Handle(handle)),
            None => pass_on(&this.own.wakeup, number),
        }
    }
    Ok(())
}

fn handler(this: &Ref<EventLoopData>, number: u8) -> Option<Ref<HandleData>> {
    let handlers = this.own.signal_handlers.get()?;
    let handle = handlers.bind().get_item(number).ok()?;
    Obj::from(handle).into_ref().ok()
}

/// A signal that has no handler here is for whom we displaced: a loop of ours that has one, or somebody else.
fn pass_on(wakeup: &Wakeup, signal: u8) {
    let loops = other_loops();
    let mut next = wakeup.displaced.get().or(wakeup.before.get());
    // Two loops can each have displaced the other.
    for _ in 0..=loops.len() {
        let Some(target) = next else {
            return;
        };
        let known = loops
            .iter()
            .find(|other| other.own_fd() == Some(target.raw()));
        match known {
            Some(other) if !other.handles(signal) => next = other.before.get(),
            _ => return target.pass_on(signal),
        }
    }
}
