# Every command a person needs. `make help` lists them.
SHELL := /bin/bash
.DEFAULT_GOAL := help
VENV := .venv
PY := $(VENV)/bin/python
UV := $(VENV)/bin/uv
# Inside networks whose proxy has its own CA, uv must trust the system's certificates as pip does.
export UV_NATIVE_TLS := 1
MEMBERS := training_image/wire training_image operator serving_image
STAMP := $(VENV)/.tandem

.PHONY: help setup lock
help:
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP)-uv:
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	touch $@

$(STAMP)-deps: requirements/dev.txt $(STAMP)-uv
	@echo "setup: Python packages"
	$(UV) pip sync --quiet --require-hashes --no-build requirements/dev.txt
	rm -f $(STAMP)-members $(STAMP)-ops
	touch $@

$(STAMP)-members: $(STAMP)-deps $(addsuffix /pyproject.toml,$(MEMBERS))
	$(UV) pip install --quiet --no-deps --no-build-isolation $(addprefix -e ,$(MEMBERS))
	touch $@

setup: $(STAMP)-members ## everything a clone needs to run its checks and tests

LOCKED := $(MEMBERS) training_image/ops
COMPILE = $(UV) pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 \
  --no-emit-package tandem-wire --no-emit-package tandem-ops
lock: $(STAMP)-uv ## write the locks anew from the pyprojects
	$(COMPILE) pyproject.toml $(addsuffix /pyproject.toml,$(LOCKED)) --group dev -o requirements/dev.txt
	$(COMPILE) operator/pyproject.toml -c requirements/dev.txt -o requirements/operator.txt
	$(COMPILE) training_image/ops/pyproject.toml -c requirements/dev.txt -o requirements/tensorflow.txt
	$(COMPILE) training_image/pyproject.toml training_image/ops/pyproject.toml -c requirements/dev.txt -o requirements/training.txt
	$(COMPILE) serving_image/pyproject.toml -c requirements/dev.txt -o requirements/serving.txt
