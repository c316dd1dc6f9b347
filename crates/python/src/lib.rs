//! `asyncioxide._asyncioxide`: the module that Python imports. The list of what it contains and nothing else.
//!
//! As a library for other extensions, with the feature `bridge` and without `module`, the crate is [`bridge`] alone.
#![deny(unsafe_code)]

#[cfg(feature = "module")]
mod api;
#[cfg(feature = "bridge")]
pub mod bridge;
#[cfg(feature = "module")]
mod event_loop;
#[cfg(feature = "module")]
mod future;
#[cfg(feature = "module")]
mod handle;
#[cfg(feature = "panic-tests")]
mod panics;
#[cfg(feature = "module")]
mod py;
#[cfg(feature = "module")]
mod streams;
#[cfg(feature = "module")]
mod sync;
#[cfg(feature = "module")]
mod task;
#[cfg(feature = "module")]
mod transport;

#[cfg(feature = "module")]
#[pyo3::pymodule(gil_used = true)]
mod _asyncioxide {
    use pyo3::prelude::*;

    use crate::py::errors::Raised;

    #[pymodule_export]
    use crate::api::adopt_methods;
    #[pymodule_export]
    use crate::event_loop::fork::{after_fork_in_child, list_loops};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        let py = module.py();
        super::build(module).map_err(|raised: Raised| raised.into_error(py))
    }
}

#[cfg(feature = "module")]
fn build(module: &pyo3::Bound<'_, pyo3::types::PyModule>) -> py::errors::Outcome<()> {
    use crate::py::coroutine::prepare_stop_iteration;
    use crate::py::object::Obj;
    use pyo3::types::PyModuleMethods;

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
    task::wait::build(py)?;
    task::chain::build(py)?;
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
    task::kinds::admit_asyncios(py)?;
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
