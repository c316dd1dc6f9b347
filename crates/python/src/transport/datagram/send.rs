//! What goes out: at once if the kernel has room, otherwise when it has.

use pyo3::types::{PyAnyMethods, PyBytes, PyTuple, PyTypeMethods};
use reactor::{Departed, Interest};

use super::life;
use super::receive::failed;
use super::state::{DatagramTransport, Queued};
use crate::py::call;
use crate::py::context;
use crate::py::errors::{Outcome, Raised};
use crate::py::instance::Ref;
use crate::py::object::Obj;
use crate::py::version::PY_3_13;
use crate::transport::state::Life;
use crate::transport::write::{is_bytes, warn_of_lost_writes};

/// What a queued datagram weighs besides its bytes. (3.13.0 adds it and forgets to take it away again, so that there
/// the weight only grows.)
const HEADER_BYTES: usize = if PY_3_13 { 8 } else { 0 };

const FAILED: &str = "Fatal write error on datagram transport";

/// `transport.sendto(data, addr)`
///
/// # Errors
/// TypeError for what is no bytes; ValueError for another address than that of the endpoint; what the protocol's
/// `error_received` raises.
pub fn sendto(this: &Ref<DatagramTransport>, data: &Obj, to: &Obj) -> Outcome<()> {
    let py = this.py();
    if !is_bytes(data) {
        let class = data.bind().get_type().name()?;
        let text = format!(
            "data argument must be a bytes-like object, not {}",
            class.repr()?
        );
        return Err(Raised::type_error(py, text));
    }
    if !PY_3_13 && !data.bind().is_truthy()? {
        return Ok(());
    }
    let own = this.address.get();
    if let Some(own) = &own {
        check_address(own, to)?;
    }
    // asyncio looks at the address alone, and then finds no loop to report to once the transport is closed.
    let is_closed = matches!(this.life.get(), Life::Closed(_));
    if is_closed || (own.is_some() && this.is_lost()) {
        return count_lost(this);
    }
    let to = own.as_ref().unwrap_or(to);
    let is_idle = this.queue.borrow().is_empty();
    if is_idle {
        match offer(this, data, to) {
            Ok(Departed::Sent) => return Ok(()),
            Ok(Departed::WouldBlock) => wait_for_room(this)?,
            Err(raised) => return failed(this, raised, FAILED),
        }
    }
    push(this, data, to)?;
    this.flow.grown(this, this.queued_bytes.get())
}

fn check_address(own: &Obj, to: &Obj) -> Outcome<()> {
    if to.is_none() {
        return Ok(());
    }
    let py = own.py();
    let none = Obj::none(py);
    let allowed = PyTuple::new(py, [none.bind(), own.bind()])?;
    if allowed.contains(to.bind())? {
        return Ok(());
    }
    let own = own.bind().str()?;
    let text = format!("Invalid address: must be None or {own}");
    Err(Raised::value_error(py, text))
}

/// Datagrams for a lost connection are counted, and warned about when there are many.
fn count_lost(this: &Ref<DatagramTransport>) -> Outcome<()> {
    let life = this.life.get();
    this.life.set(life.after_write());
    let text = "socket.send() raised exception.";
    warn_of_lost_writes(this.py(), life.lost_writes(), text)
}

fn offer(this: &Ref<DatagramTransport>, data: &Obj, to: &Obj) -> Outcome<Departed> {
    match this.socket.get() {
        Some(socket) => this.calls.send(&socket, data, to),
        // The protocol has ended the transport from inside a call.
        None => Ok(Departed::Sent),
    }
}

fn wait_for_room(this: &Ref<DatagramTransport>) -> Outcome<()> {
    let context = context::copy_current(this.py())?;
    this.write_context.set(Some(context));
    this.presence.want(this, Interest::WRITABLE, true)
}

fn push(this: &Ref<DatagramTransport>, data: &Obj, to: &Obj) -> Outcome<()> {
    // What is queued must not change, and `bytes` copies a buffer of any shape.
    let data = if data.bind().is_exact_instance_of::<PyBytes>() {
        data.clone()
    } else {
        let class = Obj::from(data.py().get_type::<PyBytes>());
        call::call(&class, [data])?
    };
    let weight_bytes = data.bind().len()? + HEADER_BYTES;
    this.queued_bytes
        .set(this.queued_bytes.get() + weight_bytes);
    let address = to.clone();
    this.queue.borrow_mut().push_back(Queued {
        data,
        address,
        weight_bytes,
    });
    Ok(())
}

/// The oldest datagram.
fn pop(this: &Ref<DatagramTransport>) -> Option<Queued> {
    let queued = this.queue.borrow_mut().pop_front()?;
    let left = this.queued_bytes.get() - queued.weight_bytes;
    this.queued_bytes.set(left);
    Some(queued)
}

fn put_back(this: &Ref<DatagramTransport>, queued: Queued) {
    let grown = this.queued_bytes.get() + queued.weight_bytes;
    this.queued_bytes.set(grown);
    this.queue.borrow_mut().push_front(queued);
}

/// `_sendto_ready`: the kernel has room again.
///
/// # Errors
/// What the protocol raises.
pub fn on_writable(this: &Ref<DatagramTransport>) -> Outcome<()> {
    while let Some(queued) = pop(this) {
        match offer(this, &queued.data, &queued.address) {
            Ok(Departed::Sent) => {}
            Ok(Departed::WouldBlock) => {
                put_back(this, queued);
                break;
            }
            // The rest goes on with the next event.
            Err(raised) => return failed(this, raised, FAILED),
        }
    }
    this.flow.shrunk(this, this.queued_bytes.get())?;
    // The protocol may have sent more in `resume_writing`.
    if !this.queue.borrow().is_empty() {
        return Ok(());
    }
    this.presence.want(this, Interest::WRITABLE, false)?;
    if this.life.get() == Life::Closing {
        return life::lose_now(this);
    }
    Ok(())
}
