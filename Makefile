# Every target installs what it needs into .venv; PYTHON chooses the interpreter.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
CORE := $(VENV)/.installed
DEV := $(VENV)/.installed-dev
LOWEST ?= .venv-lowest

# CPU=1 installs PyTorch for CPUs, without the CUDA libraries.
CPU ?=
CPU_INDEX := https://download.pytorch.org/whl/cpu

# For the bench targets: the folder of datasets (DATA=DIR, or NAME=DIR,... for some elsewhere) and more options, such as
# ARGS="--table 2 --limit 4"; `fusionbench bench --help` lists them.
DATA ?=
ARGS ?=

JOBS ?= auto

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev demo bench bench-dspfusion bench-lure bench-drfusion bench-small \
	measured test coverage test-slow test-lowest docs snapshots check format readme clean

help:                ## show this list
	@awk -F ':.*## ' '/^[a-z][a-z -]*:.*## / { \
		n = split($$1, names, " "); for (i = 1; i <= n; i++) printf "  make %-16s %s\n", names[i], $$2 }' Makefile
	@echo "Options: VENV=DIR, PYTHON=python3.12, CPU=1 (PyTorch without CUDA); of the bench targets DATA=DIR, ARGS='--limit 4'"

setup: $(CORE)       ## install the package and its dependencies into .venv

setup-dev: $(DEV)    ## also install every extra and the development tools

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

demo: setup          ## degrade, fuse and score generated scenes, into runs/demo
	$(BIN)/fusionbench demo --out runs/demo

# Status 3 means that not everything could be measured, as listed at the end; because of the papers' closed methods this
# is usual, so make accepts it.
bench-dspfusion bench-lure bench-drfusion: bench-%: setup   ## a paper's tables, published beside measured values
	$(BIN)/fusionbench bench $* $(if $(DATA),--data '$(DATA)') $(ARGS) || test $$? -eq 3

bench: bench-dspfusion bench-lure bench-drfusion            ## all three papers

measured: setup      ## update the measured values that come with the package; needs DATA=DIR
	$(BIN)/python benchmarks/measured.py --data '$(DATA)' $(ARGS)

bench-small: setup   ## compare the small networks of the package with the baselines; needs DATA=DIR
	$(BIN)/python benchmarks/small.py --data '$(DATA)' $(ARGS)

test: setup-dev      ## run the tests except the slow ones, in JOBS processes (default: one per core)
	$(BIN)/python -m pytest -q -n $(JOBS) --dist worksteal

coverage: setup-dev  ## run the tests and measure their line coverage
	$(BIN)/python -m pytest -q -n $(JOBS) --dist worksteal --cov=fusionbench --cov-report=term:skip-covered

test-slow: setup-dev ## run the slow tests
	$(BIN)/python -m pytest -q -m slow

test-lowest:         ## run the tests with every dependency at its lower bound, in .venv-lowest
	test -x $(LOWEST)/bin/python || $(PYTHON) -m venv $(LOWEST)
	$(PYTHON) tests/lowest.py > $(LOWEST)/lowest.txt
	$(LOWEST)/bin/python -m pip --disable-pip-version-check install -c $(LOWEST)/lowest.txt -e ".[all]"
	$(LOWEST)/bin/python -m pytest -q

docs: setup-dev      ## regenerate the generated pages
	$(BIN)/python docs/generate/degradations.py
	$(BIN)/python docs/generate/metrics.py

snapshots: setup-dev ## regenerate tests/snapshots after an intended change
	$(BIN)/python -m pytest -q tests/test_snapshots.py --renew

readme: demo         ## regenerate the README's tables and picture
	$(BIN)/python benchmarks/readme.py --demo runs/demo

check: setup-dev     ## check format, lint and types, as continuous integration does
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: setup-dev    ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:               ## remove the outputs of the targets, but not .venv
	rm -rf runs build dist .pytest_cache .mypy_cache .ruff_cache
