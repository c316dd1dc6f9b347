"""Make the virtual environment that a recipe runs in, and print the path of its interpreter.

    python tools/environment.py --profile fast test demo

The environment belongs to the interpreter that runs this file: `.venv/<version>-<profile>`. It gets
the packages of `requirements/<set>.txt` for each set named, and asyncioxide itself, built with the
profile. What is there already stays: one stamp per step says what the step was made from. An
environment whose making was interrupted, or whose interpreter has gone, is made again. Two recipes
that want the same environment at once wait for each other.

Only the interpreter's path goes to standard output.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OLDEST_PYTHON = (3, 11)

# What the built package depends on; of folders, everything below them.
PACKAGE_SOURCES = (
    "Cargo.lock",
    "Cargo.toml",
    "build_backend",
    "crates",
    "pyproject.toml",
    "python",
)


def main() -> None:
    parser = argparse.ArgumentParser(description="Make a virtual environment for a recipe.")
    parser.add_argument("--profile", default="fast", help="the cargo profile to build with")
    parser.add_argument("--no-package", action="store_true", help="leave asyncioxide itself out")
    parser.add_argument("sets", nargs="*", help="names of files in requirements/, without .txt")
    options = parser.parse_args()
    if sys.version_info < OLDEST_PYTHON:
        sys.exit(f"PYTHON has to be 3.11 or newer, and {sys.executable} is {version()}.")

    environment = Environment(ROOT / ".venv" / f"{version()}-{options.profile}")
    with environment.locked():
        environment.make()
        for name in options.sets:
            environment.require(name)
        if not options.no_package:
            environment.install_package(options.profile)
    print(environment.python)


def version() -> str:
    return platform.python_version() + sys.abiflags


class Environment:
    """One virtual environment and the stamps in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = folder / "bin" / "python"

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        self.folder.parent.mkdir(exist_ok=True)
        with open(self.folder.with_name(self.folder.name + ".lock"), "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def make(self) -> None:
        made_with = os.path.realpath(getattr(sys, "_base_executable", sys.executable))
        if self.stamp("environment") == made_with and self.starts():
            return
        shutil.rmtree(self.folder, ignore_errors=True)
        with step(f"making {self.folder.relative_to(ROOT)}"):
            run([sys.executable, "-m", "venv", str(self.folder)])
            # pyproject.toml pins the build tool; here it is installed once and not for each build.
            self.pip("install", *build_requirements())
        self.set_stamp("environment", made_with)

    def starts(self) -> bool:
        try:
            return subprocess.run([self.python, "-c", ""], check=False).returncode == 0
        except OSError:
            return False

    def require(self, name: str) -> None:
        requirements = ROOT / "requirements" / f"{name}.txt"
        constraints = requirements.with_name("constraints.txt")
        wanted = digest(file.read_bytes() for file in (requirements, constraints))
        if self.stamp(f"requirements-{name}") == wanted:
            return
        with step(f"installing {requirements.relative_to(ROOT)}"):
            self.pip("install", "-r", str(requirements))
        self.set_stamp(f"requirements-{name}", wanted)

    def install_package(self, profile: str) -> None:
        wanted = digest(package_state())
        if self.stamp("package") == wanted:
            return
        with step(f"building asyncioxide for Python {version()} with the profile {profile}"):
            self.pip(
                "install",
                "--force-reinstall",
                "--no-build-isolation",
                "--no-deps",
                f"--config-settings=profile={profile}",
                str(ROOT),
            )
        self.set_stamp("package", wanted)

    def pip(self, command: str, *arguments: str) -> None:
        # Without build isolation the backend looks for maturin's executable on PATH.
        path = f"{self.python.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
        pip = [str(self.python), "-m", "pip", "--disable-pip-version-check", "--no-input"]
        run([*pip, "--quiet", command, *arguments], PATH=path)

    def stamp(self, name: str) -> str | None:
        try:
            return (self.folder / f"{name}.stamp").read_text()
        except FileNotFoundError:
            return None

    def set_stamp(self, name: str, text: str) -> None:
        (self.folder / f"{name}.stamp").write_text(text)


def build_requirements() -> list[str]:
    import tomllib  # not on the interpreters that main() turns away

    with open(ROOT / "pyproject.toml", "rb") as file:
        requirements: list[str] = tomllib.load(file)["build-system"]["requires"]
    return requirements


def package_state() -> Iterator[bytes]:
    """The names and contents of everything that the package is built from."""
    for name in PACKAGE_SOURCES:
        start = ROOT / name
        files = sorted(start.rglob("*")) if start.is_dir() else [start]
        for file in files:
            if file.is_file() and "__pycache__" not in file.parts:
                yield str(file.relative_to(ROOT)).encode()
                yield file.read_bytes()


def digest(parts: Iterable[bytes]) -> str:
    total = hashlib.sha256()
    for part in parts:
        total.update(hashlib.sha256(part).digest())
    return total.hexdigest()


@contextlib.contextmanager
def step(what: str) -> Iterator[None]:
    print(f"{what} ...", end="", flush=True, file=sys.stderr)
    start = time.monotonic()
    try:
        yield
    except BaseException:
        print(" failed", flush=True, file=sys.stderr)
        raise
    print(f" {time.monotonic() - start:.1f} s", flush=True, file=sys.stderr)


def run(command: list[str], **variables: str) -> None:
    """Run silently; where it fails, show what it said and end."""
    done = subprocess.run(
        command,
        check=False,
        env={**os.environ, **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode != 0:
        sys.exit(f"\n{done.stdout}\n{' '.join(command)} failed with status {done.returncode}.")


if __name__ == "__main__":
    main()
