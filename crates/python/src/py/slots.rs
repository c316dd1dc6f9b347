//! The builder of raw types: Rust functions become slots, methods and attributes of a heap type.
//!
//! A function is handed over as a value and kept as a type: every slot is a trampoline (`trampoline.rs`) that is generic
//! over the function it calls.
#![allow(unsafe_code, reason = "makes types from C tables")]

use std::ffi::{CStr, c_int, c_ulong, c_void};
use std::mem::offset_of;

use pyo3::types::{PyAny, PyAnyMethods, PyString, PyType, PyTypeMethods};
use pyo3::{Bound, Python, ffi};

use super::args::Args;
use super::coroutine::Sent;
use super::dealloc::dealloc;
use super::errors::{Outcome, Raised};
use super::instance::{Instance, Payload, Ref, TypeSlot};
use super::object::Obj;
use super::trampoline::{
    am_send, assign, bind_method, call, class_method1, clear, compare, finalize, getter, hash,
    initialise, iternext, method, method0, method1, new, setter, traverse, unary,
};

/// How the interpreter compares (`tp_richcompare`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Comparison {
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

/// Collects the parts of a type and makes it.
pub struct TypeBuilder<T: Payload> {
    name: &'static CStr,
    doc: &'static CStr,
    base: Option<&'static TypeSlot>,
    class: Option<Obj>,
    flags: c_ulong,
    slots: Vec<ffi::PyType_Slot>,
    methods: Vec<ffi::PyMethodDef>,
    attributes: Vec<ffi::PyGetSetDef>,
    members: Vec<ffi::PyMemberDef>,
    payload: std::marker::PhantomData<T>,
}

impl<T: Payload> TypeBuilder<T> {
    /// A type called `name` ("package.Class") with the docstring `doc`.
    pub fn new(name: &'static CStr, doc: &'static CStr) -> Self {
        let mut builder = Self {
            name,
            doc,
            base: None,
            class: None,
            flags: ffi::Py_TPFLAGS_DEFAULT,
            slots: Vec::new(),
            methods: Vec::new(),
            attributes: Vec::new(),
            members: Vec::new(),
            payload: std::marker::PhantomData,
        };
        builder.slot(ffi::Py_tp_dealloc, dealloc::<T> as *mut c_void);
        if T::COLLECTED {
            builder.flags |= ffi::Py_TPFLAGS_HAVE_GC;
            builder.slot(ffi::Py_tp_traverse, traverse::<T> as *mut c_void);
            builder.slot(ffi::Py_tp_clear, clear::<T> as *mut c_void);
        }
        builder
    }

    fn slot(&mut self, slot: c_int, function: *mut c_void) {
        self.slots.push(ffi::PyType_Slot {
            slot,
            pfunc: function,
        });
    }

