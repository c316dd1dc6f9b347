//! What Python awaits of a barrier: `wait()`, `reset()`, `abort()`, `async with`.

use std::cell::Cell;

use pyo3::types::{PyAnyMethods, PyInt};
use pyo3::{Python, intern};

use super::barrier::{BarrierData, State, condition, parties, tell};
use crate::future::operation::{self, Input, Machine, Operation, Progress};
use crate::py::args::{Args, no_arguments};
use crate::py::call;
use crate::py::cell::Slot;
use crate::py::errors::{Outcome, Raised};
use crate::py::function::add_coroutine_method;
use crate::py::gc::Visitor;
use crate::py::imports;
use crate::py::instance::{Ref, TypeSlot};
use crate::py::object::Obj;
use crate::sync::acquisition::Acquire;
use crate::sync::condition::ConditionData;
use crate::sync::condition::waiting::Waiting;
use crate::sync::object::is_plain;

static WAIT: TypeSlot = TypeSlot::new();
static RESET: TypeSlot = TypeSlot::new();
static ABORT: TypeSlot = TypeSlot::new();
static ENTER: TypeSlot = TypeSlot::new();
static LEAVE: TypeSlot = TypeSlot::new();

/// Where a `wait()` is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It waits for the condition's lock.
    Lock,
    /// It waits for others to leave, before it counts (`_block`).
    Outside,
    /// It waits for others to come (`_wait`).
    Inside,
}

/// The way through `wait()`.
struct Passage {
    stage: Cell<Stage>,
    lock_waiter: Slot,
    waiting: Waiting,
    /// How many were inside before it, once it is.
    index: Cell<i64>,
}

impl Passage {
    fn new() -> Self {
        Self {
            stage: Cell::new(Stage::Lock),
            lock_waiter: Slot::default(),
            waiting: Waiting::default(),
            index: Cell::new(0),
        }
    }

    fn advance(&self, barrier: &Ref<BarrierData>, input: Input) -> Outcome<Progress> {
        let condition = condition(barrier)?;
        let waited = match (self.stage.get(), input) {
            (Stage::Lock, input) => {
                let progress = match input {
                    Input::Start => ConditionData::begin(&condition, &self.lock_waiter)?,
                    Input::Resumed(waited) => {
                        ConditionData::resumed(&condition, &self.lock_waiter, waited)?
                    }
                };
                if !matches!(progress, Progress::Done(_)) {
                    return Ok(progress);
                }
                self.stage.set(Stage::Outside);
                None
            }
            (_, Input::Start) => None,
            (_, Input::Resumed(waited)) => Some(waited),
        };
        // The lock is held, or will be when what is waited for is over.
        let progress = match self.stage.get() {
            Stage::Lock | Stage::Outside => self.outside(barrier, &condition, waited),
            Stage::Inside => self.inside(barrier, &condition, waited),
        };
        released_after(&condition, progress)
    }

    /// Comes in as soon as the barrier fills.
    fn outside(
        &self,
        barrier: &Ref<BarrierData>,
        condition: &Ref<ConditionData>,
        waited: Option<Outcome>,
    ) -> Outcome<Progress> {
        let is_closed = || matches!(barrier.state(), State::Draining | State::Resetting);
        if let Some(waiting) = self.until(condition, waited, || !is_closed())? {
            return Ok(waiting);
        }
        if barrier.state() == State::Broken {
            return Err(broken(barrier, "Barrier aborted"));
        }
        self.index.set(barrier.come());
        self.stage.set(Stage::Inside);
        self.inside(barrier, condition, None)
    }

    /// The barrier counts it. Whatever happens, it is counted out at the end.
    fn inside(
        &self,
        barrier: &Ref<BarrierData>,
        condition: &Ref<ConditionData>,
        waited: Option<Outcome>,
    ) -> Outcome<Progress> {
        let progress = self.passed(barrier, condition, waited);
        let ended = match progress {
            Ok(Progress::Done(index)) => Ok(index),
            Ok(waiting) => return Ok(waiting),
            Err(raised) => Err(raised.take(barrier.py())),
        };
        if barrier.leave() {
            if matches!(barrier.state(), State::Resetting | State::Draining) {
                barrier.set_state(State::Filling);
            }
            tell(barrier)?;
        }
        ended.map(Progress::Done).map_err(Raised::raise)
    }

