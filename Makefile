# Two commands do all set-up on a fresh machine: `make sparse` and `make test`.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python

# A worker that dies fails the run, which would wait for it otherwise; modules go in the
# order of conftest.py.
PARALLEL := -n 2 --dist loadfile --no-loadscope-reorder --max-worker-restart=0
LIMIT := $(if $(shell command -v timeout),timeout --kill-after=30 45m)

.PHONY: sparse test lint

sparse: $(VENV)/ready  ## train the pruned, lottery and scratch networks on digits
	$(RUN) -m train.sparse

test: $(VENV)/ready  ## all tests
	$(LIMIT) $(RUN) -m pytest $(PARALLEL)

lint: $(VENV)/ready
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .

$(VENV)/ready: requirements.txt setup.cfg pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --editable '.[test]'
	touch $@
