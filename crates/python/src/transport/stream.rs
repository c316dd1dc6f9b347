//! `StreamTransport` as Python sees it: the methods and attributes over the other files of this folder.

use std::mem::offset_of;

use pyo3::types::{PyAnyMethods, PyInt, PyTuple};
use pyo3::{Python, intern};

use super::endpoint::Endpoint;
use super::state::StreamTransport;
use super::{deliver, life, report, write};
use crate::future::future::cannot_delete;
use crate::py::args::{Args, Signature};
use crate::py::call;
use crate::py::errors::Outcome;
use crate::py::imports;
use crate::py::instance::Ref;
use crate::py::object::Obj;
use crate::py::slots::TypeBuilder;

fn none(this: &Ref<StreamTransport>) -> Outcome {
    Ok(Obj::none(this.py()))
}

fn or_none(py: Python<'_>, value: Option<Obj>) -> Outcome {
    Ok(value.unwrap_or_else(|| Obj::none(py)))
}

fn number(py: Python<'_>, value: usize) -> Outcome {
    Ok(Obj::from(PyInt::new(py, value)))
}

static WRITE: Signature<1> = Signature::new("StreamTransport.write", ["data"], 1, 1);
static WRITELINES: Signature<1> =
    Signature::new("StreamTransport.writelines", ["list_of_data"], 1, 1);
static SET_PROTOCOL: Signature<1> =
    Signature::new("StreamTransport.set_protocol", ["protocol"], 1, 1);

/// The one argument of a method, which is mostly given by position.
#[inline]
fn one<'a>(
    this: &Ref<StreamTransport>,
    signature: &Signature<1>,
    args: Args<'a>,
) -> Outcome<&'a Obj> {
    if let ([argument], false) = (args.positional(), args.has_keywords()) {
        return Ok(argument);
    }
    match signature.bind(this.py(), args)? {
        [Some(argument)] => Ok(argument),
        [None] => unreachable!("a required argument is bound"),
    }
}

fn get_extra_info(this: &Ref<StreamTransport>, args: Args<'_>) -> Outcome {
    const SIGNATURE: Signature<2> =
        Signature::new("StreamTransport.get_extra_info", ["name", "default"], 2, 1);
    let py = this.py();
    let [name, default] = SIGNATURE.bind(py, args)?;
    this.extra.look_up(py, name, default)
}

fn set_write_buffer_limits(this: &Ref<StreamTransport>, args: Args<'_>) -> Outcome {
    const SIGNATURE: Signature<2> = Signature::new(
        "StreamTransport.set_write_buffer_limits",
        ["high", "low"],
        2,
        0,
    );
    let [high, low] = SIGNATURE.bind(this.py(), args)?;
    write::set_limits(this, high, low)?;
    none(this)
}

fn write_buffer_size(this: &Ref<StreamTransport>) -> Outcome {
    // What was only gathered is offered to the kernel first: without gathering it would not be queued.
    write::flush(this)?;
    number(this.py(), this.outgoing.len_bytes())
}

fn write_buffer_limits(this: &Ref<StreamTransport>) -> Outcome {
    let (low, high) = this.outgoing.limits();
    Ok(Obj::from(PyTuple::new(this.py(), [low, high])?))
}

fn class(this: &Ref<StreamTransport>) -> Outcome {
    let py = this.py();
    if this.is_exact() {
        return Ok(imports::transport_class(py).clone());
    }
    Ok(Obj::from(this.as_obj().bind().get_type()))
}

fn repr(this: &Ref<StreamTransport>) -> Outcome {
    let waiting = (this.presence.interest(), this.outgoing.len_bytes());
    let state = (this.life(), this.fd());
    Ok(report::repr(this, "StreamTransport", state, waiting))
}

fn lost_writes(this: &Ref<StreamTransport>) -> Outcome {
    let count = this.life().lost_writes();
    Ok(Obj::from(PyInt::new(this.py(), count)))
}

/// Builds the type.
///
/// # Errors
/// What making a type raises.
pub fn build(py: Python<'_>) -> Outcome {
    let builder = TypeBuilder::<StreamTransport>::new(
        c"asyncioxide.StreamTransport",
        c"A connection: bytes in and out of a stream socket. See asyncio.Transport.",
    )
    .no_constructor()
    .finalizer()
    .weak_references(offset_of!(StreamTransport, weak))
    .instance_dict(offset_of!(StreamTransport, dict))
    .repr(repr);
    let builder = writing(builder);
    let builder = reading(builder);
    let class = attributes(lifetime(builder)).build(py)?;
    // An attribute of the class, as in asyncio: it can be set on an instance.
    let modes = call::attr(imports::constants(py), intern!(py, "_SendfileMode"))?;
    let mode = call::attr(&modes, intern!(py, "TRY_NATIVE"))?;
    call::set_attr(&class, intern!(py, "_sendfile_compatible"), &mode)?;
    let yes = Obj::bool(py, true);
    call::set_attr(&class, intern!(py, "_start_tls_compatible"), &yes)?;
    Ok(class)
}

