# Handrail: the verbs a person needs. `make demo` and `make test` are all a newcomer has to know.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
HOME_DIR ?= school
PORT   ?= 8000
export UV_PYTHON_DOWNLOADS = never
export MLFLOW_DISABLE_TELEMETRY = true
export DO_NOT_TRACK = 1

.PHONY: help install demo serve test check format test-real test-all bench notebooks docs lock clean

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 14

install: $(VENV)/.installed  ## the environment in .venv, from the hashed lock

# uv is much faster; where it cannot be had, pip does the same from the same hashes.
$(VENV)/.installed: requirements.lock requirements-uv.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3,11) <= sys.version_info[:2] < (3,14) else "Handrail needs Python 3.11, 3.12 or 3.13; set PYTHON=python3.x")'
	@echo "installing into $(VENV) (about half a minute with a fast network)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements-uv.lock \
	  && $(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --require-hashes -r requirements.lock \
	  || $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-compile --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: install  ## a made school, from nothing to a served risk list on 127.0.0.1:8000
	@exec $(BIN)/handrail --home $(HOME_DIR) demo --port $(PORT)

serve: install  ## serve the school in HOME_DIR
	@exec $(BIN)/handrail --home $(HOME_DIR) serve --port $(PORT)

# Every process that a test starts would compile anew what it imports; and workers whose threads each take all cores
# only wait for one another.
test test-all: export PYTHONDONTWRITEBYTECODE =
test test-all: export OMP_NUM_THREADS = 1
test: install  ## the whole suite, on what the project makes itself
	@$(BIN)/python -m pytest --durations=25

check: install  ## ruff, format, mypy and the house laws
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: install  ## put the code in order
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

test-real: install  ## the journeys on real data: make test-real DATA=../shared/data
	@test -n "$(DATA)" || { echo "say where the data is: make test-real DATA=DIR"; exit 2; }
	@HANDRAIL_TEST_DATA="$(abspath $(DATA))" $(BIN)/python -m pytest tests/real --no-cov

test-all: export HANDRAIL_TEST_THOROUGH = 1
test-all: check install  ## everything but the real data: all that chance may draw, and which lines no test runs
	@$(BIN)/python -m pytest --durations=25 --cov --cov-report=term:skip-covered

bench: install  ## how fast features are made: hours and 3 GB; ARGS=--quick only shows that it works
	@$(BIN)/python -m benchmarks.features --homes build/benchmarks $(ARGS)

notebooks: install  ## run the notebooks on the school in HOME_DIR; with their plots they go to build/notebooks
	@mkdir -p build/notebooks
	@HANDRAIL_HOME="$(abspath $(HOME_DIR))" $(BIN)/jupyter execute --output=../build/notebooks/{notebook_name} notebooks/*.ipynb

docs: install  ## write docs/reference anew from the code
	@$(BIN)/python docs/make_reference.py

lock: install  ## make requirements.lock anew from pyproject.toml
	@$(BIN)/uv lock --quiet --upgrade
	@$(BIN)/uv export --quiet --no-emit-project --no-header --no-annotate --group dev -o requirements.lock

clean:  ## remove the environment and what tools left
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage htmlcov
