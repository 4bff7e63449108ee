# Two commands do all set-up by themselves: `make demo` and `make test`.

PYTHON ?= python3
VENV   := .venv
ifeq ($(OS),Windows_NT)
BIN    := $(VENV)/Scripts
else
BIN    := $(VENV)/bin
endif

# Files stay whole: their tests share endpoints. Beyond eight processes the longest file is what takes time.
PARALLEL := -n auto --maxprocesses 8 --dist loadfile

.DEFAULT_GOAL := help
.PHONY: help demo test test-fast check lint types layers fmt coverage bench bench-engine crash-points check-mutants check-templates \
  check-openapi check-clients nano clean install install-dev

help: ## Show this list.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: install ## Install, then answer, call a tool and measure on the model that comes with labkit.
	@$(BIN)/labkit demo

test: install-dev lint types ## Install with the dev and tune extras, then run every check and test.
	$(BIN)/python -m pytest $(PARALLEL) --cov --cov-report=
	@$(MAKE) --no-print-directory coverage

test-fast: install-dev ## The tests without the slow ones.
	$(BIN)/python -m pytest $(PARALLEL) -m "not slow"

check: lint types layers ## Lint, types and the contracts between the floors.

lint: install-dev ## ruff: style and common mistakes.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: install-dev ## pyright.
	$(BIN)/pyright

layers: install-dev ## import-linter: who may import whom.
	$(BIN)/lint-imports

fmt: install-dev ## Format, and mend what ruff can mend.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

coverage: ## Coverage of the last `make test`.
	@$(BIN)/coverage report | tail -n 25

bench: install ## The figures that the README quotes.
	$(BIN)/python benchmarks/core_vs_plain.py
	$(BIN)/python benchmarks/engine_vs_core.py
	$(BIN)/python benchmarks/worker_kill.py

ENGINE_BENCHMARKS := engine_vs_batched core_vs_llama_bench http_throughput http_burst http_conversations http_schema \
  http_speculation front_overhead busy_machine

bench-engine: install ## The engine beside llama.cpp's own programs, half an hour; QUICK=--quick for a look.
	$(BIN)/python benchmarks/peers/build.py
	@for name in $(ENGINE_BENCHMARKS); do $(BIN)/python benchmarks/$$name.py $(QUICK) || exit 1; done
	@$(BIN)/python benchmarks/engine_bars.py $(QUICK)

crash-points: install-dev ## Every place where a pull, rm, gc, lock or bundle can end (`make test` takes a sample).
	LABKIT_CRASH_EVERY=1 $(BIN)/python -m pytest -q tests/pull/test_crashes.py

check-mutants: install-dev ## 2,000 damaged and hostile model files, a quarter of an hour.
	$(BIN)/python benchmarks/gguf_mutants.py

check-templates: install-dev ## The chat templates of the field (fetched with pip, or TEMPLATES=folder) through every format.
	$(BIN)/python benchmarks/chat_templates.py $(TEMPLATES)

check-openapi: install-dev ## schemathesis over every operation of the endpoint, a quarter of an hour.
	PYTHONPATH=tests $(BIN)/python benchmarks/check_openapi.py

check-clients: install ## Client libraries of others against `labkit serve nano`, each in an environment of its own.
	$(BIN)/python benchmarks/clients/run.py

nano: install-dev ## Train the embedded model again from nothing (more than an hour).
	$(BIN)/labkit tune run nano-pretrain --out runs/nano

install:
	@$(PYTHON) .make/install.py

install-dev:
	@$(PYTHON) .make/install.py --extras dev,tune

clean: ## Remove .venv and everything made by tools.
	rm -rf $(VENV) build dist .pytest_cache .ruff_cache .coverage* .import_linter_cache
