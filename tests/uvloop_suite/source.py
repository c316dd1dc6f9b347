"""Gets uvloop's own test suite: its source distribution ships it.

Nothing of it is kept in the repository. The archive is fetched once, checked, and of it
the tests and the classes they derive from are unpacked below `target/`.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

VERSION = "0.23.0"
SHA256 = "28d160f51ab4da3b187063652e643dea6831072add4adc1e6d62afbe73b6be27"
CACHE = Path(__file__).resolve().parents[2] / "target" / "uvloop-suite"


def unpacked() -> Path:
    """The folder with the suite, `tests/` and `uvloop/_testbase.py`; fetched if need be."""
    folder = CACHE / f"uvloop-{VERSION}"
    if not folder.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
            _unpack(_download(Path(scratch)), Path(scratch))
            # Whole or not at all, also with two runs at once.
            try:
                os.rename(Path(scratch) / folder.name, folder)
            except OSError:
                if not folder.exists():
                    raise
    return folder


def _download(scratch: Path) -> Path:
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "--quiet"]
    wanted = ["--no-deps", "--no-binary", "uvloop", f"uvloop=={VERSION}"]
    done = subprocess.run(
        [*pip, "download", *wanted, "--dest", str(scratch)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode != 0:
        raise LookupError(f"pip could not download uvloop's sources:\n{done.stdout}")
    (archive,) = scratch.glob("uvloop-*.tar.gz")
    found = hashlib.sha256(archive.read_bytes()).hexdigest()
    if found != SHA256:
        raise LookupError(f"{archive.name} has the SHA-256 {found}, not {SHA256}")
    return archive


def _unpack(archive: Path, scratch: Path) -> None:
    root = f"uvloop-{VERSION}"
    with tarfile.open(archive) as tar:
        wanted = [
            member
            for member in tar.getmembers()
            if member.name.startswith(f"{root}/tests/")
            or member.name == f"{root}/uvloop/_testbase.py"
        ]
        tar.extractall(scratch, members=wanted, filter="data")
    # `uvloop` itself must not be found here: it is the installed one, or what stands for it.
    shutil.move(scratch / root / "uvloop", scratch / root / "testbase")
