//! The state of an event loop above its scheduler: what the lifecycle, executors, signals and debugging need.
//!
//! All of it belongs to the loop's thread. The reactor's driver and the queues are one floor below, in `Scheduler`.

use std::cell::Cell;
use std::rc::Rc;

use super::wakeup_fd::Wakeup;
use crate::handle::schedule::Scheduler;
use crate::py::cell::Slot;
use crate::py::gc::Visitor;
use crate::py::instance::{Derived, Payload, TypeSlot};

static TYPE: TypeSlot = TypeSlot::new();

/// What `asyncio` logs as slow unless told otherwise, in seconds.
const SLOW_CALLBACK_SECONDS: f64 = 0.1;

/// The upper half of an event loop.
pub struct LoopState {
    /// `stop()` was called.
    pub stopping: Cell<bool>,
    /// `new_event_loop(poll_every_turn=True)`: no turn skips its look at the sources.
    pub poll_every_turn: Cell<bool>,
    /// When other threads last had their chance, on the driver's clock.
    pub yielded_ns: Cell<u64>,
    /// `slow_callback_duration` in seconds.
    pub slow_callback_seconds: Cell<f64>,
    /// `set_exception_handler`
    pub exception_handler: Slot,
    /// `_default_executor`
    pub default_executor: Slot,
    /// `_executor_shutdown_called`
    pub executor_shutdown: Cell<bool>,
    /// `_asyncgens`, a WeakSet
    pub asyncgens: Slot,
    /// `_asyncgens_shutdown_called`
    pub asyncgens_shutdown: Cell<bool>,
    /// `_current_handle`, set in debug mode
    pub current_handle: Slot,
    /// The coroutine origin depth to restore, while debug mode has changed it.
    pub saved_origin_depth: Cell<Option<i32>>,
    /// `_signal_handlers`: a dict of signal number to handle.
    pub signal_handlers: Slot,
    /// The loop's part in the interpreter's wakeup descriptor.
    pub wakeup: Rc<Wakeup>,
}

/// The fields of our event loop.
pub type EventLoopData = Derived<Scheduler, LoopState>;

impl Payload for EventLoopData {
    const TYPE: &'static TypeSlot = &TYPE;

    fn blank() -> Self {
        Self {
            base: Scheduler::blank(),
            own: LoopState {
                stopping: Cell::new(false),
                poll_every_turn: Cell::new(false),
                yielded_ns: Cell::new(0),
                slow_callback_seconds: Cell::new(SLOW_CALLBACK_SECONDS),
                exception_handler: Slot::default(),
                default_executor: Slot::default(),
                executor_shutdown: Cell::new(false),
                asyncgens: Slot::default(),
                asyncgens_shutdown: Cell::new(false),
                current_handle: Slot::default(),
                saved_origin_depth: Cell::new(None),
                signal_handlers: Slot::default(),
                wakeup: Rc::default(),
            },
        }
    }

    fn visit(&self, visitor: &mut Visitor) {
        self.base.visit(visitor);
        for slot in self.own.objects() {
            visitor.slot(slot);
        }
    }

    fn clear(&self) {
        for slot in self.own.objects() {
            slot.set(None);
        }
        self.base.clear();
    }
}

impl LoopState {
    fn objects(&self) -> [&Slot; 5] {
        [
            &self.exception_handler,
            &self.default_executor,
            &self.asyncgens,
            &self.current_handle,
            &self.signal_handlers,
        ]
    }
}
