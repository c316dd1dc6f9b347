//! Readiness: what may be read or written without blocking, and how not to be fooled about it.
//!
//! [`Poller`] is the kernel's queue, [`Sources`] the book of who is registered in it under which
//! [`Token`], [`Events`] the reusable answer of one wait, [`Waker`] the way in for other threads.
//! Readiness is level-triggered, because `loop.add_reader` promises it: what is still ready is
//! reported again by the next wait.
//!
//! # The trap in epoll
//!
//! A program that says `epoll_ctl(EPOLL_CTL_ADD, 7)` believes that it watches descriptor 7. It does
//! not. A descriptor is a slot in the process's table, and the slot points to an *open file
//! description*: the socket itself, with its buffers and its position. Several slots can point to
//! one description (`dup`, `fork`, a descriptor sent over a Unix socket), and the pair that epoll
//! stores is *(description, the number it was added under)*. From this follow four surprises:
//!
//! 1. **Closing does not always unregister.** The kernel drops a registration when its
//!    *description* dies, that is, with the last slot that points to it. `add(7); d = dup(7);
//!    close(7)`: the description lives on in `d`, and epoll goes on reporting events with the data
//!    given for 7.
//! 2. **Such a registration cannot be removed.** `epoll_ctl` finds a registration by looking the
//!    *number* up in the table. 7 is closed (EBADF), or by now it is another file, which was never
//!    added (ENOENT). `d` does not help: the number is part of the key. As long as the description
//!    lives, only closing the epoll instance ends the events.
//! 3. **Numbers come back at once.** The kernel hands out the lowest free number, so the next
//!    socket opened after `close(7)` is 7. Whoever keys his book by number delivers the old
//!    socket's events to the new one.
//! 4. **A registration can vanish.** After `close(7)` without a duplicate, `EPOLL_CTL_MOD` on a new
//!    7 answers ENOENT although the book says "registered".
//!
//! Level-triggering makes the first two worse: an event that nobody takes comes back from every
//! wait, and the loop burns a core. A Python program needs no malice for this: a `fork` or a
//! `socket.dup()` and a `close` in the wrong order do.
//!
//! # What we do about it
//!
//! * The data that epoll carries for us is no number and no pointer but a slot and a *serial*, new
//!   for every `EPOLL_CTL_ADD` and `EPOLL_CTL_MOD`. An event whose serial is not the slot's present
//!   one belongs to a registration that is over, and is never delivered to anybody
//!   ([`Sources::resolve`]).
//! * Within a turn that is ordinary: one callback of the turn removed what a later event of the
//!   same wait is about. The slot remembers the turn of its last change and is not given away
//!   before the turn is over ([`Sources::recycle`]), so these cases can be told apart.
//! * From an earlier turn it can only be surprise 1: an orphan. Nothing will stop it (surprise 2)
//!   but a new epoll instance: [`Sources::rebuild`] makes one, moves every living registration
//!   over, and puts the new instance under the old one's number. Each registration is first
//!   confirmed with the old instance, whose key is exact, so a number that was taken over by a
//!   stranger is not moved (surprise 3). The cost is one spurious event and two system calls for
//!   each living source, once for each such accident.
//! * Modifying what vanished adds it, and adding what is there modifies it (surprise 4, and a
//!   description that came back to its number by `dup2`).
//! * Whoever owns the descriptor should still do it right: leave the poller first, close
//!   afterwards.
//!
//! `fork` deserves its own sentence: the child shares the parent's epoll *instance*, so a child
//! that goes on using the loop of its parent removes the parent's registrations. asyncio has the
//! same limit, and the same remedy: a child makes its own loop.

mod event;
mod interest;
mod poller;
mod sources;
mod token;
mod waker;

pub use event::{Event, Events};
pub use interest::Interest;
pub use poller::Poller;
pub use sources::{Resolved, Sources};
pub use token::Token;
pub use waker::Waker;
