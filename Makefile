# Every command a developer needs; `make` alone lists them. `make demo` and `make test` each work in a fresh clone.

VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.ready
# the first interpreter that is new enough; PYTHON=… chooses another
PYTHON ?= $(shell for name in python3 python3.11 python3.12 python3.13 python3.14; do \
	"$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$name" && break; done)
NAMES  ?= loop wire

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test slow survive check lint bench peers size clean

help: ## list these commands
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)$$/make \1|\2/' | \
		while IFS='|' read -r name what; do printf '%-12s %s\n' "$$name" "$$what"; done

# Only a changed pyproject.toml or constraints.txt installs again, so a second run needs no network.
$(READY): pyproject.toml constraints.txt
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { echo "ganglion needs Python 3.11" \
		"or newer with venv, found '$(PYTHON)'; install one, or name one: make PYTHON=/path/to/python" >&2; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[train,dev]"
	@touch $@

demo: $(READY) ## the whole loop on this machine, about two minutes; ARGS="--sim --seed 7" for the simulator
	$(BIN)/ganglion demo $(ARGS)

test: lint size ## everything a commit must pass, about nine minutes
	$(BIN)/python -m pytest -q --doctest-modules src
	$(BIN)/python -m pytest -n 2 --dist loadscope -m "not slow" tests

slow: $(READY) ## what `make test` leaves out: every planted violation, long fleets
	$(BIN)/python -m pytest -n 2 --dist loadscope -m slow tests

survive: $(READY) ## 10,000 power cuts, 1,000 fleets, 60 live faults: every message accounted for, about six minutes
	$(BIN)/ganglion bench survive --check $(ARGS)

check: lint size ## style, types, floors, size: the quick part of `make test`
	$(BIN)/python -m pytest -q tests/architecture

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY) ## measure; NAMES="wire" for one, ARGS="--quick --check" for its small bars
	@for name in $(NAMES); do $(BIN)/ganglion bench $$name $(ARGS) || exit; done

PEERS := flwr[simulation]==1.41.0 pfl==0.6.0 torch==2.13.0

peers: .peers/.ready ## what `ganglion bench fl-speed` measures itself against, in an environment of its own

.peers/.ready: Makefile
	"$(PYTHON)" -m venv .peers
	.peers/bin/python -m pip install --quiet --disable-pip-version-check $(foreach one,$(PEERS),"$(one)")
	@touch $@

size: $(READY) ## lines per folder, and what is over a limit
	@$(BIN)/python -c 'from pathlib import Path; from ganglion.checks.size import breaches, table; \
	package = Path("src/ganglion"); print(table(package), *breaches(package), sep="\n")'

clean: ## remove everything that these commands made
	rm -rf $(VENV) .peers build dist demo-out .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +
