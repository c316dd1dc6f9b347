//! `asyncioxide._asyncioxide`: the module that Python imports. The list of what it contains and nothing else.
#![deny(unsafe_code)]

mod api;
mod event_loop;
mod future;
mod handle;
#[cfg(feature = "panic-tests")]
mod panics;
mod py;
mod streams;
mod sync;
mod task;
mod transport;

use pyo3::prelude::*;

use crate::py::coroutine::prepare_stop_iteration;
use crate::py::errors::Raised;
use crate::py::object::Obj;

#[pymodule(gil_used = true)]
mod _asyncioxide {
    use super::*;

    #[pymodule_export]
    use crate::api::adopt_methods;
    #[pymodule_export]
    use crate::event_loop::fork::after_fork_in_child;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        let py = module.py();
        build(module).map_err(|raised: Raised| raised.into_error(py))
    }
}

fn build(module: &Bound<'_, PyModule>) -> Result<(), Raised> {
    let py = module.py();
    py::imports::preload(py)?;
    prepare_stop_iteration(py)?;
    py::snapshot::prepare(py)?;
    py::backref::build(py)?;
    py::function::build(py)?;
    handle::schedule::build(py)?;
    handle::action::build(py)?;
    future::awaiting::build(py)?;
    future::observer::build(py)?;
    task::wakeup::build(py)?;
    future::coroutine::build(py)?;
    future::operation::build::<task::sleep::Sleep>(py)?;
    transport::stream::build(py)?;
    transport::datagram::methods::build(py)?;
    transport::child::build(py)?;
    transport::pipe_read::build(py)?;
    transport::pipe_write::build(py)?;
    transport::tls::protocol::build(py)?;
    transport::tls::transport::build(py)?;
    task::release::build(py)?;
    task::timeout::functions::build(py)?;
    task::group::functions::build(py)?;
    task::wait_for::build(py)?;
    streams::awaiting::build(py)?;
    streams::draining::build(py)?;
    streams::open::build(py)?;
    streams::functions::add_to(module)?;
    let types: [(&str, Obj); 12] = [
        ("Handle", handle::handle::build(py)?),
        ("TimerHandle", handle::timer_handle::build(py)?),
        ("Future", future::future::build(py)?),
        ("Task", task::task::build(py)?),
        ("Timeout", task::timeout::timeout::build(py)?),
        ("TaskGroup", task::group::group::build(py)?),
        ("Server", transport::server::build(py)?),
        ("EventLoop", api::build(py)?),
        ("StreamReader", streams::reader::build(py)?),
        ("StreamWriter", streams::writer::build(py)?),
        ("FlowControlMixin", streams::flow_control::build(py)?),
        ("StreamReaderProtocol", streams::protocol::build(py)?),
    ];
    module.add("_GatheringFuture", task::gather::build(py)?.bind())?;
    task::shield::build(py)?;
    task::functions::add_to(module)?;
    task::timeout::functions::add_to(module)?;
    task::wait_for::add_to(module)?;
    sync::add_to(module)?;
    for (name, type_) in types {
        module.add(name, type_.bind())?;
    }
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    #[cfg(feature = "panic-tests")]
    panics::add_to(module)?;
    Ok(())
}
