# SPDX-License-Identifier: MIT
# make        set everything up and build the example for every interpreter of this machine
# make test   the same, and pass all tests
# make docs   build the site of the documentation into build/docs
# make wheels build the wheels of mesonbuild-ft for every interpreter of this machine into wheels/

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: example wheels test lint docs benchmarks clean

example: $(VENV)/ready
	$(BIN)/python tools/example.py

wheels: $(VENV)/ready
	$(BIN)/python tools/environments.py --wheels wheels

test: $(VENV)/ready lint
	$(BIN)/python tools/environments.py --lowest
	$(BIN)/python tools/c_tests.py
	$(BIN)/python -m pytest -n auto --dist loadfile

lint: $(VENV)/ready
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/python tools/write_reference.py --check

docs: $(VENV)/ready
	$(BIN)/python -m sphinx --fresh-env --fail-on-warning --keep-going --quiet docs build/docs
	@echo "build/docs/index.html"

benchmarks: $(VENV)/ready
	$(BIN)/python benchmarks/run.py
	$(BIN)/python benchmarks/commands.py
	$(BIN)/python benchmarks/wheels.py --no-real

clean:
	rm -rf $(VENV) .cache build .mesonbuild-ft-build-*

$(VENV)/ready: tools/requirements.txt
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 10) and 'mesonbuild-ft needs Python 3.10 or newer: make PYTHON=...')"
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r tools/requirements.txt
	touch $@
