//! An engine without cryptography, and a user of a session who does what the session says.
//!
//! A record is a kind, a length and so many bytes, each with its bits turned over. A handshake is a hello each way.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use super::super::{End, Eof, Input, Plain, Session, State};
use crate::tls::{Decrypted, Progress, TlsEngine};

/// What a room holds.
pub const ROOM_BYTES: usize = 1 << 16;

const GREETING: u8 = 1;
const DATA: u8 = 2;
const GOODBYE: u8 = 3;
/// A record's most; small, so that tests see many.
const RECORD_BYTES: usize = 50;

/// What is no record.
#[derive(Debug)]
pub struct Broken;

/// The engine.
pub struct Toy {
    incoming: RefCell<VecDeque<u8>>,
    outgoing: RefCell<Vec<u8>>,
    has_greeted: Cell<bool>,
    has_said_goodbye: Cell<bool>,
    peer_has_said_goodbye: Cell<bool>,
}

impl Toy {
    pub fn new() -> Self {
        Self {
            incoming: RefCell::default(),
            outgoing: RefCell::default(),
            has_greeted: Cell::new(false),
            has_said_goodbye: Cell::new(false),
            peer_has_said_goodbye: Cell::new(false),
        }
    }

    fn send(&self, kind: u8, body: &[u8]) {
        let mut outgoing = self.outgoing.borrow_mut();
        outgoing.push(kind);
        outgoing.push(u8::try_from(body.len()).unwrap());
        outgoing.extend(body.iter().map(|byte| !byte));
    }

    /// The next record, if all of it is there.
    fn receive(&self) -> Result<Option<(u8, Vec<u8>)>, Broken> {
        let mut incoming = self.incoming.borrow_mut();
        let (Some(&kind), length) = (incoming.front(), incoming.get(1).copied()) else {
            return Ok(None);
        };
        if kind > GOODBYE {
            return Err(Broken);
        }
        let Some(length) = length.map(usize::from) else {
            return Ok(None);
        };
        if incoming.len() < 2 + length {
            return Ok(None);
        }
        incoming.drain(..2);
        Ok(Some((
            kind,
            incoming.drain(..length).map(|byte| !byte).collect(),
        )))
    }
}

/// A room.
pub fn room() -> RefCell<Vec<u8>> {
    RefCell::new(vec![0; ROOM_BYTES])
}

/// Plaintext to be sent.
pub fn plain(data: &[u8]) -> Rc<[u8]> {
    Rc::from(data)
}

impl TlsEngine for Toy {
    type Error = Broken;
    type Records = Vec<u8>;
    type Outgoing = Rc<[u8]>;
    type Room = RefCell<Vec<u8>>;

    fn feed(&self, records: &Vec<u8>) -> Result<(), Broken> {
        self.incoming.borrow_mut().extend(records);
        Ok(())
    }

    fn take(&self) -> Result<Option<Vec<u8>>, Broken> {
        let records = std::mem::take(&mut *self.outgoing.borrow_mut());
        Ok((!records.is_empty()).then_some(records))
    }

    fn unread_bytes(&self) -> Result<usize, Broken> {
        Ok(self.incoming.borrow().len())
    }

    fn unsent_bytes(&self) -> Result<usize, Broken> {
        Ok(self.outgoing.borrow().len())
    }

    fn handshake(&self) -> Result<Progress, Broken> {
        if !self.has_greeted.replace(true) {
            self.send(GREETING, b"");
        }
        match self.receive()? {
            None => Ok(Progress::Again),
            Some((GREETING, _)) => Ok(Progress::Done),
            Some(_) => Err(Broken),
        }
    }

    fn encrypt(&self, plain: &Rc<[u8]>, start: usize, end: usize) -> Result<Option<usize>, Broken> {
        assert!(self.has_greeted.get() && !self.has_said_goodbye.get());
        for record in plain[start..end].chunks(RECORD_BYTES) {
            self.send(DATA, record);
        }
        Ok(Some(end - start))
    }

    fn decrypt(&self, room: &RefCell<Vec<u8>>, start: usize) -> Result<Decrypted, Broken> {
        if self.peer_has_said_goodbye.get() {
            return Ok(Decrypted::CloseNotify);
        }
        match self.receive()? {
            None => Ok(Decrypted::Again),
            Some((DATA, data)) => {
                room.borrow_mut()[start..start + data.len()].copy_from_slice(&data);
                Ok(Decrypted::Bytes(data.len()))
            }
            Some((GOODBYE, _)) => {
                self.peer_has_said_goodbye.set(true);
                Ok(Decrypted::CloseNotify)
            }
            Some(_) => Err(Broken),
        }
    }

    fn is_drained(&self) -> Result<bool, Broken> {
        Ok(false)
    }

    fn shut_down(&self) -> Result<Progress, Broken> {
        if !self.has_said_goodbye.replace(true) {
            self.send(GOODBYE, b"");
        }
        while !self.peer_has_said_goodbye.get() {
            match self.receive()? {
                None => return Ok(Progress::Again),
                Some((kind, _)) => self.peer_has_said_goodbye.set(kind == GOODBYE),
            }
        }
        Ok(Progress::Done)
    }
}

