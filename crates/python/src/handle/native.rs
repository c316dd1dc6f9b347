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
    /// Makes a callable that does the same, of the owner.
    pub callable: fn(&Obj) -> Outcome,
}
