# Every command a person needs; `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
VENV := .venv
PY := $(VENV)/bin/python
UV := $(VENV)/bin/uv
# Inside networks whose proxy has its own CA, uv must trust the system's certificates as pip does.
export UV_SYSTEM_CERTS := 1
# Types that were found once serve every clone, as the programs of the cluster do.
export MYPY_CACHE_DIR ?= $(or $(TANDEM_CACHE),$(HOME)/.cache/tandem)/mypy
MEMBERS := training_image/wire training_image operator serving_image
OPS := training_image/ops
CPP = $(shell git ls-files '*.cc' '*.h')
STAMP := $(VENV)/.tandem
SAY = @printf '\n== %s (%s)\n' "$(1)" "$$(date +%T)"

.PHONY: help packages setup lock format check unit test e2e demo images built cluster world bench down clean
help:
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(STAMP)-uv: requirements/uv.txt
	python3 -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	@touch $@

$(STAMP)-deps: requirements/dev.txt $(STAMP)-uv
	$(call SAY,set-up: Python packages)
	$(UV) pip sync --quiet --require-hashes --no-build --compile-bytecode requirements/dev.txt
	@rm -f $(STAMP)-members $(STAMP)-ops
	@touch $@

$(STAMP)-members: $(STAMP)-deps $(addsuffix /pyproject.toml,$(MEMBERS))
	$(UV) pip install --quiet --no-deps --no-build-isolation $(addprefix -e ,$(MEMBERS))
	@touch $@

$(STAMP)-ops: $(STAMP)-deps $(OPS)/pyproject.toml $(OPS)/CMakeLists.txt $(shell find $(OPS)/src $(OPS)/tandem_ops -name '*.py' -o -name '*.cc' -o -name '*.h')
	$(call SAY,set-up: the ops library)
	$(UV) pip install --quiet --no-deps --no-build-isolation --reinstall $(OPS)
	@touch $@

packages: ## Debian packages that the model server's engine is compiled with, where they are missing
	@python3 -m e2e.cluster.debian

setup: packages $(STAMP)-members $(STAMP)-ops ## everything that the checks and tests need, into .venv

LOCKED := $(addsuffix /pyproject.toml,$(MEMBERS) $(OPS))
COMPILE = $(UV) pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 \
  --no-emit-package tandem-wire --no-emit-package tandem-ops
lock: $(STAMP)-uv ## write requirements/*.txt anew from the pyprojects
	$(COMPILE) pyproject.toml $(LOCKED) --group dev -o requirements/dev.txt
	$(COMPILE) operator/pyproject.toml -c requirements/dev.txt -o requirements/operator.txt
	$(COMPILE) $(OPS)/pyproject.toml -c requirements/dev.txt -o requirements/tensorflow.txt
	$(COMPILE) training_image/pyproject.toml $(OPS)/pyproject.toml -c requirements/dev.txt -o requirements/training.txt
	$(COMPILE) serving_image/pyproject.toml -c requirements/dev.txt -o requirements/serving.txt
	$(COMPILE) --no-config requirements/serving-cuda.in -c requirements/dev.txt -o requirements/serving-cuda.txt
	$(COMPILE) requirements/bench-cudagraph.in -o requirements/bench-cudagraph.txt

format: $(STAMP)-deps ## bring the sources into form
	$(VENV)/bin/ruff format --quiet .
	$(VENV)/bin/ruff check --quiet --fix . || true
	$(VENV)/bin/clang-format -i $(CPP)

check: setup ## format, lint, types, imports, generated files
	$(call SAY,check: format and lint)
	$(VENV)/bin/ruff format --quiet --check .
	$(VENV)/bin/ruff check --quiet .
	$(VENV)/bin/clang-format --dry-run -Werror $(CPP)
	$(call SAY,check: types)
	$(VENV)/bin/mypy operator/tandem_operator training_image/wire/tandem_wire training_image/ops/tandem_ops \
	  training_image/tandem_training serving_image/tandem_serving bench e2e tests
	$(call SAY,check: imports)
	$(VENV)/bin/lint-imports --no-cache
	$(call SAY,check: generated files)
	$(PY) -m tandem_operator.crd --check

unit: setup ## the tests that need no pods
	$(call SAY,unit tests)
	$(PY) -m pytest tests -n 3 --dist loadfile --no-loadscope-reorder --durations=10

cluster: setup ## a real Kubernetes on this machine, unless KUBECONFIG names one
	$(call SAY,cluster)
	$(if $(KUBECONFIG),@echo "using $(KUBECONFIG)",python3 -m e2e.cluster up)

images: ## build the images; push them to TANDEM_REGISTRY, or else to the cluster's registry
	$(call SAY,images)
	python3 -m e2e.images build --push

built:
	$(call SAY,images: build)
	python3 -m e2e.images build

# From cold the cluster's programs keep two cores busy where the images wait for networks, so that both go side by side.
world: setup
	$(MAKE) --no-print-directory -j2 cluster built
	$(MAKE) --no-print-directory images

e2e: setup world ## faults on a real cluster
	$(call SAY,end-to-end tests)
	$(PY) -m pytest e2e/faults -v --durations=5

# The cluster comes before the unit tests: some of them ask its API server, and its programs.
test: check world unit e2e ## all checks and tests; leaves the cluster running (make down)

demo: setup world ## the whole system on a real cluster, with its report
	$(call SAY,demonstration)
	$(PY) -m e2e.demo $(if $(DATA),--data $(DATA))

bench: setup ## figures beside the peers, into BENCHMARKS.md; NAME=ops for those of one part
	BENCH_COMMAND="make bench$(if $(NAME), NAME=$(NAME))" $(PY) -m bench $(or $(NAME),all)

down: ## remove what demo and test started
	$(if $(KUBECONFIG),$(PY) -m e2e.demo --down,python3 -m e2e.cluster down)

clean: down ## and what they built in this clone
	rm -rf build $(VENV)
