"""Runs CPython's own asyncio tests against another event loop, Task and Future.

run.py        -> supervisor: one worker process per test module
worker.py     -> target, seams, variants: points a test module at the loop
rules         -> what is left out and what is expected to fail
verdicts      -> what each test's outcome means; report and progress show it
"""
