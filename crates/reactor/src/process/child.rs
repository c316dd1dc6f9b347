//! `Child`: a process by a descriptor of its own (pidfd_open(2), Linux 5.3), which becomes readable when it ends.
//!
//! A number can be given to another process as soon as this one is reaped; the descriptor means this process for ever.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::io::{Errno, retry_on_intr};
use rustix::process::{Pid, PidfdFlags, WaitId, WaitIdOptions, pidfd_open, waitid};

use crate::sys::Fd;

#[cfg(test)]
#[cfg(not(miri))]
mod tests;

/// An owned, close-on-exec process descriptor of a child of ours.
#[derive(Debug)]
pub struct Child {
    pid: Pid,
    fd: OwnedFd,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It exited with this status.
    Status(i32),
    /// This signal killed it.
    Signal(i32),
}

impl Exit {
    /// The number that Python's `subprocess` has for it: the status, or the signal's number negated.
    #[must_use]
    pub const fn returncode(self) -> i32 {
        match self {
            Self::Status(status) => status,
            Self::Signal(signal) => -signal,
        }
    }
}

/// True once the kernel has refused to wait by descriptor: waitid(2) learnt it in Linux 5.4, a version after
/// pidfd_open(2).
static WAITS_BY_PID: AtomicBool = AtomicBool::new(false);

impl Child {
    /// The child with this number, which must not have been reaped.
    ///
    /// # Errors
    /// ESRCH when there is no such process any more; ENOSYS from an old kernel; EPERM from a sandbox; EMFILE.
    pub fn open(pid: i32) -> io::Result<Self> {
        let pid = Pid::from_raw(pid).ok_or(Errno::SRCH)?;
        let fd = pidfd_open(pid, PidfdFlags::empty())?;
        Ok(Self { pid, fd })
    }

    /// The descriptor to register: readable when the process has ended.
    #[must_use]
    pub fn fd(&self) -> Fd {
        Fd::from(&self.fd)
    }

    /// Reaps the process if it has ended; `None` while it lives. To be called once with an answer.
    ///
    /// # Errors
    /// ECHILD when somebody else has reaped it.
    pub fn reap(&self) -> io::Result<Option<Exit>> {
        if !WAITS_BY_PID.load(Ordering::Relaxed) {
            match reap(WaitId::PidFd(self.fd.as_fd())) {
                Err(Errno::INVAL) => WAITS_BY_PID.store(true, Ordering::Relaxed),
                answer => return Ok(answer?),
            }
        }
        // Nobody else gets the number before the process is reaped, which is what happens here.
        Ok(reap(WaitId::Pid(self.pid))?)
    }
}

fn reap(id: WaitId<'_>) -> Result<Option<Exit>, Errno> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
    let Some(status) = retry_on_intr(|| waitid(id.clone(), options))? else {
        return Ok(None);
    };
    Ok(match (status.exit_status(), status.terminating_signal()) {
        (Some(status), _) => Some(Exit::Status(status)),
        (None, Some(signal)) => Some(Exit::Signal(signal)),
        (None, None) => None,
    })
}
