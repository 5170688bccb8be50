# Everything this makes stays in this folder: .venv/, var/, build/.
PYTHON ?= python3
BIN := .venv/bin

.PHONY: run demo test lint types layers unit interop bench clean

.venv/ready: pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@

.venv/interop: .venv/ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev,interop]'
	touch $@

run: .venv/ready
	@$(BIN)/sipgate run -c examples/quickstart/sipgate.toml

demo: .venv/ready
	@$(BIN)/sipgate simulate examples/scenarios/article.yaml

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

interop: .venv/interop
	$(BIN)/pytest -m interop tests/interop

bench: .venv/ready
	$(BIN)/python -m bench

clean:
	rm -rf build .pytest_cache .mypy_cache .ruff_cache