    fn unary_slot<F: Fn(&Ref<T>) -> Outcome + Copy + 'static>(&mut self, slot: c_int, f: F) {
        let _ = f;
        self.slot(slot, unary::<T, F> as *mut c_void);
    }

    /// Derives from the type in `base`, whose payload `T` must begin with (see `Derived`).
    pub fn base(mut self, base: &'static TypeSlot) -> Self {
        self.base = Some(base);
        self
    }

    /// Derives from a class written in Python, whose instances hold nothing: no `__dict__`, no slots.
    pub fn class(mut self, class: &Obj) -> Self {
        self.class = Some(class.clone());
        self
    }

    /// Adds what only some versions of Python have.
    pub fn when(self, condition: bool, add: impl FnOnce(Self) -> Self) -> Self {
        if condition { add(self) } else { self }
    }

    /// Lets Python derive from the type.
    pub fn subclassable(mut self) -> Self {
        self.flags |= ffi::Py_TPFLAGS_BASETYPE;
        self
    }

    /// `T(...)`: starts from a blank payload, then `init` is `__init__`.
    pub fn constructor<F>(mut self, init: F) -> Self
    where
        F: Fn(&Ref<T>, Args<'_>) -> Outcome<()> + Copy + 'static,
    {
        let _ = init;
        self.slot(ffi::Py_tp_new, new::<T> as *mut c_void);
        self.slot(ffi::Py_tp_init, initialise::<T, F> as *mut c_void);
        self
    }

    /// Only Rust makes instances; calling the type is a TypeError.
    pub fn no_constructor(mut self) -> Self {
        self.flags |= ffi::Py_TPFLAGS_DISALLOW_INSTANTIATION;
        self
    }

    /// Weak references, kept in the payload's field at `offset`.
    pub fn weak_references(mut self, offset: usize) -> Self {
        self.members.push(offset_member(
            c"__weaklistoffset__",
            offset_of!(Instance<T>, payload) + offset,
        ));
        self
    }

    /// A `__dict__`, kept in the payload's field at `offset`.
    pub fn instance_dict(mut self, offset: usize) -> Self {
        self.members.push(offset_member(
            c"__dictoffset__",
            offset_of!(Instance<T>, payload) + offset,
        ));
        self.attributes.push(ffi::PyGetSetDef {
            name: c"__dict__".as_ptr(),
            get: Some(ffi::PyObject_GenericGetDict),
            set: Some(ffi::PyObject_GenericSetDict),
            doc: std::ptr::null(),
            closure: std::ptr::null_mut(),
        });
        self
    }

    /// `tp_finalize`, which is `Payload::finalize`.
    pub fn finalizer(mut self) -> Self {
        self.slot(ffi::Py_tp_finalize, finalize::<T> as *mut c_void);
        self
    }

    /// `repr(self)`.
    pub fn repr<F: Fn(&Ref<T>) -> Outcome + Copy + 'static>(mut self, f: F) -> Self {
        let _ = f;
        self.slot(ffi::Py_tp_repr, unary::<T, F> as *mut c_void);
        self
    }

    /// `str(self)`, where it is not `repr(self)`.
    pub fn string<F: Fn(&Ref<T>) -> Outcome + Copy + 'static>(mut self, f: F) -> Self {
        let _ = f;
        self.slot(ffi::Py_tp_str, unary::<T, F> as *mut c_void);
        self
    }

    /// `iter(self)`, and with it `yield from self`.
    pub fn iter<F: Fn(&Ref<T>) -> Outcome + Copy + 'static>(mut self, f: F) -> Self {
        let _ = f;
        self.slot(ffi::Py_tp_iter, unary::<T, F> as *mut c_void);
        self
    }

    /// `self.__await__()`.
    pub fn awaiting<F: Fn(&Ref<T>) -> Outcome + Copy + 'static>(mut self, f: F) -> Self {
        let _ = f;
        self.slot(ffi::Py_am_await, unary::<T, F> as *mut c_void);
        self
    }

    /// `aiter(self)`, which is the object itself.
    pub fn asynchronous_iterator<F>(mut self, next: F) -> Self
    where
        F: Fn(&Ref<T>) -> Outcome + Copy + 'static,
    {
        self.unary_slot(ffi::Py_am_aiter, |this| Ok(this.as_obj().clone()));
        self.unary_slot(ffi::Py_am_anext, next);
        self
    }

    /// `next(self)` and `PyIter_Send(self, value)`: one step of an awaitable.
    pub fn step<F>(mut self, f: F) -> Self
    where
        F: Fn(&Ref<T>, &Obj) -> Outcome<Sent> + Copy + 'static,
    {
        let _ = f;
        self.slot(ffi::Py_tp_iternext, iternext::<T, F> as *mut c_void);
        self.slot(ffi::Py_am_send, am_send::<T, F> as *mut c_void);
        self
    }

    /// `self(*args)`.
    pub fn callable<F: Fn(&Ref<T>, Args<'_>) -> Outcome + Copy + 'static>(mut self, f: F) -> Self {
        let _ = f;
        self.slot(ffi::Py_tp_call, call::<T, F> as *mut c_void);
        self
    }

    /// `self(*args)` by the function that each instance has in the payload's field at `offset`.
    pub fn vectorcall(mut self, offset: usize) -> Self {
        self.flags |= ffi::Py_TPFLAGS_HAVE_VECTORCALL;
        self.slot(ffi::Py_tp_call, ffi::PyVectorcall_Call as *mut c_void);
        self.members.push(offset_member(
            c"__vectorcalloffset__",
            offset_of!(Instance<T>, payload) + offset,
        ));
        self
    }

    /// In the body of a class, an instance becomes a method.
    pub fn binds_as_method(mut self) -> Self {
        // Lets the interpreter call a method without making a bound one. It remembers where it found the method only if the
        // method's class cannot change.
        self.flags |= ffi::Py_TPFLAGS_METHOD_DESCRIPTOR | ffi::Py_TPFLAGS_IMMUTABLETYPE;
        self.slot(ffi::Py_tp_descr_get, bind_method as *mut c_void);
        self
    }

    /// Comparisons; `None` means `NotImplemented`.
    pub fn compare<F>(mut self, f: F) -> Self
    where
        F: Fn(&Ref<T>, &Obj, Comparison) -> Outcome<Option<bool>> + Copy + 'static,
    {
        let _ = f;
        self.slot(ffi::Py_tp_richcompare, compare::<T, F> as *mut c_void);
        self
    }

    /// Sets attributes as every object does, and then tells `observer` the name.
    pub fn on_assignment<F: Fn(&Ref<T>, &Obj) + Copy + 'static>(mut self, observer: F) -> Self {
        let _ = observer;
        self.slot(ffi::Py_tp_setattro, assign::<T, F> as *mut c_void);
        self
    }

    /// `hash(self)`.
    pub fn hash<F: Fn(&Ref<T>) -> Outcome<isize> + Copy + 'static>(mut self, f: F) -> Self {
        let _ = f;
        self.slot(ffi::Py_tp_hash, hash::<T, F> as *mut c_void);
        self
    }

    /// A method with arguments. `doc` begins with the signature line ("name($self, a, /)\n--\n\n").
    pub fn method<F>(mut self, name: &'static CStr, doc: &'static CStr, f: F) -> Self
    where
        F: Fn(&Ref<T>, Args<'_>) -> Outcome + Copy + 'static,
    {
        let _ = f;
        self.methods.push(ffi::PyMethodDef {
            ml_name: name.as_ptr(),
            ml_meth: ffi::PyMethodDefPointer {
                PyCFunctionFastWithKeywords: method::<T, F>,
            },
            ml_flags: ffi::METH_FASTCALL | ffi::METH_KEYWORDS,
            ml_doc: doc.as_ptr(),
        });
        self
    }

    /// A method without arguments.
    pub fn method0<F>(mut self, name: &'static CStr, doc: &'static CStr, f: F) -> Self
    where
        F: Fn(&Ref<T>) -> Outcome + Copy + 'static,
    {
        let _ = f;
        self.methods.push(ffi::PyMethodDef {
            ml_name: name.as_ptr(),
            ml_meth: ffi::PyMethodDefPointer {
                PyCFunction: method0::<T, F>,
            },
            ml_flags: ffi::METH_NOARGS,
            ml_doc: doc.as_ptr(),
        });
        self
    }

    /// A method with one positional argument.
    pub fn method1<F>(mut self, name: &'static CStr, doc: &'static CStr, f: F) -> Self
    where
        F: Fn(&Ref<T>, &Obj) -> Outcome + Copy + 'static,
    {
        let _ = f;
        self.methods.push(ffi::PyMethodDef {
            ml_name: name.as_ptr(),
            ml_meth: ffi::PyMethodDefPointer {
                PyCFunction: method1::<T, F>,
            },
            ml_flags: ffi::METH_O,
            ml_doc: doc.as_ptr(),
        });
        self
    }

    /// A class method with one positional argument.
    pub fn class_method1<F>(mut self, name: &'static CStr, doc: &'static CStr, f: F) -> Self
    where
        F: Fn(&Obj, &Obj) -> Outcome + Copy + 'static,
    {
        let _ = f;
        self.methods.push(ffi::PyMethodDef {
            ml_name: name.as_ptr(),
            ml_meth: ffi::PyMethodDefPointer {
                PyCFunction: class_method1::<F>,
            },
            ml_flags: ffi::METH_O | ffi::METH_CLASS,
            ml_doc: doc.as_ptr(),
        });
        self
    }

    /// A read-only attribute.
    pub fn getter<F>(mut self, name: &'static CStr, doc: &'static CStr, f: F) -> Self
    where
        F: Fn(&Ref<T>) -> Outcome + Copy + 'static,
    {
        let _ = f;
        self.attributes.push(ffi::PyGetSetDef {
            name: name.as_ptr(),
            get: Some(getter::<T, F>),
            set: None,
            doc: doc.as_ptr(),
            closure: std::ptr::null_mut(),
        });
        self
    }

    /// An attribute that can be set; the setter gets `None` when it is deleted.
    pub fn attribute<G, S>(
        mut self,
        name: &'static CStr,
        doc: &'static CStr,
        get: G,
        set: S,
    ) -> Self
    where
        G: Fn(&Ref<T>) -> Outcome + Copy + 'static,
        S: Fn(&Ref<T>, Option<&Obj>) -> Outcome<()> + Copy + 'static,
    {
        let _ = (get, set);
        self.attributes.push(ffi::PyGetSetDef {
            name: name.as_ptr(),
            get: Some(getter::<T, G>),
            set: Some(setter::<T, S>),
            doc: doc.as_ptr(),
            closure: std::ptr::null_mut(),
        });
        self
    }

    /// Makes the type, keeps it in `T::TYPE` and returns it.
    ///
    /// # Errors
    /// Whatever the interpreter finds wrong.
    pub fn build(mut self, py: Python<'_>) -> Outcome {
        self.slot(ffi::Py_tp_doc, self.doc.as_ptr() as *mut c_void);
        if !self.methods.is_empty() {
            let table = leak_table(self.methods.split_off(0));
            self.slot(ffi::Py_tp_methods, table);
        }
        if !self.attributes.is_empty() {
            let table = leak_table(self.attributes.split_off(0));
            self.slot(ffi::Py_tp_getset, table);
        }
        if !self.members.is_empty() {
            let table = leak_table(self.members.split_off(0));
            self.slot(ffi::Py_tp_members, table);
        }
        self.slot(0, std::ptr::null_mut());
        let mut spec = ffi::PyType_Spec {
            name: self.name.as_ptr(),
            basicsize: c_int::try_from(size_of::<Instance<T>>()).expect("payloads are small"),
            itemsize: 0,
            flags: u32::try_from(self.flags).expect("type flags fit in 32 bits"),
            slots: self.slots.as_mut_ptr(),
        };
        let base = self.base.map(|base| base.object(py)).or(self.class);
        let base = base.as_ref().map_or(std::ptr::null_mut(), Obj::as_ptr);
        // SAFETY: `spec` and its zero-ended slot table are alive during the call, and so is the base; the tables inside
        // `spec` are leaked.
        let type_ = unsafe { ffi::PyType_FromSpecWithBases(&raw mut spec, base) };
        // SAFETY: a new reference or null with an exception.
        let type_ = unsafe { Obj::from_result(type_) }?;
        T::TYPE.fill(type_.clone());
        Ok(type_)
    }
}

