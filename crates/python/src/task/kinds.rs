//! Which classes of asyncio's count as ours: `isinstance(asyncio_future, asyncioxide.Future)` is true, as the opposite is by
//! `__class__`.
//!
//! So it does not matter to a program whose class `asyncio.Future` is, which `asyncioxide.install()` changes while futures
//! of both kinds are about.

use pyo3::Python;

use super::gather::GatheringFuture;
use super::task::TaskData;
use crate::future::state::FutureData;
use crate::py::errors::Outcome;
use crate::py::imports;
use crate::py::instance::Payload;
use crate::py::metaclass::{make_abstract_base, register};

/// Makes abstract bases of the types of futures and registers asyncio's with them. All types of futures are made by now.
///
/// # Errors
/// What making an abstract base raises.
pub fn admit_asyncios(py: Python<'_>) -> Outcome<()> {
    let kinds = [
        (FutureData::TYPE, imports::future_class(py)),
        (TaskData::TYPE, imports::task_class(py)),
        (GatheringFuture::TYPE, imports::gathering_future_class(py)),
    ];
    for (ours, _) in &kinds {
        make_abstract_base(&ours.object(py))?;
    }
    for (ours, asyncios) in &kinds {
        register(&ours.object(py), asyncios)?;
    }
    Ok(())
}
