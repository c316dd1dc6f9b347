"""A way in for ``ps`` and ``pstree`` that a program opens itself: on any Python, without ptrace.

A Unix socket of the abstract kind, named after the process. It leaves no file behind, whatever the
process dies of, and needs no folder that both sides would have to agree on. The kernel tells each
side who the other is: the process answers nobody but its own user and root, and who looks believes
nobody but the process.
"""

import os
import socket
import struct
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .snapshot import Task

# One that stopped reading is not waited for.
_PATIENCE_S = 5.0
_PAUSE_S = 0.5
# pid, uid and gid
_CREDENTIALS = struct.Struct("3i")

_lock = threading.Lock()
_open: socket.socket | None = None


def inspectable() -> None:
    """Let ``python -m asyncioxide ps`` and ``pstree`` look into this process.

    Only this user and root are answered, by a thread. On Python 3.14 and later processes can be
    looked into without this call, where the system allows to trace them; before, this is the only
    way. Does nothing where it has been called already. A forked child has to call it for itself.
    """
    global _open
    with _lock:
        if _open is not None:
            return
        door = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            door.bind(_address(os.getpid()))
            door.listen()
        except BaseException:
            door.close()
            raise
        _open = door
    threading.Thread(target=_serve, args=(door,), name="asyncioxide-ps", daemon=True).start()


def knock(pid: int) -> "list[Task] | None":
    """Ask a process for its tasks; None where it has not opened its door.

    Raises OSError where it opened the door and does not answer, RuntimeError where it could not.
    """
    from .snapshot import understand

    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as visitor:
        visitor.settimeout(_PATIENCE_S)
        try:
            visitor.connect(_address(pid))
        except ConnectionRefusedError:
            return None
        if _credentials(visitor)[0] != pid:
            raise PermissionError(f"another process answers for process {pid}")
        received = bytearray()
        while chunk := visitor.recv(65536):
            received += chunk
    if not received:
        raise PermissionError(f"process {pid} answers its own user and root only")
    return understand(received.decode())


def _address(pid: int) -> str:
    return f"\0asyncioxide-ps-{pid}"


def _credentials(peer: socket.socket) -> tuple[int, int, int]:
    data = peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    pid, uid, gid = _CREDENTIALS.unpack(data)
    return pid, uid, gid


def _serve(door: socket.socket) -> None:
    while True:
        try:
            visitor, _ = door.accept()
        except OSError:
            if door.fileno() == -1:
                return
            # No descriptor is left for the visitor, whom the kernel goes on announcing.
            time.sleep(_PAUSE_S)
            continue
        with visitor:
            if _credentials(visitor)[1] in (os.geteuid(), 0):
                _answer(visitor)


def _answer(visitor: socket.socket) -> None:
    # Whoever imports the package need not pay for this.
    from .snapshot import answer

    visitor.settimeout(_PATIENCE_S)
    try:
        visitor.sendall(answer().encode())
    except OSError:
        # The visitor has gone, which is nothing to this process.
        return


def _close_in_child() -> None:
    """The parent's door must be answered by the parent; the thread that would is not here."""
    global _open, _lock
    _lock = threading.Lock()
    if _open is not None:
        _open.close()
        _open = None


os.register_at_fork(after_in_child=_close_in_child)
