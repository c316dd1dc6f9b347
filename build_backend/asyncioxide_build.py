"""The PEP 517 backend: maturin's hooks, behind a check of the machine and with our build options.

pip calls the hooks below (pyproject.toml names this file). Each one first makes sure that the
machine can build the package at all and ends the installation with one sentence where it cannot.
Then it hands over to maturin with

- ``--locked``, so that the versions in Cargo.lock are the ones that are built;
- the cargo profile asked for: ``pip install . -C profile=fast``; without it, ``release``;
- a target folder per interpreter, since the library has one name for all of them and cargo would
  rebuild it, and everything below it, at each change of interpreter.

This file must be readable by interpreters that the package refuses: nothing newer than Python 3.6.
"""

import os
import platform
import re
import subprocess
import sys
import sysconfig

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OLDEST_PYTHON = (3, 11)
DEFAULT_PROFILE = "release"


def get_requires_for_build_wheel(config_settings=None):
    return _maturin().get_requires_for_build_wheel(config_settings)


def get_requires_for_build_editable(config_settings=None):
    return _maturin().get_requires_for_build_editable(config_settings)


def get_requires_for_build_sdist(config_settings=None):
    return _maturin().get_requires_for_build_sdist(config_settings)


def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    settings = _build_settings(config_settings)
    return _maturin().prepare_metadata_for_build_wheel(metadata_directory, settings)


def prepare_metadata_for_build_editable(metadata_directory, config_settings=None):
    settings = _build_settings(config_settings)
    return _maturin().prepare_metadata_for_build_editable(metadata_directory, settings)


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    settings = _build_settings(config_settings)
    return _maturin().build_wheel(wheel_directory, settings, metadata_directory)


def build_editable(wheel_directory, config_settings=None, metadata_directory=None):
    settings = _build_settings(config_settings)
    return _maturin().build_editable(wheel_directory, settings, metadata_directory)


def build_sdist(sdist_directory, config_settings=None):
    return _maturin().build_sdist(sdist_directory, config_settings)


def _maturin():
    """maturin's own hooks, with the target folder set for what they start."""
    _check_machine()
    os.environ["CARGO_TARGET_DIR"] = _target_folder()
    import maturin

    return maturin


def _build_settings(config_settings):
    """maturin's settings for ours, with the arguments that every build gets."""
    settings = dict(config_settings or {})
    profile = settings.pop("profile", DEFAULT_PROFILE)
    asked = settings.pop("build-args", "")
    words = asked if isinstance(asked, list) else asked.split()
    settings["build-args"] = ["--locked", "--profile", profile, *words]
    return settings


def _target_folder():
    """The interpreter's own folder, below the user's CARGO_TARGET_DIR or ``target``."""
    interpreter = sysconfig.get_config_var("SOABI")
    base = os.environ.get("CARGO_TARGET_DIR") or "target"
    # One process can call several hooks, and what the first one set is there for the next.
    if os.path.basename(base) == interpreter:
        return base
    return os.path.join(ROOT, base, interpreter)


def _check_machine():
    """End with one sentence where the package cannot be built."""
    oldest_rust = _oldest_rust()
    found = _what_is_wrong(oldest_rust)
    if found is not None:
        raise SystemExit(
            "asyncioxide needs Linux, CPython {} or newer and Rust {} or newer (cargo on the "
            "PATH), but {}.".format(_dotted(OLDEST_PYTHON), _dotted(oldest_rust), found)
        )


def _what_is_wrong(oldest_rust):
    if not sys.platform.startswith("linux"):
        return "this system is {}".format(platform.system() or sys.platform)
    if sys.implementation.name != "cpython":
        return "this interpreter is {}".format(platform.python_implementation())
    if sys.version_info[:2] < OLDEST_PYTHON:
        return "this is Python {}".format(_dotted(sys.version_info[:2]))
    try:
        output = subprocess.check_output(
            ["cargo", "--version"], cwd=ROOT, stderr=subprocess.DEVNULL
        )
    except (OSError, subprocess.CalledProcessError):
        return "no working cargo was found"
    answer = output.decode("utf-8", "replace").strip()
    version = re.match(r"cargo (\d+)\.(\d+)", answer)
    if version is None or (int(version.group(1)), int(version.group(2))) < oldest_rust:
        return "this is {}".format(answer)
    return None


def _oldest_rust():
    """The ``rust-version`` of the root manifest; tomllib is younger than this check."""
    with open(os.path.join(ROOT, "Cargo.toml"), encoding="utf-8") as manifest:
        version = re.search(r'^rust-version = "(\d+)\.(\d+)"', manifest.read(), re.MULTILINE)
    return int(version.group(1)), int(version.group(2))


def _dotted(version):
    return ".".join(str(part) for part in version)
