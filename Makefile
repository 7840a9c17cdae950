# Two commands do all set-up on a fresh machine: `make sparse` and `make test`.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin/python

.PHONY: sparse test lint

sparse: $(VENV)/ready  ## train the pruned, lottery and scratch networks on digits
	$(RUN) -m train.sparse

test: $(VENV)/ready  ## all tests
	$(RUN) -m pytest -n 2 --dist loadfile --max-worker-restart=0

lint: $(VENV)/ready
	$(RUN) -m ruff check .
	$(RUN) -m ruff format --check .

$(VENV)/ready: requirements.txt setup.cfg pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --editable '.[test]'
	touch $@
