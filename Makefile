# `make demo` and `make test` do all the set-up: they need Python 3.11 or newer and make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

# Whoever sets it builds images: here each of some hundred processes would compile all it imports.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo test test-all bench check format docs lock test-sdk clean

help:  ## Show this list.
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-8s %s\n", $$1, $$2}'

LOCKS := requirements/build.txt requirements/test.txt

$(READY): pyproject.toml sdk/pyproject.toml $(LOCKS)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Everyspan needs Python 3.11 or newer; set PYTHON=/path/to/python3.11" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@echo "Installing Everyspan and what it needs into $(VENV) …"
	$(PIP) --require-hashes -r requirements/build.txt
# uv takes a sixth of pip's time; pip does it where only pip's configuration knows the index.
	$(BIN)/uv pip install --quiet --system-certs --python $(BIN)/python \
		--require-hashes -r requirements/test.txt || $(PIP) --require-hashes -r requirements/test.txt
	$(PIP) --no-build-isolation --no-deps -e ./sdk -e .
	@touch $@

demo: $(READY)  ## Start everything, send a failing agent's traffic, show what was found.
	$(BIN)/everyspan demo

# Two more than there are cores: tests wait for processes of their own, clocks and sockets.
WORKERS ?= $(shell $(PYTHON) -c 'import os; print(2 + len(os.sched_getaffinity(0)))' 2>/dev/null || echo 4)
PYTEST = $(BIN)/python -m pytest -n $(WORKERS)
test: $(READY)  ## Run the tests, but for the slow ones.
	$(PYTEST) -m "not slow"

test-all: $(READY)  ## Run all tests, with examples that were never tried before.
	EVERYSPAN_TEST_NEW_EXAMPLES=1 $(PYTEST)

# `make bench ONLY="ingest page"` runs some; `.venv/bin/python -m benchmarks.suite --list` says which.
bench: $(READY)  ## Run the benchmarks beside what else there is, and print one table.
	@$(BIN)/python -m benchmarks.suite $(if $(ONLY),--only $(ONLY))

# The SDK promises older Pythons than the server: `PYTHON=python3.10 make test-sdk`.
SDK := $(VENV)/sdk
test-sdk:  ## Run the SDK's tests in an environment of its own.
	rm -rf $(SDK) && $(PYTHON) -m venv $(SDK)
	$(SDK)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/sdk.txt
	$(SDK)/bin/python -m pip install --quiet --no-build-isolation --no-deps -e ./sdk
	$(SDK)/bin/python -m pytest --confcutdir=tests/sdk tests/sdk

check: $(READY)  ## Lint, formatting and types.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	cd sdk && ../$(BIN)/mypy

format: $(READY)  ## Format the code.
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(READY)  ## Write docs/settings.md and docs/metrics.md from the services themselves.
	$(BIN)/python -m cli.settings_table
	$(BIN)/python -m cli.metrics_table

# Versions with hashes, for every platform and Python that is promised. `make lock UPGRADE=` keeps
# the versions that there are and adds what pyproject.toml newly asks for.
UPGRADE ?= --upgrade
LOCK = $(BIN)/uv pip compile --quiet --system-certs $(UPGRADE) --universal \
	--generate-hashes --no-header --no-emit-index-url \
	--no-emit-package everyspan-sdk --no-emit-package everyspan-server
lock: $(READY)  ## Renew the locked versions in requirements/.
	$(LOCK) --python-version 3.11 pyproject.toml sdk/pyproject.toml requirements/build.in \
		--extra test -o requirements/test.txt
	$(LOCK) --python-version 3.11 pyproject.toml -c requirements/test.txt \
		--extra report --extra datasets --extra kafka -o requirements/server.txt
	$(LOCK) --python-version 3.11 requirements/build.in -c requirements/test.txt -o requirements/build.txt
	$(LOCK) --python-version 3.10 sdk/pyproject.toml requirements/sdk.in requirements/build.in \
		--extra openai -o requirements/sdk.txt
	$(LOCK) --python-version 3.11 requirements/deepeval.in -o requirements/deepeval.txt
	for name in phoenix mlflow; do $(LOCK) --python-version 3.11 \
		benchmarks/suite/requirements/$$name.in -o benchmarks/suite/requirements/$$name.txt; done
	$(LOCK) --python-version 3.11 requirements/release.in -o requirements/release.txt

clean:  ## Remove the environment and caches.
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache
