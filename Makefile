# make setup   the virtual environment, with the tested versions
# make demo    train, evaluate and predict on real data, under two minutes
# make check   format, lint, types, floors
# make test    the whole test suite, a quarter of an hour on 2 cores

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: setup demo check format test clean

setup: $(INSTALLED)

$(INSTALLED): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	touch $(INSTALLED)

demo: setup
	$(BIN)/python examples/demo.py

check: setup
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# A thread for each of two workers: torch's own threads would fight over the cores.
test: setup
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 -q --cov --cov-report=term:skip-covered --cov-fail-under=90

clean:
	rm -rf $(VENV) build dist demo src/*.egg-info
