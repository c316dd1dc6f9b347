//! `DatagramTransport` as Python sees it: the methods and attributes over the other files of this folder.

use std::mem::offset_of;

use pyo3::types::{PyInt, PyTuple};
use pyo3::{Python, intern};

use super::state::DatagramTransport;
use super::{life, receive, send};
use crate::future::future::cannot_delete;
use crate::py::args::{Args, Signature};
use crate::py::call;
use crate::py::errors::Outcome;
use crate::py::imports;
use crate::py::instance::Ref;
use crate::py::object::Obj;
use crate::py::slots::TypeBuilder;
use crate::transport::endpoint::Endpoint;
use crate::transport::report;

type This = Ref<DatagramTransport>;

fn none(this: &This) -> Outcome {
    Ok(Obj::none(this.py()))
}

fn or_none(py: Python<'_>, value: Option<Obj>) -> Outcome {
    Ok(value.unwrap_or_else(|| Obj::none(py)))
}

fn bool(this: &This, value: bool) -> Outcome {
    Ok(Obj::bool(this.py(), value))
}

fn sendto(this: &This, args: Args<'_>) -> Outcome {
    const SIGNATURE: Signature<2> =
        Signature::new("_SelectorDatagramTransport.sendto", ["data", "addr"], 2, 1);
    let py = this.py();
    let absent = Obj::none(py);
    if let ([data, to], false) = (args.positional(), args.has_keywords()) {
        send::sendto(this, data, to)?;
        return Ok(absent);
    }
    let [data, to] = SIGNATURE.bind(py, args)?;
    send::sendto(this, data.unwrap_or(&absent), to.unwrap_or(&absent))?;
    Ok(absent)
}

fn set_protocol(this: &This, args: Args<'_>) -> Outcome {
    const SIGNATURE: Signature<1> =
        Signature::new("_SelectorTransport.set_protocol", ["protocol"], 1, 1);
    let [protocol] = SIGNATURE.bind(this.py(), args)?;
    this.protocol.set(protocol.cloned());
    none(this)
}

fn get_extra_info(this: &This, args: Args<'_>) -> Outcome {
    const SIGNATURE: Signature<2> =
        Signature::new("BaseTransport.get_extra_info", ["name", "default"], 2, 1);
    let [name, default] = SIGNATURE.bind(this.py(), args)?;
    this.extra.look_up(this.py(), name, default)
}

fn set_write_buffer_limits(this: &This, args: Args<'_>) -> Outcome {
    const SIGNATURE: Signature<2> = Signature::new(
        "_FlowControlMixin.set_write_buffer_limits",
        ["high", "low"],
        2,
        0,
    );
    let [high, low] = SIGNATURE.bind(this.py(), args)?;
    this.flow.set_limits(this.py(), high, low)?;
    this.flow.grown(this, this.queued_bytes.get())?;
    none(this)
}

fn write_buffer_limits(this: &This) -> Outcome {
    let (low, high) = this.flow.limits();
    Ok(Obj::from(PyTuple::new(this.py(), [low, high])?))
}

fn write_buffer_size(this: &This) -> Outcome {
    Ok(Obj::from(PyInt::new(this.py(), this.queued_bytes.get())))
}

fn repr(this: &This) -> Outcome {
    let waiting = (this.presence.interest(), this.queued_bytes.get());
    let state = (this.life.get(), this.fd.get());
    Ok(report::repr(this, "DatagramTransport", state, waiting))
}

/// asyncio's own class: a `Transport` too, and a `DatagramTransport` only since Python 3.12.
fn class(this: &This) -> Outcome {
    let py = this.py();
    call::attr(
        imports::selector_events(py),
        intern!(py, "_SelectorDatagramTransport"),
    )
}

/// Builds the type.
///
/// # Errors
/// What making a type raises.
pub fn build(py: Python<'_>) -> Outcome {
    let builder = TypeBuilder::<DatagramTransport>::new(
        c"asyncioxide.DatagramTransport",
        c"Datagrams in and out of a socket. See asyncio.DatagramTransport.",
    )
    .no_constructor()
    .finalizer()
    .weak_references(offset_of!(DatagramTransport, weak))
    .instance_dict(offset_of!(DatagramTransport, dict))
    .repr(repr);
    let builder = reading(sending(builder));
    attributes(callbacks(lifetime(builder))).build(py)
}

fn sending(builder: TypeBuilder<DatagramTransport>) -> TypeBuilder<DatagramTransport> {
    builder
        .method(
            c"sendto",
            c"sendto($self, data, addr=None)\n--\n\n\
              Send a datagram, now or as soon as the kernel takes it. Never waits.",
            sendto,
        )
        .method0(
            c"get_write_buffer_size",
            c"get_write_buffer_size($self, /)\n--\n\nWhat is queued, in bytes.",
            write_buffer_size,
        )
        .method0(
            c"get_write_buffer_limits",
            c"get_write_buffer_limits($self, /)\n--\n\nThe low and the high water mark of sending, in bytes.",
            write_buffer_limits,
        )
        .method(
            c"set_write_buffer_limits",
            c"set_write_buffer_limits($self, high=None, low=None)\n--\n\n\
              Set the water marks: above high the protocol is paused, at low it is resumed.",
            set_write_buffer_limits,
        )
}

fn reading(builder: TypeBuilder<DatagramTransport>) -> TypeBuilder<DatagramTransport> {
    builder
        .method0(
            c"is_reading",
            c"is_reading($self, /)\n--\n\nWhether the protocol gets what comes in.",
            |this| bool(this, this.is_reading()),
        )
        .method0(
            c"pause_reading",
            c"pause_reading($self, /)\n--\n\nLeave what comes in with the kernel until resume_reading().",
            |this| {
                life::pause_reading(this)?;
                none(this)
            },
        )
        .method0(
            c"resume_reading",
            c"resume_reading($self, /)\n--\n\nGive the protocol what comes in again.",
            |this| {
                life::resume_reading(this)?;
                none(this)
            },
        )
        .method(
            c"set_protocol",
            c"set_protocol($self, protocol)\n--\n\nGive the endpoint to another protocol.",
            set_protocol,
        )
        .method0(
            c"get_protocol",
            c"get_protocol($self, /)\n--\n\nThe protocol; None once the endpoint is closed.",
            |this| Ok(this.protocol_or_none(this.py())),
        )
}

fn lifetime(builder: TypeBuilder<DatagramTransport>) -> TypeBuilder<DatagramTransport> {
    builder
        .method0(
            c"close",
            c"close($self, /)\n--\n\nEnd the endpoint once everything queued is sent.",
            |this| {
                life::close(this)?;
                none(this)
            },
        )
        .method0(
            c"abort",
            c"abort($self, /)\n--\n\nEnd the endpoint at once; what is queued is lost.",
            |this| {
                life::force_close(this, None)?;
                none(this)
            },
        )
        .method0(
            c"is_closing",
            c"is_closing($self, /)\n--\n\nWhether the endpoint is ending or has ended.",
            |this| bool(this, this.is_closing()),
        )
        .method(
            c"get_extra_info",
            c"get_extra_info($self, name, default=None)\n--\n\n\
              Optional facts: 'socket', 'sockname', 'peername'.",
            get_extra_info,
        )
}

/// What the loop calls, under the names that its reports show.
fn callbacks(builder: TypeBuilder<DatagramTransport>) -> TypeBuilder<DatagramTransport> {
    builder
        .method0(
            c"_read_ready",
            c"_read_ready($self, /)\n--\n\nA datagram has come, or an error.",
            |this| {
                receive::on_readable(this)?;
                none(this)
            },
        )
        .method0(
            c"_sendto_ready",
            c"_sendto_ready($self, /)\n--\n\nThe kernel has room for what is queued.",
            |this| {
                send::on_writable(this)?;
                none(this)
            },
        )
        .method1(
            c"_begin",
            c"_begin($self, waiter, /)\n--\n\nThe protocol knows of the endpoint: read, and wake the waiter.",
            |this, waiter| {
                life::begin(this, waiter)?;
                none(this)
            },
        )
        .method1(
            c"_call_connection_lost",
            c"_call_connection_lost($self, exc, /)\n--\n\nTell the protocol, and close the socket.",
            |this, exception| {
                life::call_connection_lost(this, exception)?;
                none(this)
            },
        )
}

fn attributes(builder: TypeBuilder<DatagramTransport>) -> TypeBuilder<DatagramTransport> {
    builder
        .getter(
            c"__class__",
            c"asyncio's class of datagram transports.",
            class,
        )
        .getter(c"_loop", c"The event loop; None once closed.", |this| {
            or_none(this.py(), this.scheduler().map(Ref::into_obj))
        })
        .getter(c"_sock", c"The socket; None once closed.", |this| {
            or_none(this.py(), this.socket.get())
        })
        .getter(c"_sock_fd", c"The socket's descriptor.", |this| {
            Ok(Obj::from(PyInt::new(this.py(), this.fd.get())))
        })
        .getter(c"_protocol", c"The protocol; None once closed.", |this| {
            Ok(this.protocol_or_none(this.py()))
        })
        .getter(
            c"_address",
            c"The only address that may be sent to, or None.",
            |this| or_none(this.py(), this.address.get()),
        )
        .attribute(
            c"_extra",
            c"The dict behind get_extra_info().",
            |this| this.extra.dict(this.py()),
            |this, value| match value {
                Some(value) => {
                    this.extra.set_dict(Some(value));
                    Ok(())
                }
                None => Err(cannot_delete(this.py())),
            },
        )
        .getter(c"_closing", c"Whether the endpoint is ending.", |this| {
            bool(this, this.is_closing())
        })
        .getter(
            c"_conn_lost",
            c"1 once connection_lost() is scheduled, and 1 more for each datagram since.",
            |this| {
                let count = this.life.get().lost_writes();
                Ok(Obj::from(PyInt::new(this.py(), count)))
            },
        )
        .getter(
            c"_protocol_paused",
            c"Whether pause_writing() was called last.",
            |this| bool(this, this.flow.is_paused()),
        )
}
