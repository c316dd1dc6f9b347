//! `_asyncioxide._panics`: an object that panics on demand, in any slot.
//!
//! Built with the feature `panic-tests` only, for `tests/boundary/test_panics.py`, which shows that a panic becomes an
//! exception, or an unraisable one, and never ends the process.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Mutex;

use pyo3::Python;
use pyo3::prelude::*;
use reactor::poll::Event;

use crate::future::coroutine;
use crate::handle::schedule::{Entry, Scheduler, Source};
use crate::py::coroutine::Sent;
use crate::py::errors::{Outcome, Raised};
use crate::py::freelist::FreeList;
use crate::py::gc::Visitor;
use crate::py::instance::{Payload, Ref, TypeSlot};
use crate::py::object::Obj;
use crate::py::slots::TypeBuilder;

static TYPE: TypeSlot = TypeSlot::new();

/// The place that panics next; the empty string is none.
static ARMED: Mutex<String> = Mutex::new(String::new());

/// Panics if `place` is armed. Every place but traversal, which the collector repeats, disarms itself.
fn pass(place: &str) {
    let mut armed = ARMED
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    if *armed != place {
        return;
    }
    if place != "traverse" {
        armed.clear();
    }
    drop(armed);
    panic!("in {place}");
}

/// The payload: an object for the collector to see, and a field whose drop is a place of its own.
struct Bomb {
    held: Cell<Option<Obj>>,
    _fuse: Fuse,
}

struct Fuse;

impl Drop for Fuse {
    fn drop(&mut self) {
        pass("dealloc");
    }
}

impl Payload for Bomb {
    const TYPE: &'static TypeSlot = &TYPE;

    fn blank() -> Self {
        pass("new");
        Self {
            held: Cell::new(None),
            _fuse: Fuse,
        }
    }

    fn visit(&self, visitor: &mut Visitor) {
        pass("traverse");
        if let Some(held) = self.held.take() {
            visitor.object(&held);
            self.held.set(Some(held));
        }
    }

    fn clear(&self) {
        pass("clear");
        drop(self.held.take());
    }

    fn wants_finalize(&self) -> bool {
        pass("wants_finalize");
        true
    }

    fn finalize(_this: &Ref<Self>) {
        pass("finalize");
    }

    fn pool(&self) -> Option<Rc<FreeList>> {
        pass("pool");
        None
    }
}

/// What gathers writes, to the loop.
struct PanickingSource;

impl Source for PanickingSource {
    fn ready(self: Rc<Self>, _scheduler: &Scheduler, _event: Event) {}

    fn fire(&self, _event: Event) -> Outcome<()> {
        Ok(())
    }

    fn end_turn(&self) -> Outcome<()> {
        pass("end of turn");
        Ok(())
    }

    fn visit(&self, _visitor: &mut Visitor) {}
}

fn none_after(py: Python<'_>, place: &str) -> Outcome {
    pass(place);
    Ok(Obj::none(py))
}

/// `Bomb.arm(place)`
fn arm(class: &Obj, place: &Obj) -> Outcome {
    pass("class method");
    let place: String = place.bind().extract()?;
    *ARMED
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner()) = place;
    Ok(Obj::none(class.py()))
}

fn scheduler_of(loop_: &Obj) -> Outcome<&Ref<Scheduler>> {
    loop_
        .downcast()
        .ok_or_else(|| Raised::type_error(loop_.py(), "not one of our loops"))
}

/// `bomb.step_soon(loop)`: a step of something that is no task, which the loop takes to be impossible.
fn step_soon(this: &Ref<Bomb>, loop_: &Obj) -> Outcome {
    scheduler_of(loop_)?.push(Entry::Step(this.as_obj().clone(), None));
    Ok(Obj::none(this.py()))
}

/// `bomb.gather(loop)`: work for the end of the turn, which is in no entry of the queue.
fn gather(this: &Ref<Bomb>, loop_: &Obj) -> Outcome {
    scheduler_of(loop_)?.turn.gather(Rc::new(PanickingSource));
    Ok(Obj::none(this.py()))
}

/// `bomb.coroutine()`
fn block(this: &Ref<Bomb>) -> Outcome {
    coroutine::make(this.py(), "Bomb.coroutine", |co| {
        let kept = co.keep(this.as_obj().clone());
        async move {
            pass("block");
            Ok(kept.get())
        }
    })
}

fn step(this: &Ref<Bomb>, _value: &Obj) -> Outcome<Sent> {
    pass("step");
    Ok(Sent::Returned(Obj::none(this.py())))
}

/// Builds the type and puts it into a module of its own.
///
/// # Errors
/// What making a type raises.
pub fn add_to(module: &Bound<'_, PyModule>) -> Outcome<()> {
    let py = module.py();
    let bomb = TypeBuilder::<Bomb>::new(c"asyncioxide._Bomb", c"Panics where it is told to.")
        .subclassable()
        .constructor(|this, args| {
            pass("init");
            this.held.set(args.positional().first().cloned());
            Ok(())
        })
        .finalizer()
        .repr(|this| {
            pass("repr");
            Ok(Obj::str(this.py(), "<Bomb>"))
        })
        .iter(|this| {
            pass("iter");
            Ok(this.as_obj().clone())
        })
        .awaiting(|this| {
            pass("await");
            Ok(this.as_obj().clone())
        })
        .step(step)
        .callable(|this, _| none_after(this.py(), "call"))
        .compare(|_, _, _| {
            pass("compare");
            Ok(Some(true))
        })
        .hash(|_| {
            pass("hash");
            Ok(1)
        })
        .on_assignment(|_, _| pass("assignment"))
        .method(c"method", c"A method.", |this, _| {
            none_after(this.py(), "method")
        })
        .method0(c"method0", c"A method.", |this| {
            none_after(this.py(), "method0")
        })
        .method1(c"method1", c"A method.", |this, _| {
            none_after(this.py(), "method1")
        })
        .method1(c"step_soon", c"Let a loop step this as a task.", step_soon)
        .method1(
            c"gather",
            c"Let a loop call at the end of its turn.",
            gather,
        )
        .method0(c"coroutine", c"A coroutine.", block)
        .class_method1(c"arm", c"Choose the place that panics next.", arm)
        .attribute(
            c"attribute",
            c"An attribute.",
            |this| none_after(this.py(), "getter"),
            |_, _| {
                pass("setter");
                Ok(())
            },
        )
        .build(py)?;
    let panics = PyModule::new(py, "_panics")?;
    panics.add("Bomb", bomb.bind())?;
    module.add_submodule(&panics)?;
    Ok(())
}
