"""pytest-asyncio runs tests on the loop: by its hook for loop factories, and by a policy."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

pytest.importorskip("pytest_asyncio")

TESTS = """
    import asyncio
    import asyncioxide, pytest, pytest_asyncio

    @pytest_asyncio.fixture(loop_scope="module", scope="module")
    async def server():
        async def handle(reader, writer):
            writer.write((await reader.readline()).upper())
            writer.close()

        server = await asyncio.start_server(handle, "127.0.0.1")
        async with server:
            yield server.sockets[0].getsockname()

    @pytest_asyncio.fixture
    async def counted():
        for number in range(1):
            yield number

    @pytest.mark.asyncio
    async def test_runs_on_ours():
        assert isinstance(asyncio.get_running_loop(), asyncioxide.EventLoop)
        assert isinstance(asyncio.current_task(), asyncioxide.Task)

    @pytest.mark.asyncio
    async def test_a_fixture_of_the_function(counted):
        assert counted == 0

    @pytest.mark.asyncio(loop_scope="module")
    async def test_a_fixture_of_the_module(server):
        reader, writer = await asyncio.open_connection(*server)
        writer.write(b"hello\\n")
        assert await reader.readline() == b"HELLO\\n"
        writer.close()
        await writer.wait_closed()

    @pytest.mark.asyncio
    async def test_that_fails():
        await asyncio.sleep(0)
        raise LookupError("on purpose")

    def test_without_a_loop():
        with pytest.raises(RuntimeError):
            asyncio.get_running_loop()
"""

HOOK = """
    import asyncioxide

    def pytest_asyncio_loop_factories(config, item):
        return {"asyncioxide": asyncioxide.new_event_loop}
"""

POLICY = """
    import asyncioxide, pytest

    @pytest.fixture(scope="session")
    def event_loop_policy():
        return asyncioxide.EventLoopPolicy()
"""


@pytest.mark.parametrize("conftest", [HOOK, POLICY], ids=["hook", "policy"])
@pytest.mark.parametrize("mode", ["auto", "strict"])
def test_runs_tests_and_fixtures(tmp_path, conftest, mode):
    (tmp_path / "conftest.py").write_text(textwrap.dedent(conftest))
    (tmp_path / "test_it.py").write_text(textwrap.dedent(TESTS))
    # The policy is deprecated by pytest-asyncio, and by Python 3.14.
    warnings = ["-W", "error::ResourceWarning", "-W", "error::RuntimeWarning"]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *warnings),
            *(f"--asyncio-mode={mode}", str(tmp_path)),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )
    assert "1 failed, 4 passed" in done.stdout, done.stdout
    assert "LookupError: on purpose" in done.stdout
