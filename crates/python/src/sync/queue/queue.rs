//! `Queue`, `LifoQueue`, `PriorityQueue`.
//!
//! Follows `asyncio/queues.py`. The items are in a real deque or list, which is `_queue`: programs look into it and change
//! it. A subclass may replace what holds the items (`_init`, `_get`, `_put`) and the questions about it: see
//! `hooks.rs`. `operations.rs` is what waits.

use std::cell::Cell;
use std::mem::offset_of;

use pyo3::types::{PyAnyMethods, PyModule, PyModuleMethods, PyTypeMethods};
use pyo3::{Bound, Python, intern};

use super::operations as wait;
use super::{finished, hooks};
use crate::future::future::generic_alias;
use crate::future::operation;
use crate::py::args::{Args, Signature, exactly, no_arguments};
use crate::py::call;
use crate::py::cell::Slot;
use crate::py::errors::{Outcome, Raised};
use crate::py::function;
use crate::py::gc::Visitor;
use crate::py::imports;
use crate::py::instance::{Derived, Family, Payload, Ref, TypeSlot};
use crate::py::object::Obj;
use crate::py::slots::TypeBuilder;
use crate::py::version::PY_3_13;
use crate::sync::event::EventData;
use crate::sync::object::{self, Common, Primitive, assigned, no_attribute};
use crate::sync::waiters::Waiters;

static TYPE: TypeSlot = TypeSlot::new();
static LIFO_TYPE: TypeSlot = TypeSlot::new();
static PRIORITY_TYPE: TypeSlot = TypeSlot::new();

/// The exact types, whose methods are known to be ours.
static KINDS: Family<QueueData> = Family::new();

/// In which order items come out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// As they came.
    Fifo,
    /// The last first.
    Lifo,
    /// The least first.
    Priority,
}

/// The payload.
pub struct QueueData {
    pub common: Common,
    /// Which of the three is the nearest class.
    pub order: Cell<Order>,
    /// `_queue`
    items: Slot,
    /// `_maxsize`, whatever was given.
    maxsize: Slot,
    /// The same as a number; none when it has to be compared in Python.
    limit: Cell<Option<isize>>,
    /// Who waits for an item.
    pub getters: Waiters,
    /// Who waits for room.
    pub putters: Waiters,
    /// `_finished`: the event at which those wait who join.
    pub finished: Slot,
    /// `_unfinished_tasks`
    pub unfinished: Cell<i64>,
    pub is_shut_down: Cell<bool>,
}

impl Payload for QueueData {
    const TYPE: &'static TypeSlot = &TYPE;

    fn blank() -> Self {
        Self {
            common: Common::default(),
            order: Cell::new(Order::Fifo),
            items: Slot::default(),
            maxsize: Slot::default(),
            limit: Cell::new(None),
            getters: Waiters::default(),
            putters: Waiters::default(),
            finished: Slot::default(),
            unfinished: Cell::new(0),
            is_shut_down: Cell::new(false),
        }
    }

    fn visit(&self, visitor: &mut Visitor) {
        self.common.visit(visitor);
        for field in [&self.items, &self.maxsize, &self.finished] {
            visitor.slot(field);
        }
        self.getters.visit(visitor);
        self.putters.visit(visitor);
    }

    fn clear(&self) {
        self.common.clear();
        for field in [&self.items, &self.maxsize, &self.finished] {
            field.set(None);
        }
        self.getters.clear();
        self.putters.clear();
    }
}

impl Primitive for QueueData {
    const STATE: &'static [&'static str] = &[
        "_maxsize",
        "_getters",
        "_putters",
        "_unfinished_tasks",
        "_finished",
        "_queue",
        "_is_shutdown",
    ];

    fn common(&self) -> &Common {
        &self.common
    }
}

impl QueueData {
    /// `_maxsize`
    pub fn maxsize(&self, py: Python<'_>) -> Obj {
        self.maxsize.get().unwrap_or_else(|| Obj::none(py))
    }

