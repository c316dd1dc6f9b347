//! [`Session`]: one TLS connection as a state machine.
//!
//! ```text
//! Idle ─begin─> Handshaking ─opened─> Open ─close, input ends─> Flushing ─closing─> Closing
//!   └───────────────┴───────────────────┴──────────────────────────┴──────lose────> Lost
//! ```
//!
//! `Flushing` is for what was received and not read yet and for what was written and not encrypted
//! yet; in `Closing` both sides say goodbye. The states are `SSLProtocolState`'s, whose `UNWRAPPED`
//! is `Idle` before and `Lost` after.
//!
//! Every method may be called while another one is inside the engine: nothing is borrowed then.

use std::cell::{Cell, RefCell};

use super::engine::{Decrypted, Progress, TlsEngine};
use super::marks::Marks;
use crate::buf::WriteQueue;

#[cfg(test)]
mod tests;

/// Where a connection is in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// Nothing has happened.
    Idle,
    /// The two sides agree on keys.
    Handshaking,
    /// Plaintext flows both ways.
    Open,
    /// This side closes, or the input has ended: what is on its way still arrives.
    Flushing,
    /// Both sides say goodbye.
    Closing,
    /// It is over.
    Lost,
}

/// A step that the state does not allow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Refused {
    /// The state.
    pub from: State,
    /// Where the step would have led.
    pub to: State,
}

/// What the user of the plaintext has been told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Told {
    /// Nothing.
    Nothing,
    /// That there is a connection.
    Made,
    /// That nothing more will come.
    Eof,
    /// That the connection is over.
    Lost,
}

/// Whether the user of the plaintext wants to be read to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Reading {
    Wanted,
    Paused,
}

/// Whether the transport below takes records.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Below {
    Takes,
    Paused,
}

/// What to do with bytes that have come, or with the end of a pause.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Input {
    /// Go on with the handshake.
    Handshake,
    /// Read.
    Read,
    /// Read, and then close.
    Flush,
    /// Go on closing.
    ShutDown,
    /// Nothing.
    Ignore,
}

/// What to do at the end of the input.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Eof {
    /// The handshake has failed: the peer has left.
    FailHandshake,
    /// Read what came, and then close.
    Flush,
    /// Nothing yet: whoever has paused reading will find what came.
    Wait,
    /// Send what was written, and then close.
    WriteAndShutDown,
    /// Go on closing.
    ShutDown,
    /// Nothing.
    Ignore,
}

/// What the end of the connection is for its user.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lost {
    /// The user knows of the connection and is told of its end.
    Tell,
    /// The user knows nothing, or everything already.
    Hide,
}

/// How a row of reads ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// The room is full.
    Full,
    /// There is no more before more bytes of the peer come.
    Again,
    /// The peer sends no more.
    CloseNotify,
}

/// Decrypted bytes, and why there are no more. An error does not take them away.
#[derive(Debug)]
pub struct Plain<E> {
    /// How many there are in the room, from its start.
    pub bytes: usize,
    /// Why there are no more.
    pub end: Result<End, E>,
}

/// One side of a TLS connection.
pub struct Session<E: TlsEngine> {
    engine: E,
    state: Cell<State>,
    told: Cell<Told>,
    reading: Cell<Reading>,
    below: Cell<Below>,
    /// The transport below will bring no more.
    input_ended: Cell<bool>,
    /// Plaintext that is not encrypted yet. Limit: as for every transport, its marks and its user.
    backlog: RefCell<WriteQueue<E::Outgoing>>,
    encrypting: Cell<bool>,
    decrypting: Cell<bool>,
    /// Of what is to be sent, plaintext and records.
    pub outgoing: Marks,
    /// Of records that nobody has read.
    pub incoming: Marks,
}

/// Clears a flag when a row of engine calls is over, however it ends.
struct Busy<'a>(&'a Cell<bool>);

impl<'a> Busy<'a> {
    fn begin(flag: &'a Cell<bool>) -> Option<Self> {
        (!flag.replace(true)).then_some(Self(flag))
    }
}

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

impl<E: TlsEngine> Session<E> {
    /// The high mark of what is to be sent (`FLOW_CONTROL_HIGH_WATER_SSL_WRITE`).
    pub const OUTGOING_HIGH_BYTES: usize = 512 * 1024;
    /// The high mark of unread records (`FLOW_CONTROL_HIGH_WATER_SSL_READ`).
    pub const INCOMING_HIGH_BYTES: usize = 256 * 1024;
    /// So much is encrypted before its records are taken: an engine's buffer grows to what is in it
    /// and stays so. A multiple of what a record holds.
    pub const PIECE_BYTES: usize = 64 * 1024;

