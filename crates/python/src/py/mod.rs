//! The toolbox under everything else: references, calls, errors, and the builder of raw types.
//!
//! This folder alone may use `unsafe` and CPython's C API; what it offers is safe. It knows nothing of loops or futures.

pub mod args;
pub mod backref;
pub mod bytes;
pub mod call;
pub mod cell;
pub mod context;
pub mod coroutine;
mod dealloc;
pub mod errors;
pub mod freelist;
pub mod function;
pub mod gc;
pub mod imports;
mod indicator;
pub mod instance;
pub mod metaclass;
pub mod object;
pub mod replaced;
pub mod slots;
pub mod snapshot;
pub mod thread;
mod trampoline;
pub mod version;
