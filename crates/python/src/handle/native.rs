//! `Native`: a function of ours where a handle has a Python callable.
//!
//! A timer of ours (that of a `Timeout`, for one) calls it without a callable being made. The one that stock asyncio would
//! show in `_callback` is made when somebody looks.

use crate::py::errors::Outcome;
use crate::py::object::Obj;

/// One such function. What it works on, its owner, is kept by the handle in the callback's place.
pub struct Native {
    /// Runs it with the owner. The loop reports what it raises, as of any callback.
    pub run: fn(&Obj) -> Outcome<()>,
    /// The callable that does the same, called with `arguments`.
    pub callable: fn(&Obj) -> Outcome,
    /// What that is called with, for those who look.
    pub arguments: fn(&Obj) -> Vec<Obj>,
}
