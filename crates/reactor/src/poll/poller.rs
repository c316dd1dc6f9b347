//! `Poller`: the kernel's readiness queue.
//!
//! Every method takes `&self` and the type is `Sync`: the loop waits with the interpreter's lock
//! released, so the wait must not need anything that the loop's thread alone may touch. Who uses
//! it: [`Sources`](super::Sources) registers, the driver waits.

use std::io;
use std::sync::OnceLock;
use std::time::Duration;

use rustix::io::Errno;

use crate::sys::Fd;
use crate::sys::epoll::{Epoll, EventFlags};

use super::{Events, Interest, Token, Waker};

#[cfg(test)]
#[cfg(not(miri))]
mod tests;

/// An epoll instance, used level-triggered (epoll(7)), close-on-exec.
#[derive(Debug)]
pub struct Poller {
    epoll: Epoll,
    /// The waker's descriptor, to carry it over when the instance is replaced.
    waker: OnceLock<Fd>,
}

impl Poller {
    /// An empty poller.
    ///
    /// # Errors
    /// Those of epoll_create1(2), EMFILE above all.
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            epoll: Epoll::new()?,
            waker: OnceLock::new(),
        })
    }

    /// Registers `waker` under [`Token::WAKER`], once for the poller's life. The waker must live as
    /// long as the poller.
    ///
    /// # Errors
    /// Those of epoll_ctl(2); EEXIST when there is a waker already.
    pub fn add_waker(&self, waker: &Waker) -> io::Result<()> {
        let fd = waker.fd();
        self.waker.set(fd).map_err(|_| Errno::EXIST)?;
        self.add(fd, Token::WAKER, Interest::READABLE)
    }

    /// Starts watching `fd` for `interest`; its events carry `token`.
    ///
    /// # Errors
    /// Those of epoll_ctl(2) with EPOLL_CTL_ADD: EEXIST when it is watched, EPERM for files that
    /// cannot be polled, EBADF when it is closed.
    pub fn add(&self, fd: Fd, token: Token, interest: Interest) -> io::Result<()> {
        Ok(self
            .epoll
            .add(fd.borrow()?, token.data(), interest.flags())?)
    }

    /// Changes what `fd` is watched for and the token of its events.
    ///
    /// # Errors
    /// Those of epoll_ctl(2) with EPOLL_CTL_MOD: ENOENT when it is not watched, EBADF when it is
    /// closed.
    pub fn modify(&self, fd: Fd, token: Token, interest: Interest) -> io::Result<()> {
        Ok(self
            .epoll
            .modify(fd.borrow()?, token.data(), interest.flags())?)
    }

    /// Stops watching `fd`.
    ///
    /// # Errors
    /// Those of epoll_ctl(2) with EPOLL_CTL_DEL: ENOENT when it is not watched, EBADF when it is
    /// closed.
    pub fn remove(&self, fd: Fd) -> io::Result<()> {
        Ok(self.epoll.delete(fd.borrow()?)?)
    }

    /// Waits until something is ready or `timeout` is over: `None` waits for ever, zero only looks.
    /// What was found replaces the content of `events`. The timeout is kept to the nanosecond where
    /// the kernel can (Linux 5.11) and rounded up to milliseconds elsewhere: never cut short.
    ///
    /// A signal (EINTR) is a success without events, with [`Events::interrupted`] set.
    ///
    /// # Errors
    /// Those of epoll_wait(2); none is expected of a poller in use.
    pub fn wait(&self, timeout: Option<Duration>, events: &mut Events) -> io::Result<()> {
        events.clear();
        events.raw.0.reserve_exact(Events::CAPACITY);
        match self.epoll.wait(timeout, &mut events.raw) {
            Ok(()) => Ok(()),
            Err(Errno::INTR) => {
                events.interrupted = true;
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Replaces the epoll instance by a fresh one that watches the waker and those of
    /// `registrations` that this instance still knows. `lost` is called with the position of each
    /// that it does not: its descriptor was closed, or its number taken over by another file. The
    /// poller's own descriptor keeps its number.
    ///
    /// Not to be called while another thread waits: that wait would go on with the old instance.
    pub(super) fn rebuild(
        &self,
        registrations: impl Iterator<Item = (Fd, Token, Interest)>,
        mut lost: impl FnMut(usize),
    ) -> io::Result<()> {
        let fresh = Epoll::new()?;
        if let Some(waker) = self.waker.get() {
            fresh.add(waker.borrow()?, Token::WAKER.data(), EventFlags::IN)?;
        }
        for (position, (fd, token, interest)) in registrations.enumerate() {
            match self.carry_over(&fresh, fd, token, interest) {
                Ok(()) => {}
                Err(Errno::BADF | Errno::NOENT) => lost(position),
                Err(error) => return Err(error.into()),
            }
        }
        self.epoll.replace(fresh)
    }

    /// Adds one registration to `fresh`, provided that `fd` still names the file that was
    /// registered here. Modifying asks exactly that, because the kernel looks up both the file and
    /// the number.
    fn carry_over(
        &self,
        fresh: &Epoll,
        fd: Fd,
        token: Token,
        interest: Interest,
    ) -> Result<(), Errno> {
        let (data, flags) = (token.data(), interest.flags());
        let fd = fd.borrow()?;
        self.epoll.modify(fd, data, flags)?;
        fresh.add(fd, data, flags)
    }
}