/// A user who does what the session says, in the order in which the transports of asyncio do it.
pub struct Host {
    pub session: Session<Toy>,
    name: &'static str,
    calls: RefCell<Vec<&'static str>>,
    received: RefCell<Vec<u8>>,
    /// What the transport below holds.
    sent: RefCell<VecDeque<u8>>,
}

impl Host {
    pub fn new(name: &'static str) -> Self {
        Self {
            session: Session::new(Toy::new(), false),
            name,
            calls: RefCell::default(),
            received: RefCell::default(),
            sent: RefCell::default(),
        }
    }

    pub fn calls(&self) -> Vec<&'static str> {
        self.calls.borrow().clone()
    }

    pub fn received(&self) -> Vec<u8> {
        self.received.borrow().clone()
    }

    fn call(&self, call: &'static str) {
        self.calls.borrow_mut().push(call);
    }

    pub fn begin(&self) {
        self.session.begin().unwrap();
        self.handshake();
    }

    pub fn receive(&self, records: &[u8]) {
        self.session.engine().feed(&records.to_vec()).unwrap();
        self.go_on();
    }

    pub fn go_on(&self) {
        match self.session.input() {
            Input::Handshake => self.handshake(),
            Input::Read => self.read(),
            Input::Flush => self.close_after_reading(),
            Input::ShutDown => self.shut_down(),
            Input::Ignore => {}
        }
    }

    fn handshake(&self) {
        match self.session.engine().handshake().unwrap() {
            Progress::Again => self.process(),
            Progress::Done => {
                self.session.opened().unwrap();
                if self.session.tell_made() {
                    self.call("made");
                }
                self.read();
            }
        }
    }

    fn read(&self) {
        if !self.session.may_read() {
            return;
        }
        if !self.session.is_reading_paused() {
            let room = room();
            let Plain { bytes, end } = self.session.decrypt(&room, ROOM_BYTES / 2);
            if bytes > 0 {
                self.received.borrow_mut().extend(&room.borrow()[..bytes]);
                self.call("data");
            }
            if end.unwrap() == End::CloseNotify {
                self.eof();
                self.close();
            }
        }
        self.flush();
    }

    fn eof(&self) {
        if self.session.tell_eof() {
            self.call("eof");
        }
    }

    pub fn end_input(&self) {
        match self.session.end_input() {
            Eof::FailHandshake => {
                self.session.give_up();
                self.call("failed");
            }
            Eof::Flush => self.close_after_reading(),
            Eof::WriteAndShutDown => {
                self.flush();
                self.session.closing().unwrap();
                self.shut_down();
            }
            Eof::ShutDown => self.shut_down(),
            Eof::Wait | Eof::Ignore => {}
        }
    }

    pub fn write(&self, data: &[u8]) {
        assert!(self.session.may_write(), "{}", self.name);
        self.session.queue(plain(data), 0);
        self.flush();
    }

    pub fn close(&self) {
        if self.session.state() == State::Open {
            self.session.flushing().unwrap();
            self.close_after_reading();
        }
    }

    fn close_after_reading(&self) {
        self.read();
        if self.session.state() == State::Flushing {
            self.session.closing().unwrap();
            self.shut_down();
        }
    }

    fn shut_down(&self) {
        let progress = self.session.shut_down().unwrap();
        self.process();
        if progress == Progress::Done && !self.calls().contains(&"shut down") {
            self.eof();
            self.call("shut down");
        }
    }

    /// Encrypts and sends what is queued, unless the transport below is paused.
    pub fn flush(&self) {
        let more = || !self.session.is_below_paused() && self.session.may_encrypt();
        while more() && self.session.encrypt().unwrap() {
            self.process();
        }
        self.process();
    }

    fn process(&self) {
        if !self.session.is_below_paused()
            && let Some(records) = self.session.engine().take().unwrap()
        {
            self.sent.borrow_mut().extend(records);
        }
    }

    /// What the transport below has sent.
    pub fn take(&self) -> Vec<u8> {
        self.sent.borrow_mut().drain(..).collect()
    }

    pub fn set_reading(&self, wanted: bool) {
        if !wanted {
            self.session.pause_reading();
        } else if self.session.resume_reading() && self.session.input() != Input::Handshake {
            self.go_on();
        }
    }

    pub fn set_below(&self, takes: bool) {
        if !takes {
            let _was_paused = self.session.pause_below();
        } else if self.session.resume_below() {
            self.flush();
        }
    }
}

/// Brings so many bytes from one side to the other.
pub fn deliver(from: &Host, to: &Host, count: usize) {
    let records: Vec<u8> = {
        let mut sent = from.sent.borrow_mut();
        let count = count.min(sent.len());
        sent.drain(..count).collect()
    };
    if !records.is_empty() {
        to.receive(&records);
    }
}

/// Brings everything, both ways, until there is nothing more.
pub fn settle(first: &Host, second: &Host) {
    loop {
        deliver(first, second, usize::MAX);
        deliver(second, first, usize::MAX);
        if first.sent.borrow().is_empty() && second.sent.borrow().is_empty() {
            return;
        }
    }
}
