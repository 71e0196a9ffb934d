# `make help` lists the targets. All that is needed is make, and Python 3.11 or newer with venv.

# The first of these that is new enough and can make a virtual environment.
PYTHON ?= $(shell for python in python3.11 python3 python3.12 python3.13 python3.14; do \
	$$python -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo $$python; break; }; done)

# As many as there are cores leave a third of the time to waiting; the slow tests measure, and get a core each.
WORKERS ?= 3
SLOW_WORKERS ?= 2
BIN := .venv/bin
PIP_INSTALL := $(BIN)/pip install --quiet --no-compile --editable

# Both, as it depends on pip's version which one reaches the build of our own package.
export PIP_CONSTRAINT := constraints.txt
export PIP_BUILD_CONSTRAINT := constraints.txt
export PIP_DISABLE_PIP_VERSION_CHECK := 1
# Images of Python set it. Each of the processes that tests start would then compile all that it imports.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help install demo test slow soak oldest fmt lint type bench docs clean

# What depends on the server's version: the statements, the catalog and the errors, one room at a time and plans by
# script; the verbs and the sweep's arithmetic are the same on each.
ON_EACH_VERSION := tests/postgres tests/orm \
	$(wildcard tests/acceptance/test_cases_*.py tests/acceptance/test_attacks_*.py) \
	tests/acceptance/test_phases.py tests/acceptance/test_refusals.py tests/acceptance/test_unfit.py

help: ## show this
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 10

install: .venv/installed ## make .venv/bin/ec

demo: .venv/installed-demo ## rename a column of a live table of 1,000,000 rows, on an embedded PostgreSQL 18
	$(BIN)/ec demo

test: .venv/installed-test ## run the tests, but for the slow ones
	$(BIN)/pytest -n $(WORKERS) --dist worksteal -m "not slow"

# What depends on the server also runs on older major versions; EC_REQUIRE_ALL=1 fails where one is missing. Between
# the oldest and the newest one a part is enough, another one in each commit.
slow: .venv/installed-slow ## run the slow tests, and what depends on the server on PostgreSQL 16 and 15 too
	$(BIN)/pytest -n $(SLOW_WORKERS) --dist worksteal -m "slow and not soak"
	EC_TEST_PG=16 EC_TEST_PART=2 $(BIN)/pytest -n $(WORKERS) --dist worksteal -m "not slow" tests/postgres
	EC_TEST_PG=15 $(BIN)/pytest -n $(WORKERS) --dist worksteal -m "not slow" $(ON_EACH_VERSION)

# Examples that nobody has seen, half an hour on each shape of table, and whatever else is spread over commits.
soak: export EC_TEST_ALL := 1
soak: export EC_MACHINE_SEED ?= random
soak: export EC_MACHINE_SECONDS ?= 1800
soak: .venv/installed-slow ## run for hours: all tests, the big matrices whole, and the machine with fresh seeds
	$(BIN)/pytest -n $(SLOW_WORKERS) --dist worksteal

oldest: .venv-oldest/installed ## run a part of the tests with the oldest dependencies that are allowed
	.venv-oldest/bin/pytest -n $(WORKERS) --dist worksteal -m "not slow" tests/unit tests/golden/test_views.py \
		tests/postgres/test_cli.py tests/postgres/test_connect.py tests/postgres/test_ledger_lease.py \
		tests/postgres/test_sweep_copy.py tests/acceptance/test_phases.py tests/orm tests/web

fmt: .venv/installed-dev ## format the code
	$(BIN)/ruff format
	$(BIN)/ruff check --fix --exit-zero --quiet

lint: .venv/installed-dev ## ruff, import-linter, and squawk on the SQL of the worked plans
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/lint-imports
	$(BIN)/squawk phases/*/*.sql

type: .venv/installed-dev ## mypy, strict
	$(BIN)/mypy

bench: .venv/installed-dev ## measure for about an hour, and write docs/benchmarks.md
	@began=$$(date +%s); for script in $(filter-out bench/coverage.py,$(wildcard bench/*.py)); do \
		echo "== $$script"; $(BIN)/python "$$script" || exit 1; done; \
	echo "make bench took $$(( ($$(date +%s) - began) / 60 )) min."

docs: .venv/installed-dev ## check the links of the documentation
	$(BIN)/pytest tests/unit/test_docs.py

clean: ## remove what these targets made
	rm -rf .venv .venv-oldest .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find expandcontract tests -name __pycache__ -type d -prune -exec rm -r {} +

# A stamp is as new as what was installed from, so that a second run sets up nothing. What is imported is compiled
# then: most of what comes along never is.

.venv/bin/pip:
	@[ -n "$(PYTHON)" ] || { echo >&2 "make: found no Python 3.11 or newer with venv."; \
		echo >&2 "Install one (Debian: apt-get install python3-venv), or name it: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv .venv

.venv/installed: pyproject.toml constraints.txt | .venv/bin/pip
	$(PIP_INSTALL) .
	@touch $@

.venv/installed-demo: pyproject.toml constraints.txt | .venv/bin/pip
	$(PIP_INSTALL) '.[demo]'
	@touch $@ .venv/installed

.venv/installed-test: pyproject.toml constraints.txt | .venv/bin/pip
	$(PIP_INSTALL) '.[test]'
	@touch $@ .venv/installed .venv/installed-demo

.venv/installed-slow: pyproject.toml constraints.txt | .venv/bin/pip
	$(PIP_INSTALL) '.[test,browser]'
	@touch $@ .venv/installed .venv/installed-demo .venv/installed-test

.venv/installed-dev: pyproject.toml constraints.txt | .venv/bin/pip
	$(PIP_INSTALL) '.[dev]'
	@touch $@ .venv/installed .venv/installed-demo .venv/installed-test .venv/installed-slow

.venv-oldest/installed: export PIP_CONSTRAINT := constraints-oldest.txt
.venv-oldest/installed: export PIP_BUILD_CONSTRAINT := constraints-oldest.txt
.venv-oldest/installed: pyproject.toml constraints-oldest.txt
	$(PYTHON) -m venv --clear .venv-oldest
	.venv-oldest/bin/pip install --quiet --no-compile --editable '.[test]'
	@touch $@