    /// A session around `engine`. `is_known`: its user knows of the connection already, which had
    /// begun without TLS.
    pub const fn new(engine: E, is_known: bool) -> Self {
        Self {
            engine,
            state: Cell::new(State::Idle),
            told: Cell::new(if is_known { Told::Made } else { Told::Nothing }),
            reading: Cell::new(Reading::Wanted),
            below: Cell::new(Below::Takes),
            input_ended: Cell::new(false),
            backlog: RefCell::new(WriteQueue::new()),
            encrypting: Cell::new(false),
            decrypting: Cell::new(false),
            outgoing: Marks::new(Self::OUTGOING_HIGH_BYTES),
            incoming: Marks::new(Self::INCOMING_HIGH_BYTES),
        }
    }

    /// The engine.
    pub const fn engine(&self) -> &E {
        &self.engine
    }

    /// Where the connection is in its life.
    #[inline]
    pub fn state(&self) -> State {
        self.state.get()
    }

    /// Goes from `from` to `to`, if that is where the session is.
    fn step(&self, from: State, to: State) -> Result<(), Refused> {
        if self.state.get() != from {
            return Err(Refused {
                from: self.state.get(),
                to,
            });
        }
        self.state.set(to);
        Ok(())
    }

    /// There is a transport: the handshake may begin.
    ///
    /// # Errors
    /// When it has begun already. A connection that was given up before is not taken up again.
    pub fn begin(&self) -> Result<(), Refused> {
        self.step(State::Idle, State::Handshaking)
    }

    /// The handshake is done.
    ///
    /// # Errors
    /// When there was none, or when it was given up meanwhile.
    pub fn opened(&self) -> Result<(), Refused> {
        self.step(State::Handshaking, State::Open)
    }

    /// The input has ended, or this side closes.
    ///
    /// # Errors
    /// When the connection is not open.
    pub fn flushing(&self) -> Result<(), Refused> {
        self.step(State::Open, State::Flushing)
    }

    /// Everything has arrived.
    ///
    /// # Errors
    /// When that was not waited for.
    pub fn closing(&self) -> Result<(), Refused> {
        self.step(State::Flushing, State::Closing)
    }

    /// The connection is given up.
    pub fn give_up(&self) {
        self.state.set(State::Lost);
    }

    /// The transport below is lost. What is queued is handed back.
    #[must_use = "dropping what was queued may run foreign code"]
    pub fn lose(&self) -> (Lost, Vec<E::Outgoing>) {
        let is_handshaking = self.state.get() == State::Handshaking;
        self.state.set(State::Lost);
        let lost = match self.told.get() {
            Told::Made | Told::Eof if !is_handshaking => {
                self.told.set(Told::Lost);
                Lost::Tell
            }
            _ => Lost::Hide,
        };
        (lost, self.backlog.borrow_mut().clear())
    }

    /// Whether the user has to be told that there is a connection; once.
    #[must_use]
    pub fn tell_made(&self) -> bool {
        if self.told.get() != Told::Nothing {
            return false;
        }
        self.told.set(Told::Made);
        true
    }

    /// Whether the user has to be told that nothing more will come; once.
    #[must_use]
    pub fn tell_eof(&self) -> bool {
        if self.told.get() != Told::Made {
            return false;
        }
        self.told.set(Told::Eof);
        true
    }

    /// What to do now that bytes have come (`buffer_updated`), or that reading was resumed.
    #[inline]
    #[must_use]
    pub fn input(&self) -> Input {
        match self.state.get() {
            State::Handshaking => Input::Handshake,
            State::Open => Input::Read,
            State::Flushing => Input::Flush,
            State::Closing => Input::ShutDown,
            State::Idle | State::Lost => Input::Ignore,
        }
    }

    /// The transport below will bring no more (`eof_received`).
    #[must_use]
    pub fn end_input(&self) -> Eof {
        self.input_ended.set(true);
        match self.state.get() {
            State::Handshaking => Eof::FailHandshake,
            State::Open => {
                self.state.set(State::Flushing);
                if self.is_reading_paused() {
                    Eof::Wait
                } else {
                    Eof::Flush
                }
            }
            State::Flushing => Eof::WriteAndShutDown,
            State::Closing => Eof::ShutDown,
            State::Idle | State::Lost => Eof::Ignore,
        }
    }

    /// Whether the transport below will bring no more.
    #[inline]
    #[must_use]
    pub fn is_input_ended(&self) -> bool {
        self.input_ended.get()
    }

    /// Whether plaintext may be read.
    #[inline]
    #[must_use]
    pub fn may_read(&self) -> bool {
        matches!(self.state.get(), State::Open | State::Flushing)
    }

    /// Whether plaintext may be written. It waits until the handshake is done.
    #[inline]
    #[must_use]
    pub fn may_write(&self) -> bool {
        matches!(self.state.get(), State::Handshaking | State::Open)
    }

    /// Whether what was written can be encrypted.
    #[inline]
    #[must_use]
    pub fn may_encrypt(&self) -> bool {
        matches!(
            self.state.get(),
            State::Open | State::Flushing | State::Closing
        )
    }

