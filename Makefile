# Two commands from a fresh clone: `make demo` and `make test`. Each installs what it needs.

PYTHON   ?= python3
VENV     := .venv
BIN      := $(VENV)/bin
DURATION ?=
ARGS     ?=
TESTS    ?=
SEED     ?=
MINUTES  ?=

PROMISES := worker_killed member_joins_and_leaves supervisor_killed supervisor_frozen failing_records \
            drain_under_load worker_frozen fork_server_killed

.DEFAULT_GOAL := help
.PHONY: help demo test promises faults bench bench-quick lint k8s-lint k8s-test format clean
.DELETE_ON_ERROR:

help: ## this list
	@echo "Partition Pool"
	@sed -n 's/^\([a-z0-9-]*\):[^#]*## \(.*\)/  make \1|\2/p' $(MAKEFILE_LIST) | column -t -s '|'

demo: $(VENV)/run ## the sensor-alert pool on an embedded broker; DURATION=seconds, ARGS="--kill --rate 500"
	@$(BIN)/python -m supervisor demo $(if $(DURATION),--duration $(DURATION)) $(ARGS)

test: $(VENV)/dev system-packages ## all tests, on real Kafka; TESTS=tests/unit for some, ARGS="-x" for pytest
ifeq ($(TESTS)$(ARGS),)
	@# Most wait more than they compute: six at a time. What measures times comes after them, by itself.
	@$(BIN)/python -m pytest -n 6 --dist loadfile -m "not alone"
	@$(BIN)/python -m pytest -m alone
else
	@$(BIN)/python -m pytest $(TESTS) $(ARGS)
endif

promises: $(VENV)/dev system-packages ## what the pool promises of time, at full length and with its figures; about 6 minutes
	@$(BIN)/python -m pytest --full $(PROMISES:%=tests/integration/test_%.py) $(ARGS)

faults: $(VENV)/dev system-packages ## the pool under faults; SEED=, MINUTES=, ARGS="--protocol consumer --brokers 3 --help"
	@$(BIN)/python -m tests.faults $(if $(SEED),--seed $(SEED)) $(if $(MINUTES),--minutes $(MINUTES)) $(ARGS)

bench: $(VENV)/dev system-packages ## the pool beside Kafka Streams, Quix, Faust and others; some 15 minutes; ARGS="--only quix --runs 1"
	@$(BIN)/python -m tests.benchmarks.compare $(ARGS)

bench-quick: $(VENV)/dev system-packages ## the pool beside a hand-written loop; ARGS="--records 4000000 --runs 5"
	@$(BIN)/python -m tests.benchmarks.throughput $(ARGS)

lint: $(VENV)/dev ## style, types, and who may import whom
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

k8s-lint: $(VENV)/k8s ## the manifests: each overlay and component builds, fits its schemas, and agrees with the code
	@./tests/k8s/need-kustomize $(BIN)
	@$(BIN)/python -m pytest -q --durations=0 --durations-min=1 tests/k8s/test_manifests.py

k8s-test: $(VENV)/k8s ## the pool on a cluster: KUBECONFIG=, IMAGE=, HOST= (this machine, as pods reach it), ARGS="-k scaling"
ifeq ($(KUBECONFIG),)
	@echo "SKIPPED: the tests on a cluster did NOT run. Give one: make k8s-test KUBECONFIG=FILE IMAGE=NAME HOST=ADDRESS" >&2
else
	@./tests/k8s/need-kustomize $(BIN)
	@KUBECONFIG=$(KUBECONFIG) K8S_IMAGE=$(IMAGE) K8S_HOST=$(HOST) $(BIN)/python -m pytest -v tests/k8s/cluster $(ARGS)
endif

format: $(VENV)/dev ## format the code and sort its imports
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

clean: ## remove the virtual environment, the broker's jars and all caches
	rm -rf $(VENV) tests/kafka/target tests/benchmarks/peers/.venv tests/benchmarks/peers/streams/target .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@./tests/support/need-python $(PYTHON)
	$(PYTHON) -m venv $(VENV)

$(VENV)/run: requirements.lock pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.lock
	@# What an editable install comes down to, without the build that takes half of a newcomer's minute.
	@$(BIN)/python -c 'import os, site; open(site.getsitepackages()[0] + "/partition-pool.pth", "w").write(os.getcwd())'
	@touch $@

$(VENV)/dev: requirements-dev.lock $(VENV)/run
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

$(VENV)/k8s: requirements-k8s.lock $(VENV)/dev
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-k8s.lock
	@touch $@

# A broker to test on: a running one, Docker's, or else one of our own, which takes Java and Maven.
.PHONY: system-packages
system-packages:
	@./tests/support/need-broker
