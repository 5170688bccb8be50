# Everything this makes stays in this folder: .venv/, var/, build/.
PYTHON ?= python3
BIN := .venv/bin

# SIPGATE_PURE=1 runs the plain sources instead of the compiled copy of them in build/fast.

.PHONY: run demo fast test lint types layers unit unit-compiled seeds interop fuzz bench clean

.venv/ready: pyproject.toml setup.py sipgate/sip/_plain.c sipgate/net/_datagrams.c
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@

.venv/interop: .venv/ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev,interop]'
	touch $@

.venv/fuzz: .venv/ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev,fuzz]'
	touch $@

fast: .venv/ready
	@test "$(SIPGATE_PURE)" = 1 || $(BIN)/python tools/compile_hot_modules.py

run: fast
	@$(BIN)/sipgate run -c examples/quickstart/sipgate.toml

demo: fast
	@$(BIN)/sipgate simulate examples/scenarios/article.yaml

lint types layers: export SIPGATE_PURE = 1

test: lint types layers unit

lint: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/ready
	$(BIN)/mypy

layers: .venv/ready
	$(BIN)/lint-imports

unit: .venv/ready
	$(BIN)/pytest -m "not interop"

# test_plain.py looks into __slots__ and test_sabotage.py replaces methods: compiled classes have
# neither the one nor allow the other.
unit-compiled: fast
	$(BIN)/pytest -m "not interop" -o pythonpath="build/fast ." \
	  --ignore tests/sip/test_plain.py --ignore tests/simulated/test_sabotage.py

SEEDS ?= 5000
FIRST ?=

seeds: fast  # plays with faults on a virtual clock: docs/simulate.md
	@$(BIN)/sipgate simulate --faults --seeds $(SEEDS) $(if $(FIRST),--seed $(FIRST))

interop: .venv/interop fast
	$(BIN)/pytest -m interop tests/interop

FUZZ_SECONDS ?= 60
FUZZ_TARGETS ?= message address stream gate
FUZZ_SEED ?= 0

fuzz: .venv/fuzz  # so many seconds for each; what it finds is left in build/fuzz
	$(BIN)/python -m fuzz $(FUZZ_TARGETS) --seconds $(FUZZ_SECONDS) --seed $(FUZZ_SEED)

bench: fast
	PYTHONPATH=. $(BIN)/python -P -m bench

clean:
	rm -rf build .pytest_cache .mypy_cache .ruff_cache
