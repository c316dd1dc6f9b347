"""subprocess_exec and subprocess_shell: every way to start a process, and to fail at it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, STDOUT
from pathlib import Path

import pytest

LIBC_PDEATHSIG = """
import ctypes, signal, sys
found = ctypes.c_int()
ctypes.CDLL(None).prctl(2, ctypes.byref(found))
print(found.value)
"""


async def output(*args, **kwargs):
    """Runs a program to its end: what it wrote, and its exit code."""
    process = await asyncio.create_subprocess_exec(*args, stdout=PIPE, **kwargs)
    out, _ = await process.communicate()
    return out, process.returncode


async def shell(command, **kwargs):
    process = await asyncio.create_subprocess_shell(command, stdout=PIPE, **kwargs)
    out, _ = await process.communicate()
    return out, process.returncode


class TestStreams:
    async def test_all_three(self, loop):
        process = await asyncio.create_subprocess_exec(
            "/bin/sh", "-c", "cat; echo error >&2; exit 3", stdin=PIPE, stdout=PIPE, stderr=PIPE
        )
        out, err = await process.communicate(b"through")
        assert (out, err, process.returncode) == (b"through", b"error\n", 3)

    async def test_stderr_into_stdout(self, loop):
        out, _ = await shell("echo out; echo err >&2; echo out", stderr=STDOUT)
        assert out == b"out\nerr\nout\n"

    async def test_devnull(self, loop):
        out, code = await output("/bin/cat", stdin=DEVNULL)
        assert (out, code) == (b"", 0)
        process = await asyncio.create_subprocess_exec("/bin/echo", "x", stdout=DEVNULL)
        assert process.stdout is None
        assert await process.wait() == 0

    async def test_descriptors_and_files(self, loop, ends, tmp_path):
        read, write = ends.pipe()
        path = tmp_path / "out"
        with path.open("wb") as file:
            process = await asyncio.create_subprocess_exec("/bin/cat", stdin=read, stdout=file)
            os.write(write, b"from a descriptor")
            ends.close(write)
            assert await process.wait() == 0
        assert path.read_bytes() == b"from a descriptor"

    async def test_much_in_both_directions(self, loop):
        sent = os.urandom(5_000_000)
        process = await asyncio.create_subprocess_exec("/bin/cat", stdin=PIPE, stdout=PIPE)
        out, _ = await process.communicate(sent)
        assert out == sent

    async def test_the_pipes_are_pipes(self, loop):
        """So that a program can open /dev/stdin and /dev/stdout again."""
        process = await asyncio.create_subprocess_shell(
            "cat /proc/self/fd/0 > /dev/stdout", stdin=PIPE, stdout=PIPE
        )
        out, _ = await process.communicate(b"reopened")
        assert out == b"reopened"

    async def test_a_child_that_does_not_read_does_not_break_communicate(self, loop):
        process = await asyncio.create_subprocess_exec("/bin/true", stdin=PIPE)
        await process.communicate(b"x" * 1_000_000)
        assert process.returncode == 0

    async def test_line_by_line(self, loop):
        process = await asyncio.create_subprocess_exec("/bin/cat", stdin=PIPE, stdout=PIPE)
        for number in range(100):
            process.stdin.write(b"%d\n" % number)
            await process.stdin.drain()
            assert await process.stdout.readline() == b"%d\n" % number
        process.stdin.close()
        await process.stdin.wait_closed()
        assert await process.wait() == 0

    async def test_a_closed_stdin_of_ours_is_an_end_of_file(self, loop):
        process = await asyncio.create_subprocess_exec("/bin/cat", stdin=PIPE, stdout=PIPE)
        process.stdin.close()
        assert await process.stdout.read() == b""
        assert await process.wait() == 0


class TestArguments:
    async def test_cwd_and_env(self, loop, tmp_path):
        out, _ = await shell("pwd; echo $MARK", cwd=tmp_path, env={"MARK": "seen"})
        assert out.decode().splitlines() == [str(tmp_path), "seen"]

    async def test_paths_and_bytes(self, loop):
        assert await output(Path("/bin/echo"), b"bytes") == (b"bytes\n", 0)

    async def test_pass_fds(self, loop, ends):
        read, write = ends.pipe()
        _, code = await shell(f"echo passed > /proc/self/fd/{write}", pass_fds=[write])
        assert code == 0
        assert os.read(read, 100) == b"passed\n"

    async def test_close_fds(self, loop, ends):
        _, write = ends.pipe()
        os.set_inheritable(write, True)
        _, code = await shell(f"test -e /proc/self/fd/{write}")
        assert code != 0
        _, code = await shell(f"test -e /proc/self/fd/{write}", close_fds=False)
        assert code == 0

    async def test_preexec_fn_runs_in_the_child(self, loop):
        def die_with_the_parent():
            import ctypes

            ctypes.CDLL(None).prctl(1, signal.SIGTERM)

        out, _ = await output(sys.executable, "-c", LIBC_PDEATHSIG, preexec_fn=die_with_the_parent)
        assert int(out) == signal.SIGTERM

    async def test_a_session_and_a_group(self, loop):
        script = "import os; print(os.getpid(), os.getsid(0), os.getpgid(0))"
        out, _ = await output(sys.executable, "-c", script, start_new_session=True)
        pid, session, group = map(int, out.split())
        assert pid == session == group
        out, _ = await output(sys.executable, "-c", script, process_group=0)
        pid, session, group = map(int, out.split())
        assert pid == group
        assert session == os.getsid(0)

    async def test_umask_executable_and_restore_signals(self, loop):
        out, _ = await shell("umask", umask=0o123)
        assert out == b"0123\n"
        out, _ = await output("shown", "-c", "echo $0", executable="/bin/sh")
        assert out == b"shown\n"
        _, code = await shell("kill -PIPE $$; exit 5", restore_signals=True)
        assert code == -signal.SIGPIPE

    @pytest.mark.parametrize(
        ("arguments", "text"),
        [
            ({"universal_newlines": True}, "universal_newlines must be False"),
            ({"bufsize": 4096}, "bufsize must be 0"),
            ({"text": True}, "text must be False"),
            ({"encoding": "utf-8"}, "encoding must be None"),
            ({"errors": "strict"}, "errors must be None"),
        ],
    )
    async def test_text_mode_is_refused(self, loop, arguments, text):
        with pytest.raises(ValueError, match=f"^{text}$"):
            await asyncio.create_subprocess_exec("/bin/true", **arguments)
        with pytest.raises(ValueError, match=f"^{text}$"):
            await asyncio.create_subprocess_shell("true", **arguments)

    async def test_shell_where_it_makes_no_sense(self, loop):
        with pytest.raises(ValueError, match="^shell must be False$"):
            await loop.subprocess_exec(asyncio.SubprocessProtocol, "/bin/true", shell=True)
        with pytest.raises(ValueError, match="^shell must be True$"):
            await loop.subprocess_shell(asyncio.SubprocessProtocol, "true", shell=False)
        with pytest.raises(ValueError, match="^cmd must be a string$"):
            await loop.subprocess_shell(asyncio.SubprocessProtocol, ["true"])

    async def test_an_argument_that_popen_does_not_know(self, loop):
        with pytest.raises(TypeError, match="unexpected keyword argument 'colour'"):
            await asyncio.create_subprocess_exec("/bin/true", colour="red")


class TestFailing:
    async def test_no_such_program(self, loop):
        with pytest.raises(FileNotFoundError, match="/no/such/program"):
            await asyncio.create_subprocess_exec(
                "/no/such/program", stdin=PIPE, stdout=PIPE, stderr=PIPE
            )

    async def test_no_permission(self, loop, tmp_path):
        path = tmp_path / "program"
        path.write_text("")
        with pytest.raises(PermissionError):
            await asyncio.create_subprocess_exec(path, stdin=PIPE, stdout=PIPE)

    async def test_no_such_folder(self, loop):
        with pytest.raises(FileNotFoundError, match="/no/such/folder"):
            await asyncio.create_subprocess_exec("/bin/true", cwd="/no/such/folder", stdin=PIPE)

    async def test_a_preexec_fn_that_raises(self, loop):
        with pytest.raises(Exception, match="Exception occurred in preexec_fn") as caught:
            await asyncio.create_subprocess_exec(
                "/bin/true", preexec_fn=lambda: 1 / 0, stdin=PIPE, stdout=PIPE
            )
        assert type(caught.value).__name__ == "SubprocessError"

    async def test_a_task_factory_that_raises(self, loop, names):
        """The process runs already, and nobody will ever connect its pipes."""
        if names.is_stock:
            pytest.skip("asyncio leaves the process and its pipes to the collector")

        def factory(loop, coroutine, **kwargs):
            coroutine.close()
            raise ZeroDivisionError

        loop.set_task_factory(factory)
        with pytest.raises(ZeroDivisionError):
            await asyncio.create_subprocess_exec("/bin/cat", stdin=PIPE, stdout=PIPE)
        loop.set_task_factory(None)
        while True:
            try:
                os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT | os.WNOHANG)
            except ChildProcessError:
                break
            await asyncio.sleep(0.001)

    async def test_a_null_byte(self, loop):
        with pytest.raises(ValueError, match="embedded null byte"):
            await asyncio.create_subprocess_exec("/bin/true", "a\0b", stdout=PIPE)

    async def test_no_descriptor_left(self, loop):
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        held = []
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (128, hard))
            with pytest.raises(OSError, match="Too many open files"):
                while True:
                    held.append(os.open("/dev/null", os.O_RDONLY))
            with pytest.raises(OSError, match="Too many open files"):
                await asyncio.create_subprocess_exec("/bin/true", stdin=PIPE, stdout=PIPE)
        finally:
            for fd in held:
                os.close(fd)
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    async def test_room_for_the_pipes_only(self, loop, names):
        """The descriptors just suffice to spawn, and none is left to watch the process with."""
        if names.is_stock:
            pytest.skip("asyncio leaves the process to itself")
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        outcomes = set()
        # How many it takes to spawn is Popen's business; somewhere in this range is the edge.
        for spare in range(12):
            held = []
            try:
                resource.setrlimit(resource.RLIMIT_NOFILE, (128, hard))
                try:
                    while True:
                        held.append(os.open("/dev/null", os.O_RDONLY))
                except OSError:
                    pass
                for _ in range(spare):
                    os.close(held.pop())
                try:
                    process = await asyncio.create_subprocess_exec(
                        "/bin/cat", stdin=PIPE, stdout=PIPE
                    )
                except OSError:
                    outcomes.add("refused")
                else:
                    out, _ = await process.communicate(b"x")
                    assert (out, process.returncode) == (b"x", 0)
                    outcomes.add("spawned")
            finally:
                for fd in held:
                    os.close(fd)
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert outcomes == {"refused", "spawned"}
