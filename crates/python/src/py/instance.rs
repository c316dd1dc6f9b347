//! Instances of our raw types: a Python object header with a Rust payload behind it.
//!
//! A payload is plain safe Rust made of cells. `Ref<T>` is a typed strong reference to an instance, `Derived` a payload
//! that starts with its base type's payload, so that a `Ref` of the one can be seen as a `Ref` of the other.
#![allow(unsafe_code, reason = "lays payloads out behind object headers")]

use std::cell::Cell;
use std::marker::PhantomData;
use std::ops::Deref;
use std::rc::Rc;
use std::sync::atomic::{AtomicPtr, Ordering};

use pyo3::{Python, ffi};

use super::errors::Raised;
use super::freelist::{FreeList, Spare};
use super::gc::Visitor;
use super::object::Obj;

/// The Rust half of a Python object.
pub trait Payload: Sized + 'static {
    /// Where the type object is kept once it is built.
    const TYPE: &'static TypeSlot;

    /// Whether the collector looks after instances. A payload that refers to no object can do without.
    const COLLECTED: bool = true;

    /// Whether the memory of exact instances is kept with their type for the next ones. For what is made and dropped again
    /// and again and has no loop whose free list could keep it.
    const RECYCLED: bool = false;

    /// What `tp_new` starts with, before `__init__` has run (if it ever does).
    fn blank() -> Self;

    /// Shows the collector every reference held.
    fn visit(&self, visitor: &mut Visitor);

    /// Drops the references that can be part of a cycle.
    fn clear(&self);

    /// Whether `finalize` has something to do. Asked before every deallocation, so it must be cheap.
    fn wants_finalize(&self) -> bool {
        false
    }

    /// `tp_finalize`: reports what went wrong. May run any Python, may keep the object alive.
    fn finalize(_this: &Ref<Self>) {}

    /// The free list that takes the memory of exact instances, if the object's owner has one.
    fn pool(&self) -> Option<Rc<FreeList>> {
        None
    }
}

/// The place of a type object, filled once when the module is made, and of memory for the type's next instances.
pub struct TypeSlot {
    object: AtomicPtr<ffi::PyTypeObject>,
    pub(in crate::py) spare: Spare,
}

impl TypeSlot {
    /// An empty place.
    pub const fn new() -> Self {
        Self {
            object: AtomicPtr::new(std::ptr::null_mut()),
            spare: Spare::new(),
        }
    }

    /// Keeps the type for good.
    pub(in crate::py) fn fill(&self, type_: Obj) {
        self.object
            .store(type_.into_ptr().cast(), Ordering::Release);
    }

    /// The type's address; null before the module is made.
    #[inline]
    pub(in crate::py) fn get(&self) -> *mut ffi::PyTypeObject {
        self.object.load(Ordering::Relaxed)
    }

    /// The type object.
    pub fn object(&self, py: Python<'_>) -> Obj {
        let _attached = py;
        // SAFETY: types are built by module initialisation before any instance or caller exists, and never freed.
        unsafe { Obj::from_borrowed(self.get().cast()) }
    }
}

/// The exact types whose payloads begin with `B`: `B`'s own, and those derived from it that were admitted. Asking is one
/// comparison for each, where `downcast` walks through the base types, and a Python subclass is no member.
pub struct Family<B> {
    derived: [AtomicPtr<ffi::PyTypeObject>; 2],
    base: PhantomData<fn(B)>,
}

impl<B: Payload> Family<B> {
    /// `B`'s own type alone.
    pub const fn new() -> Self {
        Self {
            derived: [const { AtomicPtr::new(std::ptr::null_mut()) }; 2],
            base: PhantomData,
        }
    }

    /// Admits a type that was built.
    ///
    /// # Panics
    /// When there is no place left.
    pub fn admit<T: 'static>(&self)
    where
        Derived<B, T>: Payload,
    {
        let free = self
            .derived
            .iter()
            .find(|place| place.load(Ordering::Relaxed).is_null())
            .expect("a family has places for its members");
        free.store(Derived::<B, T>::TYPE.get(), Ordering::Release);
    }

    /// The object, if its type is a member.
    #[inline]
    pub fn cast<'a>(&self, object: &'a Obj) -> Option<&'a Ref<B>> {
        // SAFETY: the object is alive.
        let own = unsafe { ffi::Py_TYPE(object.as_ptr()) };
        let is_derived = |place: &AtomicPtr<_>| own == place.load(Ordering::Relaxed);
        let is_member = own == B::TYPE.get() || self.derived.iter().any(is_derived);
        // SAFETY: `admit` lets in payloads that begin with a `B`, where `Ref::upcast` too relies on finding it; `Ref` is
        // transparent over `Obj`.
        is_member.then(|| unsafe { &*std::ptr::from_ref(object).cast() })
    }
}

