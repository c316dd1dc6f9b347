//! What the primitives are as Python objects: their attributes, weak references, reprs, how they are copied.

use std::mem::offset_of;

use pyo3::types::{
    PyAny, PyAnyMethods, PyDict, PyDictMethods, PyString, PyTuple, PyTupleMethods, PyTypeMethods,
};
use pyo3::{Bound, PyErr, Python, intern};

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
    }

    /// Drops everything.
    pub fn clear(&self) {
        self.dict.clear();
        self.bound.clear();
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

/// Lets `copy` and `pickle` copy the object, as they do asyncio's, whose attributes are all in its `__dict__`.
pub fn copying<T: Primitive>(builder: TypeBuilder<T>) -> TypeBuilder<T> {
    builder
        .method1(
            c"__reduce_ex__",
            c"__reduce_ex__($self, protocol, /)\n--\n\nHow the object is copied.",
            |this, protocol| reduce(this.as_obj(), protocol),
        )
        .method0(
            c"__getstate__",
            c"__getstate__($self, /)\n--\n\nWhat a copy gets.",
            state,
        )
        .method(
            c"__setstate__",
            c"__setstate__($self, state, /)\n--\n\nMakes the object a copy.",
            set_state,
        )
}

/// Makes the type. Texts of the interpreter's call it by its bare name, as they do a class written in Python.
///
/// # Errors
/// What making a type raises.
pub fn build<T: Payload>(py: Python<'_>, builder: TypeBuilder<T>) -> Outcome {
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
pub fn waiters_text(waiters: &Waiters) -> Outcome<String> {
    Ok(match waiters.len()? {
        0 => String::new(),
        count => format!(", waiters:{count}"),
    })
}

/// `object.__reduce_ex__`, with a protocol that asks for a new object of the class: the older ones cannot make one.
fn reduce(this: &Obj, protocol: &Obj) -> Outcome {
    const OLDEST: i64 = 2;
    let py = this.py();
    let protocol = protocol.bind().extract::<i64>()?.max(OLDEST);
    let object = py.get_type::<PyAny>();
    let reduced = object.call_method1(intern!(py, "__reduce_ex__"), (this.bind(), protocol))?;
    Ok(Obj::from(reduced))
}

/// `object.__getstate__`, with the fields beside what is in the `__dict__`.
fn state<T: Primitive>(this: &Ref<T>) -> Outcome {
    let py = this.py();
    let object = this.as_obj().bind();
    let found = py
        .get_type::<PyAny>()
        .call_method1(intern!(py, "__getstate__"), (object,))?;
    let (dict, slots) = dict_and_slots(&found)?;
    let state = match dict {
        Some(dict) => dict.copy()?,
        None => PyDict::new(py),
    };
    for name in names::<T>() {
        if let Some(value) = object.getattr_opt(name)? {
            state.set_item(name, value)?;
        }
    }
    if this.common().bound.get().is_none() {
        state.del_item(LOOP)?;
    }
    match slots {
        Some(slots) => Ok(Obj::from(PyTuple::new(py, [state, slots])?.into_any())),
        None => Ok(Obj::from(state.into_any())),
    }
}

/// The name of the one field that a class has as well: without a loop, an object has none of its own.
const LOOP: &str = "_loop";

fn names<T: Primitive>() -> impl Iterator<Item = &'static str> {
    T::STATE.iter().copied().chain([LOOP])
}

/// A part of a state, if there is one.
type Part<'py> = Option<Bound<'py, PyDict>>;

/// The two parts of a state: what goes into the `__dict__`, and what into `__slots__`.
fn dict_and_slots<'py>(state: &Bound<'py, PyAny>) -> Outcome<(Part<'py>, Part<'py>)> {
    let part = |part: Bound<'py, PyAny>| -> Outcome<Part<'py>> {
        if part.is_none() {
            return Ok(None);
        }
        Ok(Some(part.cast_into::<PyDict>().map_err(PyErr::from)?))
    };
    match state.cast::<PyTuple>() {
        Ok(parts) => Ok((part(parts.get_item(0)?)?, part(parts.get_item(1)?)?)),
        Err(_) => Ok((part(state.clone())?, None)),
    }
}

/// What `copy` and `pickle` do with a state by themselves, except that the fields are set.
fn set_state<T: Primitive>(this: &Ref<T>, args: Args<'_>) -> Outcome {
    let py = this.py();
    let object = this.as_obj().bind();
    let [state] = exactly(py, "__setstate__", ["state"], args)?;
    let (dict, slots) = dict_and_slots(state.bind())?;
    let own = object.getattr(intern!(py, "__dict__"))?;
    for (name, value) in dict.iter().flat_map(PyDictMethods::iter) {
        let text = name.cast::<PyString>().map_err(PyErr::from)?;
        if names::<T>().any(|field| text == field) {
            object.setattr(text, value)?;
        } else {
            own.set_item(name, value)?;
        }
    }
    for (name, value) in slots.iter().flat_map(PyDictMethods::iter) {
        object.setattr(name.cast::<PyString>().map_err(PyErr::from)?, value)?;
    }
    Ok(Obj::none(py))
}

/// AttributeError: the object has no attribute of this name.
#[cold]
pub fn no_attribute(this: &Obj, name: &str) -> Raised {
    let py = this.py();
    let class = py.get_type::<pyo3::exceptions::PyAttributeError>();
    match this.bind().get_type().name() {
        Ok(own) => {
            let text = format!("'{own}' object has no attribute '{name}'");
            Raised::of(&Obj::from(class), &text)
        }
        Err(error) => Raised::from(error),
    }
}

/// Takes the exception of what was waited for, so that Python can be called before it is raised again.
///
/// # Errors
/// The exception, no longer pending.
#[inline]
pub fn settled(py: Python<'_>, outcome: Outcome) -> Result<Obj, Obj> {
    outcome.map_err(|raised| raised.take(py))
}
