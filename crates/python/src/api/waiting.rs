//! `Waiting`: a coroutine of the loop's own waits for a socket that the caller made and keeps.

use pyo3::intern;
use pyo3::types::PyAnyMethods;

use super::watch::{self, Side};
use crate::event_loop::core::EventLoopData;
use crate::future::coroutine::{Co, KeptRef};
use crate::future::future;
use crate::future::state::FutureData;
use crate::handle::action;
use crate::handle::handle::HandleData;
use crate::py::call;
use crate::py::errors::{Outcome, Raised, leaves_the_loop, set_aside};
use crate::py::instance::Ref;
use crate::py::object::Obj;

/// A socket under observation: the future that its readiness fulfils, and the reader or writer that will do it. The
/// observation ends when this is dropped.
pub struct Waiting {
    loop_: KeptRef<EventLoopData>,
    fd: i32,
    side: Side,
    handle: KeptRef<HandleData>,
    done: KeptRef<FutureData>,
}

impl Waiting {
    /// Calls `attempt(socket, argument)` whenever the socket is ready, until it gives a result or raises.
    ///
    /// # Errors
    /// RuntimeError when a transport has the socket; what `fileno` raises; OSError of epoll_ctl(2).
    pub fn begin(
        co: &Co,
        loop_: &Ref<EventLoopData>,
        side: Side,
        socket: &Obj,
        argument: Obj,
        attempt: impl Fn(&Obj, &Obj) -> Outcome<Option<Obj>> + 'static,
    ) -> Outcome<Self> {
        let py = socket.py();
        let fileno = call::method(socket, intern!(py, "fileno"), [])?;
        let fd: i32 = fileno.bind().extract()?;
        let done = future::make(loop_.upcast())?;
        let held = [done.as_obj().clone(), socket.clone(), argument];
        let callback = action::make(py, held, move |[done, socket, argument], _| match done
            .downcast::<FutureData>(
        ) {
            Some(future) if !future.is_done() => complete(future, attempt(socket, argument)),
            _ => Ok(()),
        })?;
        let handle = watch::start(loop_, fd, side, &callback)?;
        Ok(Self {
            loop_: co.keep_ref(loop_.clone()),
            fd,
            side,
            handle: co.keep_ref(handle),
            done: co.keep_ref(done),
        })
    }

    /// What to await.
    pub fn future(&self) -> Obj {
        self.done.get().into_obj()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        // A reader or writer that somebody replaced meanwhile was cancelled, and its place is theirs.
        if self.handle.get().is_cancelled() {
            return;
        }
        let loop_ = self.loop_.get();
        let py = loop_.py();
        set_aside(py, || {
            if let Err(raised) = watch::stop(&loop_, self.fd, self.side) {
                raised.unraisable(py, Some(loop_.as_obj()));
            }
        });
    }
}

/// Tells the future what an attempt gave, if it gave anything. KeyboardInterrupt and SystemExit leave the loop instead.
fn complete(future: &Ref<FutureData>, attempt: Outcome<Option<Obj>>) -> Outcome<()> {
    match attempt {
        Ok(None) => Ok(()),
        Ok(Some(result)) => future.set_result(future.as_obj(), result),
        Err(raised) => {
            let exception = raised.take(future.py());
            if leaves_the_loop(&exception) {
                return Err(Raised::raise(exception));
            }
            future.set_exception(future.as_obj(), &exception)
        }
    }
}

/// What all `sock_*` methods ask of a socket first.
///
/// # Errors
/// TypeError for an SSLSocket; in debug mode ValueError for one that blocks.
pub fn check_socket(loop_: &Ref<EventLoopData>, socket: &Obj) -> Outcome<()> {
    let py = socket.py();
    super::connect::check_ssl_socket(socket)?;
    if loop_.base.is_debug() {
        let timeout = call::method(socket, intern!(py, "gettimeout"), [])?;
        if !timeout.bind().eq(0)? {
            return Err(Raised::value_error(py, "the socket must be non-blocking"));
        }
    }
    Ok(())
}