    /// Passes when all have come.
    fn passed(
        &self,
        barrier: &Ref<BarrierData>,
        condition: &Ref<ConditionData>,
        waited: Option<Outcome>,
    ) -> Outcome<Progress> {
        let py = barrier.py();
        let index = self.index.get();
        if waited.is_none() && parties(barrier)?.bind().eq(index + 1)? {
            barrier.set_state(State::Draining);
            tell(barrier)?;
        } else {
            let is_over = || barrier.state() != State::Filling;
            if let Some(waiting) = self.until(condition, waited, is_over)? {
                return Ok(waiting);
            }
            if matches!(barrier.state(), State::Broken | State::Resetting) {
                return Err(broken(barrier, "Abort or reset of barrier"));
            }
        }
        Ok(Progress::Done(Obj::from(PyInt::new(py, index).into_any())))
    }

    /// `condition.wait_for(is_true)`: what to wait for, or nothing when it is over.
    fn until(
        &self,
        condition: &Ref<ConditionData>,
        waited: Option<Outcome>,
        is_true: impl Fn() -> bool,
    ) -> Outcome<Option<Progress>> {
        if let Some(waited) = waited {
            let progress = self.waiting.resumed(condition, waited)?;
            if !matches!(progress, Progress::Done(_)) {
                return Ok(Some(progress));
            }
        }
        while !is_true() {
            let progress = self.waiting.begin(condition)?;
            if !matches!(progress, Progress::Done(_)) {
                return Ok(Some(progress));
            }
        }
        Ok(None)
    }

    fn visit(&self, visitor: &mut Visitor) {
        visitor.slot(&self.lock_waiter);
        self.waiting.visit(visitor);
    }

    fn clear(&self) {
        self.lock_waiter.set(None);
        self.waiting.clear();
    }
}

fn broken(barrier: &Ref<BarrierData>, text: &str) -> Raised {
    Raised::of(imports::broken_barrier_error(barrier.py()), text)
}

/// Releases the condition's lock when its holder ends, with a value or an exception.
fn released_after(
    condition: &Ref<ConditionData>,
    progress: Outcome<Progress>,
) -> Outcome<Progress> {
    match progress {
        Ok(Progress::Done(value)) => {
            ConditionData::release(condition)?;
            Ok(Progress::Done(value))
        }
        Ok(waiting) => Ok(waiting),
        Err(raised) => {
            let exception = raised.take(condition.py());
            ConditionData::release(condition)?;
            Err(Raised::raise(exception))
        }
    }
}

/// `wait()`, awaited.
struct Wait {
    barrier: Ref<BarrierData>,
    passage: Passage,
}

impl Operation for Wait {
    const TYPE: &'static TypeSlot = &WAIT;
    const NAME: &'static str = "Barrier.wait";

    fn visit(&self, visitor: &mut Visitor) {
        visitor.object(self.barrier.as_obj());
        self.passage.visit(visitor);
    }

    fn clear(&self) {
        self.passage.clear();
    }

    fn resume(this: &Machine<Self>, input: Input) -> Outcome<Progress> {
        let own = this.own();
        own.passage.advance(&own.barrier, input)
    }
}

/// `__aenter__()`, awaited.
struct Enter {
    barrier: Ref<BarrierData>,
    /// Whether it is `passage` that goes on, or a `wait()` of a subclass's.
    is_own_wait: Cell<bool>,
    passage: Passage,
}

impl Operation for Enter {
    const TYPE: &'static TypeSlot = &ENTER;
    const NAME: &'static str = "Barrier.__aenter__";

    fn visit(&self, visitor: &mut Visitor) {
        visitor.object(self.barrier.as_obj());
        self.passage.visit(visitor);
    }

    fn clear(&self) {
        self.passage.clear();
    }

    fn resume(this: &Machine<Self>, input: Input) -> Outcome<Progress> {
        let own = this.own();
        if let Input::Start = input {
            own.is_own_wait.set(is_plain(&own.barrier));
        }
        match input {
            input if own.is_own_wait.get() => own.passage.advance(&own.barrier, input),
            Input::Start => {
                let wait = call::method(own.barrier.as_obj(), intern!(this.py(), "wait"), [])?;
                Ok(Progress::Wait(wait))
            }
            Input::Resumed(waited) => waited.map(Progress::Done),
        }
    }
}

/// `__aexit__(*args)`, awaited.
struct Leave;

impl Operation for Leave {
    const TYPE: &'static TypeSlot = &LEAVE;
    const NAME: &'static str = "Barrier.__aexit__";

    fn visit(&self, _: &mut Visitor) {}

