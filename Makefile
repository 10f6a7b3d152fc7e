# `make up` and `make test` are all that a newcomer needs: both install what they use in .venv.

PYTHON ?= python3
VENV := .venv
LOWEST := .venv-lowest
BIN := $(VENV)/bin
KEPT := benchmarks/results
# deprecations are errors, except the one that the SDK itself causes on Python 3.12 and 3.13
WARNINGS := error::DeprecationWarning,ignore:There is no current event loop:DeprecationWarning
TRYOUT := $(BIN)/python -m pulumi_account.testing.tryout

.PHONY: help up preview refresh destroy test lowest lint format docs providers reference dist bench reliability clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: $(VENV)/.try ## deploy the keys of examples/environments to an emulated account
	@$(TRYOUT) up

preview: $(VENV)/.try ## show what `make up` would change
	@$(TRYOUT) preview

refresh: $(VENV)/.try ## update the state with changes made outside Pulumi
	@$(TRYOUT) refresh

destroy: $(VENV)/.try ## delete the keys again
	@$(TRYOUT) destroy

# one worker more than there are cores, because many tests wait for processes
test: $(VENV)/.dev ## run every test, with coverage
	PYTEST_XDIST_AUTO_NUM_WORKERS=$$(($$(getconf _NPROCESSORS_ONLN) + 1)) $(BIN)/python -m pytest --numprocesses auto --dist loadfile --cov --cov-report=term

lowest: $(LOWEST)/.installed ## run the tests, except those of faults, with the oldest supported dependencies
	PULUMI_ACCOUNT_LOWEST=1 PYTHONWARNINGS="$(WARNINGS)" \
		$(LOWEST)/bin/python -m pytest --numprocesses auto --dist loadfile --ignore=tests/faults

lint: $(VENV)/.dev docs ## check style, types, spelling, workflows and the site
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	for program in examples/*/__main__.py examples/*/*/__main__.py; do $(BIN)/mypy "$$program" || exit 1; done
	$(BIN)/typos
	$(BIN)/zizmor --offline --quiet .github examples/gitops/.github
	for program in examples/gitops/scripts/*.py; do MYPYPATH=examples/gitops/scripts $(BIN)/mypy "$$program" || exit 1; done
	@if command -v actionlint > /dev/null; then \
		actionlint -ignore '"\$$/' .github/workflows/*.yml examples/gitops/.github/workflows/*.yml; \
		else echo "actionlint is not installed: skipped"; fi

format: $(VENV)/.dev ## format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

docs: $(VENV)/.dev ## build the site in site/; fails on a broken link, or a page that no menu lists
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build

providers: $(VENV)/.dev ## install the packages that examples/handing_on needs
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r examples/handing_on/requirements.txt

dist: $(VENV)/.dev ## build the sdist and the wheel in dist/, check them, and deploy the example from the wheel
	$(BIN)/python -m tools.dist

reference: $(VENV)/.dev ## write the generated parts of docs/ from docstrings, command help and the exporter
	$(BIN)/python -m tools.reference

bench: $(VENV)/.bench ## measure the speed (takes hours) and write benchmarks/RESULTS.md; OPTIONS=--quick only prints
	$(BIN)/python -m benchmarks run $(or $(OPTIONS),--out $(KEPT).json --picture $(KEPT).svg --into benchmarks/RESULTS.md)

reliability: $(VENV)/.dev ## run every test with every fault, and write the cases that passed into docs/reliability.md
	@mkdir -p -m 700 .local && chmod go-rwx .local
	PULUMI_ACCOUNT_EVERY_FAULT=1 $(BIN)/python -m pytest --numprocesses auto --dist loadfile --junitxml=.local/tests.xml
	$(BIN)/python -m tools.reliability .local/tests.xml

clean: ## remove everything that make created: virtual environments, emulated account, caches
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
