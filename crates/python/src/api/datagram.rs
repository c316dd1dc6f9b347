//! The transport under `create_datagram_endpoint`.
//!
//! The method itself is the running Python's own (see `_loop.py`); it ends in `_make_datagram_transport`, which is here.

use crate::event_loop::core::EventLoopData;
use crate::py::args::{Args, Signature};
use crate::py::errors::Outcome;
use crate::py::instance::Ref;
use crate::py::object::Obj;
use crate::py::slots::TypeBuilder;
use crate::transport::datagram::life;

/// Adds this file's method.
pub fn methods(builder: TypeBuilder<EventLoopData>) -> TypeBuilder<EventLoopData> {
    builder.method(
        c"_make_datagram_transport",
        c"_make_datagram_transport($self, sock, protocol, address=None, waiter=None)\n--\n\n\
          The transport for a datagram socket.",
        make_datagram_transport,
    )
}

fn make_datagram_transport(this: &Ref<EventLoopData>, args: Args<'_>) -> Outcome {
    const SIGNATURE: Signature<4> = Signature::new(
        "BaseSelectorEventLoop._make_datagram_transport",
        ["sock", "protocol", "address", "waiter"],
        4,
        2,
    );
    let py = this.py();
    let none = Obj::none(py);
    let [socket, protocol, address, waiter] = SIGNATURE
        .bind(py, args)?
        .map(|given| given.unwrap_or(&none));
    life::open(this.upcast(), socket, protocol, address, waiter).map(Ref::into_obj)
}
