# Clara: `make run` and `make test` set up what they need; run again, they only do what has changed.

PYTHON ?= python3
VENV := .venv
BENCH := .venv-bench
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
PORT ?= 8000
WEB_SOURCES := $(shell find web/src web/index.html web/vite.config.ts web/tsconfig*.json 2>/dev/null)
# two workers: the suite starts servers and databases of its own
JOBS ?= 2

.PHONY: setup setup-dev run test soak lint format eval bench lock clean
.DELETE_ON_ERROR:

setup: $(VENV)/.base web/dist/index.html

setup-dev: setup $(VENV)/.dev

run: setup
	$(BIN)/clara seed --demo
	$(BIN)/clara serve --port $(PORT)

test: setup-dev
	$(BIN)/pytest -n $(JOBS) -m "not soak"
	cd web && npm test

soak: setup-dev
	$(BIN)/pytest -m soak --timeout 3600

lint: setup-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	cd web && npm run typecheck && npm run lint

format: setup-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

eval: setup
	$(BIN)/clara eval

bench: setup $(BENCH)/.installed
	$(BIN)/clara bench

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Clara needs Python 3.11 or newer")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.base: requirements/base.txt requirements/tokenizer.txt requirements/build.txt pyproject.toml | $(BIN)/python
	$(PIP) install --require-hashes -r requirements/build.txt
	$(PIP) install --require-hashes -r requirements/base.txt
	$(PIP) install --require-hashes --no-deps -r requirements/tokenizer.txt
	$(PIP) install --no-deps --no-build-isolation --editable .
	touch $@

$(VENV)/.dev: requirements/dev.txt $(VENV)/.base
	$(PIP) install --require-hashes -r requirements/dev.txt
	touch $@

# the benchmarks' naive way has a Python of its own: torch and sentence-transformers, 1 to 5 GB, stay out of Clara's
$(BENCH)/.installed: requirements/base.txt requirements/bench.in
	test -x $(BENCH)/bin/python || $(PYTHON) -m venv $(BENCH)
	$(BENCH)/bin/python -m pip --disable-pip-version-check --quiet install --require-hashes -r requirements/base.txt
	$(BENCH)/bin/python -m pip --disable-pip-version-check --quiet install -r requirements/bench.in
	touch $@

web/node_modules/.installed: web/package-lock.json
	cd web && npm ci --no-audit --no-fund --loglevel=error
	touch $@

web/dist/index.html: web/node_modules/.installed $(WEB_SOURCES)
	cd web && npm run build
	touch $@

# writes the locked requirement files anew; needs `uv` on the path
lock:
	uv pip compile requirements/build.in $(LOCK) -o requirements/build.txt
	uv pip compile pyproject.toml $(LOCK) -o requirements/base.txt
	uv pip compile pyproject.toml --extra dev -c requirements/base.txt $(LOCK) -o requirements/dev.txt
	uv pip compile requirements/tokenizer.in --no-deps $(LOCK) -o requirements/tokenizer.txt
LOCK := --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --quiet

clean:
	rm -rf $(VENV) $(BENCH) web/node_modules web/dist .mypy_cache .ruff_cache .pytest_cache
