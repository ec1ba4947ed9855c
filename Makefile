PYTHON ?= python3
VENV ?= .venv
MINUTES ?= 5
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
BENCHMARKS := startup prepare baseline spectrogram trees  # out_of_fold wants a study of the real runs

.DEFAULT_GOAL := help
.PHONY: help demo test test-first test-rest lint docs check bench fuzz clean

help:
	@echo "make demo   install, then simulate, train, predict and score: some minutes"
	@echo "make test   every test"
	@echo "make lint   style and types"
	@echo "make docs   the pages and the API as a site, in site/"
	@echo "make check  lint and test"
	@echo "make bench  every benchmark that needs no data"
	@echo "make fuzz   spoilt and forged files, for MINUTES=5"
	@echo "make clean  remove the environment, caches and the demo"

# Made anew when what it depends on changes; a stopped install leaves no stamp and is repeated.
$(INSTALLED): pyproject.toml constraints.txt hatch_build.py $(wildcard src/egams/compiled/*)
	@echo "Installing into $(VENV); torch is the largest part and can take minutes"
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

demo: $(INSTALLED)
	$(BIN)/egams demo demo

# Two halves of about the same length, side by side.
test: $(INSTALLED)
	@$(MAKE) --no-print-directory -j2 test-first test-rest

test-first: $(INSTALLED)
	$(BIN)/python -m pytest tests/test_[a-l]*.py

test-rest: $(INSTALLED)
	$(BIN)/python -m pytest --ignore-glob='tests/test_[a-l]*.py'

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

docs: $(INSTALLED)
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

check: lint test

bench: $(INSTALLED)
	@set -e; for name in $(BENCHMARKS); do echo "$$name"; $(BIN)/python benchmarks/$$name.py; done

fuzz: $(INSTALLED)
	$(BIN)/python tests/attack/fuzz.py --minutes $(MINUTES)

clean:
	rm -rf $(VENV) demo site build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
	rm -f src/egams/_compiled.*
	find src tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
