# Everything people do here has one command. `make help` lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CHROMIUM := $(shell command -v chromium || command -v chromium-browser || command -v google-chrome)

SHELL := bash
.SHELLFLAGS := -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo test unit lint format requirements generated published bench clean engines-real native images browser

help: ## This list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

demo: $(VENV)/.runtime ## One process, some hundreds of supports, from device to result (KEEP=1 leaves it running, KAFKA=1 on real Kafka, NATIVE=1 on the compiled documents server, N=400 supports)
	@$(BIN)/apoyo demo $(if $(KEEP),--keep) $(if $(KAFKA),--kafka) $(if $(NATIVE),--native) $(if $(N),--registros $(N)) $(if $(SEED),--semilla $(SEED))

test: $(VENV)/.dev engines-real browser ## Everything: lint, unit, property, contract, integration, browser, and the whole system on both logs
	@$(MAKE) --no-print-directory -k -j5 $(LANES)

# Beside one another, the longest first: what runs on engines, and whole installations most of all, waits a lot. The last ones never
# wait: they take what the others leave. Bytecode is kept, whatever the environment says: hundreds of processes start.
LANES := test-deaths test-system test-engines test-rest test-simulation
.PHONY: $(LANES) test-lint
$(LANES) test-lint: export PYTHONUNBUFFERED := 1
$(LANES) test-lint: export PYTHONDONTWRITEBYTECODE :=

test-deaths:
	@$(BIN)/python -m pytest tests/system/test_muertes.py | sed -u 's/^/deaths  | /'

test-system:
	@$(BIN)/python -m pytest tests/system --ignore=tests/system/test_muertes.py | sed -u 's/^/system  | /'

test-engines:
	@$(BIN)/python -m pytest tests/contract tests/integration tests/browser | sed -u 's/^/engines | /'

test-rest:
	@$(BIN)/python -m pytest --ignore=tests/contract --ignore=tests/integration --ignore=tests/browser --ignore=tests/system --ignore=tests/simulation/test_simulation.py | sed -u 's/^/rest    | /'

test-simulation: test-lint
	@nice $(BIN)/python -m pytest tests/simulation/test_simulation.py | sed -u 's/^/seeds   | /'

test-lint: $(VENV)/.dev
	@nice $(MAKE) --no-print-directory lint 2>&1 | sed -u 's/^/lint    | /'

unit: $(VENV)/.dev ## What needs no engine: minutes; a single file takes seconds
	@$(BIN)/python -m pytest tests/unit tests/property tests/architecture

lint: $(VENV)/.dev ## ruff, mypy --strict, import-linter, generated files up to date, published versions only grown
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports && $(BIN)/python -m schemas.generate --check && $(BIN)/python -m schemas.compat && $(BIN)/python -m apoyo.despliegue --check

format: $(VENV)/.dev ## Format the code
	@$(BIN)/ruff check --fix . && $(BIN)/ruff format .

generated: $(VENV)/.dev ## Regenerate JSON Schemas, asyncapi.yaml, what deploy/ derives, and the README's command help
	@$(BIN)/python -m schemas.generate && $(BIN)/python -m apoyo.despliegue && $(BIN)/python -m apoyo.ayuda

published: generated ## At a release: record today's schemas and events as published (refused if they break a reader)
	@$(BIN)/python -m schemas.compat --publish

COMPILE := $(BIN)/uv pip compile -q --universal --python-version 3.11 --prerelease=if-necessary-or-explicit --generate-hashes \
  --no-emit-index-url --no-emit-find-links --no-annotate --no-header

requirements: $(VENV)/.dev ## Compile requirements*.in into hashed requirements*.txt, and those of each image in the same versions
	@for f in requirements requirements-dev; do $(COMPILE) $$f.in -o $$f.txt || exit 1; done
	@$(BIN)/python -m apoyo.despliegue
	@for f in deploy/images/requirements/*.in; do $(COMPILE) -c requirements.txt $$f -o $${f%.in}.txt || exit 1; done

engines-real: $(VENV)/.dev ## Fetch what real Kafka needs into the cache (Maven; verified by hash)
	@$(BIN)/apoyo engines fetch

native: $(VENV)/.dev ## Compile the documents server of --real (cargo) and MinIO (Go), minutes, once, and run the contract suites on them
	@$(BIN)/apoyo engines fetch --native --minio && $(BIN)/python -m pytest -m native

images: $(VENV)/.runtime ## Build every image without Docker and start each as compose does, until it is ready (as root; buildah, podman, runc, debootstrap; half an hour)
	@$(BIN)/python -m apoyo.despliegue.imagenes

bench: $(VENV)/.dev ## How fast, against what is possible, in 10 minutes at most: build/bench.json and a table (NATIVE=1; SECTION=embebida|kafka|reconstruccion|crecimiento; SECTION=descifrado: opening alone; SECTION=examen: precision and recall of each alert, in a minute; SECTION=huellas: the same picture in other records, in two, DOCUMENTOS=1000000 MINUTOS=60 for a million in the engine; SECTION=pagina: from a key to the next record drawn, in Chromium; SECTION=mesa: claiming and deciding with a million pending, PENDING=1000000)
	@$(BIN)/python -m bench $(if $(NATIVE),--native) $(foreach section,$(SECTION),--seccion $(section)) $(if $(PENDING),--pendientes $(PENDING)) $(if $(DOCUMENTOS),--documentos $(DOCUMENTOS)) $(if $(MINUTOS),--minutos $(MINUTOS))

browser: # the browser tests' Chromium, from Debian, or one clear line
ifeq ($(CHROMIUM),)
	@if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium >/dev/null; \
	else echo "The browser tests need Chromium: apt-get install chromium" >&2; exit 1; fi
endif

clean: ## Remove what was built (not the caches of engines)
	@rm -rf $(VENV) .apoyo build *.egg-info .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Apoyo needs Python 3.11 or later (PYTHON=...)" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "Python's venv module is missing: apt-get install python3-venv" >&2; exit 1; }

$(VENV)/.runtime: requirements.txt pyproject.toml | $(VENV)/bin/python
	@echo "Installing what Apoyo runs on…"
	@$(BIN)/python -m pip install -q --require-hashes -r requirements.txt
	@$(BIN)/python -m pip install -q --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.runtime
	@echo "Installing what the tests need…"
	@$(BIN)/python -m pip install -q --require-hashes -r requirements-dev.txt
	@touch $@
