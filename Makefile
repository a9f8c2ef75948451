# PANO: `make` lists what there is.
#
# Everything is installed by tools/setup.sh, which says what it installs: Debian packages by apt
# and Python packages into .venv. Only the live pipeline and its tests need root, because they
# create network namespaces and attach eBPF programs.

PYTHON := .venv/bin/python
PREFIX ?= /usr/local
C_SOURCES = $(shell git ls-files 'ebpf-agent/*.[ch]')
ZEEK_SCRIPTS = $(shell git ls-files 'zeek-scripts/*.zeek')
BPF_OBJECT := pano_glue/agent/mirror.bpf.o
COMPOSE = docker compose -f docker/compose.yaml

.PHONY: help demo up down logs test test-lowest test-kernels test-host test-containers lint bench setup package \
  version docs lock install uninstall deb zeek format clean
.DEFAULT_GOAL := help

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

demo: setup ## install everything and watch real DNS traffic live
	@tools/demo.sh

up: ## the whole pipeline in containers (docker/.env has settings); PROFILE=demo brings load
	@$(COMPOSE) $(PROFILE:%=--profile %) up --wait
	@$(COMPOSE) logs --no-log-prefix grafana | grep "user admin" || :
	@echo "http://127.0.0.1:$${PANO_GRAFANA_PORT:-3000}/"

down: ## end the containers; counts and logs stay (docker compose down -v removes them)
	@$(COMPOSE) --profile '*' down

logs: ## what the containers say
	@$(COMPOSE) --profile '*' logs --follow

test: setup lint ## lint, types and every test that this machine can run
	$(PYTHON) -m pytest -n 2 --dist loadfile

test-lowest: setup ## what touches libraries, with the oldest that pyproject.toml allows
	@tools/lowest.sh

lint: setup ## formatting, lint and types of Python, C, Zeek and rules
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	clang-format --dry-run -Werror $(C_SOURCES)
	@for script in $(ZEEK_SCRIPTS); do .venv/bin/zeek-script format $$script | \
	  diff -u $$script - || { echo "$$script: run make format" >&2; exit 1; }; done

format: setup ## let the formatters rewrite the tree
	.venv/bin/ruff format .
	clang-format -i $(C_SOURCES)
	.venv/bin/zeek-script format --inplace $(ZEEK_SCRIPTS)

test-kernels: setup ## the agent on other kernels, in emulated machines (root, QEMU)
	PYTHONPATH=. $(PYTHON) -m tests.kernels.run

test-host: deb ## the package under systemd: install, kill, upgrade, reboot, purge (root)
	PYTHONPATH=. $(PYTHON) -m tests.host.run
test-containers: setup ## build the images and run them; needs a container engine (tests/docker/engine.sh is one)
	PANO_TEST_CONTAINERS=1 $(PYTHON) -m pytest tests/docker

bench: setup ## speed, as ratios of two sides interleaved in one run (root)
	@for script in bench/*.py; do echo "== $$script"; PYTHONPATH=. $(PYTHON) $$script || exit 1; done

package: setup ## wheel (with the kernel program in it) and sdist, into dist/
	rm -rf dist
	SOURCE_DATE_EPOCH=$${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct)} .venv/bin/uv build -q

version: ## make this tree VERSION=1.2.3
	@tools/version.sh "$(VERSION)"

docs: setup ## the documentation as a site, into site/, its links checked
	.venv/bin/python -m pip install -q --group docs
	.venv/bin/mkdocs build --strict --quiet

lock: setup ## pin what the images install to today's newest
	@for image in "agent agent" "bridge fast websocket auth domains zstd"; do set -- $$image; name=$$1; shift; \
	  .venv/bin/uv pip compile -q --no-header --no-annotate --generate-hashes --universal --python-version 3.11 \
	    --upgrade $$(printf -- '--extra %s ' "$$@") pyproject.toml -o docker/$$name/requirements.txt || exit 1; done
	@echo hatchling | .venv/bin/uv pip compile -q --no-header --no-annotate --generate-hashes --universal \
	  --python-version 3.11 --upgrade - -o docker/build-requirements.txt

setup: .venv/.ready $(BPF_OBJECT) ## install what is missing

install: $(BPF_OBJECT) ## programs, units, settings for a host with systemd (PREFIX, DESTDIR)
	@PREFIX="$(PREFIX)" DESTDIR="$(DESTDIR)" host/install.sh

uninstall: ## remove what install put there, but no settings and no records
	@PREFIX="$(PREFIX)" DESTDIR="$(DESTDIR)" host/uninstall.sh

deb: setup ## a Debian package of that, in dist
	@host/deb.sh

zeek: ## Zeek, from its makers' packages for Debian: adds their repository (root)
	@tools/zeek.sh

.venv/.ready: pyproject.toml tools/setup.sh
	@tools/setup.sh
	@touch $@

$(BPF_OBJECT): .venv/.ready $(wildcard ebpf-agent/*.c ebpf-agent/*.h)
	@if command -v clang >/dev/null; then $(MAKE) --no-print-directory -C ebpf-agent; \
	  else echo "setup: without clang the kernel program is not built" >&2; fi

clean: ## remove what was built and installed below this folder
	rm -rf dist site .venv .venv-lowest .mypy_cache .ruff_cache .pytest_cache $(BPF_OBJECT)
