//! `Epoll`: the epoll instance, and the one system call that rustix does not make as we need it.
//!
//! epoll_wait(2) counts its timeout in milliseconds: a wait of 0.2 ms ends 0.87 ms late.
//! epoll_pwait2(2) (Linux 5.11) counts in nanoseconds and ends 0.06 ms late, which is the kernel's
//! timer slack; it costs the same (a wait that is over at once: 326 ns against 324 ns,
//! `benches/remote.rs`). rustix compiles in either "never" or "always", and we need "if the kernel
//! has it": so that call is made here, and a refusal (ENOSYS, or EPERM from a sandbox that lists
//! system calls) is remembered and answered by the old call with the timeout rounded up. Waits
//! without a timeout, and of whole milliseconds, always use the old call: there the new one would
//! gain nothing.

#![allow(unsafe_code, reason = "epoll_pwait2(2) is a raw call")]

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::event::{Timespec, epoll};
use rustix::io::{DupFlags, Errno};

pub(crate) use rustix::event::epoll::{Event as RawEvent, EventFlags};

/// The buffer that a wait fills.
#[derive(Default)]
pub(crate) struct EventBuffer(pub(crate) Vec<RawEvent>);

// SAFETY: rustix's event is not `Send` because its data can hold a pointer. Ours never does:
// `Epoll::add` and `Epoll::modify` take plain numbers, and the field is read as a number only.
unsafe impl Send for EventBuffer {}

// SAFETY: as above; shared access only reads numbers.
unsafe impl Sync for EventBuffer {}

/// An owned, close-on-exec epoll instance.
#[derive(Debug)]
pub(crate) struct Epoll {
    fd: OwnedFd,
    /// False once the kernel or a sandbox has refused epoll_pwait2.
    counts_ns: AtomicBool,
}

impl Epoll {
    /// A new, empty instance (epoll_create1(2)).
    pub(crate) fn new() -> io::Result<Self> {
        let fd = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        Ok(Self {
            fd,
            counts_ns: AtomicBool::new(true),
        })
    }

    /// Puts `fd` on the interest list (EPOLL_CTL_ADD). Events carry `data`.
    pub(crate) fn add(
        &self,
        fd: BorrowedFd<'_>,
        data: u64,
        flags: EventFlags,
    ) -> Result<(), Errno> {
        epoll::add(&self.fd, fd, epoll::EventData::new_u64(data), flags)
    }

    /// Changes what is on the interest list for `fd` (EPOLL_CTL_MOD).
    pub(crate) fn modify(
        &self,
        fd: BorrowedFd<'_>,
        data: u64,
        flags: EventFlags,
    ) -> Result<(), Errno> {
        epoll::modify(&self.fd, fd, epoll::EventData::new_u64(data), flags)
    }

    /// Takes `fd` off the interest list (EPOLL_CTL_DEL).
    pub(crate) fn delete(&self, fd: BorrowedFd<'_>) -> Result<(), Errno> {
        epoll::delete(&self.fd, fd)
    }

    /// Waits until something is ready or `timeout` is over (`None`: for ever), and fills the spare
    /// capacity of `events`, which comes empty. A timeout is never cut short.
    pub(crate) fn wait(
        &self,
        timeout: Option<Duration>,
        events: &mut EventBuffer,
    ) -> Result<(), Errno> {
        let events = &mut events.0;
        debug_assert!(
            events.is_empty() && events.capacity() > 0,
            "the wait needs an empty buffer"
        );
        if let Some(timeout) = timeout
            && !timeout.subsec_nanos().is_multiple_of(NS_PER_MS)
            && self.counts_ns.load(Ordering::Relaxed)
        {
            match self.wait_ns(timeout, events) {
                Err(Errno::NOSYS | Errno::PERM) => self.counts_ns.store(false, Ordering::Relaxed),
                result => return result,
            }
        }
        let timeout = timeout.map(timespec_in_ms);
        epoll::wait(
            &self.fd,
            rustix::buffer::spare_capacity(events),
            timeout.as_ref(),
        )?;
        Ok(())
    }

