# The two commands of the README come first; everything runs inside .venv.
PYTHON ?= python3
ENV ?= Ant-v4
ARGS ?=
TESTS ?=
BIN := .venv/bin
# A process for each core; what a file fits is fitted in one of them (tests/conftest.py).
PARALLEL := --numprocesses auto --maxprocesses 8 --dist loadgroup --no-loadscope-reorder

.PHONY: gail test test-full test-portable record-learning check format lint types bench-install lock clean

gail: .venv/installed  ## train GAIL from episodes of the shipped expert
	$(BIN)/python scripts/train_gail.py --env $(ENV) $(ARGS)

test: .venv/installed  ## every test but the long ones, about 5 minutes on two cores
	$(BIN)/python -m pytest $(PARALLEL) $(ARGS)

test-full: .venv/installed  ## also the long exactness and learning tests
	$(BIN)/python -m pytest $(PARALLEL) -m "slow or not slow" $(ARGS)

test-portable: .venv/installed  ## the learning tests with five seeds, on each instruction set and with one and two threads
	$(BIN)/python tests/portability/run.py $(TESTS)

record-learning: .venv/installed  ## the same for TESTS="..." or all, and write down what they measured
	$(BIN)/python tests/portability/run.py --write $(TESTS)

check: format lint types test  ## what must pass before a commit

format: .venv/installed
	$(BIN)/ruff format --check .

lint: .venv/installed
	$(BIN)/ruff check .

types: .venv/installed
	$(BIN)/mypy

# Scripts import their neighbours as installed packages, hence the editable install.
.venv/installed: requirements.lock pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

bench-install: .venv/installed  ## the peers that benchmarks/ measures against
	$(BIN)/python -m pip install --quiet --no-deps --requirement requirements-bench.lock

lock: .venv/installed  ## write down what is installed now
	$(BIN)/python -m pip freeze --all --exclude-editable --exclude pip | grep -vxFf requirements-bench.lock | sed 's/+cpu//' > requirements.lock

clean:
	rm -rf .venv runs