/// An object of one of our types, as it lies in memory.
#[repr(C)]
pub struct Instance<T> {
    header: ffi::PyObject,
    pub(in crate::py) payload: T,
}

/// A payload that extends the payload of its base type.
#[repr(C)]
pub struct Derived<B, T> {
    /// What the base type holds; first, so that the base type's methods find it.
    pub base: B,
    /// What the derived type adds.
    pub own: T,
}

/// A field for `tp_weaklistoffset`: the interpreter keeps the list of weak references here.
#[repr(transparent)]
#[derive(Default)]
pub struct WeakList(Cell<usize>);

impl WeakList {
    /// Whether nobody has a weak reference.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.0.get() == 0
    }
}

/// A field for `tp_dictoffset`: the instance's `__dict__`, made by the interpreter when it is first needed.
#[repr(transparent)]
#[derive(Default)]
pub struct Dict(super::cell::Slot<Obj>);

impl Dict {
    /// A field that holds `dict`.
    pub fn new(dict: Obj) -> Self {
        Self(super::cell::Slot::new(Some(dict)))
    }

    /// Shows the dict to the collector.
    pub fn visit(&self, visitor: &mut Visitor) {
        visitor.slot(&self.0);
    }

    /// Drops the dict.
    pub fn clear(&self) {
        self.0.set(None);
    }

    /// Whether a dict was made.
    #[inline]
    pub fn exists(&self) -> bool {
        self.0.is_some()
    }

    /// The instance's dict, if one was made.
    pub fn get(&self) -> Option<Obj> {
        self.0.get()
    }
}

/// A strong reference to an instance of `T`'s type or of a type derived from it.
#[repr(transparent)]
pub struct Ref<T: Payload> {
    object: Obj,
    payload: PhantomData<T>,
}

impl<T: Payload> Ref<T> {
    /// A new exact instance, from `pool` if it has memory, known to the collector.
    ///
    /// # Errors
    /// `MemoryError`.
    #[inline]
    pub fn alloc(py: Python<'_>, payload: T, pool: Option<&FreeList>) -> Result<Self, Raised> {
        let made = Self::alloc_untracked(py, payload, pool)?;
        if T::COLLECTED {
            // SAFETY: every field that `tp_traverse` looks at is initialised, and nobody has tracked it yet.
            unsafe { ffi::PyObject_GC_Track(made.object.as_ptr().cast()) };
        }
        Ok(made)
    }

    /// Whether the collector knows of the instance.
    #[inline]
    pub fn is_tracked(&self) -> bool {
        // SAFETY: asks the header of a live object; false for types that are not collected.
        unsafe { ffi::PyObject_GC_IsTracked(self.object.as_ptr()) != 0 }
    }

    /// Lets the collector know of an instance made by `alloc_untracked`; one that it knows is left as it is.
    #[inline]
    pub fn track(&self) {
        if T::COLLECTED && !self.is_tracked() {
            // SAFETY: not tracked, as just seen, and initialised.
            unsafe { ffi::PyObject_GC_Track(self.object.as_ptr().cast()) };
        }
    }

    /// As `alloc`, but the collector does not know of the instance until `track`. For what a queue of ours owns: its
    /// owner shows the collector what the instance refers to.
    ///
    /// # Errors
    /// `MemoryError`.
    #[inline]
    pub fn alloc_untracked(
        py: Python<'_>,
        payload: T,
        pool: Option<&FreeList>,
    ) -> Result<Self, Raised> {
        let _attached = py;
        let type_ = T::TYPE.get();
        let block = if T::RECYCLED {
            T::TYPE.spare.take()
        } else {
            pool.and_then(FreeList::take)
        };
        let raw = match block {
            // SAFETY: the block was an instance of this type (a list belongs to one type) and is untracked.
            Some(block) => unsafe { ffi::PyObject_Init(block, type_) },
            // SAFETY: `type_` is a ready GC type whose size is that of `Instance<T>`.
            None if T::COLLECTED => unsafe { ffi::PyObject_GC_New::<ffi::PyObject>(type_) },
            // SAFETY: as above, for a type without the collector's header.
            None => unsafe { ffi::PyObject_New::<ffi::PyObject>(type_) },
        };
        if raw.is_null() {
            return Err(Raised::indicated());
        }
        let instance: *mut Instance<T> = raw.cast();
        // SAFETY: the block is as large as `Instance<T>`; no reference is made.
        let place = unsafe { &raw mut (*instance).payload };
        // SAFETY: the payload is not initialised yet, so nothing is overwritten.
        unsafe { place.write(payload) };
        // SAFETY: the allocation gave us one reference.
        let object = unsafe { Obj::from_owned(raw) };
        Ok(Self {
            object,
            payload: PhantomData,
        })
    }

