"""The libraries whose suites are run: where their tests come from, and how pytest is called.

The versions of the libraries themselves are in requirements/library-suites.txt; of the sources only
the tests are used, so what is tested is what pip has installed.
"""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Archive:
    """A source distribution of the index that pip is configured with."""

    sha256: str


@dataclass(frozen=True)
class Repository:
    """A commit: for libraries whose source distributions leave their tests out."""

    url: str
    commit: str


@dataclass(frozen=True)
class Library:
    """One library and its suite."""

    name: str
    version: str
    source: Archive | Repository
    # What of the sources is unpacked; not the library itself, or Python would find it there.
    parts: tuple[str, ...]
    # Where pytest's options are; without, none are taken, and above all not this repository's.
    config: str = os.devnull
    options: tuple[str, ...] = ()
    paths: tuple[str, ...] = ("tests",)
    # The logger that the library's own runner silences, if it has one.
    silent: str = ""
    # Whether its tests may run in several processes.
    parallel: bool = True


NO_PLUGINS = ("-p", "no:asyncio", "-p", "no:anyio")

LIBRARIES = (
    Library(
        name="aiohttp",
        version="3.14.5",
        source=Archive("5558a7f5a05af9ecf744af91e5baefc436f93c9333e656c27ec253f9a6bbe178"),
        parts=("tests", "examples", "pytest.ini", "LICENSE.txt", "README.rst"),
        config="pytest.ini",
        options=(*NO_PLUGINS, "-m", "not dev_mode and not internal", "--ignore=tests/autobahn"),
    ),
    Library(
        name="anyio",
        version="4.16.0",
        source=Archive("59bb03251907983d1603d27c3087ddb1e93299ea2163adcdba37899a4fb12ffb"),
        parts=("tests", "pyproject.toml"),
        config="pyproject.toml",
        options=(
            *("-p", "anyio", "-p", "pytest_mock", "-p", "no:asyncio", "-p", "no:trio"),
            *("-m", "not network", "-k", "not trio"),
        ),
    ),
    Library(
        name="websockets",
        version="17.0.1",
        source=Repository(
            url="https://github.com/python-websockets/websockets",
            commit="fd3f16cc4f57ace08e323a7806f1432e957cb75e",
        ),
        parts=("tests", "pyproject.toml"),
        options=NO_PLUGINS,
        paths=("tests/asyncio", "tests/legacy"),
    ),
    Library(
        name="tornado",
        version="6.6.1",
        source=Archive("28e6311402af59c8b02e3fa0f5e7d8eb465b25081381803b127d97e6a4395d5a"),
        # Its tests are a part of what pip installs.
        parts=("README.rst",),
        # They refuse what is logged unasked, by pytest's handler too.
        options=(*NO_PLUGINS, "-p", "no:logging", "--pyargs"),
        silent="tornado.access",
        paths=("tornado.test",),
    ),
    Library(
        name="janus",
        version="2.0.0",
        source=Archive("0970f38e0e725400496c834a368a67ee551dc3b5ad0a257e132f5b46f2e77770"),
        parts=("tests", "setup.cfg"),
        config="setup.cfg",
        options=("-p", "no:anyio", "--ignore=tests/test_benchmarks.py"),
    ),
    Library(
        name="aiofiles",
        version="25.1.0",
        source=Archive("a8d728f0a29de45dc521f18f07297428d56992a742f0cd2701ba86e44d23d5b2"),
        parts=("tests", "pyproject.toml"),
        config="pyproject.toml",
        options=("-p", "no:anyio"),
        # They share files with fixed names.
        parallel=False,
    ),
    Library(
        name="aiostream",
        version="0.8.1",
        source=Archive("32d180b4ab01ebb2fc59eda7fa59f496895a4d07b32fc57537d1dade2514a8a1"),
        parts=("tests", "pyproject.toml"),
        config="pyproject.toml",
        options=("-p", "no:anyio"),
    ),
)