    fn clear(&self) {}

    fn resume(this: &Machine<Self>, _: Input) -> Outcome<Progress> {
        Ok(Progress::Done(Obj::none(this.py())))
    }
}

/// `reset()` or `abort()`, awaited.
struct Change<const IS_ABORT: bool> {
    barrier: Ref<BarrierData>,
    lock_waiter: Slot,
}

impl<const IS_ABORT: bool> Operation for Change<IS_ABORT> {
    const TYPE: &'static TypeSlot = if IS_ABORT { &ABORT } else { &RESET };
    const NAME: &'static str = if IS_ABORT {
        "Barrier.abort"
    } else {
        "Barrier.reset"
    };

    fn visit(&self, visitor: &mut Visitor) {
        visitor.object(self.barrier.as_obj());
        visitor.slot(&self.lock_waiter);
    }

    fn clear(&self) {
        self.lock_waiter.set(None);
    }

    fn resume(this: &Machine<Self>, input: Input) -> Outcome<Progress> {
        let own = this.own();
        let condition = condition(&own.barrier)?;
        let progress = match input {
            Input::Start => ConditionData::begin(&condition, &own.lock_waiter)?,
            Input::Resumed(waited) => ConditionData::resumed(&condition, &own.lock_waiter, waited)?,
        };
        if !matches!(progress, Progress::Done(_)) {
            return Ok(progress);
        }
        own.barrier.set_state(match own.barrier.count() {
            _ if IS_ABORT => State::Broken,
            0 => State::Filling,
            _ => State::Resetting,
        });
        let done = tell(&own.barrier).map(|()| Progress::Done(Obj::none(this.py())));
        released_after(&condition, done)
    }
}

fn change<const IS_ABORT: bool>(this: &Ref<BarrierData>, args: Args<'_>) -> Outcome {
    let py = this.py();
    no_arguments(py, Change::<IS_ABORT>::NAME, args)?;
    let change = Change::<IS_ABORT> {
        barrier: this.clone(),
        lock_waiter: Slot::default(),
    };
    operation::make(py, change)
}

fn wait(this: &Ref<BarrierData>, args: Args<'_>) -> Outcome {
    let py = this.py();
    no_arguments(py, Wait::NAME, args)?;
    let wait = Wait {
        barrier: this.clone(),
        passage: Passage::new(),
    };
    operation::make(py, wait)
}

fn aenter(this: &Ref<BarrierData>, args: Args<'_>) -> Outcome {
    let py = this.py();
    no_arguments(py, Enter::NAME, args)?;
    let enter = Enter {
        barrier: this.clone(),
        is_own_wait: Cell::new(false),
        passage: Passage::new(),
    };
    operation::make(py, enter)
}

fn aexit(this: &Ref<BarrierData>, args: Args<'_>) -> Outcome {
    let py = this.py();
    no_arguments(py, Leave::NAME, args.keywords_only())?;
    operation::make(py, Leave)
}

/// Adds the methods to the class.
///
/// # Errors
/// What making a type raises.
pub fn add_to(py: Python<'_>, class: &Obj) -> Outcome<()> {
    operation::build::<Wait>(py)?;
    operation::build::<Enter>(py)?;
    operation::build::<Leave>(py)?;
    operation::build::<Change<false>>(py)?;
    operation::build::<Change<true>>(py)?;
    add_coroutine_method::<BarrierData, _>(
        class,
        "wait(self)\n--\n\n\
         Wait until as many tasks as there are parties have come.\n\n\
         The result is different for each of them: how many came before it. BrokenBarrierError when\n\
         the barrier is reset or aborted meanwhile, or was aborted.",
        wait,
    )?;
    add_coroutine_method::<BarrierData, _>(
        class,
        "reset(self)\n--\n\n\
         Begin anew: those who wait get a BrokenBarrierError. Repairs a barrier that was aborted.",
        change::<false>,
    )?;
    add_coroutine_method::<BarrierData, _>(
        class,
        "abort(self)\n--\n\n\
         Break the barrier: those who wait get a BrokenBarrierError, and so does whoever comes later.",
        change::<true>,
    )?;
    add_coroutine_method::<BarrierData, _>(
        class,
        "__aenter__(self)\n--\n\nWait; `as` gets what wait() does.",
        aenter,
    )?;
    add_coroutine_method::<BarrierData, _>(
        class,
        "__aexit__(self, *args)\n--\n\nDo nothing.",
        aexit,
    )
}
