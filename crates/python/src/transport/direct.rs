//! `Direct`: what a transport knows of protocols of ours that take bytes without Python in between.
//!
//! They are written in a layer above (`streams`), which says once, while the module is made, how such a protocol is
//! recognised and fed.

use pyo3::Python;
use pyo3::sync::PyOnceLock;

use crate::py::errors::Outcome;
use crate::py::object::Obj;

/// How much a protocol can use.
#[derive(Clone, Copy)]
pub struct Appetite {
    /// Whether somebody waits for bytes, and what comes next had better wait for him.
    pub is_waiting: bool,
    /// How many bytes will be taken at once; none if that is not known.
    pub wanted_bytes: Option<usize>,
    /// After so many bytes reading is paused.
    pub room_bytes: usize,
}

/// The functions of such protocols.
pub struct Direct {
    /// Whether this is such a protocol.
    pub recognise: fn(&Obj) -> Outcome<bool>,
    /// How much it can use now.
    pub appetite: fn(&Obj) -> Outcome<Appetite>,
    /// `protocol.data_received(data)`
    pub receive: fn(&Obj, &Obj) -> Outcome<()>,
}

static DIRECT: PyOnceLock<Direct> = PyOnceLock::new();

impl Direct {
    /// Keeps the functions for good.
    pub fn register(self, py: Python<'_>) {
        DIRECT.get_or_init(py, || self);
    }

    /// The functions, if `protocol` is such a protocol.
    ///
    /// # Errors
    /// What looking at it raises.
    pub fn of(protocol: &Obj) -> Outcome<Option<&'static Self>> {
        let Some(direct) = DIRECT.get(protocol.py()) else {
            return Ok(None);
        };
        Ok((direct.recognise)(protocol)?.then_some(direct))
    }
}
