# Every target sets up what it needs in .venv; PYTHON chooses the interpreter that makes it.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: setup demo test test-slow check format readme clean

setup: $(INSTALLED)

$(INSTALLED): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ".[all]"
	touch $@

demo: setup          ## the main job on generated scenes
	$(BIN)/fusionbench demo --out runs/demo

test: setup          ## the tests that take minutes at most
	$(BIN)/python -m pytest -q

test-slow: setup     ## the long proofs
	$(BIN)/python -m pytest -q -m slow

readme: demo         ## renew the README's table and picture from the demo
	$(BIN)/python benchmarks/readme.py runs/demo

check: setup         ## what continuous integration checks before the tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: setup        ## put the code in form
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:               ## remove what the targets made, but not .venv
	rm -rf runs build dist .pytest_cache .mypy_cache .ruff_cache
