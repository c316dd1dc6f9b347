//! `Action`: a Rust closure that Python can call.
//!
//! For the loop's own done-callbacks and timers, which go through the same queues as everybody's.

use std::cell::Cell;
use std::rc::Rc;

use crate::py::args::Args;
use crate::py::errors::Outcome;
use crate::py::gc::Visitor;
use crate::py::instance::{Payload, Ref, TypeSlot};
use crate::py::object::Obj;
use crate::py::slots::TypeBuilder;
use pyo3::Python;

static TYPE: TypeSlot = TypeSlot::new();

/// What runs: `body(held, arguments)`.
type Body = Rc<dyn Fn(&[Obj], &[Obj]) -> Outcome<()>>;

/// The payload: the closure, and the objects it works on, which the collector sees.
pub struct Action {
    body: Cell<Option<Body>>,
    held: Cell<Option<Rc<[Obj]>>>,
}

impl Action {
    fn copies(&self) -> Option<(Body, Rc<[Obj]>)> {
        let body = self.body.take()?;
        self.body.set(Some(body.clone()));
        let held = self.held.take()?;
        self.held.set(Some(held.clone()));
        Some((body, held))
    }
}

impl Payload for Action {
    const TYPE: &'static TypeSlot = &TYPE;

    fn blank() -> Self {
        Self {
            body: Cell::new(None),
            held: Cell::new(None),
        }
    }

    fn visit(&self, visitor: &mut Visitor) {
        let Some(held) = self.held.take() else {
            return;
        };
        for object in held.iter() {
            visitor.object(object);
        }
        self.held.set(Some(held));
    }

    fn clear(&self) {
        drop(self.body.take());
        drop(self.held.take());
    }
}

/// Makes `body` callable. It must reach Python objects through `held` only, so that the collector knows of them.
///
/// # Errors
/// `MemoryError`.
pub fn make<const N: usize>(
    py: Python<'_>,
    held: [Obj; N],
    body: impl Fn(&[Obj; N], &[Obj]) -> Outcome<()> + 'static,
) -> Outcome {
    let body = move |held: &[Obj], arguments: &[Obj]| {
        let held = held
            .first_chunk()
            .expect("an action is called with what it was made with");
        body(held, arguments)
    };
    let action = Action {
        body: Cell::new(Some(Rc::new(body))),
        held: Cell::new(Some(Rc::from(held))),
    };
    Ok(Ref::alloc(py, action, None)?.into_obj())
}

fn call(this: &Ref<Action>, args: Args<'_>) -> Outcome {
    let py = this.py();
    if let Some((body, held)) = this.copies() {
        body(&held, args.positional())?;
    }
    Ok(Obj::none(py))
}

/// Builds the type.
///
/// # Errors
/// What making a type raises.
pub fn build(py: Python<'_>) -> Outcome {
    TypeBuilder::<Action>::new(c"asyncioxide.Action", c"A callback of the loop's own.")
        .no_constructor()
        .callable(call)
        .build(py)
}
