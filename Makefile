# PANO: make demo · make test · make test-kernels · make bench · make lint · make setup
#
# Everything is installed by tools/setup.sh, which says what it installs: Debian packages by apt
# and Python packages into .venv. Only the live pipeline and its tests need root, because they
# create network namespaces and attach eBPF programs.

PYTHON := .venv/bin/python
C_SOURCES = $(shell git ls-files 'ebpf-agent/*.[ch]')
ZEEK_SCRIPTS = $(shell git ls-files 'zeek-scripts/*.zeek')
BPF_OBJECT := pano_glue/agent/mirror.bpf.o

.PHONY: help demo test test-lowest test-kernels lint bench setup format clean
.DEFAULT_GOAL := help

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 16

demo: setup ## install everything and watch real DNS traffic live
	@tools/demo.sh

test: setup lint ## lint, types and every test that this machine can run
	$(PYTHON) -m pytest

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

bench: setup ## speed, as ratios of two sides interleaved in one run (root)
	@for script in bench/*.py; do echo "== $$script"; PYTHONPATH=. $(PYTHON) $$script || exit 1; done

setup: .venv/.ready $(BPF_OBJECT) ## install what is missing

.venv/.ready: pyproject.toml tools/setup.sh
	@tools/setup.sh
	@touch $@

$(BPF_OBJECT): .venv/.ready $(wildcard ebpf-agent/*.c ebpf-agent/*.h)
	@if command -v clang >/dev/null; then $(MAKE) --no-print-directory -C ebpf-agent; \
	  else echo "setup: without clang the kernel program is not built" >&2; fi

clean: ## remove what was built and installed below this folder
	rm -rf .venv .venv-lowest .mypy_cache .ruff_cache .pytest_cache $(BPF_OBJECT)
