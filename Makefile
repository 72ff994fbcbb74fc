# Backprove. `make demo` shows it at work, `make test` checks it; both first set up .venv,
# which takes a minute once and nothing afterwards. Needed: Python 3.11 or newer, and make.

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
CLAIMS ?=
ARGS ?=
SECONDS ?= 60

# The first Python on the path that is new enough; `make PYTHON=/path/to/python …` overrides it.
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$p -c '$(NEW_ENOUGH)' 2>/dev/null && { echo $$p; break; }; done)

.PHONY: help demo test lint format fuzz bench-claims bench-throughput bench-derivatives bench-start bench-detection bench-doctor bench-watching bench-web clean
.DEFAULT_GOAL := help

help:
	@echo "make demo          set up, check an example homework and mark an example submission"
	@echo "make test          set up for development, and run the tests"
	@echo "make lint          style, types and the contracts between the layers"
	@echo "make format        put the code in order"
	@echo "make bench-claims  judge the labelled claim collections (CLAIMS=folder) and count"
	@echo "make bench-throughput  claims a second, and memory (ARGS='--long 200000')"
	@echo "make fuzz          look for crashes of the reader and the judge (SECONDS=60)"
	@echo "make bench-derivatives  time deriving, and emitted code beside PyTorch and JAX"
	@echo "make bench-start   time the start of the library and of the command"
	@echo "make bench-detection  average precision beside other evaluators (ARGS='--referees PYTHON')"
	@echo "make bench-doctor  train small networks with known faults, and diagnose them"
	@echo "make bench-watching  what watching a training run costs (needs PyTorch)"
	@echo "make bench-web     load the pages' server on loopback, and time its answers"
	@echo "make clean         remove the virtual environment and what tools left behind"

demo: $(VENV)/.installed
	@echo "==> backprove check examples/homework.md --html demo.html"
	@$(BIN)/backprove check examples/homework.md --html demo.html; \
		status=$$?; test $$status -le 1
	@echo "==> backprove mark examples/sheet.md examples/submission.md --html demo-marks.html"
	@$(BIN)/backprove mark examples/sheet.md examples/submission.md --html demo-marks.html; \
		status=$$?; test $$status -le 1
	@echo "==> The same as pages with typeset mathematics: demo.html, demo-marks.html"

test: $(VENV)/.installed-dev
	@echo "==> Running the tests (pytest)"
	@$(BIN)/python -m pytest -n auto -q

lint: $(VENV)/.installed-dev
	@echo "==> Style (ruff)"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@echo "==> Types (pyright, strict on the library)"
	@$(BIN)/pyright
	@echo "==> Contracts between the layers (import-linter)"
	@$(BIN)/lint-imports

format: $(VENV)/.installed-dev
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench-claims: $(VENV)/.installed
	@$(BIN)/python benchmarks/claims.py $(CLAIMS)

bench-throughput: $(VENV)/.installed
	@OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1 \
		$(BIN)/python benchmarks/throughput.py $(ARGS)

fuzz: $(VENV)/.installed-dev
	@$(BIN)/python benchmarks/fuzz.py --seconds $(SECONDS)

bench-derivatives: $(VENV)/.installed-dev
	@$(BIN)/python benchmarks/derivatives.py $(ARGS)

bench-start: $(VENV)/.installed
	@$(BIN)/python benchmarks/start.py

bench-detection: $(VENV)/.installed
	@$(BIN)/python benchmarks/detection.py $(ARGS)

bench-doctor: $(VENV)/.installed-dev
	@$(PIP) install --editable '.[bench]'
	@OMP_NUM_THREADS=1 $(BIN)/python benchmarks/doctor.py $(ARGS)

bench-watching: $(VENV)/.installed
	@$(BIN)/python benchmarks/watching.py $(ARGS)

bench-web: $(VENV)/.installed
	@$(PIP) install --editable '.[web]'
	@$(BIN)/python benchmarks/web.py $(ARGS)

clean:
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis .import_linter_cache demo.html demo-marks.html

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer is needed, and none is on the path." >&2; exit 1; }
	@echo "==> Making the virtual environment $(VENV) with $(PYTHON)"
	@$(PYTHON) -m venv $(VENV)

# An installation lasts until pyproject.toml changes. The package is installed editable.
$(VENV)/.installed: pyproject.toml | $(BIN)/python
	@echo "==> Installing Backprove into $(VENV)"
	@$(PIP) install --editable .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml | $(BIN)/python
	@echo "==> Installing Backprove and its development tools into $(VENV)"
	@$(PIP) install --editable '.[dev]'
	@touch $(VENV)/.installed $@
