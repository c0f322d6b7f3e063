# Everything runs in .venv, installed from requirements.lock on first use.
PYTHON ?= python3
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help install demo dev test slow browser bench faults lint types check lock clean

help: ## Show this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 12

install: .venv/installed ## Make .venv from the lock file

.venv/installed: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; name it: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	touch $@

demo: install ## The whole job on the bundled sample: no key, no server
	$(BIN)/normalizer demo

dev: install ## UI, daemon and (without OPENAI_API_KEY) the stand-in
	$(BIN)/normalizer dev

test: install ## The test suite
	$(BIN)/pytest --numprocesses auto --dist worksteal -m "not slow"

slow: install ## The slow tests: the demo from start to end, a part of the faults, long courses
	$(BIN)/pytest --numprocesses auto --dist worksteal -m slow --ignore normalizer_assets_tests/browser
	$(MAKE) browser

browser: install ## The UI in the machine's own Chromium, clicked; prints how long a click takes
	$(BIN)/pytest -s normalizer_assets_tests/browser

bench: install ## Time the stages; not part of the tests
	$(BIN)/normalizer bench pipeline
	$(BIN)/normalizer bench ledger
	$(BIN)/normalizer bench load
	$(BIN)/normalizer bench exact
	$(BIN)/normalizer bench semantic
	$(BIN)/normalizer bench route
	$(BIN)/normalizer bench prompts

faults: install ## Kill it everywhere, break the API at random, judge what is left (about half an hour)
	$(BIN)/python -m normalizer_assets.evaluation.faults

lint: install ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install ## mypy, strict
	$(BIN)/mypy

check: lint types test slow ## What CI runs
	$(BIN)/dagster definitions validate -w workspace.yaml
	$(BIN)/dg check defs

lock: ## Write requirements.lock anew from pyproject.toml, with the newest versions
	rm -rf .venv-lock
	$(PYTHON) -m venv .venv-lock
	.venv-lock/bin/pip install --quiet --upgrade pip setuptools wheel
	.venv-lock/bin/pip install --quiet '.[dev]'
	{ echo "# Written by 'make lock': the versions that are tested together."; \
	  .venv-lock/bin/pip freeze --all --exclude pip --exclude normalizer-assets; } > requirements.lock
	rm -rf .venv-lock build

clean: ## Remove what was installed (not your data)
	rm -rf .venv build *.egg-info