    /// `_maxsize` as a number, if it is one that fits.
    pub fn limit(&self) -> Option<isize> {
        self.limit.get()
    }

    /// `_queue = items`
    pub fn set_items(&self, items: Option<Obj>) {
        self.items.set(items);
    }

    fn set_maxsize(&self, maxsize: Obj) {
        let limit = match maxsize.bind().cast::<pyo3::types::PyInt>() {
            Ok(number) => number.extract().ok(),
            Err(_) => None,
        };
        self.limit.set(limit);
        self.maxsize.set(Some(maxsize));
    }
}

/// `_queue`
///
/// # Errors
/// AttributeError when a subclass has not made it.
#[inline]
pub fn items(this: &Ref<QueueData>) -> Outcome {
    let items = this.items.get();
    items.ok_or_else(|| no_attribute(this.as_obj(), "_queue"))
}

/// The fields of a queue whose methods are all ours; none for an instance of a Python subclass, and for one that was given
/// attributes of its own.
#[inline]
pub fn plain(this: &Ref<QueueData>) -> Option<&Ref<QueueData>> {
    KINDS
        .cast(this.as_obj())
        .filter(|queue| !queue.common.has_attributes())
}

fn initialise(this: &Ref<QueueData>, args: Args<'_>) -> Outcome<()> {
    const SIGNATURE: Signature<1> = Signature::new("Queue.__init__", ["maxsize"], 1, 0);
    let py = this.py();
    let [maxsize] = SIGNATURE.bind(py, args)?;
    let maxsize = match maxsize {
        Some(maxsize) => maxsize.clone(),
        None => int(py, 0),
    };
    this.set_maxsize(maxsize.clone());
    this.getters.clear();
    this.putters.clear();
    this.unfinished.set(0);
    this.finished
        .set(Some(EventData::make(py, true)?.into_obj()));
    hooks::init(this, &maxsize)?;
    this.is_shut_down.set(false);
    Ok(())
}

/// What `LifoQueue` and `PriorityQueue` add: the order.
pub struct Ordered<const LIFO: bool>;

impl<const LIFO: bool> Payload for Derived<QueueData, Ordered<LIFO>> {
    const TYPE: &'static TypeSlot = if LIFO { &LIFO_TYPE } else { &PRIORITY_TYPE };

    fn blank() -> Self {
        let base = QueueData::blank();
        base.order
            .set(if LIFO { Order::Lifo } else { Order::Priority });
        Self { base, own: Ordered }
    }

    fn visit(&self, visitor: &mut Visitor) {
        self.base.visit(visitor);
    }

    fn clear(&self) {
        self.base.clear();
    }
}

/// A Python number.
fn int(py: Python<'_>, number: i64) -> Obj {
    Obj::from(pyo3::types::PyInt::new(py, number).into_any())
}

/// `put_nowait(item)`, whoever asks.
///
/// # Errors
/// QueueFull, QueueShutDown; what a subclass raises.
#[inline]
pub fn put_nowait(this: &Ref<QueueData>, item: &Obj) -> Outcome<()> {
    let py = this.py();
    if this.is_shut_down.get() {
        return Err(shut_down(py));
    }
    if hooks::is_full(this)? {
        return Err(raise_bare(imports::queue_full(py)));
    }
    put_where_is_room(this, item)
}

/// The end of `put_nowait`, for a queue that is known to be neither full nor shut down.
///
/// # Errors
/// What a subclass raises.
#[inline]
pub fn put_where_is_room(this: &Ref<QueueData>, item: &Obj) -> Outcome<()> {
    hooks::put(this, item)?;
    this.unfinished.set(this.unfinished.get() + 1);
    finished::begin_work(this)?;
    hooks::wake_next(this, &this.getters)
}

/// `get_nowait()`, whoever asks.
///
/// # Errors
/// QueueEmpty, QueueShutDown; what a subclass raises.
#[inline]
pub fn get_nowait(this: &Ref<QueueData>) -> Outcome {
    let py = this.py();
    if hooks::is_empty(this)? {
        if this.is_shut_down.get() {
            return Err(shut_down(py));
        }
        return Err(raise_bare(imports::queue_empty(py)));
    }
    get_what_is_there(this)
}

