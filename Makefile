# Every target sets up what it needs in .venv; PYTHON chooses the interpreter that makes it.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
CORE := $(VENV)/.installed
DEV := $(VENV)/.installed-dev
LOWEST ?= .venv-lowest

# CPU=1 takes PyTorch's builds for processors, without the libraries of CUDA.
CPU ?=
CPU_INDEX := https://download.pytorch.org/whl/cpu

# Of the bench targets: where datasets lie (DATA=DIR, or NAME=DIR,... for some elsewhere) and further options, such as
# ARGS="--table 2 --limit 4"; `fusionbench bench --help` lists them.
DATA ?=
ARGS ?=

JOBS ?= auto

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev demo bench bench-dspfusion bench-lure bench-drfusion bench-small \
	measured test coverage test-slow test-lowest docs snapshots check format readme clean

help:                ## this list
	@awk -F ':.*## ' '/^[a-z][a-z -]*:.*## / { \
		n = split($$1, names, " "); for (i = 1; i <= n; i++) printf "  make %-16s %s\n", names[i], $$2 }' Makefile
	@echo "Options: VENV=DIR, PYTHON=python3.12, CPU=1 (PyTorch without CUDA); of the bench targets DATA=DIR, ARGS='--limit 4'"

setup: $(CORE)       ## the package with what it needs, in .venv

setup-dev: $(DEV)    ## and with every extra and the development tools

$(CORE): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --upgrade pip
	@echo "fusionbench: installing into $(VENV), $(if $(CPU),about 2 GB,about 6 GB with PyTorch for CUDA; make setup CPU=1 takes 2 GB)"
	$(if $(CPU),$(PIP) install --index-url $(CPU_INDEX) torch torchvision)
	$(PIP) install -e .
	touch $@

$(DEV): $(CORE)
	@echo "fusionbench: adding every extra and the development tools to $(VENV), about 1.5 GB more"
	$(PIP) install -e ".[all]"
	touch $@

demo: setup          ## the main job on generated scenes, into runs/demo
	$(BIN)/fusionbench demo --out runs/demo

# Status 3 says that not everything could be measured, which the list at the end explains; the papers' closed methods
# make that the usual end, so make goes on.
bench-dspfusion bench-lure bench-drfusion: bench-%: setup   ## a paper's tables beside what can be measured here
	$(BIN)/fusionbench bench $* $(if $(DATA),--data '$(DATA)') $(ARGS) || test $$? -eq 3

bench: bench-dspfusion bench-lure bench-drfusion            ## the three of them

measured: setup      ## renew the measured values that come with the package; needs DATA=DIR
	$(BIN)/python benchmarks/measured.py --data '$(DATA)' $(ARGS)

bench-small: setup   ## the small networks that come with the package beside the baselines; needs DATA=DIR
	$(BIN)/python benchmarks/small.py --data '$(DATA)' $(ARGS)

test: setup-dev      ## the tests that take minutes at most, in JOBS processes (a process a core)
	$(BIN)/python -m pytest -q -n $(JOBS) --dist worksteal

coverage: setup-dev  ## the same, and which share of the package's lines they run
	$(BIN)/python -m pytest -q -n $(JOBS) --dist worksteal --cov=fusionbench --cov-report=term:skip-covered

test-slow: setup-dev ## the long proofs
	$(BIN)/python -m pytest -q -m slow

test-lowest:         ## the tests with every dependency at its lower bound, in .venv-lowest
	test -x $(LOWEST)/bin/python || $(PYTHON) -m venv $(LOWEST)
	$(PYTHON) tests/lowest.py > $(LOWEST)/lowest.txt
	$(LOWEST)/bin/python -m pip --disable-pip-version-check install -c $(LOWEST)/lowest.txt -e ".[all]"
	$(LOWEST)/bin/python -m pytest -q

docs: setup-dev      ## renew the generated pages
	$(BIN)/python docs/generate/degradations.py
	$(BIN)/python docs/generate/metrics.py

snapshots: setup-dev ## renew tests/snapshots after a change that is meant
	$(BIN)/python -m pytest -q tests/test_snapshots.py --renew

readme: demo         ## renew the README's tables and picture
	$(BIN)/python benchmarks/readme.py --demo runs/demo

check: setup-dev     ## format, lint and types, as continuous integration checks them
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: setup-dev    ## put the code in form
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:               ## remove what the targets made, but not .venv
	rm -rf runs build dist .pytest_cache .mypy_cache .ruff_cache