    /// epoll_pwait2(2).
    fn wait_ns(&self, timeout: Duration, events: &mut Vec<RawEvent>) -> Result<(), Errno> {
        let timeout = KernelTimespec {
            seconds: i64::try_from(timeout.as_secs()).unwrap_or(i64::MAX),
            nanoseconds: i64::from(timeout.subsec_nanos()),
        };
        let spare = events.spare_capacity_mut();
        let capacity = i32::try_from(spare.len()).unwrap_or(i32::MAX);
        // SAFETY: the kernel writes at most `capacity` events into `spare`, which has room for them
        // and is exclusively borrowed; `RawEvent` has the layout of `struct epoll_event` (rustix
        // passes it to the same family of calls); `timeout` outlives the call and has the layout of
        // `struct __kernel_timespec`; without a signal mask its size is not looked at.
        let count = unsafe {
            libc::syscall(
                libc::SYS_epoll_pwait2,
                self.fd.as_raw_fd(),
                spare.as_mut_ptr(),
                capacity,
                &raw const timeout,
                std::ptr::null::<libc::sigset_t>(),
                0_usize,
            )
        };
        let Ok(count) = usize::try_from(count) else {
            return Err(Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::INVAL));
        };
        debug_assert!(
            count <= events.capacity(),
            "the kernel returned more events than it was given room for"
        );
        // SAFETY: the kernel has written the first `count` elements, and `count` is at most the
        // capacity it was given.
        unsafe { events.set_len(count) };
        Ok(())
    }

    /// Puts `fresh` in the place of this instance, under this instance's descriptor number, and
    /// lets go of the old one together with all its registrations (dup3(2), which is atomic).
    pub(crate) fn replace(&self, fresh: Self) -> io::Result<()> {
        // SAFETY: `self.fd` is open, being owned. This second owner of the same number is never
        // dropped: it is only the shape in which `dup3` takes the number that it overwrites, and
        // `ManuallyDrop` forgets it again.
        let place = unsafe { OwnedFd::from_raw_fd(self.fd.as_raw_fd()) };
        let mut place = std::mem::ManuallyDrop::new(place);
        rustix::io::dup3(&fresh.fd, &mut place, DupFlags::CLOEXEC)?;
        Ok(())
    }
}

impl AsFd for Epoll {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// `struct __kernel_timespec`, which has 64-bit fields on every architecture.
#[repr(C)]
struct KernelTimespec {
    seconds: i64,
    nanoseconds: i64,
}

const NS_PER_MS: u32 = 1_000_000;

/// The timeout in whole milliseconds, rounded up and capped at what the old call can express (24
/// days).
fn timespec_in_ms(timeout: Duration) -> Timespec {
    let ms = timeout.as_nanos().div_ceil(u128::from(NS_PER_MS));
    let ms = i64::from(i32::try_from(ms).unwrap_or(i32::MAX));
    Timespec {
        tv_sec: ms / 1000,
        tv_nsec: (ms % 1000) * i64::from(NS_PER_MS),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(timeout: Duration) -> i64 {
        let timespec = timespec_in_ms(timeout);
        timespec.tv_sec * 1000 + timespec.tv_nsec / i64::from(NS_PER_MS)
    }

    #[test]
    fn milliseconds_are_rounded_up() {
        assert_eq!(ms(Duration::ZERO), 0);
        assert_eq!(ms(Duration::from_nanos(1)), 1);
        assert_eq!(ms(Duration::from_nanos(1_000_000)), 1);
        assert_eq!(ms(Duration::from_nanos(1_000_001)), 2);
        assert_eq!(ms(Duration::from_nanos(1_999_999_999)), 2000);
        assert_eq!(ms(Duration::MAX), i64::from(i32::MAX));
    }

    #[cfg(not(miri))]
    mod with_a_kernel {
        use std::time::Instant;

        use super::*;

        #[test]
        fn both_calls_wait_at_least_as_long_as_told() {
            let timeout = Duration::from_nanos(1_200_001);
            for counts_ns in [true, false] {
                let epoll = Epoll::new().unwrap();
                epoll.counts_ns.store(counts_ns, Ordering::Relaxed);
                let mut events = EventBuffer(Vec::with_capacity(4));
                let start = Instant::now();
                epoll.wait(Some(timeout), &mut events).unwrap();
                assert!(start.elapsed() >= timeout);
                assert!(events.0.is_empty());
            }
        }

        #[test]
        fn both_calls_return_events() {
            let eventfd = crate::sys::eventfd::EventFd::new().unwrap();
            eventfd.signal().unwrap();
            for counts_ns in [true, false] {
                let epoll = Epoll::new().unwrap();
                epoll.counts_ns.store(counts_ns, Ordering::Relaxed);
                epoll
                    .add(eventfd.fd().borrow().unwrap(), 42, EventFlags::IN)
                    .unwrap();
                let mut events = EventBuffer(Vec::with_capacity(4));
                epoll
                    .wait(Some(Duration::from_nanos(1_500_000)), &mut events)
                    .unwrap();
                assert_eq!(events.0.len(), 1);
                let event = events.0[0];
                assert_eq!({ event.data }.u64(), 42);
                assert_eq!({ event.flags }, EventFlags::IN);
            }
        }

        #[test]
        fn replacing_keeps_the_number_and_drops_the_registrations() {
            let eventfd = crate::sys::eventfd::EventFd::new().unwrap();
            eventfd.signal().unwrap();
            let epoll = Epoll::new().unwrap();
            epoll
                .add(eventfd.fd().borrow().unwrap(), 42, EventFlags::IN)
                .unwrap();
            let number = epoll.fd.as_raw_fd();
            epoll.replace(Epoll::new().unwrap()).unwrap();
            assert_eq!(epoll.fd.as_raw_fd(), number);
            let mut events = EventBuffer(Vec::with_capacity(4));
            epoll.wait(Some(Duration::ZERO), &mut events).unwrap();
            assert!(events.0.is_empty());
            let flags = rustix::io::fcntl_getfd(epoll.as_fd()).unwrap();
            assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
        }
    }
}