/// The end of `get_nowait`, for a queue that is known not to be empty.
///
/// # Errors
/// What a subclass raises.
#[inline]
pub fn get_what_is_there(this: &Ref<QueueData>) -> Outcome {
    let item = hooks::get(this)?;
    hooks::wake_next(this, &this.putters)?;
    Ok(item)
}

/// `raise QueueShutDown`
pub fn shut_down(py: Python<'_>) -> Raised {
    match call::attr(imports::queues(py), intern!(py, "QueueShutDown")) {
        Ok(class) => raise_bare(&class),
        Err(raised) => raised,
    }
}

/// `raise class`
fn raise_bare(class: &Obj) -> Raised {
    match call::call0(class) {
        Ok(exception) => call::raise(&exception),
        Err(raised) => raised,
    }
}

fn task_done(this: &Ref<QueueData>) -> Outcome {
    let py = this.py();
    let left = this.unfinished.get() - 1;
    if left < 0 {
        let text = "task_done() called too many times";
        return Err(Raised::value_error(py, text));
    }
    this.unfinished.set(left);
    if left == 0 {
        finished::end_work(this)?;
    }
    Ok(Obj::none(py))
}

fn shutdown(this: &Ref<QueueData>, args: Args<'_>) -> Outcome {
    const SIGNATURE: Signature<1> = Signature::new("Queue.shutdown", ["immediate"], 1, 0);
    let py = this.py();
    let [immediate] = SIGNATURE.bind(py, args)?;
    this.is_shut_down.set(true);
    let immediate = match immediate {
        Some(immediate) => immediate.bind().is_truthy()?,
        None => false,
    };
    if immediate {
        while !hooks::is_empty(this)? {
            hooks::get(this)?;
            this.unfinished.set((this.unfinished.get() - 1).max(0));
        }
        if this.unfinished.get() == 0 {
            finished::end_work(this)?;
        }
    }
    this.getters.wake_all(py)?;
    this.putters.wake_all(py)?;
    Ok(Obj::none(py))
}

/// What the reprs say: `_format()`.
fn format_state(this: &Ref<QueueData>) -> Outcome {
    let py = this.py();
    let mut text = format!("maxsize={}", this.maxsize(py).bind().repr()?);
    if let Some(items) = this.items.get()
        && items.bind().is_truthy()?
    {
        let items = imports::list(py).bind().call1((items.bind(),))?;
        text.push_str(&format!(" _queue={}", items.repr()?));
    }
    for (name, line) in [("_getters", &this.getters), ("_putters", &this.putters)] {
        let waiting = line.len()?;
        if waiting > 0 {
            text.push_str(&format!(" {name}[{waiting}]"));
        }
    }
    if this.unfinished.get() != 0 {
        text.push_str(&format!(" tasks={}", this.unfinished.get()));
    }
    if this.is_shut_down.get() {
        text.push_str(" shutdown");
    }
    Ok(Obj::str(py, &text))
}

/// `repr(queue)`, and `str(queue)`, which leaves the address out.
fn shown(this: &Ref<QueueData>, address: &str) -> Outcome {
    let py = this.py();
    let object = this.as_obj();
    let class = object.bind().get_type().name()?;
    let state = call::method(object, intern!(py, "_format"), [])?;
    let text = format!("<{class}{address} {}>", state.bind().str()?);
    Ok(Obj::str(py, &text))
}

fn repr(this: &Ref<QueueData>) -> Outcome {
    shown(this, &format!(" at {:p}", this.as_obj().as_ptr()))
}

