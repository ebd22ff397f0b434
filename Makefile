# Needs Python 3.11 or later, git and make. PYTHON=python3.13 make test takes another interpreter.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: demo test lint format bench docs clean

demo: $(STAMP)  ## build the miniature upstream and fork, merge, show the report's path
	$(BIN)/merge-tool demo demo

test: $(STAMP)  ## every test, on all cores
	$(BIN)/python -m pytest -n auto --dist loadscope $(ARGS)

lint: $(STAMP)  ## formatting, ruff, mypy --strict
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(STAMP)  ## what is measured: start-up here; see benchmarks/ for those that need a clone
	$(BIN)/python benchmarks/startup.py

docs: $(STAMP)  ## write the generated pages anew
	$(BIN)/python docs/generate.py

# pip 25.1 is the first that reads dependency groups
$(STAMP): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --group dev -e .
	touch $@

clean:
	rm -rf $(VENV) demo build dist
