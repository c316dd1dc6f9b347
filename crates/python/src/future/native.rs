//! Which objects are futures of this crate's own, whatever their kind: `Future`, `Task`, the future of `gather()`.
//!
//! Their fields can be used without asking Python. Not so those of an instance of a Python subclass, or of one that was
//! given attributes of its own, which may have other methods.

use super::state::FutureData;
use crate::py::instance::{Family, Ref};
use crate::py::object::Obj;

/// The kinds. Those that other modules define are admitted when their types are built.
pub static KINDS: Family<FutureData> = Family::new();

/// The fields of a future of whichever kind whose methods are this crate's; none for all other objects.
#[inline]
pub fn fields(object: &Obj) -> Option<&Ref<FutureData>> {
    KINDS.cast(object).filter(|future| !future.has_dict())
}