/// Builds the types and adds them to the module.
///
/// # Errors
/// What making a type raises.
pub fn add_to(module: &Bound<'_, PyModule>) -> Outcome<()> {
    let py = module.py();
    operation::build::<wait::Put>(py)?;
    operation::build::<wait::Get>(py)?;
    operation::build::<wait::Join>(py)?;
    let queue = build(py)?;
    let least_first = TypeBuilder::<Derived<QueueData, Ordered<false>>>::new(
        c"asyncioxide.queues.PriorityQueue",
        c"PriorityQueue(maxsize=0)\n--\n\n\
          A queue that gives the least item first. Items are compared; tuples (priority, data) are usual.",
    )
    .base(&TYPE)
    .subclassable()
    .constructor(|this, args| initialise(this.upcast(), args));
    let last_first = TypeBuilder::<Derived<QueueData, Ordered<true>>>::new(
        c"asyncioxide.queues.LifoQueue",
        c"LifoQueue(maxsize=0)\n--\n\nA queue that gives the item first that came last.",
    )
    .base(&TYPE)
    .subclassable()
    .constructor(|this, args| initialise(this.upcast(), args));
    let (priority, lifo) = (
        object::build(py, least_first)?,
        object::build(py, last_first)?,
    );
    KINDS.admit::<Ordered<false>>();
    KINDS.admit::<Ordered<true>>();
    module.add("Queue", queue.bind())?;
    module.add("PriorityQueue", priority.bind())?;
    module.add("LifoQueue", lifo.bind())?;
    Ok(())
}

fn build(py: Python<'_>) -> Outcome {
    let builder = TypeBuilder::<QueueData>::new(
        c"asyncioxide.queues.Queue",
        c"Queue(maxsize=0)\n--\n\n\
          A queue for tasks of one loop: first in, first out.\n\n\
          maxsize: how many items it holds before put() waits; 0 or less means any number.",
    )
    .constructor(initialise)
    .repr(repr)
    .string(|this| shown(this, ""));
    let builder = object::common(attributes(methods(builder)), offset_of!(QueueData, common));
    let queue = object::build(py, builder)?;
    function::add_coroutine_method::<QueueData, _>(
        &queue,
        "put(self, item)\n--\n\n\
         Put an item into the queue; wait for room when it is full.\n\n\
         Raises QueueShutDown when the queue is, or is being, shut down.",
        |this, args| {
            let [item] = exactly(this.py(), "Queue.put", ["item"], args)?;
            operation::make(this.py(), wait::Put::new(this, item))
        },
    )?;
    function::add_coroutine_method::<QueueData, _>(
        &queue,
        "get(self)\n--\n\n\
         Take an item out of the queue; wait for one when it is empty.\n\n\
         Raises QueueShutDown when the queue is shut down and empty.",
        |this, args| {
            no_arguments(this.py(), "Queue.get", args)?;
            operation::make(this.py(), wait::Get::new(this))
        },
    )?;
    function::add_coroutine_method::<QueueData, _>(
        &queue,
        "join(self)\n--\n\nWait until task_done() was called for every item put into the queue.",
        |this, args| {
            no_arguments(this.py(), "Queue.join", args)?;
            operation::make(this.py(), wait::Join::new(this))
        },
    )?;
    Ok(queue)
}

