//! `Arguments`: what a handle calls its callback with.

use std::rc::Rc;

use pyo3::types::PyTuple;

use super::native::Native;
use crate::py::call;
use crate::py::errors::Outcome;
use crate::py::object::Obj;

/// The arguments of a callback; most have none or one.
#[derive(Clone, Default)]
pub enum Arguments {
    /// `callback()`
    #[default]
    None,
    /// `callback(x)`
    One(Obj),
    /// `callback(x, y, ...)`
    Many(Rc<[Obj]>),
    /// The callback is the owner of a function of ours.
    Native(&'static Native),
}

impl Arguments {
    /// Keeps `values`.
    #[inline]
    pub fn of(values: &[Obj]) -> Self {
        match values {
            [] => Self::None,
            [one] => Self::One(one.clone()),
            many => Self::Many(many.into()),
        }
    }

    /// `callback(*self)`.
    ///
    /// # Errors
    /// Whatever the callback raised.
    #[inline]
    pub fn apply(&self, callback: &Obj) -> Outcome {
        match self {
            Self::None => call::call0(callback),
            Self::One(one) => call::call(callback, [one]),
            Self::Many(many) => call::call_slice(callback, many),
            Self::Native(native) => {
                (native.run)(callback)?;
                Ok(Obj::none(callback.py()))
            }
        }
    }

    /// The arguments as a tuple. `callback` is what the handle has for a callback.
    ///
    /// # Errors
    /// `MemoryError`.
    pub fn tuple(&self, callback: &Obj) -> Outcome {
        let py = callback.py();
        let native = match self {
            Self::Native(native) => (native.arguments)(callback),
            _ => Vec::new(),
        };
        let shown = match self {
            Self::Native(_) => native.as_slice(),
            _ => self.as_slice(),
        };
        Ok(Obj::from(PyTuple::new(py, shown.iter().map(Obj::bind))?))
    }

    /// The values, save those of a function of ours.
    pub fn as_slice(&self) -> &[Obj] {
        match self {
            Self::None | Self::Native(_) => &[],
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }
}
