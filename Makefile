# One folder, one environment: everything below runs from .venv, which the first target makes.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= auto
.DEFAULT_GOAL := help
.PHONY: help demo test check bench image edf preflight cluster clean

help: ## List these targets
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.ready: pyproject.toml
	$(PYTHON) -c 'import sys; sys.version_info >= (3, 10) or sys.exit("fcx needs Python 3.10 or later; name one with `make PYTHON=python3.12 ...`")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[local,examples]' --group dev
	@touch $@

demo: $(VENV)/.ready ## Run examples/simple.py on a cluster of this machine's own: no account needed
	$(BIN)/fcx demo

test: $(VENV)/.ready ## Run the tests; those that need Slurm or Docker say so where they skip
	$(BIN)/python -m pytest -n $(WORKERS) $(ARGS)

check: $(VENV)/.ready ## Lint, types and tests, as CI does
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo --no-cache
	$(MAKE) test

bench: $(VENV)/.ready ## Measure against firecrest-executor and a hand-written floor, on both back ends
	$(BIN)/python tests/bench/run.py $(ARGS)

image: $(VENV)/.ready ## Build the one image from containers/Dockerfile and write its manifest to edf/
	$(BIN)/fcx image build

edf: $(VENV)/.ready ## Write the EDF that matches the image
	$(BIN)/fcx edf write

preflight: $(VENV)/.ready ## Prove that the cluster has the environment that you have here
	$(BIN)/fcx preflight

cluster: $(VENV)/.ready ## Install and start a real single-node Slurm behind a FirecREST API (Debian, root)
	$(BIN)/python tests/support/cluster/up.py

clean: ## Remove the environment and caches
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
