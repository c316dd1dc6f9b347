# The recipes. Continuous integration and people call the same ones; `make help` lists them.
#
# Every recipe that runs Python takes the interpreter from outside: PYTHON=python3.13, a path, or
# several at once as PYTHONS="python3.11 python3.13". Environments are kept in .venv/, builds in
# target/.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory --no-builtin-rules
.DEFAULT_GOAL := help

PYTHON ?= python3
PYTHONS ?= $(PYTHON)
# The cargo profile of the package under test: `fast`, `release`, `profiling` or `dev`.
PROFILE ?= fast
# How many test modules the recipes of other people's suites run at a time.
JOBS ?= 2
# What CPython's tests are pointed at: our `loop`, or our `namespace` in place of all of asyncio.
MODE ?= loop
conformance_mode = $(if $(filter namespace,$(MODE)),--namespace,$(if $(filter loop,$(MODE)),,$(error MODE is loop or namespace, not $(MODE))))
# The folders of examples/ whose types are checked, each on its own as its programs import one another.
EXAMPLES = bridge crawler flags monitor page spinner testing tour
# Passed on to the program a recipe runs: make test ARGS="-k sleep -x"
ARGS ?=

# Runs one recipe for each interpreter in PYTHONS; the first failure ends it.
each = +@for python in $(PYTHONS); do $(MAKE) $(1) PYTHON="$$python"; done
# The interpreter of the environment for PYTHON: $(call environment,<profile>,<requirement sets>)
environment = $$($(PYTHON) tools/environment.py --profile $(1) $(2))

.PHONY: help
help: ## list the recipes
	@sed -nE 's/^([a-z-]+):.*## (.*)/\1|\2/p' $(MAKEFILE_LIST) | column -t -s '|'

.PHONY: demo demo-one
demo: ## download the flags four ways, on asyncio and on asyncioxide, and compare
	$(call each,demo-one)
demo-one:
	@python=$(call environment,$(PROFILE),demo); "$$python" examples/flags/demo.py $(ARGS)

.PHONY: test test-rust test-python test-one
test: test-rust test-python ## run the Rust tests, then the Python tests for each of PYTHONS
test-rust: ## run the Rust tests of the reactor and of xtask
	cargo test --quiet --locked --package asyncioxide-reactor --package asyncioxide-loadgen --package xtask
test-python: ## run the Python tests for each of PYTHONS
	$(call each,test-one)
test-one:
	@python=$(call environment,$(PROFILE),test examples); "$$python" -m pytest $(ARGS)

.PHONY: test-ecosystem test-ecosystem-one
test-ecosystem: ## run anyio, pytest-asyncio, tornado and nest_asyncio on our loop, for each of PYTHONS
	$(call each,test-ecosystem-one)
test-ecosystem-one:
	@python=$(call environment,$(PROFILE),test ecosystem); "$$python" -m pytest tests/ecosystem $(ARGS)

.PHONY: ecosystem ecosystem-one
ecosystem: ## run the test suites of aiohttp, anyio, websockets and others on asyncio and on ours, for each of PYTHONS
	$(call each,ecosystem-one)
ecosystem-one:
	@python=$(call environment,$(PROFILE),library-suites); \
	"$$python" tests/library_suites/run.py --jobs $(JOBS) $(ARGS)

.PHONY: test-panics test-panics-one
test-panics: ## show that a panic never ends the process, with a build that panics on demand
	$(call each,test-panics-one)
test-panics-one:
	@python=$(call environment,$(PROFILE),--no-package test); set -x; \
	PYO3_PYTHON="$$python" PYO3_BUILD_EXTENSION_MODULE=1 CARGO_TARGET_DIR=target/extensions \
	cargo build --quiet --locked --package asyncioxide-python --features panic-tests; \
	rm -rf target/panics; mkdir target/panics; cp -r python target/panics/; \
	cp target/extensions/debug/lib_asyncioxide.so target/panics/python/asyncioxide/_asyncioxide.so; \
	PYTHONPATH=target/panics/python "$$python" -m pytest -m panics tests/boundary $(ARGS)

.PHONY: test-bridge test-bridge-one
test-bridge: ## build extensions that await through the bridge, examples/bridge among them, and test them
	$(call each,test-bridge-one)
test-bridge-one:
	@python=$(call environment,$(PROFILE),test); set -x; \
	PYO3_PYTHON="$$python" PYO3_BUILD_EXTENSION_MODULE=1 CARGO_TARGET_DIR=target/extensions \
	cargo build --quiet --locked --package asyncioxide-bridge-example --package asyncioxide-bridge-tests; \
	rm -rf target/bridge; mkdir target/bridge; \
	for name in bridge_example bridge_tests; do \
	    cp target/extensions/debug/lib$$name.so target/bridge/$$name.so; \
	done; \
	PYTHONPATH=target/bridge "$$python" -m pytest -m bridge tests/bridge tests/examples/test_bridge.py $(ARGS)

.PHONY: check check-quick check-types
check: check-quick check-types ## formatting, lints, tidy, types and stubs: clean before a commit
	PYO3_PYTHON="$(PYTHON)" cargo clippy --quiet --locked --workspace --all-targets -- -D warnings
check-quick: ## the part of check that needs no build of the package (pre-commit runs it)
	cargo fmt --all --check
	cargo run --quiet --locked --package xtask -- tidy
	@python=$(call environment,$(PROFILE),--no-package check); set -x; \
	"$$python" -m ruff check --quiet .; \
	"$$python" -m ruff format --quiet --check .
check-types:
	@python=$(call environment,$(PROFILE),check examples); set -x; \
	"$$python" -m mypy python/asyncioxide tools; \
	for folder in $(EXAMPLES); do \
	    MYPYPATH=examples/flags:examples/tour "$$python" -m mypy examples/$$folder/*.py; \
	done; \
	"$$python" -m mypy.stubtest asyncioxide --allowlist python/stubtest-allow.txt

.PHONY: format
format: ## rewrite Rust and Python in the project's format
	cargo fmt --all
	@python=$(call environment,$(PROFILE),--no-package check); set -x; \
	"$$python" -m ruff check --quiet --fix-only .; \
	"$$python" -m ruff format --quiet .

.PHONY: conformance conformance-one
conformance: ## run CPython's own asyncio tests on our loop, for each of PYTHONS (MODE=namespace: as asyncio)
	$(call each,conformance-one)
conformance-one:
	@python=$(call environment,$(PROFILE),); "$$python" tests/cpython/run.py --jobs $(JOBS) $(conformance_mode) $(ARGS)

.PHONY: uvloop-suite uvloop-suite-one
uvloop-suite: ## run uvloop's own tests on our loop, for each of PYTHONS
	$(call each,uvloop-suite-one)
uvloop-suite-one:
	@python=$(call environment,$(PROFILE),uvloop-suite); \
	"$$python" tests/uvloop_suite/run.py --jobs $(JOBS) $(ARGS)

.PHONY: differential differential-one
differential: ## compare random programs with stock asyncio's, turn by turn, for each of PYTHONS
	$(call each,differential-one)
differential-one:
	@python=$(call environment,$(PROFILE),test); \
	"$$python" tests/differential/differential.py --jobs $(JOBS) $(ARGS)

.PHONY: bench bench-one
bench: ## compare with asyncio and the other loops, in a release build, for each of PYTHONS
	$(call each,bench-one)
bench-one:
	@python=$(call environment,release,bench); "$$python" benches/run.py $(ARGS)

.PHONY: miri
miri: ## run the reactor's tests under Miri (nightly, with the components miri and rust-src)
	MIRIFLAGS="-Zmiri-strict-provenance $${MIRIFLAGS:-}" \
	CARGO_TARGET_DIR="$${CARGO_TARGET_DIR:-target}/miri" \
	cargo +nightly miri test --locked --package asyncioxide-reactor --lib $(ARGS)

.PHONY: loom
loom: ## try all interleavings of the remote queue and the waker
	RUSTFLAGS="--cfg loom $${RUSTFLAGS:-}" \
	CARGO_TARGET_DIR="$${CARGO_TARGET_DIR:-target}/loom" \
	cargo test --locked --profile fast --package asyncioxide-reactor --lib loom_ $(ARGS)

.PHONY: docs
docs: ## build the documentation of the reactor and of the bridge; a broken link is an error
	RUSTDOCFLAGS="-D warnings -A rustdoc::private_intra_doc_links" \
	cargo doc --locked --no-deps --document-private-items --package asyncioxide-reactor
	RUSTDOCFLAGS="-D warnings" PYO3_PYTHON="$(PYTHON)" \
	cargo doc --locked --no-deps --package asyncioxide-python --no-default-features --features bridge

.PHONY: wheel wheel-one
wheel: ## build a wheel into dist/ for each of PYTHONS
	$(call each,wheel-one)
wheel-one:
	$(PYTHON) -m pip --disable-pip-version-check wheel --no-deps --wheel-dir dist .

.PHONY: audit
audit: ## check licences, sources and advisories of what we depend on (cargo-deny; outside CI)
	@cargo deny --version >/dev/null 2>&1 || \
	{ echo "make audit needs cargo-deny: cargo install --locked cargo-deny" >&2; exit 1; }
	cargo deny --locked check

.PHONY: clean
clean: ## remove builds, environments and caches
	rm -rf target .venv dist .hypothesis .mypy_cache .pytest_cache .ruff_cache
