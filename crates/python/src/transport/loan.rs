//! `Loan`: the writing half of a connection in the hands of `loop.sendfile`.
//!
//! The bytes of a file must not mix with those of `write`. So the borrower waits until the queue is empty, then sends by
//! itself, and `write` is refused until the loan ends. What asyncio calls the empty waiter is a part of this; there the
//! borrower waits with a writer of its own and hangs when the transport is closed meanwhile. Here the transport stays in
//! the poller, and whatever ends it ends the wait.

use std::cell::Cell;

use reactor::Interest;

use super::endpoint::Endpoint;
use super::state::{Life, StreamTransport};
use super::write;
use crate::future::future;
use crate::future::state::FutureData;
use crate::py::call;
use crate::py::cell::Slot;
use crate::py::errors::{Outcome, Raised};
use crate::py::gc::Visitor;
use crate::py::instance::Ref;
use crate::py::object::Obj;

/// Who sends.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Stage {
    /// The transport.
    #[default]
    None,
    /// Still the transport: what was queued before the loan.
    Draining,
    /// The borrower.
    Lent,
}

/// The loan, its waiter, and why the connection ended meanwhile.
#[derive(Default)]
pub struct Loan {
    stage: Cell<Stage>,
    waiter: Slot<Ref<FutureData>>,
    failure: Slot,
}

impl Loan {
    /// For the collector.
    pub fn visit(&self, visitor: &mut Visitor) {
        visitor.slot(&self.waiter);
        visitor.slot(&self.failure);
    }

    /// Lets everything go.
    pub fn clear(&self) {
        self.waiter.set(None);
        self.failure.set(None);
    }

    /// Whether `write` is refused.
    #[inline]
    pub fn is_active(&self) -> bool {
        self.stage.get() != Stage::None
    }

    /// Whether the borrower, not the queue, waits for room.
    #[inline]
    pub fn is_lent(&self) -> bool {
        self.stage.get() == Stage::Lent
    }

    /// Wakes the borrower, who then asks `check`.
    fn wake(&self) -> Outcome<()> {
        match self.waiter.take() {
            Some(waiter) if !waiter.is_done() => {
                waiter.set_result(waiter.as_obj(), Obj::none(waiter.py()))
            }
            _ => Ok(()),
        }
    }

    /// The queue is empty (`_empty_waiter.set_result`).
    ///
    /// # Errors
    /// What waking the borrower's task raises.
    pub fn drained(&self) -> Outcome<()> {
        if self.stage.get() == Stage::Draining {
            self.wake()?;
        }
        Ok(())
    }

    /// The connection is over (`_empty_waiter.set_exception`).
    ///
    /// # Errors
    /// As `drained`.
    pub fn fail(&self, exception: impl FnOnce() -> Outcome) -> Outcome<()> {
        if !self.is_active() {
            return Ok(());
        }
        if !self.failure.is_some() {
            self.failure.set(Some(exception()?));
        }
        self.wake()
    }
}

/// `ConnectionError("Connection is closed by peer")`, asyncio's words for any connection that ended under a sendfile.
pub fn connection_closed(py: pyo3::Python<'_>) -> Outcome {
    let class = Obj::from(py.get_type::<pyo3::exceptions::PyConnectionError>());
    Raised::instance(&class, "Connection is closed by peer")
}

/// `_make_empty_waiter`: a future that is done when nothing written before is queued any more. From now on `write` is
/// refused.
///
/// # Errors
/// RuntimeError for a second loan; what ended the connection.
pub fn begin(this: &Ref<StreamTransport>) -> Outcome<Obj> {
    if this.loan.is_active() {
        return Err(Raised::runtime_error(
            this.py(),
            "Empty waiter is already set",
        ));
    }
    write::flush(this)?;
    let waiter = new_waiter(this)?;
    this.loan.failure.set(None);
    if this.outgoing.len_bytes() == 0 {
        waiter.set_result(waiter.as_obj(), Obj::none(this.py()))?;
    }
    this.loan.waiter.set(Some(waiter.clone()));
    this.loan.stage.set(Stage::Draining);
    Ok(waiter.into_obj())
}

/// A future that is done when the kernel has room for more.
///
/// # Errors
/// OSError of epoll_ctl(2); what ended the connection.
pub fn wait_for_room(this: &Ref<StreamTransport>) -> Outcome<Obj> {
    let waiter = new_waiter(this)?;
    this.loan.waiter.set(Some(waiter.clone()));
    this.write_context.set(None);
    this.presence.want(this, Interest::WRITABLE, true)?;
    Ok(waiter.into_obj())
}

fn new_waiter(this: &Ref<StreamTransport>) -> Outcome<Ref<FutureData>> {
    check(this)?;
    match this.scheduler() {
        Some(scheduler) => future::make(&scheduler),
        None => Err(call::raise(&connection_closed(this.py())?)),
    }
}

/// The waiter is done: the borrower may send.
///
/// # Errors
/// What ended the connection.
pub fn check(this: &Ref<StreamTransport>) -> Outcome<()> {
    if let Some(exception) = this.loan.failure.get() {
        return Err(Raised::raise(exception));
    }
    match this.life() {
        Life::Lost(_) | Life::Closed(_) => Err(call::raise(&connection_closed(this.py())?)),
        Life::Open | Life::Closing => Ok(()),
    }
}

/// The queue is empty: the borrower sends from here on.
pub fn lend(this: &Ref<StreamTransport>) {
    this.loan.stage.set(Stage::Lent);
}

/// The kernel has room.
///
/// # Errors
/// OSError of epoll_ctl(2).
pub fn on_room(this: &Ref<StreamTransport>) -> Outcome<()> {
    this.presence.want(this, Interest::WRITABLE, false)?;
    this.loan.wake()
}

/// `_reset_empty_waiter`: the transport sends again.
///
/// # Errors
/// OSError of epoll_ctl(2).
pub fn end(this: &Ref<StreamTransport>) -> Outcome<()> {
    let stage = this.loan.stage.replace(Stage::None);
    this.loan.clear();
    if stage == Stage::Lent {
        this.presence.want(this, Interest::WRITABLE, false)?;
    }
    Ok(())
}

/// `write` and `writelines` call it; `what` is the method's word.
///
/// # Errors
/// RuntimeError while the socket is lent.
#[inline]
pub fn refuse(this: &Ref<StreamTransport>, what: &str) -> Outcome<()> {
    if !this.loan.is_active() {
        return Ok(());
    }
    let text = format!("unable to {what}; sendfile is in progress");
    Err(Raised::runtime_error(this.py(), text))
}
