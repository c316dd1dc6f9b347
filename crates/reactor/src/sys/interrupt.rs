//! For tests: makes sure that a signal hits a system call.

#![allow(unsafe_code, reason = "pthread_kill(3) and sigaction(2) are raw calls")]

use std::sync::atomic::{AtomicBool, Ordering};

/// Runs `call` in this thread while another one sends it SIGURG without pause, so that a call that
/// waits is interrupted. The handler does nothing, and does not restart system calls.
pub(crate) fn interrupted<R>(call: impl FnOnce() -> R) -> R {
    extern "C" fn ignore(_signal: libc::c_int) {}
    // SAFETY: all-zero bytes are a valid `sigaction`.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    let handler: extern "C" fn(libc::c_int) = ignore;
    action.sa_sigaction = handler as usize;
    // SAFETY: `action` is a valid handler that touches nothing; the old one is not wanted.
    let installed =
        unsafe { libc::sigaction(libc::SIGURG, &raw const action, std::ptr::null_mut()) };
    assert_eq!(installed, 0);
    // SAFETY: always succeeds; the thread outlives the scope below, which is where the name is
    // used.
    let target = unsafe { libc::pthread_self() };
    let is_over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Acquire) {
                // SAFETY: the target thread waits for this scope to end, so it exists.
                let sent = unsafe { libc::pthread_kill(target, libc::SIGURG) };
                assert_eq!(sent, 0);
                std::thread::yield_now();
            }
        });
        let result = call();
        is_over.store(true, Ordering::Release);
        result
    })
}
