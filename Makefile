# Every target sets up what it needs in .venv; PYTHON chooses the interpreter that makes it.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

# Of the bench targets: where data sets lie (DATA=DIR, or NAME=DIR,... for some elsewhere) and further options, such as
# ARGS="--table 2 --limit 4"; `fusionbench bench --help` lists them.
DATA ?=
ARGS ?=

.PHONY: setup demo bench bench-dspfusion bench-lure bench-drfusion bench-small measured test test-slow snapshots check format readme clean

setup: $(INSTALLED)

$(INSTALLED): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[all]"
	touch $@

demo: setup          ## the main job on generated scenes
	$(BIN)/fusionbench demo --out runs/demo

# Status 3 says that not everything could be measured, which the list at the end explains; the papers' closed methods
# make that the usual end, so make goes on.
bench-dspfusion bench-lure bench-drfusion: bench-%: setup   ## a paper's tables beside what can be measured here
	$(BIN)/fusionbench bench $* $(if $(DATA),--root '$(DATA)') $(ARGS) || test $$? -eq 3

bench: bench-dspfusion bench-lure bench-drfusion            ## all of them

measured: setup      ## renew the measured values that come with the package; needs DATA=DIR
	$(BIN)/python benchmarks/measured.py --data '$(DATA)' $(ARGS)

bench-small: setup   ## the small networks that come with the package beside the baselines; needs DATA=DIR
	$(BIN)/python benchmarks/small.py --data '$(DATA)' $(ARGS)

test: setup          ## the tests that take minutes at most
	$(BIN)/python -m pytest -q

test-slow: setup     ## the long proofs
	$(BIN)/python -m pytest -q -m slow

snapshots: setup     ## renew tests/snapshots after a change that is meant
	$(BIN)/python -m pytest -q tests/test_snapshots.py --renew

readme: demo         ## renew the README's tables and picture
	$(BIN)/python benchmarks/readme.py --demo runs/demo

check: setup         ## what continuous integration checks before the tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: setup        ## put the code in form
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:               ## remove what the targets made, but not .venv
	rm -rf runs build dist .pytest_cache .mypy_cache .ruff_cache
