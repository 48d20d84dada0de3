# Nothing is needed but Python 3.11 or newer and make: .venv is made, and made anew when the pins change.
.DEFAULT_GOAL := help
.PHONY: help run test lint bench contract stress openapi migration lock

# Without its byte code Python would read every library anew at each start, which takes longer than all else.
unexport PYTHONDONTWRITEBYTECODE

BIN := .venv/bin
INSTALLED := .venv/.installed

help: ## List what there is to do
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(INSTALLED) ## Start everything here, and show a postmortem's tasks become issues
	@$(BIN)/python -m sandbox

test: $(INSTALLED) ## Run the tests, on servers of their own; a="…" adds arguments of pytest
	@$(BIN)/python -m pytest -n auto --maxprocesses 8 $(a)

lint: $(INSTALLED) ## Check format, style, types, layers, the committed OpenAPI document and the migrations
	@$(BIN)/ruff format --quiet --check . || { echo "run $(BIN)/ruff format ."; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo
	@$(BIN)/python -m api.export_openapi --check
	@$(BIN)/python -m sandbox.migrations check

bench: $(INSTALLED) ## Measure the speed, as ratios to a floor measured in the same run
	@$(BIN)/python -m benchmarks

contract: $(INSTALLED) ## Hold the sandbox to the trackers' published descriptions
	@command -v npm > /dev/null || { echo "make contract needs Node.js and npm: the validator, Prism, is a package of theirs"; exit 1; }
	@npm --prefix tests/contract ci --silent
	@$(BIN)/python -m pytest -m contract tests/contract $(a)

stress: $(INSTALLED) ## Kill, lose, flush and flood for a quarter of an hour, and find nothing lost; a="--tasks 2000" changes the amount
	@$(BIN)/python -m pytest -m stress tests/faults
	@$(BIN)/python -m tests.faults.stress $(a)

openapi: $(INSTALLED) ## Write openapi/openapi.json anew
	@$(BIN)/python -m api.export_openapi

migration: $(INSTALLED) ## Write a migration from what changed in the tables: make migration m="tasks have a colour"
	@$(BIN)/python -m sandbox.migrations new "$(m)"

lock: ## Renew the pins and their hashes (needs uv); u=--upgrade takes the newest of everything
	@command -v uv > /dev/null || { echo "make lock needs uv on the PATH"; exit 1; }
	@uv pip compile $(LOCK_FORM) $(u) --extra sandbox --group dev --output-file requirements-dev.lock pyproject.toml
	@uv pip compile $(LOCK_FORM) $(u) --constraints requirements-dev.lock --output-file requirements.lock pyproject.toml

# No header and no annotations: the files hold names, versions and hashes, and say nothing of where they came from.
LOCK_FORM := --quiet --universal --generate-hashes --no-header --no-annotate --python-version 3.11

# Byte code is written at first use instead: that halves the wait.
PIP := $(BIN)/python -m pip -qq --disable-pip-version-check install --no-compile

$(INSTALLED): requirements-dev.lock pyproject.toml
	@python=; for candidate in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11; do \
		if $$candidate -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null; then python=$$candidate; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
		echo "Python 3.11 or newer is needed; python3 is $$(python3 --version 2>&1). Name another with make PYTHON=…" >&2; exit 1; \
	fi; \
	echo "[1/3] Making .venv with $$($$python --version)"; \
	$$python -m venv .venv || { echo "python3 -m venv does not work here: on Debian and Ubuntu, install python3-venv" >&2; exit 1; }
	@echo "[2/3] Installing $$(grep -c '==' requirements-dev.lock) pinned packages (about half a minute, once)"
	@$(PIP) --require-hashes --requirement requirements-dev.lock
	@echo "[3/3] Installing followthrough itself"
	@$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@
