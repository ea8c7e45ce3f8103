# One folder, one environment: everything below runs from .venv, which the first target makes.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
WORKERS ?= auto
# Where it is set, each of a thousand processes compiles all that it imports.
export PYTHONDONTWRITEBYTECODE :=
.DEFAULT_GOAL := help
.PHONY: help demo quick test lint check simulate mutants scenarios chaos fuzz parity soak bench hooks e2e pictures site up image ship edf preflight cluster clean

help: ## List these targets
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

define environment
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 10) or sys.exit("fcx needs Python 3.10 or later; name one with `make PYTHON=python3.12 ...`")'
	@test -x $(BIN)/python || echo "Making $(VENV) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
endef
PIP := $(BIN)/python -m pip install --disable-pip-version-check

# What the commands of fcx take, and what the work on it takes besides: that is ten times as much.
$(VENV)/.installed: pyproject.toml
	$(environment)
	@echo "Installing fcx into $(VENV), once ..."
	$(PIP) --editable '.[local]'
	@touch $@

$(VENV)/.ready: pyproject.toml
	$(environment)
	@echo "Installing fcx into $(VENV), and all that its tests take: once, some minutes ..."
	$(PIP) --quiet 'pip>=25.1'
	$(PIP) --editable '.[local,examples,joblib]' --group dev
	@touch $(VENV)/.installed $@

demo: $(VENV)/.installed ## Run examples/simple.py on a cluster of this machine's own: no account needed
	$(BIN)/fcx demo $(ARGS)

quick: $(VENV)/.ready ## Run the tests that need neither Slurm nor Docker nor patience
	$(BIN)/python -m pytest -n $(WORKERS) -m "not slow and not slurm and not docker and not podman" $(ARGS)

test: $(VENV)/.ready ## Run all tests that this machine can; those that lack Slurm or Docker say so
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(ARGS)

lint: $(VENV)/.ready ## Look at style, types and layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo --no-cache

check: lint test ## Style, types, layers and all tests, as CI does

simulate: $(VENV)/.ready ## Try both cores on virtual clusters: SEEDS=100000, SEED=7 or TRACE=file
	@PYTHONPATH=tests $(BIN)/python -m simulation.run $(if $(TRACE),--trace '$(TRACE)') \
	  $(if $(SCENARIO),--scenario '$(SCENARIO)') $(if $(SEED),--seed $(SEED)) $(if $(SEEDS),--seeds $(SEEDS)) $(ARGS)

mutants: $(VENV)/.ready ## Put faults into both cores: which does the simulator not find? ARGS="--only fleet"
	@PYTHONPATH=tests $(BIN)/python -m simulation.mutants $(ARGS)

scenarios: $(VENV)/.ready ## Carry out 100 of the simulator's scenarios for real: ARGS="--scheduler slurm", ARGS="--seed 41"
	@PYTHONPATH=tests:tests/support $(BIN)/python -m scenarios.run $(ARGS)

chaos: $(VENV)/.ready ## Spoil a third of the requests and kill the client: ARGS="--seeds 10 --scheduler slurm"
	@PYTHONPATH=tests/support $(BIN)/python -m chaos.trial $(ARGS)

fuzz: $(VENV)/.ready ## Send what is misshapen to all that reads from the other side: ARGS="--minutes 60"
	@$(BIN)/python tests/bench/fuzz.py $(ARGS)

parity: $(VENV)/.ready ## Try pairs of environments that must pass and that must be refused: ARGS="--only dill"
	@PYTHONPATH=tests:tests/support $(BIN)/python -m parity.report $(ARGS)

soak: $(VENV)/.ready ## Five calls a second for half an hour: what grows? ARGS="--minutes 30 --rate 5"
	@$(BIN)/python tests/bench/soak.py $(ARGS)

bench: $(VENV)/.ready ## Measure against others and a floor by hand; rows that got worse are red: ARGS="--quick"
	@PYTHONPATH=tests:tests/support $(BIN)/python -m bench.run $(ARGS)

hooks: $(VENV)/.ready ## Check style, types and layers before each commit
	$(BIN)/pre-commit install

e2e: $(VENV)/.ready ## From a Dockerfile to a task on Slurm: the tree's digest in docker, in the file, in the step
	$(BIN)/python -m pytest -s tests/system/steps/test_end_to_end.py $(ARGS)

pictures: $(VENV)/.ready ## Draw the pictures in docs/ and record the terminal, of a real run (Chromium)
	@PYTHONPATH=tests/support $(BIN)/python tests/bench/pictures.py

site: $(VENV)/.ready ## Build the documents into .site/, strictly
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet -f .ci/mkdocs.yml

up: $(VENV)/.installed ## Have the image on the cluster, its EDF here and both sides proven: what is not done yet
	$(BIN)/fcx up $(ARGS)

image: $(VENV)/.installed ## Build the one image from containers/Dockerfile and write its manifest to edf/
	$(BIN)/fcx image build $(ARGS)

ship: $(VENV)/.installed ## Bring the image to the cluster as a file, and write its EDF
	$(BIN)/fcx image ship $(ARGS)

edf: $(VENV)/.installed ## Write the EDF that matches the image
	$(BIN)/fcx edf write $(ARGS)

preflight: $(VENV)/.installed ## Prove that the cluster has the environment of this client
	$(BIN)/fcx preflight $(ARGS)

cluster: $(VENV)/.ready ## Install and start a real single-node Slurm behind a FirecREST API (Debian, root)
	$(BIN)/python tests/support/cluster/up.py $(ARGS)

clean: ## Remove the environment and caches
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
