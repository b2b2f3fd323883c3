# `make demo` and `make test` do all the set-up: they need Python 3.11 or newer and make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.DEFAULT_GOAL := help
.PHONY: help demo test check format clean

help:  ## Show this list.
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

$(READY): pyproject.toml sdk/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Everyspan needs Python 3.11 or newer; set PYTHON=/path/to/python3.11" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@echo "Installing Everyspan and what it needs into $(VENV) (a minute or two) …"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e ./sdk -e '.[test]'
	@touch $@

demo: $(READY)  ## Start everything, send a failing agent's traffic, show what was found.
	$(BIN)/everyspan demo

test: $(READY)  ## Run the tests.
	$(BIN)/python -m pytest -n auto --dist loadfile

check: $(READY)  ## Lint, formatting and types.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY)  ## Format the code.
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:  ## Remove the environment and caches.
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache
