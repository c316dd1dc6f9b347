//! What a subclass of a queue may replace: what holds the items, and the questions about it.
//!
//! Each function asks the object's own method, unless the object is known to have none: then it does what that method of
//! ours does, which is beside it.

use pyo3::intern;
use pyo3::types::{PyAnyMethods, PyList, PyListMethods};

use super::queue::{Order, QueueData, items, plain};
use crate::py::call;
use crate::py::errors::Outcome;
use crate::py::imports;
use crate::py::instance::Ref;
use crate::py::object::Obj;
use crate::sync::waiters::Waiters;

/// `_init(maxsize)`: makes what holds the items.
///
/// # Errors
/// What a subclass raises.
pub fn init(this: &Ref<QueueData>, maxsize: &Obj) -> Outcome<()> {
    match plain(this) {
        Some(_) => own_init(this),
        None => call::method(this.as_obj(), intern!(this.py(), "_init"), [maxsize]).map(drop),
    }
}

/// `Queue._init`.
///
/// # Errors
/// `MemoryError`.
pub fn own_init(this: &Ref<QueueData>) -> Outcome<()> {
    let py = this.py();
    let items = match this.order.get() {
        Order::Fifo => call::call0(imports::deque(py))?,
        Order::Lifo | Order::Priority => Obj::from(PyList::empty(py).into_any()),
    };
    this.set_items(Some(items));
    Ok(())
}

/// `_put(item)`.
///
/// # Errors
/// What a subclass, or comparing items, raises.
#[inline]
pub fn put(this: &Ref<QueueData>, item: &Obj) -> Outcome<()> {
    match plain(this) {
        Some(_) => own_put(this, item),
        None => call::method(this.as_obj(), intern!(this.py(), "_put"), [item]).map(drop),
    }
}

/// `Queue._put`.
///
/// # Errors
/// What comparing items raises.
#[inline]
pub fn own_put(this: &Ref<QueueData>, item: &Obj) -> Outcome<()> {
    let (py, items) = (this.py(), items(this)?);
    match this.order.get() {
        Order::Fifo if is_deque(&items) => {
            call::call(imports::deque_append(py), [&items, item]).map(drop)
        }
        Order::Fifo | Order::Lifo => match items.bind().cast_exact::<PyList>() {
            Ok(list) => Ok(list.append(item.bind())?),
            Err(_) => call::method(&items, intern!(py, "append"), [item]).map(drop),
        },
        Order::Priority => call::call(imports::heappush(py), [&items, item]).map(drop),
    }
}

/// `_get()`.
///
/// # Errors
/// What a subclass, or comparing items, raises.
#[inline]
pub fn get(this: &Ref<QueueData>) -> Outcome {
    match plain(this) {
        Some(_) => own_get(this),
        None => call::method(this.as_obj(), intern!(this.py(), "_get"), []),
    }
}

/// `Queue._get`.
///
/// # Errors
/// IndexError when there is nothing; what comparing items raises.
#[inline]
pub fn own_get(this: &Ref<QueueData>) -> Outcome {
    let (py, items) = (this.py(), items(this)?);
    match this.order.get() {
        Order::Fifo if is_deque(&items) => call::call(imports::deque_popleft(py), [&items]),
        Order::Fifo => call::method(&items, intern!(py, "popleft"), []),
        Order::Lifo => call::method(&items, intern!(py, "pop"), []),
        Order::Priority => call::call(imports::heappop(py), [&items]),
    }
}

/// Whether the container is what `own_init` has made: its methods need not be looked up, which takes longer than they do.
#[inline]
fn is_deque(items: &Obj) -> bool {
    items.type_is(imports::deque(items.py()))
}

/// `_wakeup_next(line)`.
///
/// # Errors
/// What a foreign future, the shared deque or a subclass raises.
#[inline]
pub fn wake_next(this: &Ref<QueueData>, line: &Waiters) -> Outcome<()> {
    let py = this.py();
    if plain(this).is_some() {
        return line.wake_next(py);
    }
    let line = line.share(py)?;
    call::method(this.as_obj(), intern!(py, "_wakeup_next"), [&line]).map(drop)
}

/// `Queue._wakeup_next`, which asks nothing of the queue.
///
/// # Errors
/// As `wake_next`.
pub fn own_wake_next(line: &Obj) -> Outcome<()> {
    let waiters = Waiters::default();
    waiters.replace(line);
    waiters.wake_next(line.py())
}

/// `empty()`.
///
/// # Errors
/// What a subclass raises.
#[inline]
pub fn is_empty(this: &Ref<QueueData>) -> Outcome<bool> {
    match plain(this) {
        Some(_) => own_is_empty(this),
        None => truth_of(this, "empty"),
    }
}

/// `Queue.empty`.
///
/// # Errors
/// What asking the items raises.
#[inline]
pub fn own_is_empty(this: &Ref<QueueData>) -> Outcome<bool> {
    Ok(!items(this)?.bind().is_truthy()?)
}

/// `full()`.
///
/// # Errors
/// What a subclass raises.
#[inline]
pub fn is_full(this: &Ref<QueueData>) -> Outcome<bool> {
    match plain(this) {
        Some(_) => own_is_full(this),
        None => truth_of(this, "full"),
    }
}

/// `Queue.full`.
///
/// # Errors
/// What comparing with `_maxsize` raises.
#[inline]
pub fn own_is_full(this: &Ref<QueueData>) -> Outcome<bool> {
    let py = this.py();
    match (this.limit(), plain(this)) {
        (Some(limit), _) if limit <= 0 => Ok(false),
        (Some(limit), Some(_)) => Ok(items(this)?.bind().len()?.cast_signed() >= limit),
        _ => {
            let maxsize = this.maxsize(py);
            if maxsize.bind().le(0)? {
                return Ok(false);
            }
            Ok(size(this)?.bind().ge(maxsize.bind())?)
        }
    }
}

/// `qsize()`.
///
/// # Errors
/// What a subclass raises.
pub fn size(this: &Ref<QueueData>) -> Outcome {
    call::method(this.as_obj(), intern!(this.py(), "qsize"), [])
}

fn truth_of(this: &Ref<QueueData>, question: &str) -> Outcome<bool> {
    Ok(this.as_obj().bind().call_method0(question)?.is_truthy()?)
}