/// Gives `class`, which derives from `T`'s type, the type's methods as its own. The interpreter has a short way to call a C
/// method, but takes it only when the object's class is the one that the method belongs to.
///
/// # Errors
/// TypeError when `class` does not derive from the type; `MemoryError`.
pub fn adopt_methods<T: Payload>(class: &Obj) -> Outcome<()> {
    let native = T::TYPE.object(class.py());
    let (class, native) = (class.bind().cast::<PyType>()?, native.bind());
    if !class.is_subclass(native)? {
        return Err(Raised::type_error(
            class.py(),
            "only a class derived from the native one can adopt its methods",
        ));
    }
    let own = class.getattr("__dict__")?;
    for item in native
        .getattr("__dict__")?
        .call_method0("items")?
        .try_iter()?
    {
        let (name, method) = item?.extract::<(Bound<'_, PyString>, Bound<'_, PyAny>)>()?;
        let Some(definition) = definition_of(&method) else {
            continue;
        };
        if own.contains(&name)? {
            continue;
        }
        // SAFETY: a class, and a definition that lives as long as the native type, which is for good. The method may take
        // an instance of the class for one of the native type.
        let adopted = unsafe { ffi::PyDescr_NewMethod(class.as_type_ptr(), definition) };
        // SAFETY: a new reference or null with an exception.
        let adopted = unsafe { Obj::from_result(adopted) }?;
        class.setattr(name, adopted.bind())?;
    }
    Ok(())
}

