# `make run` and `make test` install everything they need; `make help` lists all targets.

PYTHON ?= python3
ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
CONSTRAINTS := constraints.txt
LOCKS := pyproject.toml $(CONSTRAINTS)
WORKERS ?= auto
TIME ?= 60
CAPTURES ?= tests/data/captures
RUFF := $(BIN)/ruff
# The only environment variables that sudo passes to the agent.
PASSED := SHODOHFLO_STORE,SHODOHFLO_CONFIG,SHODOHFLO_OUR_NETS,SHODOHFLO_STATE_DIR,SHODOHFLO_RUN_DIR,SHODOHFLO_STORE_MEMORY,SHODOHFLO_OUTBOX_MEMORY,SHODOHFLO_EVIDENCE_MEMORY,SHODOHFLO_TTL_GRACE,SHODOHFLO_USER,SHODOHFLO_LOG_LEVEL,SHODOHFLO_PCAP_STATS,SHODOHFLO_DEBUG,PYTHONDONTWRITEBYTECODE,NO_COLOR,TERM

.DEFAULT_GOAL := help
.PHONY: help run demo test lint format types docs docs-check unit model fuzz chaos soak bench bench-attribution bench-scale deb deb-check clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 22

# Without this, Python as root leaves bytecode files that the caller cannot delete.
run: export PYTHONDONTWRITEBYTECODE := 1
# Root executes nothing of a clone that somebody else can change: its code runs as the caller, or as the owner of the
# clone, with the one capability that capturing needs (setpriv is part of util-linux).
BECOME := --clear-groups --inh-caps=-all,+net_raw --ambient-caps=-all,+net_raw --bounding-set=-all,+net_raw --no-new-privs
run: $(VENV)/.installed ## watch this machine's interfaces, for example with ARGS="--duration 10"
	@owner="$$(stat -c %u .)"; \
	if [ "$$(id -u)" -ne 0 ] && command -v sudo >/dev/null && sudo true; \
	then exec sudo --preserve-env=$(PASSED) setpriv --reuid="$$(id -u)" --regid="$$(id -g)" $(BECOME) \
	env HOME="$$HOME" $(BIN)/shodohflo run $(ARGS); \
	elif [ "$$(id -u)" -eq 0 ] && [ "$$owner" -ne 0 ]; \
	then exec setpriv --reuid="$$owner" --regid="$$(stat -c %g .)" $(BECOME) \
	env HOME="$$(getent passwd "$$owner" | cut -d: -f6)" $(BIN)/shodohflo run $(ARGS); \
	else exec $(BIN)/shodohflo run $(ARGS); fi

demo: $(VENV)/.installed ## replay a shipped capture into an embedded store and show the flows; needs no privileges
	@$(BIN)/shodohflo demo $(ARGS)

test: $(VENV)/.installed-dev lint types docs-check unit ## install everything, then run all checks and tests

lint: $(VENV)/.installed-dev ## check style, formatting, imports between layers, and spelling
	$(RUFF) check
	$(RUFF) format --check
	$(BIN)/lint-imports
	$(BIN)/codespell

types: $(VENV)/.installed-dev ## check the types
	$(BIN)/mypy

unit: $(VENV)/.installed-dev ## run the tests only, for example with ARGS="tests/cli -x"
	$(BIN)/pytest -n $(WORKERS) $(ARGS)

format: $(VENV)/.installed-dev ## fix style and format the code
	$(RUFF) check --fix
	$(RUFF) format

docs: $(VENV)/.installed-dev ## generate the reference pages from the code
	$(BIN)/python tools/reference.py

docs-check: $(VENV)/.installed-dev ## fail if a generated page is out of date
	$(BIN)/python tools/reference.py --check

model: $(VENV)/.installed-dev ## 100,000 random histories of an agent and a store that loses what it can
	HISTORIES=100000 $(BIN)/pytest -n $(WORKERS) tests/store/test_delivery.py

fuzz: $(VENV)/.installed-dev ## fuzz all targets for TIME=60 seconds in total; ARGS="decode" for one target
	$(BIN)/python -m fuzz --time $(TIME) $(ARGS)

chaos: $(VENV)/.installed-dev ## trouble an agent's store and account for every count, as root; ARGS="--seed 7 --seconds 60 --scenario killed"
	PYTHONPATH=tests $(BIN)/python -m chaos $(ARGS)

soak: $(VENV)/.installed-dev ## 8 hours of traffic in 20 minutes while everything changes, as root; ARGS="--seed 7 --minutes 5"
	PYTHONPATH=tests $(BIN)/python -m chaos.soak $(ARGS)

bench: $(VENV)/.installed-dev ## run the benchmarks and print the ratios that the README shows
	$(BIN)/python -m benchmarks $(ARGS)

bench-attribution: $(VENV)/.installed-dev ## measure how often the evidence is right, over CAPTURES="DIR..."; ARGS="--seeds 3" is quicker
	PYTHONPATH=tests $(BIN)/python -m benchmarks.attribution $(CAPTURES) $(ARGS)

bench-scale: $(VENV)/.installed-dev ## measure what stores, writers and readers need, for docs/how-to/scale.md
	PYTHONPATH=tests $(BIN)/python -m benchmarks.scale $(ARGS)

deb: $(VENV)/.installed ## build the Debian package for this release; needs debhelper and dh-python
	@packaging/build-deb

deb-check: $(VENV)/.installed-dev deb ## install, use, upgrade and purge the package on a small Debian machine, as root
	$(BIN)/pytest trial $(ARGS)

clean: ## remove the virtual environment, build files and caches
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .fuzz

# `sudo make` installs as the owner of the clone: pip executes what is in it.
AS_OWNER := $(if $(SUDO_UID),$(shell owner="$$(stat -c %u .)"; [ "$$(id -u)" -ne 0 ] || [ "$$owner" -eq 0 ] || \
	echo setpriv --reuid="$$owner" --regid="$$(stat -c %g .)" --clear-groups --inh-caps=-all --bounding-set=-all \
	--no-new-privs env HOME="$$(getent passwd "$$owner" | cut -d: -f6)"))

# The stamps avoid network access until a lock file changes.
$(VENV)/.installed: $(LOCKS)
	@$(MAKE) --no-print-directory $(BIN)/python
	$(AS_OWNER) $(BIN)/pip install --quiet --disable-pip-version-check --constraint $(CONSTRAINTS) --editable .
	@$(AS_OWNER) touch $@

$(VENV)/.installed-dev: $(LOCKS)
	@$(MAKE) --no-print-directory $(BIN)/python
	$(AS_OWNER) $(BIN)/pip install --quiet --disable-pip-version-check --constraint $(CONSTRAINTS) --editable '.[dev,fuzz]'
	@$(AS_OWNER) touch $(VENV)/.installed $@

$(BIN)/python:
	@$(AS_OWNER) $(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	echo "shodohflo needs Python 3.11 or later; name one with: make PYTHON=python3.11 ..." >&2; exit 1; }
	@$(AS_OWNER) $(PYTHON) -m venv $(VENV) || { echo "on Debian, python3-venv is missing: apt install python3-venv" >&2; exit 1; }
