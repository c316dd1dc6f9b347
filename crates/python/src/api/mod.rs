//! The event loop's methods as Python sees them, one file per subject, and the type that they make up.

mod accepted;
mod attempts;
mod callbacks;
mod children;
mod connect;
mod connection;
mod datagram;
mod debug;
mod executor;
mod lifecycle;
mod pipes;
mod resolve;
mod sendfile;
mod serve;
mod serving;
mod signals;
mod sock;
mod sock_io;
mod start_tls;
mod tasks;
mod unix;
mod waiting;
mod watch;

use pyo3::prelude::*;

use crate::event_loop::core::EventLoopData;
use crate::handle::schedule::Scheduler;
use crate::py::errors::{Outcome, Raised};
use crate::py::instance::Payload;
use crate::py::object::Obj;
use crate::py::slots::{self, TypeBuilder};

/// Builds the type `_asyncioxide.EventLoop`; the face `asyncioxide.EventLoop` derives from it and from asyncio's
/// abstract class.
///
/// # Errors
/// What making a type raises.
pub fn build(py: Python<'_>) -> Outcome {
    let builder = TypeBuilder::<EventLoopData>::new(
        c"asyncioxide._asyncioxide.EventLoop",
        c"EventLoop(selector=None, *, poll_every_turn=False)\n--\n\nThe event loop's native half.",
    )
    .base(Scheduler::TYPE)
    .subclassable();
    let builder = lifecycle::methods(builder);
    let builder = callbacks::methods(builder);
    let builder = tasks::methods(builder);
    let builder = watch::methods(builder);
    let builder = signals::methods(builder);
    let builder = sock::methods(builder);
    let builder = sock_io::methods(builder);
    let builder = sendfile::methods(builder);
    let builder = executor::methods(builder);
    let builder = connect::methods(builder);
    let builder = serve::methods(builder);
    let builder = datagram::methods(builder);
    let builder = unix::methods(builder);
    let builder = accepted::methods(builder);
    let builder = pipes::methods(builder);
    let builder = children::methods(builder);
    let builder = start_tls::methods(builder);
    debug::methods(builder).build(py)
}

/// `@adopt_methods`: gives a class derived from the native `EventLoop` the native methods as its own, which makes calling
/// them on its instances faster.
///
/// # Errors
/// TypeError for other classes.
#[pyfunction]
#[pyo3(signature = (class, /))]
pub fn adopt_methods(class: Bound<'_, PyAny>) -> PyResult<Bound<'_, PyAny>> {
    let py = class.py();
    slots::adopt_methods::<EventLoopData>(&Obj::from(class.clone()))
        .map_err(|raised: Raised| raised.into_error(py))?;
    Ok(class)
}
