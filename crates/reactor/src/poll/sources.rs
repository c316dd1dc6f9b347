//! `Sources`: the book of who is registered in the poller, under which token.
//!
//! The head of the module `poll` says what this book is for; here is how it is kept. A slot holds
//! one source. Its `serial` counts up with every new source *and* with every EPOLL_CTL_ADD and
//! EPOLL_CTL_MOD, so two numbers are drawn from it:
//!
//! * the source's [`Token`], drawn when it is inserted: its name towards the caller, valid until it
//!   is removed;
//! * the registration's token, drawn with every such call: what epoll carries. It is the same as
//!   the source's until the interest changes for the first time.
//!
//! Modifying draws a number too, because a success does not say *what* was modified: a number that
//! was taken over and given back can have an orphan of its own, which is found first.
//!
//! A slot's life: *free* -> `insert` -> *living* -> `remove` -> *retired* -> `recycle` -> *free*. A
//! retired slot still explains the events of the turn that is under way, and is given to nobody.

use std::collections::HashMap;
use std::io;

use rustix::io::Errno;

use crate::sys::Fd;

use super::{Event, Interest, Poller, Token};

#[cfg(test)]
#[cfg(not(miri))]
mod tests;

/// A slab of registered sources of type `S`.
///
/// Limit: one living source per descriptor number, so the process's RLIMIT_NOFILE bounds it.
#[derive(Debug)]
pub struct Sources<S> {
    slots: Vec<Slot<S>>,
    by_fd: HashMap<Fd, Token>,
    free: Vec<u32>,
    retired: Vec<u32>,
    /// Counts the calls of `recycle`.
    turn: u64,
}

#[derive(Debug)]
struct Slot<S> {
    /// The last number drawn.
    serial: u32,
    /// The turn in which a registration of this slot last ended.
    ended_turn: u64,
    entry: Option<Entry<S>>,
}

#[derive(Debug)]
struct Entry<S> {
    token: Token,
    fd: Fd,
    interest: Interest,
    /// What epoll carries for it. `None` while it is not in the poller, that is, exactly while its
    /// interest is none.
    registration: Option<Token>,
    source: S,
}

/// Whose event an event is.
#[derive(Debug, PartialEq, Eq)]
pub enum Resolved<'a, S> {
    /// This source's. The event carries the source's token and only directions that it is
    /// interested in, at least one.
    Ready(&'a S, Event),
    /// Nobody's any more: the source was removed, or lost interest, earlier in this turn. Or the
    /// waker's.
    Stale,
    /// Of a registration that ended in an earlier turn and cannot be removed: time to
    /// [`Sources::rebuild`].
    Orphan,
}

impl<S> Sources<S> {
    /// An empty book.
    #[must_use]
    pub fn new() -> Self {
        Self {
            slots: Vec::new(),
            by_fd: HashMap::new(),
            free: Vec::new(),
            retired: Vec::new(),
            turn: 0,
        }
    }

    /// How many sources are living.
    #[must_use]
    pub fn len(&self) -> usize {
        self.by_fd.len()
    }

