//! `Terms`: what TLS is to be like, that is the `ssl*` arguments of the loop's methods; and those that a server keeps.

use pyo3::types::PyAnyMethods;

use crate::py::cell::Slot;
use crate::py::errors::Outcome;
use crate::py::gc::Visitor;
use crate::py::object::Obj;

/// The terms of one connection.
pub struct Terms {
    /// An `ssl.SSLContext`; None for a client's default one.
    pub context: Obj,
    /// Which side this is.
    pub server_side: bool,
    /// The name that the peer's certificate must have, or None.
    pub server_hostname: Obj,
    /// In seconds, or None for asyncio's default.
    pub handshake_timeout: Obj,
    /// In seconds, or None for asyncio's default.
    pub shutdown_timeout: Obj,
}

/// The terms of all connections of a server.
#[derive(Default)]
pub struct ServerTerms {
    context: Slot,
    handshake_timeout: Slot,
    shutdown_timeout: Slot,
}

impl ServerTerms {
    /// Keeps the arguments of `Server`.
    pub fn set(
        &self,
        context: Option<&Obj>,
        handshake_timeout: Option<&Obj>,
        shutdown_timeout: Option<&Obj>,
    ) {
        self.context.set(context.cloned());
        self.handshake_timeout.set(handshake_timeout.cloned());
        self.shutdown_timeout.set(shutdown_timeout.cloned());
    }

    /// `_ssl_context`
    pub fn context(&self) -> Option<Obj> {
        self.context.get()
    }

    /// The terms of the next connection, if there is to be TLS.
    ///
    /// # Errors
    /// What the context's truth raises.
    pub fn next(&self) -> Outcome<Option<Terms>> {
        let Some(context) = self.context.get() else {
            return Ok(None);
        };
        if !context.bind().is_truthy()? {
            return Ok(None);
        }
        let none = Obj::none(context.py());
        let or_none = |slot: &Slot| slot.get().unwrap_or_else(|| none.clone());
        Ok(Some(Terms {
            server_side: true,
            server_hostname: none.clone(),
            handshake_timeout: or_none(&self.handshake_timeout),
            shutdown_timeout: or_none(&self.shutdown_timeout),
            context,
        }))
    }

    /// For the collector.
    pub fn visit(&self, visitor: &mut Visitor) {
        for slot in self.slots() {
            visitor.slot(slot);
        }
    }

    /// Lets everything go.
    pub fn clear(&self) {
        for slot in self.slots() {
            slot.set(None);
        }
    }

    fn slots(&self) -> [&Slot; 3] {
        [
            &self.context,
            &self.handshake_timeout,
            &self.shutdown_timeout,
        ]
    }
}