fn methods(builder: TypeBuilder<QueueData>) -> TypeBuilder<QueueData> {
    builder
        .method(
            c"put_nowait",
            c"put_nowait($self, item)\n--\n\n\
              Put an item into the queue. QueueFull when there is no room, QueueShutDown when it is shut down.",
            |this, args| {
                let [item] = exactly(this.py(), "Queue.put_nowait", ["item"], args)?;
                put_nowait(this, item)?;
                Ok(Obj::none(this.py()))
            },
        )
        .method0(
            c"get_nowait",
            c"get_nowait($self)\n--\n\n\
              Take an item out of the queue. QueueEmpty when there is none, QueueShutDown when it is shut down.",
            get_nowait,
        )
        .method0(c"qsize", c"qsize($self)\n--\n\nHow many items are in the queue.", |this| {
            Ok(int(this.py(), i64::try_from(items(this)?.bind().len()?).unwrap_or(i64::MAX)))
        })
        .method0(c"empty", c"empty($self)\n--\n\nWhether there is no item in the queue.", |this| {
            Ok(Obj::bool(this.py(), hooks::own_is_empty(this)?))
        })
        .method0(
            c"full",
            c"full($self)\n--\n\nWhether there are maxsize items in the queue; never when maxsize is 0 or less.",
            |this| Ok(Obj::bool(this.py(), hooks::own_is_full(this)?)),
        )
        .method0(
            c"task_done",
            c"task_done($self)\n--\n\n\
              Say that the work on an item is over. ValueError when it was for all items before.",
            task_done,
        )
        .when(PY_3_13, |builder| {
            builder.method(
                c"shutdown",
                c"shutdown($self, immediate=False)\n--\n\n\
                  Let put() raise QueueShutDown from now on, and get() when the queue is empty.\n\n\
                  All who wait are woken. immediate: throw the items away, each as a task that is done.",
                shutdown,
            )
        })
        .method1(c"_init", c"_init($self, maxsize, /)\n--\n\nMake what holds the items. For subclasses.", |this, _| {
            hooks::own_init(this)?;
            Ok(Obj::none(this.py()))
        })
        .method1(c"_put", c"_put($self, item, /)\n--\n\nPut an item in. For subclasses.", |this, item| {
            hooks::own_put(this, item)?;
            Ok(Obj::none(this.py()))
        })
        .method0(c"_get", c"_get($self)\n--\n\nTake an item out. For subclasses.", hooks::own_get)
        .method1(
            c"_wakeup_next",
            c"_wakeup_next($self, waiters, /)\n--\n\nLet the first of the waiters run that is not done yet.",
            |this, waiters| hooks::own_wake_next(waiters).map(|()| Obj::none(this.py())),
        )
        .method0(c"_format", c"_format($self)\n--\n\nWhat the reprs say of the state.", format_state)
        .class_method1(
            c"__class_getitem__",
            c"__class_getitem__($type, item, /)\n--\n\nFor annotations: Queue[int].",
            generic_alias,
        )
}

fn attributes(builder: TypeBuilder<QueueData>) -> TypeBuilder<QueueData> {
    builder
        .getter(c"maxsize", c"How many items the queue holds.", |this| {
            Ok(this.maxsize(this.py()))
        })
        .attribute(
            c"_maxsize",
            c"The same.",
            |this| Ok(this.maxsize(this.py())),
            |this, value| {
                this.set_maxsize(assigned(this, value)?);
                Ok(())
            },
        )
        .attribute(c"_queue", c"What holds the items.", items, |this, value| {
            this.set_items(value.cloned());
            Ok(())
        })
        .attribute(
            c"_unfinished_tasks",
            c"How many items are not done.",
            |this| Ok(int(this.py(), this.unfinished.get())),
            |this, value| {
                this.unfinished
                    .set(assigned(this, value)?.bind().extract()?);
                Ok(())
            },
        )
        .attribute(
            c"_getters",
            c"The futures of those who wait for an item.",
            |this| this.getters.share(this.py()),
            |this, value| replace(this, &this.getters, value),
        )
        .attribute(
            c"_putters",
            c"The futures of those who wait for room.",
            |this| this.putters.share(this.py()),
            |this, value| replace(this, &this.putters, value),
        )
        .attribute(
            c"_finished",
            c"The event that is set while all items are done.",
            finished::event,
            |this, value| {
                this.finished.set(Some(assigned(this, value)?));
                Ok(())
            },
        )
        .when(PY_3_13, |builder| {
            builder.attribute(
                c"_is_shutdown",
                c"Whether shutdown() was called.",
                |this| Ok(Obj::bool(this.py(), this.is_shut_down.get())),
                |this, value| {
                    let is_shut_down = assigned(this, value)?.bind().is_truthy()?;
                    this.is_shut_down.set(is_shut_down);
                    Ok(())
                },
            )
        })
}

fn replace(this: &Ref<QueueData>, line: &Waiters, value: Option<&Obj>) -> Outcome<()> {
    line.replace(&assigned(this, value)?);
    Ok(())
}