fn writing(builder: TypeBuilder<StreamTransport>) -> TypeBuilder<StreamTransport> {
    builder
        .method(
            c"write",
            c"write($self, data)\n--\n\nSend bytes, now or as soon as the kernel takes them. Never waits.",
            |this, args| {
                write::write(this, one(this, &WRITE, args)?)?;
                none(this)
            },
        )
        .method(
            c"writelines",
            c"writelines($self, list_of_data)\n--\n\nSend many pieces of bytes at once.",
            |this, args| {
                write::writelines(this, one(this, &WRITELINES, args)?)?;
                none(this)
            },
        )
        .method0(
            c"write_eof",
            c"write_eof($self, /)\n--\n\nTell the peer, after what is queued, that nothing will follow.",
            |this| {
                write::write_eof(this)?;
                none(this)
            },
        )
        .method0(
            c"can_write_eof",
            c"can_write_eof($self, /)\n--\n\nTrue: a stream socket can be closed for writing alone.",
            |this| Ok(Obj::bool(this.py(), true)),
        )
        .method0(
            c"get_write_buffer_size",
            c"get_write_buffer_size($self, /)\n--\n\nHow many bytes are queued.",
            write_buffer_size,
        )
        .method0(
            c"get_write_buffer_limits",
            c"get_write_buffer_limits($self, /)\n--\n\nThe low and the high water mark of writing, in bytes.",
            write_buffer_limits,
        )
        .method(
            c"set_write_buffer_limits",
            c"set_write_buffer_limits($self, high=None, low=None)\n--\n\n\
              Set the water marks: above high the protocol is paused, at low it is resumed.",
            set_write_buffer_limits,
        )
}

fn reading(builder: TypeBuilder<StreamTransport>) -> TypeBuilder<StreamTransport> {
    builder
        .method0(
            c"is_reading",
            c"is_reading($self, /)\n--\n\nWhether the protocol gets what comes in.",
            |this| Ok(Obj::bool(this.py(), this.is_reading())),
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
            c"set_protocol($self, protocol)\n--\n\nGive the connection to another protocol.",
            |this, args| {
                this.set_protocol(one(this, &SET_PROTOCOL, args)?)?;
                none(this)
            },
        )
        .method0(
            c"get_protocol",
            c"get_protocol($self, /)\n--\n\nThe protocol; None once the connection is closed.",
            |this| Ok(this.protocol_or_none(this.py())),
        )
}

fn lifetime(builder: TypeBuilder<StreamTransport>) -> TypeBuilder<StreamTransport> {
    builder
        .method0(
            c"close",
            c"close($self, /)\n--\n\nEnd the connection once everything queued is sent.",
            |this| {
                life::close(this)?;
                none(this)
            },
        )
        .method0(
            c"abort",
            c"abort($self, /)\n--\n\nEnd the connection at once; what is queued is lost.",
            |this| {
                life::abort(this)?;
                none(this)
            },
        )
        .method1(
            c"_force_close",
            c"_force_close($self, exc, /)\n--\n\nEnd the connection at once, with a reason.",
            |this, exception| {
                let exception = Some(exception).filter(|given| !given.is_none());
                life::force_close(this, exception.cloned())?;
                none(this)
            },
        )
        .method0(
            c"is_closing",
            c"is_closing($self, /)\n--\n\nWhether the connection is ending or has ended.",
            |this| Ok(Obj::bool(this.py(), this.is_closing())),
        )
        .method(
            c"get_extra_info",
            c"get_extra_info($self, name, default=None)\n--\n\n\
              Optional facts: 'socket', 'sockname', 'peername'.",
            get_extra_info,
        )
        .method0(
            c"_read_ready",
            c"_read_ready($self, /)\n--\n\nBytes have come. What debug mode calls the loop's part in a connection.",
            |this| {
                deliver::on_readable(this)?;
                none(this)
            },
        )
        .method1(
            c"_begin",
            c"_begin($self, waiter, /)\n--\n\nThe protocol knows of the connection: read, and wake the waiter.",
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

fn attributes(builder: TypeBuilder<StreamTransport>) -> TypeBuilder<StreamTransport> {
    builder
        .getter(c"__class__", c"asyncio.Transport, or the subclass.", class)
        .getter(c"_loop", c"The event loop; None once closed.", |this| {
            or_none(this.py(), this.scheduler().map(Ref::into_obj))
        })
        .getter(c"_sock", c"The socket; None once closed.", |this| {
            or_none(this.py(), this.socket())
        })
        .getter(c"_sock_fd", c"The socket's descriptor.", |this| {
            Ok(Obj::from(PyInt::new(this.py(), this.fd())))
        })
        .getter(c"_protocol", c"The protocol; None once closed.", |this| {
            Ok(this.protocol_or_none(this.py()))
        })
        .getter(
            c"_server",
            c"The server that accepted the connection, or None.",
            |this| or_none(this.py(), this.server().map(Ref::into_obj)),
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
        .getter(c"_closing", c"Whether the connection is ending.", |this| {
            Ok(Obj::bool(this.py(), this.is_closing()))
        })
        .getter(
            c"_conn_lost",
            c"1 once connection_lost() is scheduled, and 1 more for each write since.",
            lost_writes,
        )
        .getter(c"_eof", c"Whether write_eof() was called.", |this| {
            Ok(Obj::bool(this.py(), this.outgoing.is_ended()))
        })
        .getter(
            c"_paused",
            c"Whether pause_reading() was called last.",
            |this| Ok(Obj::bool(this.py(), this.is_paused())),
        )
        .getter(
            c"_protocol_paused",
            c"Whether pause_writing() was called last.",
            |this| Ok(Obj::bool(this.py(), this.outgoing.is_paused())),
        )
}
