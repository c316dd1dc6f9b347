//! `Queue.put`, `Queue.get` and `Queue.join`: the operations that wait.

use super::queue::{QueueData, get_what_is_there, plain, put_where_is_room, shut_down};
use super::{finished, hooks};
use crate::future::any;
use crate::future::operation::{Input, Machine, Operation, Progress};
use crate::py::call;
use crate::py::cell::Slot;
use crate::py::errors::{Outcome, Raised};
use crate::py::gc::Visitor;
use crate::py::instance::{Ref, TypeSlot};
use crate::py::object::Obj;
use crate::sync::waiters::Waiters;

static PUT: TypeSlot = TypeSlot::new();
static GET: TypeSlot = TypeSlot::new();
static JOIN: TypeSlot = TypeSlot::new();

/// `await queue.put(item)`
pub struct Put {
    waiting: Waiting,
    item: Slot,
}

impl Put {
    /// To put `item` into `queue`.
    pub fn new(queue: &Ref<QueueData>, item: &Obj) -> Self {
        Self {
            waiting: Waiting::new(queue),
            item: Slot::new(Some(item.clone())),
        }
    }
}

impl Operation for Put {
    const TYPE: &'static TypeSlot = &PUT;
    const NAME: &'static str = "Queue.put";

    fn visit(&self, visitor: &mut Visitor) {
        self.waiting.visit(visitor);
        visitor.slot(&self.item);
    }

    fn clear(&self) {
        self.waiting.clear();
        self.item.set(None);
    }

    fn resume(this: &Machine<Self>, input: Input) -> Outcome<Progress> {
        let (own, py) = (this.own(), this.py());
        let queue = own.waiting.queue()?;
        let line = &queue.putters;
        own.waiting.woken(&queue, line, hooks::is_full, input)?;
        if hooks::is_full(&queue)? {
            if queue.is_shut_down.get() {
                return Err(shut_down(py));
            }
            return own.waiting.begin(&queue, line);
        }
        let item = own.item.get().unwrap_or_else(|| Obj::none(py));
        match plain(&queue) {
            Some(_) if queue.is_shut_down.get() => Err(shut_down(py)),
            Some(_) => put_where_is_room(&queue, &item).map(|()| Progress::Done(Obj::none(py))),
            None => call::method(queue.as_obj(), pyo3::intern!(py, "put_nowait"), [&item])
                .map(Progress::Done),
        }
    }
}

/// `await queue.get()`
pub struct Get {
    waiting: Waiting,
}

impl Get {
    /// To get an item from `queue`.
    pub fn new(queue: &Ref<QueueData>) -> Self {
        Self {
            waiting: Waiting::new(queue),
        }
    }
}

impl Operation for Get {
    const TYPE: &'static TypeSlot = &GET;
    const NAME: &'static str = "Queue.get";

    fn visit(&self, visitor: &mut Visitor) {
        self.waiting.visit(visitor);
    }

    fn clear(&self) {
        self.waiting.clear();
    }

    fn resume(this: &Machine<Self>, input: Input) -> Outcome<Progress> {
        let (own, py) = (this.own(), this.py());
        let queue = own.waiting.queue()?;
        let line = &queue.getters;
        own.waiting.woken(&queue, line, hooks::is_empty, input)?;
        if hooks::is_empty(&queue)? {
            if queue.is_shut_down.get() && hooks::is_empty(&queue)? {
                return Err(shut_down(py));
            }
            return own.waiting.begin(&queue, line);
        }
        match plain(&queue) {
            Some(_) => get_what_is_there(&queue),
            None => call::method(queue.as_obj(), pyo3::intern!(py, "get_nowait"), []),
        }
        .map(Progress::Done)
    }
}

/// A place in a queue's line.
struct Waiting {
    queue: Slot<Ref<QueueData>>,
    waiter: Slot,
}

impl Waiting {
    fn new(queue: &Ref<QueueData>) -> Self {
        Self {
            queue: Slot::new(Some(queue.clone())),
            waiter: Slot::default(),
        }
    }

    fn queue(&self) -> Outcome<Ref<QueueData>> {
        self.queue.get().ok_or_else(|| {
            let text = "the collector took the queue";
            Raised::from(pyo3::exceptions::PyRuntimeError::new_err(text))
        })
    }

    fn begin(&self, queue: &Ref<QueueData>, line: &Waiters) -> Outcome<Progress> {
        let waiter = queue.common.bound.make_future(queue.as_obj())?;
        line.push(&waiter)?;
        self.waiter.set(Some(waiter.clone()));
        Ok(Progress::Wait(waiter))
    }

    /// The wait is over. One that failed leaves the line, and if it was its turn, the next has it.
    fn woken(
        &self,
        queue: &Ref<QueueData>,
        line: &Waiters,
        is_hopeless: fn(&Ref<QueueData>) -> Outcome<bool>,
        input: Input,
    ) -> Outcome<()> {
        let Input::Resumed(Err(raised)) = input else {
            self.waiter.set(None);
            return Ok(());
        };
        let py = queue.py();
        let exception = raised.take(py);
        if let Some(waiter) = self.waiter.take() {
            any::cancel(&waiter)?;
            line.discard(&waiter)?;
            if !is_hopeless(queue)? && !any::is_cancelled(&waiter)? {
                hooks::wake_next(queue, line)?;
            }
        }
        Err(Raised::raise(exception))
    }

    fn visit(&self, visitor: &mut Visitor) {
        visitor.slot(&self.queue);
        visitor.slot(&self.waiter);
    }

    fn clear(&self) {
        self.queue.set(None);
        self.waiter.set(None);
    }
}

/// `await queue.join()`
pub struct Join(Slot<Ref<QueueData>>);

impl Join {
    /// To wait until all items of `queue` are done.
    pub fn new(queue: &Ref<QueueData>) -> Self {
        Self(Slot::new(Some(queue.clone())))
    }
}

impl Operation for Join {
    const TYPE: &'static TypeSlot = &JOIN;
    const NAME: &'static str = "Queue.join";

    fn visit(&self, visitor: &mut Visitor) {
        visitor.slot(&self.0);
    }

    fn clear(&self) {
        self.0.set(None);
    }

    fn resume(this: &Machine<Self>, input: Input) -> Outcome<Progress> {
        match (input, this.own().0.get()) {
            (Input::Resumed(outcome), _) => drop(outcome?),
            (Input::Start, Some(queue)) if queue.unfinished.get() > 0 => {
                return finished::wait(&queue).map(Progress::Wait);
            }
            (Input::Start, _) => {}
        }
        Ok(Progress::Done(Obj::none(this.py())))
    }
}
