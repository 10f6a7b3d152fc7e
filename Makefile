# `make up` and `make test` are all a newcomer needs: both set up what they use, in .venv.

PYTHON ?= python3
VENV := .venv
LOWEST := .venv-lowest
BIN := $(VENV)/bin
KEPT := benchmarks/results
# an error, but for what the SDK itself does on Python 3.12 and 3.13
WARNINGS := error::DeprecationWarning,ignore:There is no current event loop:DeprecationWarning
TRYOUT := $(BIN)/python -m pulumi_account.testing.tryout

.PHONY: help up preview refresh destroy test lowest lint format docs reference dist bench reliability clean

help: ## what there is
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: $(VENV)/.try ## deploy examples/environments to an emulated account
	@$(TRYOUT) up

preview: $(VENV)/.try ## show what `make up` would change
	@$(TRYOUT) preview

refresh: $(VENV)/.try ## take over what was changed behind Pulumi's back
	@$(TRYOUT) refresh

destroy: $(VENV)/.try ## delete the keys again
	@$(TRYOUT) destroy

test: $(VENV)/.dev ## run every test, with coverage
	$(BIN)/python -m pytest --numprocesses auto --dist loadfile --cov --cov-report=term

lowest: $(LOWEST)/.installed ## run the tests, but for those of faults, with the oldest versions that are admitted
	PULUMI_ACCOUNT_LOWEST=1 PYTHONWARNINGS="$(WARNINGS)" \
		$(LOWEST)/bin/python -m pytest --numprocesses auto --dist loadfile --ignore=tests/faults

lint: $(VENV)/.dev docs ## check style, types, spelling, workflows and the site
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	for program in examples/*/__main__.py; do $(BIN)/mypy "$$program" || exit 1; done
	$(BIN)/typos
	$(BIN)/zizmor --offline --quiet .github

format: $(VENV)/.dev ## lay the code out
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(VENV)/.dev ## build the site in site/; a broken link or a page in no menu fails
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build

dist: $(VENV)/.dev ## build sdist and wheel into dist, check them, and deploy the example from the wheel
	$(BIN)/python -m tools.dist

reference: $(VENV)/.dev ## write the generated parts of docs/ from docstrings, from the commands' help and from the exporter
	$(BIN)/python -m tools.reference

bench: $(VENV)/.bench ## measure the speed, for some hours, and write benchmarks/RESULTS.md; OPTIONS=--quick only prints
	$(BIN)/python -m benchmarks run $(or $(OPTIONS),--out $(KEPT).json --picture $(KEPT).svg --into benchmarks/RESULTS.md)

reliability: $(VENV)/.dev ## run every test with every fault, and write the cases that passed into docs/reliability.md
	@mkdir -p -m 700 .local && chmod go-rwx .local
	PULUMI_ACCOUNT_EVERY_FAULT=1 $(BIN)/python -m pytest --numprocesses auto --dist loadfile --junitxml=.local/tests.xml
	$(BIN)/python -m tools.reliability .local/tests.xml

clean: ## remove what a run made: the virtual environment, the emulated account, caches
	rm -rf $(VENV) $(LOWEST) .local site dist .coverage .coverage.* .mypy_cache .pytest_cache .ruff_cache .hypothesis Pulumi.tryout.yaml

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
		{ echo "Python 3.10 or newer is needed: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); exit 1; }

$(VENV)/.try: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[testing]'
	@touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@ $(VENV)/.try

$(VENV)/.bench: pyproject.toml | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[bench]'
	@touch $@

$(LOWEST)/.installed: pyproject.toml
	rm -rf $(LOWEST)
	$(PYTHON) -m venv $(LOWEST)
	$(LOWEST)/bin/python -m pip install --quiet --disable-pip-version-check uv
	$(LOWEST)/bin/uv pip install --quiet --python $(LOWEST)/bin/python --resolution lowest-direct -e '.[dev]'
	@touch $@