    /// The object.
    #[inline]
    pub fn as_obj(&self) -> &Obj {
        &self.object
    }

    /// The object, typed no more.
    #[inline]
    pub fn into_obj(self) -> Obj {
        self.object
    }

    /// Whether the object's type is `T`'s own and no subclass.
    #[inline]
    pub fn is_exact(&self) -> bool {
        // SAFETY: the object is alive.
        let own = unsafe { ffi::Py_TYPE(self.object.as_ptr()) };
        own == T::TYPE.get()
    }

    /// The interpreter token.
    #[inline]
    pub fn py(&self) -> Python<'_> {
        self.object.py()
    }
}

impl<T: Payload> Ref<T> {
    /// The same object as an exact instance of another of our types, if it is one.
    #[inline]
    pub fn narrow<D: Payload>(self) -> Result<Ref<D>, Self> {
        match self.object.downcast_exact::<D>() {
            Some(_) => Ok(Ref {
                object: self.object,
                payload: PhantomData,
            }),
            None => Err(self),
        }
    }
}

impl<T: Payload> Clone for Ref<T> {
    #[inline]
    fn clone(&self) -> Self {
        Self {
            object: self.object.clone(),
            payload: PhantomData,
        }
    }
}

impl<T: Payload> Deref for Ref<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        let instance: *const Instance<T> = self.object.as_ptr().cast();
        // SAFETY: a `Ref<T>` is made only by `alloc` and by `downcast` after a type check, so the object is an
        // `Instance<T>`; `self` keeps it alive.
        unsafe { &(*instance).payload }
    }
}

impl<B: Payload, T: 'static> Ref<Derived<B, T>>
where
    Derived<B, T>: Payload,
{
    /// The same object as an instance of its base type.
    #[inline]
    pub fn upcast(&self) -> &Ref<B> {
        const {
            assert!(std::mem::offset_of!(Derived<B, T>, base) == 0);
            assert!(
                std::mem::offset_of!(Instance<Derived<B, T>>, payload)
                    == std::mem::offset_of!(Instance<B>, payload)
            );
        };
        // SAFETY: `Ref` is transparent over the object pointer, and a `Derived` begins with the base payload at the
        // offset where the base type has it.
        unsafe { &*std::ptr::from_ref(self).cast() }
    }

    /// The same object as an instance of its base type, for a reference that is passed on.
    #[inline]
    pub fn into_base(self) -> Ref<B> {
        let _checked = self.upcast();
        Ref {
            object: self.object,
            payload: PhantomData,
        }
    }
}

impl Obj {
    /// The object as an instance of `T`'s type or of a subtype.
    #[inline]
    pub fn downcast<T: Payload>(&self) -> Option<&Ref<T>> {
        // SAFETY: `self` is alive and the type object is ready.
        let matches = unsafe { ffi::PyObject_TypeCheck(self.as_ptr(), T::TYPE.get()) != 0 };
        // SAFETY: the type says that the object is an `Instance<T>`; `Ref` is transparent over `Obj`.
        matches.then(|| unsafe { &*std::ptr::from_ref(self).cast() })
    }

    /// The object as an exact instance of `T`'s type.
    #[inline]
    pub fn downcast_exact<T: Payload>(&self) -> Option<&Ref<T>> {
        // SAFETY: `self` is alive.
        let own = unsafe { ffi::Py_TYPE(self.as_ptr()) };
        // SAFETY: as in `downcast`.
        (own == T::TYPE.get()).then(|| unsafe { &*std::ptr::from_ref(self).cast() })
    }

    /// Like `downcast`, for references that are passed on.
    pub fn into_ref<T: Payload>(self) -> Result<Ref<T>, Self> {
        match self.downcast::<T>() {
            Some(found) => Ok(found.clone()),
            None => Err(self),
        }
    }
}
