# The only set-up there is. On a machine with python3.11 (with its venv module), git and make:
#     make demo     install into .venv and run the demo study          make test       install the tools, run the tests
#     make lint     formatters, linters, types                         make test-long  everything, with what takes minutes
#     make lock     pin newer versions of the requirements             make docs       tables generated from the schemas
#     make install-cluster  what SLURM, Kubernetes, S3 and Dask across nodes need
#     make test-cluster     the suites that start servers of these on this machine
#     make test-browser     the atlas in Chromium (Debian's package chromium)

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
INSTALL := $(UV) pip install --quiet --compile-bytecode --python $(BIN)/python
PIN := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"
LOCK := $(PIN) --upgrade
# Those that run whole studies first, so that no worker ends with one alone; a file stays with one worker.
TESTS := tests/workflow tests/unit tests/contracts tests/architecture tests/real
SIDE_BY_SIDE := -n logical --maxprocesses 8 --dist loadscope --no-loadscope-reorder
CLUSTER_TESTS ?= tests/cluster
PYTEST_ARGS ?=

export PATH := $(abspath $(BIN)):$(PATH)

.PHONY: demo install install-dev install-cluster install-browser test test-long test-cluster test-browser lint format lock lock-cluster lock-browser docs clean
.DELETE_ON_ERROR:

demo: $(VENV)/.installed
	snakemake

install: $(VENV)/.installed

install-dev: $(VENV)/.installed-dev

install-cluster: $(VENV)/.installed-cluster

install-browser: $(VENV)/.installed-browser

# On a busy machine threads of several jobs spin against each other: tests use one.
test test-long test-cluster test-browser: export OMP_NUM_THREADS := 1

test: $(VENV)/.installed-dev
	pytest $(TESTS) -m "not long" $(SIDE_BY_SIDE) $(PYTEST_ARGS)

test-long: $(VENV)/.installed-dev
	pytest tests $(PYTEST_ARGS)

test-cluster: $(VENV)/.installed-cluster-dev
	pytest $(CLUSTER_TESTS) $(PYTEST_ARGS)

test-browser: $(VENV)/.installed-browser
	pytest tests/browser $(PYTEST_ARGS)

lint: $(VENV)/.installed-dev
	ruff check
	ruff format --check
	snakefmt --check Snakefile workflow/rules
	snakemake --lint
	mypy

format: $(VENV)/.installed-dev
	ruff check --fix
	ruff format
	snakefmt Snakefile workflow/rules

docs: $(VENV)/.installed-dev
	python -m conceptatlas.schema_docs workflow/schemas config/README.md

lock: $(UV)
	echo "uv" | $(LOCK) - -o envs/uv.txt
	$(LOCK) pyproject.toml -o envs/requirements.txt
	$(LOCK) pyproject.toml --extra dev -c envs/requirements.txt -o envs/requirements-dev.txt
	$(MAKE) lock-cluster lock-browser

# The pins of the other files are preferred (a file that exists is kept to), and no constraint: botocore refuses
# python-dateutil 4, which the others take. A test compares the pins.
lock-cluster: $(UV)
	cp envs/requirements-dev.txt envs/requirements-cluster.txt
	$(PIN) pyproject.toml --extra cluster -o envs/requirements-cluster.txt
	cp envs/requirements-cluster.txt envs/requirements-cluster-dev.txt
	$(PIN) pyproject.toml --extra cluster --extra cluster-dev -o envs/requirements-cluster-dev.txt

lock-browser: $(UV)
	$(PIN) pyproject.toml --extra browser -c envs/requirements-dev.txt -o envs/requirements-browser.txt

$(UV): envs/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
		|| { echo "Python 3.11 or newer is needed; name one with: make PYTHON=/path/to/python3.11"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r envs/uv.txt
	touch $@

$(VENV)/.installed: $(UV) envs/requirements.txt pyproject.toml
	$(INSTALL) --require-hashes -r envs/requirements.txt
	$(INSTALL) --no-deps -e .
	touch $@

$(VENV)/.installed-dev: $(VENV)/.installed envs/requirements-dev.txt
	$(INSTALL) --require-hashes -r envs/requirements-dev.txt
	touch $@

$(VENV)/.installed-cluster: $(VENV)/.installed envs/requirements-cluster.txt
	$(INSTALL) --require-hashes -r envs/requirements-cluster.txt
	touch $@

$(VENV)/.installed-cluster-dev: $(VENV)/.installed-cluster $(VENV)/.installed-dev envs/requirements-cluster-dev.txt
	$(INSTALL) --require-hashes -r envs/requirements-cluster-dev.txt
	touch $@

$(VENV)/.installed-browser: $(VENV)/.installed-dev envs/requirements-browser.txt
	$(INSTALL) --require-hashes -r envs/requirements-browser.txt
	touch $@

clean:
	rm -rf build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