    /// Whether the user has paused reading.
    #[inline]
    #[must_use]
    pub fn is_reading_paused(&self) -> bool {
        self.reading.get() == Reading::Paused
    }

    /// The user wants nothing until `resume_reading`.
    pub fn pause_reading(&self) {
        self.reading.set(Reading::Paused);
    }

    /// The user wants to be read to; whether that is new.
    #[must_use]
    pub fn resume_reading(&self) -> bool {
        self.reading.replace(Reading::Wanted) == Reading::Paused
    }

    /// Whether the transport below takes no records, until `resume_below`.
    #[inline]
    #[must_use]
    pub fn is_below_paused(&self) -> bool {
        self.below.get() == Below::Paused
    }

    /// The transport below has enough; false when it has said so already.
    #[must_use]
    pub fn pause_below(&self) -> bool {
        self.below.replace(Below::Paused) == Below::Takes
    }

    /// The transport below takes records again; false when it had not stopped.
    #[must_use]
    pub fn resume_below(&self) -> bool {
        self.below.replace(Below::Takes) == Below::Paused
    }

    /// Queues plaintext of which the first `start` bytes are encrypted already.
    pub fn queue(&self, plain: E::Outgoing, start: usize) {
        self.backlog.borrow_mut().push_from(plain, start);
    }

    /// Whether plaintext waits to be encrypted.
    #[inline]
    #[must_use]
    pub fn has_backlog(&self) -> bool {
        !self.backlog.borrow().is_empty()
    }

    /// How many bytes are to be sent, encrypted and not (`_get_write_buffer_size`).
    ///
    /// # Errors
    /// What the engine says.
    #[inline]
    pub fn outgoing_bytes(&self) -> Result<usize, E::Error> {
        let plain = self.backlog.borrow().len_bytes();
        Ok(plain + self.engine.unsent_bytes()?)
    }

    /// Encrypts queued plaintext, about `PIECE_BYTES` of it. Whether there is more that can be
    /// encrypted at once.
    ///
    /// # Errors
    /// What the engine says.
    pub fn encrypt(&self) -> Result<bool, E::Error> {
        let Some(_busy) = Busy::begin(&self.encrypting) else {
            // A callback of the engine wrote: whoever called the engine goes on with it.
            return Ok(false);
        };
        let mut room = Self::PIECE_BYTES;
        while room > 0 {
            let Some((plain, start)) = self.backlog.borrow().front() else {
                return Ok(false);
            };
            let end = plain.as_ref().len().min(start.saturating_add(room));
            let Some(count) = self.engine.encrypt(&plain, start, end)? else {
                return Ok(false);
            };
            let mut spent = Vec::new();
            {
                // A callback of the engine may have given the connection up, and the queue with it.
                let mut backlog = self.backlog.borrow_mut();
                let left = count.min(backlog.len_bytes());
                backlog.advance(left, &mut spent);
            }
            drop(spent);
            if count == 0 {
                // An engine that takes nothing and does not say why: to go on would be to spin.
                return Ok(false);
            }
            room = room.saturating_sub(count);
        }
        Ok(self.has_backlog())
    }

    /// Decrypts into `room` until it is full, `capacity` bytes, or no more can be had.
    pub fn decrypt(&self, room: &E::Room, capacity: usize) -> Plain<E::Error> {
        let mut bytes = 0;
        let Some(_busy) = Busy::begin(&self.decrypting) else {
            return Plain {
                bytes,
                end: Ok(End::Again),
            };
        };
        while bytes < capacity {
            match self.engine.decrypt(room, bytes) {
                Ok(Decrypted::Bytes(count)) => bytes += count,
                Ok(Decrypted::Again) => {
                    return Plain {
                        bytes,
                        end: Ok(End::Again),
                    };
                }
                Ok(Decrypted::CloseNotify) => {
                    return Plain {
                        bytes,
                        end: Ok(End::CloseNotify),
                    };
                }
                Err(error) => {
                    return Plain {
                        bytes,
                        end: Err(error),
                    };
                }
            }
            match self.engine.is_drained() {
                Ok(false) => {}
                Ok(true) => {
                    return Plain {
                        bytes,
                        end: Ok(End::Again),
                    };
                }
                Err(error) => {
                    return Plain {
                        bytes,
                        end: Err(error),
                    };
                }
            }
        }
        Plain {
            bytes,
            end: Ok(End::Full),
        }
    }

    /// Says goodbye, after all that was written. A peer that is gone is not waited for, nor told.
    ///
    /// # Errors
    /// What the engine says.
    pub fn shut_down(&self) -> Result<Progress, E::Error> {
        while self.encrypt()? {}
        if self.input_ended.get() {
            return Ok(Progress::Done);
        }
        self.engine.shut_down()
    }
}