    /// True when no source is living.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_fd.is_empty()
    }

    /// Registers `fd`; with [`Interest::NONE`] it gets its slot but does not enter the poller.
    ///
    /// # Errors
    /// The source comes back with the error: EEXIST when a living source has this number (stale or
    /// not: remove it or change it), otherwise epoll_ctl(2)'s.
    pub fn insert(
        &mut self,
        poller: &Poller,
        fd: Fd,
        interest: Interest,
        source: S,
    ) -> Result<Token, (io::Error, S)> {
        if self.by_fd.contains_key(&fd) {
            return Err((Errno::EXIST.into(), source));
        }
        let slot = self.free.pop().unwrap_or_else(|| self.grow());
        let token = self.draw(slot);
        let mut registration = None;
        if !interest.is_empty() {
            if let Err(error) = add_or_modify(poller, fd, token, interest) {
                self.free.push(slot);
                return Err((error, source));
            }
            registration = Some(token);
        }
        self.slots[slot as usize].entry = Some(Entry {
            token,
            fd,
            interest,
            registration,
            source,
        });
        self.by_fd.insert(fd, token);
        Ok(token)
    }

    /// Changes what a source is interested in. [`Interest::NONE`] takes it out of the poller,
    /// because epoll reports errors and hang-ups even to those who ask for nothing, and keeps its
    /// slot.
    ///
    /// # Errors
    /// ENOENT when the token is dead, otherwise epoll_ctl(2)'s: EBADF above all.
    pub fn set_interest(
        &mut self,
        poller: &Poller,
        token: Token,
        interest: Interest,
    ) -> io::Result<()> {
        let entry = self.entry(token).ok_or(Errno::NOENT)?;
        if entry.interest == interest {
            return Ok(());
        }
        match entry.registration {
            Some(_) if interest.is_empty() => self.leave(poller, token),
            Some(_) => self.change(poller, token, interest)?,
            None => self.enter(poller, token, interest)?,
        }
        debug_assert_eq!(self.interest(token), Some(interest));
        Ok(())
    }

    /// What a source is interested in; `None` when the token is dead.
    #[must_use]
    pub fn interest(&self, token: Token) -> Option<Interest> {
        self.entry(token).map(|entry| entry.interest)
    }

    /// The source; `None` when the token is dead.
    #[must_use]
    pub fn get(&self, token: Token) -> Option<&S> {
        self.entry(token).map(|entry| &entry.source)
    }

    /// The descriptor of a source; `None` when the token is dead.
    #[must_use]
    pub fn fd(&self, token: Token) -> Option<Fd> {
        self.entry(token).map(|entry| entry.fd)
    }

    /// The living source that is registered under this number.
    #[must_use]
    pub fn token_of(&self, fd: Fd) -> Option<Token> {
        self.by_fd.get(&fd).copied()
    }

    /// Puts `source` in the place of the present one, which is returned.
    ///
    /// # Errors
    /// `source` itself, when the token is dead.
    pub fn replace(&mut self, token: Token, source: S) -> Result<S, S> {
        match self.entry_mut(token) {
            Some(entry) => Ok(std::mem::replace(&mut entry.source, source)),
            None => Err(source),
        }
    }

    /// Takes a source out of the poller and out of the book; `None` when the token is dead. To be
    /// called before the descriptor is closed. The slot rests until [`Sources::recycle`].
    pub fn remove(&mut self, poller: &Poller, token: Token) -> Option<S> {
        self.entry(token)?;
        self.leave(poller, token);
        let slot = &mut self.slots[token.slot()];
        let entry = slot.entry.take()?;
        self.by_fd.remove(&entry.fd);
        self.retired.push(token.slot() as u32);
        Some(entry.source)
    }

    /// Removes every source and returns them all.
    pub fn drain(&mut self, poller: &Poller) -> Vec<S> {
        let tokens: Vec<Token> = self.iter().map(|(token, ..)| token).collect();
        tokens
            .into_iter()
            .filter_map(|token| self.remove(poller, token))
            .collect()
    }

    /// Forgets every source and returns them all, without a word to the poller: a forked child must not tell it anything,
    /// because it is the parent's too. Events that are still to be explained are nobody's.
    pub fn abandon(&mut self) -> Vec<S> {
        self.by_fd.clear();
        let turn = self.turn;
        let entries = self.slots.iter_mut().filter_map(|slot| {
            slot.ended_turn = turn;
            slot.entry.take()
        });
        entries.map(|entry| entry.source).collect()
    }

    /// Every living source with its token, descriptor and interest.
    pub fn iter(&self) -> impl Iterator<Item = (Token, Fd, Interest, &S)> {
        let entries = self.slots.iter().filter_map(|slot| slot.entry.as_ref());
        entries.map(|entry| (entry.token, entry.fd, entry.interest, &entry.source))
    }

    /// Finds out whose event `event` is.
    #[must_use]
    pub fn resolve(&self, event: Event) -> Resolved<'_, S> {
        let Some(slot) = self.slots.get(event.token.slot()) else {
            debug_assert_eq!(
                event.token,
                Token::WAKER,
                "an event for a slot that never was"
            );
            return Resolved::Stale;
        };
        match &slot.entry {
            Some(entry) if entry.registration == Some(event.token) => {
                let event = Event {
                    token: entry.token,
                    ..event
                }
                .within(entry.interest);
                if event.is_empty() {
                    Resolved::Stale
                } else {
                    Resolved::Ready(&entry.source, event)
                }
            }
            _ if slot.ended_turn == self.turn => Resolved::Stale,
            _ => Resolved::Orphan,
        }
    }

    /// Ends a turn, when every event of its wait is dealt with: slots retired in it become free.
    pub fn recycle(&mut self) {
        self.turn += 1;
        self.free.append(&mut self.retired);
    }

    /// Moves all living registrations to a fresh epoll instance, which sheds the orphans. Where a
    /// descriptor was closed, or is another file by now, the source stays in the book and leaves
    /// the poller, as it has in truth.
    ///
    /// # Errors
    /// Those of epoll_create1(2), EMFILE above all. The poller is unchanged then and the call can
    /// be repeated.
    pub fn rebuild(&mut self, poller: &Poller) -> io::Result<()> {
        let registered: Vec<(Token, Fd, Token, Interest)> = self
            .slots
            .iter()
            .filter_map(|slot| slot.entry.as_ref())
            .filter_map(|entry| Some((entry.token, entry.fd, entry.registration?, entry.interest)))
            .collect();
        let mut lost = Vec::new();
        poller.rebuild(
            registered
                .iter()
                .map(|&(_, fd, registration, interest)| (fd, registration, interest)),
            |position| lost.push(registered[position].0),
        )?;
        for token in lost {
            self.end_registration(token);
        }
        Ok(())
    }

    fn entry(&self, token: Token) -> Option<&Entry<S>> {
        let entry = self.slots.get(token.slot())?.entry.as_ref()?;
        (entry.token == token).then_some(entry)
    }

    fn entry_mut(&mut self, token: Token) -> Option<&mut Entry<S>> {
        let entry = self.slots.get_mut(token.slot())?.entry.as_mut()?;
        (entry.token == token).then_some(entry)
    }

    fn grow(&mut self) -> u32 {
        let slot = u32::try_from(self.slots.len())
            .expect("the kernel's limit on descriptors is far below u32::MAX");
        self.slots.push(Slot {
            serial: 0,
            ended_turn: 0,
            entry: None,
        });
        slot
    }

    /// The next token of a slot.
    fn draw(&mut self, slot: u32) -> Token {
        let serial = &mut self.slots[slot as usize].serial;
        *serial = serial.wrapping_add(1);
        Token::new(slot, *serial)
    }

    /// Puts a source that is not in the poller into it, under a new registration.
    fn enter(&mut self, poller: &Poller, token: Token, interest: Interest) -> io::Result<()> {
        let registration = self.draw(token.slot() as u32);
        let entry = self.entry_mut(token).ok_or(Errno::NOENT)?;
        debug_assert!(
            entry.registration.is_none(),
            "a source entered the poller twice"
        );
        add_or_modify(poller, entry.fd, registration, interest)?;
        entry.registration = Some(registration);
        entry.interest = interest;
        Ok(())
    }

    /// Changes the registration of a source that is in the poller into a new one.
    fn change(&mut self, poller: &Poller, token: Token, interest: Interest) -> io::Result<()> {
        let registration = self.draw(token.slot() as u32);
        let entry = self.entry(token).ok_or(Errno::NOENT)?;
        match poller.modify(entry.fd, registration, interest) {
            Ok(()) => {
                self.end_registration(token);
                let entry = self.entry_mut(token).ok_or(Errno::NOENT)?;
                entry.registration = Some(registration);
                entry.interest = interest;
                Ok(())
            }
            // The number was closed and opened anew behind our back. What the caller means is the
            // file that has it now.
            Err(error) if is(&error, Errno::NOENT) => {
                self.end_registration(token);
                self.enter(poller, token, interest)
            }
            Err(error) => Err(error),
        }
    }

    /// Takes a source out of the poller, if it is in.
    fn leave(&mut self, poller: &Poller, token: Token) {
        let Some(entry) = self.entry(token) else {
            return;
        };
        if entry.registration.is_none() {
            return;
        }
        // EBADF and ENOENT say that the descriptor was closed behind our back, and there is nothing
        // to do about it here: either the registration died with it, or its first event shows it to
        // be an orphan.
        if let Err(error) = poller.remove(entry.fd) {
            debug_assert!(
                is(&error, Errno::BADF) || is(&error, Errno::NOENT),
                "EPOLL_CTL_DEL failed: {error}"
            );
        }
        self.end_registration(token);
    }

    /// Notes that what epoll carried for this source is not its registration any more.
    fn end_registration(&mut self, token: Token) {
        let turn = self.turn;
        let Some(entry) = self.entry_mut(token) else {
            return;
        };
        entry.registration = None;
        entry.interest = Interest::NONE;
        self.slots[token.slot()].ended_turn = turn;
    }
}

impl<S> Default for Sources<S> {
    fn default() -> Self {
        Self::new()
    }
}

/// Adds `fd`. When its file is in the poller already under this number, it came back by way of a
/// duplicate: the old registration becomes this one.
fn add_or_modify(
    poller: &Poller,
    fd: Fd,
    registration: Token,
    interest: Interest,
) -> io::Result<()> {
    match poller.add(fd, registration, interest) {
        Err(error) if is(&error, Errno::EXIST) => poller.modify(fd, registration, interest),
        result => result,
    }
}

fn is(error: &io::Error, errno: Errno) -> bool {
    error.raw_os_error() == Some(errno.raw_os_error())
}
