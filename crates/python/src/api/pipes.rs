//! What `connect_read_pipe` and `connect_write_pipe` make their transports with. The two themselves are the running
//! Python's own (`python/asyncioxide/_loop.py`).

use pyo3::Python;

use crate::event_loop::core::EventLoopData;
use crate::handle::schedule::Scheduler;
use crate::py::args::{Args, Signature};
use crate::py::errors::Outcome;
use crate::py::instance::Ref;
use crate::py::object::Obj;
use crate::py::slots::TypeBuilder;
use crate::transport::{pipe_read, pipe_write};

const ARGUMENTS: [&str; 4] = ["pipe", "protocol", "waiter", "extra"];

/// Adds this file's methods.
pub fn methods(builder: TypeBuilder<EventLoopData>) -> TypeBuilder<EventLoopData> {
    builder
        .method(
            c"_make_read_pipe_transport",
            c"_make_read_pipe_transport($self, pipe, protocol, waiter=None, extra=None)\n--\n\n\
              A transport that reads from a file object.",
            |this, args| {
                const SIGNATURE: Signature<4> = Signature::new(
                    "_UnixSelectorEventLoop._make_read_pipe_transport",
                    ARGUMENTS,
                    4,
                    2,
                );
                make(this, &SIGNATURE, args, pipe_read::open)
            },
        )
        .method(
            c"_make_write_pipe_transport",
            c"_make_write_pipe_transport($self, pipe, protocol, waiter=None, extra=None)\n--\n\n\
              A transport that writes into a file object.",
            |this, args| {
                const SIGNATURE: Signature<4> = Signature::new(
                    "_UnixSelectorEventLoop._make_write_pipe_transport",
                    ARGUMENTS,
                    4,
                    2,
                );
                make(this, &SIGNATURE, args, pipe_write::open)
            },
        )
}

fn make(
    this: &Ref<EventLoopData>,
    signature: &Signature<4>,
    args: Args<'_>,
    open: impl Fn(&Ref<Scheduler>, &Obj, &Obj, &Obj, &Obj) -> Outcome,
) -> Outcome {
    let py: Python<'_> = this.py();
    let bound = signature.bind(py, args)?;
    let none = Obj::none(py);
    let [pipe, protocol, waiter, extra] = bound.map(|argument| argument.unwrap_or(&none));
    open(this.upcast(), pipe, protocol, waiter, extra)
}
