"""Waking the main thread of another process that waits in the kernel.

What `sys.remote_exec` asks for is done when the main thread next runs Python, and a loop may wait
in epoll for hours. ptrace ends such a wait with EINTR, as attaching a debugger does; the loop looks
for signals, and the interpreter for the script. No signal is sent, and the parent is told of
nothing. What waits for a lock or for time goes on waiting: the kernel resumes that by itself.
"""

import ctypes
import os
import time

_SEIZE = 0x4206
_INTERRUPT = 0x4207
_DETACH = 17
_EVENT_STOP = 128
_WAIT_FOR_ANY_KIND = 0x40000000

_PATIENCE_S = 1.0
_LOOK_EVERY_S = 0.001


def wake(pid: int) -> None:
    """Interrupt what a process's main thread waits in, if the process may be traced."""
    ptrace = ctypes.CDLL(None, use_errno=True).ptrace
    ptrace.restype = ctypes.c_long
    ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    if ptrace(_SEIZE, pid, None, None) == -1:
        return
    ptrace(_INTERRUPT, pid, None, None)
    # Where it does not stop it stays seized until we end, and is set free then.
    ptrace(_DETACH, pid, None, _signal_at_stop(pid))


def _signal_at_stop(pid: int) -> int:
    """Wait for the stop. A signal that came first is the reason for it, and has to be passed on."""
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        try:
            stopped, status = os.waitpid(pid, os.WNOHANG | _WAIT_FOR_ANY_KIND)
        except ChildProcessError:
            return 0
        if stopped:
            by_us = status >> 16 == _EVENT_STOP or not os.WIFSTOPPED(status)
            return 0 if by_us else os.WSTOPSIG(status)
        time.sleep(_LOOK_EVERY_S)
    return 0
