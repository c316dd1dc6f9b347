"""Gets the tests of a library: the archive that pip downloads, unpacked below `target/`."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from libraries import Archive, Library

CACHE = Path(__file__).resolve().parents[2] / "target" / "library-suites"


def unpacked(library: Library) -> Path:
    """The folder with the library's tests; fetched if need be."""
    folder = CACHE / f"{library.name}-{library.version}"
    if not folder.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
            _unpack(library, _download(library, Path(scratch)), Path(scratch) / "tests")
            # Whole or not at all, also with two runs at once.
            try:
                os.rename(Path(scratch) / "tests", folder)
            except OSError:
                if not folder.exists():
                    raise
    return folder


def _download(library: Library, scratch: Path) -> Path:
    source = library.source
    if isinstance(source, Archive):
        wanted = f"{library.name}=={library.version}"
    else:
        wanted = f"{library.name} @ git+{source.url}@{source.commit}"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "--quiet"]
    options = ["--no-deps", "--no-binary", library.name, "--dest", os.fspath(scratch)]
    done = subprocess.run(
        [*pip, "download", *options, wanted],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if done.returncode != 0:
        raise LookupError(f"pip could not download {wanted}:\n{done.stdout.strip()}")
    (archive,) = (path for path in scratch.iterdir() if path.is_file())
    if isinstance(source, Archive):
        found = hashlib.sha256(archive.read_bytes()).hexdigest()
        if found != source.sha256:
            raise LookupError(f"{archive.name} has the SHA-256 {found}, not {source.sha256}")
    return archive


def _unpack(library: Library, archive: Path, folder: Path) -> None:
    everything = folder.with_name("everything")
    arguments = {} if archive.suffix == ".zip" else {"filter": "data"}
    shutil.unpack_archive(archive, everything, **arguments)
    (root,) = everything.iterdir()
    folder.mkdir()
    for part in library.parts:
        shutil.move(root / part, folder / part)