/// Whether both are the same method, possibly of two classes, one of which has adopted it.
pub fn is_same_method(left: &Bound<'_, PyAny>, right: &Bound<'_, PyAny>) -> bool {
    let definition = definition_of(left);
    left.is(right) || definition.is_some() && definition == definition_of(right)
}

/// The definition of a C method; none for anything else.
fn definition_of(method: &Bound<'_, PyAny>) -> Option<*mut ffi::PyMethodDef> {
    let methods = &raw mut ffi::PyMethodDescr_Type;
    if method.get_type().as_type_ptr() != methods {
        return None;
    }
    let method: *mut ffi::PyMethodDescrObject = method.as_ptr().cast();
    // SAFETY: a live method descriptor, as its type says.
    Some(unsafe { (*method).d_method })
}

fn offset_member(name: &'static CStr, offset: usize) -> ffi::PyMemberDef {
    ffi::PyMemberDef {
        name: name.as_ptr(),
        type_code: ffi::Py_T_PYSSIZET,
        offset: isize::try_from(offset).expect("payloads are small"),
        flags: ffi::Py_READONLY,
        doc: std::ptr::null(),
    }
}

/// A C table lives as long as its type, that is for good; it ends with a zeroed entry.
fn leak_table<D>(mut table: Vec<D>) -> *mut c_void {
    // SAFETY: the definition structs are plain C data for which all zeroes is the end mark.
    table.push(unsafe { std::mem::zeroed() });
    Box::leak(table.into_boxed_slice()).as_mut_ptr().cast()
}
