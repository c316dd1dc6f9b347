"""Runs somebody else's test suite for asyncio against another event loop.

session      -> supervisor: one worker process per test module; a command line on top
work         -> what such a process does, whichever the suite
target       -> the loop, Task and Future that a run is about
rules        -> what is left out and what is expected to fail
verdicts     -> what each test's outcome means; report and progress show it

`tests/cpython` and `tests/uvloop_suite` are the suites: a command, a worker and lists of
rules each.
"""
