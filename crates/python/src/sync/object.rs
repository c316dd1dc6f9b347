//! What the primitives are as Python objects: their attributes, weak references, reprs, how they are copied.

use std::mem::offset_of;

use pyo3::types::{PyAnyMethods, PyDict, PyDictMethods, PyTuple};
use pyo3::{Python, intern};

use super::loop_bound::LoopBound;
use super::waiters::Waiters;
use crate::py::args::{Args, exactly};
use crate::py::call;
use crate::py::errors::{Outcome, Raised};
use crate::py::gc::Visitor;
use crate::py::instance::{Dict, Payload, Ref, WeakList};
use crate::py::object::Obj;
use crate::py::slots::TypeBuilder;

/// What every primitive has.
#[derive(Default)]
pub struct Common {
    weak: WeakList,
    dict: Dict,
    /// The loop.
    pub bound: LoopBound,
    /// Who waits.
    pub waiters: Waiters,
}

impl Common {
    /// Whether the object has attributes of its own.
    #[inline]
    pub fn has_attributes(&self) -> bool {
        self.dict.exists()
    }

    /// Shows everything to the collector.
    pub fn visit(&self, visitor: &mut Visitor) {
        self.dict.visit(visitor);
        self.bound.visit(visitor);
        self.waiters.visit(visitor);
    }

    /// Drops everything.
    pub fn clear(&self) {
        self.dict.clear();
        self.bound.clear();
        self.waiters.clear();
    }
}

/// A payload with the common fields first.
pub trait Primitive: Payload {
    /// The attributes that a copy gets, beside those in the `__dict__`.
    const STATE: &'static [&'static str];

    /// The common fields.
    fn common(&self) -> &Common;
}

/// Whether the object is of the class itself and has no attributes of its own: its methods are this crate's.
#[inline]
pub fn is_plain<T: Primitive>(this: &Ref<T>) -> bool {
    this.is_exact() && !this.common().has_attributes()
}

/// Adds what every primitive has. The payload begins with its `Common`, at `offset`.
pub fn common<T: Primitive>(builder: TypeBuilder<T>, offset: usize) -> TypeBuilder<T> {
    copying(builder)
        .subclassable()
        .weak_references(offset + offset_of!(Common, weak))
        .instance_dict(offset + offset_of!(Common, dict))
        .attribute(
            c"_loop",
            c"The event loop, once somebody has waited; None before.",
            |this| {
                let loop_ = this.common().bound.get();
                Ok(loop_.unwrap_or_else(|| Obj::none(this.py())))
            },
            |this, value| {
                this.common().bound.set(&assigned(this, value)?);
                Ok(())
            },
        )
        .method0(
            c"_get_loop",
            c"_get_loop($self, /)\n--\n\nThe running loop, which the object is bound to from now on.",
            |this| this.common().bound.running(this.as_obj()),
        )
}

/// Lets `copy` and `pickle` copy the object, as they do asyncio's.
pub fn copying<T: Primitive>(builder: TypeBuilder<T>) -> TypeBuilder<T> {
    builder
        .method1(
            c"__reduce_ex__",
            c"__reduce_ex__($self, protocol, /)\n--\n\nHow the object is copied.",
            |this, _protocol| reduce(this),
        )
        .method(
            c"__setstate__",
            c"__setstate__($self, state, /)\n--\n\nMakes the object a copy.",
            |this, args| set_state(this.as_obj(), args),
        )
}

/// Makes the type. Texts of the interpreter's call it by its bare name, as they do a class written in Python.
///
/// # Errors
/// What making a type raises.
pub fn build<T: Primitive>(py: Python<'_>, builder: TypeBuilder<T>) -> Outcome {
    let class = builder.build(py)?;
    let name = intern!(py, "__name__");
    call::set_attr(&class, name, &call::attr(&class, name)?)?;
    Ok(class)
}

/// What is assigned to an attribute.
///
/// # Errors
/// AttributeError when it is deleted.
pub fn assigned<T: Primitive>(this: &Ref<T>, value: Option<&Obj>) -> Outcome {
    value.cloned().ok_or_else(|| {
        let class = this.py().get_type::<pyo3::exceptions::PyAttributeError>();
        Raised::of(&Obj::from(class), "the attribute cannot be deleted")
    })
}

/// `<asyncioxide.locks.Lock object at 0x... [extra]>`
///
/// # Errors
/// `MemoryError`.
pub fn repr_with(this: &Obj, extra: &str) -> Outcome {
    let py = this.py();
    let object = py.get_type::<pyo3::types::PyAny>();
    let text = object
        .getattr(intern!(py, "__repr__"))?
        .call1((this.bind(),))?;
    let text: &str = text.extract()?;
    let inside = text
        .strip_prefix('<')
        .and_then(|text| text.strip_suffix('>'))
        .unwrap_or(text);
    Ok(Obj::str(py, &format!("<{inside} [{extra}]>")))
}

/// ", waiters:N" if there are any.
///
/// # Errors
/// What the shared deque raises.
pub fn waiters_text(common: &Common) -> Outcome<String> {
    Ok(match common.waiters.len()? {
        0 => String::new(),
        count => format!(", waiters:{count}"),
    })
}

/// `__reduce_ex__`: a new object of the class, and what `__setstate__` gives it.
fn reduce<T: Primitive>(this: &Ref<T>) -> Outcome {
    let py = this.py();
    let dict = call::attr(this.as_obj(), intern!(py, "__dict__"))?;
    let state = dict.bind().cast::<PyDict>()?.copy()?;
    for &name in T::STATE {
        state.set_item(name, this.as_obj().bind().getattr(name)?)?;
    }
    let new = py.import("copyreg")?.getattr("__newobj__")?;
    let class = PyTuple::new(py, [this.as_obj().bind().get_type()])?;
    let reduced = PyTuple::new(py, [new, class.into_any(), state.into_any()])?;
    Ok(Obj::from(reduced.into_any()))
}

fn set_state(this: &Obj, args: Args<'_>) -> Outcome {
    let py = this.py();
    let [state] = exactly(py, "__setstate__", ["state"], args)?;
    for (name, value) in state.bind().cast::<PyDict>()?.iter() {
        this.bind()
            .setattr(name.cast::<pyo3::types::PyString>()?, value)?;
    }
    Ok(Obj::none(py))
}

/// Takes the exception of what was waited for, so that Python can be called before it is raised again.
///
/// # Errors
/// The exception, no longer pending.
#[inline]
pub fn settled(py: Python<'_>, outcome: Outcome) -> Result<Obj, Obj> {
    outcome.map_err(|raised| raised.take(py))
}
