//! `Function`: a Rust function that passes for a Python one.
//!
//! The interpreter's own functions in C have no attributes, so nothing can mark one as a coroutine function, and in the
//! body of a class they do not become methods. asyncio's functions have and do, and these here as well; they are called
//! by vectorcall.

use std::cell::Cell;
use std::mem::offset_of;

use pyo3::types::{PyAnyMethods, PyDict, PyDictMethods, PyString};
use pyo3::{Python, ffi, intern};

use super::args::Args;
use super::call;
use super::errors::{Outcome, Raised};
use super::gc::Visitor;
use super::imports;
use super::instance::{Dict, Payload, Ref, TypeSlot, WeakList};
use super::object::Obj;
use super::slots::TypeBuilder;
use super::trampoline;
use super::version::PY_3_12;

static TYPE: TypeSlot = TypeSlot::new();

/// The payload. The names, the docstring and the signature are attributes in its `__dict__`, as on any function.
pub struct Function {
    weak: WeakList,
    dict: Dict,
    vectorcall: Cell<Option<ffi::vectorcallfunc>>,
}

impl Payload for Function {
    const TYPE: &'static TypeSlot = &TYPE;

    fn blank() -> Self {
        Self {
            weak: WeakList::default(),
            dict: Dict::default(),
            vectorcall: Cell::new(None),
        }
    }

    fn visit(&self, visitor: &mut Visitor) {
        self.dict.visit(visitor);
    }

    fn clear(&self) {
        self.dict.clear();
    }
}

/// A function of the module `module`. `doc` begins with the signature ("name(a, *, b=None)\n--\n\n").
///
/// # Errors
/// `MemoryError`.
pub fn make<F>(py: Python<'_>, module: &str, doc: &'static str, body: F) -> Outcome<Ref<Function>>
where
    F: for<'py> Fn(Python<'py>, Args<'_>) -> Outcome + Copy + 'static,
{
    let _ = body;
    let (signature, text) = doc
        .split_once("\n--\n\n")
        .expect("a docstring begins with a signature");
    let (name, _) = signature
        .split_once('(')
        .expect("a signature begins with a name");
    let attributes = PyDict::new(py);
    attributes.set_item(intern!(py, "__name__"), name)?;
    attributes.set_item(intern!(py, "__qualname__"), name)?;
    attributes.set_item(intern!(py, "__module__"), module)?;
    attributes.set_item(intern!(py, "__doc__"), text)?;
    attributes.set_item(
        intern!(py, "__text_signature__"),
        signature.strip_prefix(name),
    )?;
    let function = Function {
        weak: WeakList::default(),
        dict: Dict::new(Obj::from(attributes)),
        vectorcall: Cell::new(Some(trampoline::vectorcall::<F>)),
    };
    Ref::alloc(py, function, None)
}

/// The same for what asyncio writes as `async def`: `iscoroutinefunction` says so. (`inspect`'s does since 3.12, which has
/// a mark for it.)
///
/// # Errors
/// `MemoryError`.
pub fn make_coroutine_function<F>(
    py: Python<'_>,
    module: &str,
    doc: &'static str,
    body: F,
) -> Outcome<Ref<Function>>
where
    F: for<'py> Fn(Python<'py>, Args<'_>) -> Outcome + Copy + 'static,
{
    let function = make(py, module, doc, body)?;
    mark_coroutine_function(function.as_obj())?;
    Ok(function)
}

/// Gives `class`, which is `T`'s own type, a method that asyncio writes as `async def`: it looks like a method that is
/// written in Python, and `iscoroutinefunction` says that it makes coroutines. `doc` begins with the signature, `self`
/// included ("acquire(self)\n--\n\n").
///
/// # Errors
/// `MemoryError`.
pub fn add_coroutine_method<T, F>(class: &Obj, doc: &'static str, body: F) -> Outcome<()>
where
    T: Payload,
    F: Fn(&Ref<T>, Args<'_>) -> Outcome + Copy + 'static,
{
    let py = class.py();
    let module = class.bind().getattr(intern!(py, "__module__"))?;
    let of_class = class.bind().getattr(intern!(py, "__qualname__"))?;
    let function = make(
        py,
        module.extract()?,
        doc,
        move |py, args: Args<'_>| match args.split_receiver() {
            Some((receiver, rest)) => match receiver.downcast::<T>() {
                Some(receiver) => body(receiver, rest),
                None => Err(wrong_receiver::<T>(receiver)),
            },
            None => Err(Raised::type_error(
                py,
                "missing 1 required positional argument: 'self'",
            )),
        },
    )?;
    let function = function.as_obj();
    let name = call::attr(function, intern!(py, "__name__"))?;
    let qualified = format!("{of_class}.{}", name.bind());
    call::set_attr(
        function,
        intern!(py, "__qualname__"),
        &Obj::str(py, &qualified),
    )?;
    mark_coroutine_function(function)?;
    class
        .bind()
        .setattr(name.bind().cast::<PyString>()?, function.bind())?;
    Ok(())
}

#[cold]
fn wrong_receiver<T: Payload>(receiver: &Obj) -> Raised {
    let py = receiver.py();
    let name = |class: &Obj| match class.bind().getattr(intern!(py, "__name__")) {
        Ok(name) => name.to_string(),
        Err(_) => String::from("?"),
    };
    let (expected, found) = (
        name(&T::TYPE.object(py)),
        name(&Obj::from(receiver.bind().get_type())),
    );
    let text = format!("a method of '{expected}' objects does not apply to a '{found}' object");
    Raised::type_error(py, text)
}

fn mark_coroutine_function(function: &Obj) -> Outcome<()> {
    let py = function.py();
    if PY_3_12 {
        let mark = intern!(py, "markcoroutinefunction");
        return call::method(imports::inspect(py), mark, [function]).map(drop);
    }
    let name = intern!(py, "_is_coroutine");
    call::set_attr(function, name, &call::attr(imports::coroutines(py), name)?)
}

fn repr(this: &Ref<Function>) -> Outcome {
    let py = this.py();
    let name = call::attr(this.as_obj(), intern!(py, "__qualname__"))?;
    let text = format!(
        "<function {name} at {:p}>",
        this.as_obj().as_ptr(),
        name = name.bind()
    );
    Ok(Obj::str(py, &text))
}

/// Builds the type.
///
/// # Errors
/// What making a type raises.
pub fn build(py: Python<'_>) -> Outcome {
    TypeBuilder::<Function>::new(c"asyncioxide.function", c"A function in Rust.")
        .no_constructor()
        .vectorcall(offset_of!(Function, vectorcall))
        .binds_as_method()
        .weak_references(offset_of!(Function, weak))
        .instance_dict(offset_of!(Function, dict))
        .repr(repr)
        .method0(
            c"__reduce__",
            c"__reduce__($self, /)\n--\n\nThe name, under which pickle finds the function.",
            |this| call::attr(this.as_obj(), intern!(this.py(), "__qualname__")),
        )
        .build(py)
}
