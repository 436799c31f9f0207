# The commands of this repository. Each target sees to its own set-up, so any of them works on a
# fresh clone; what they do is in tools/. `make` alone lists them.

.NOTPARALLEL:
.SUFFIXES:
SHELL = /bin/bash

PYTHON ?= $(shell test -x /usr/bin/python3 && echo /usr/bin/python3 || echo python3)
PREFIX ?= $(shell test "$$(id -u)" = 0 && echo /usr/local || echo "$$HOME/.local")
export PYTHON
export PYTHONDONTWRITEBYTECODE = 1
# Where Debian 12's two missing libraries are put; not there elsewhere, and then without effect.
export PKG_CONFIG_PATH := $(CURDIR)/build/deps/lib/pkgconfig$(if $(PKG_CONFIG_PATH),:$(PKG_CONFIG_PATH))

hearth = build/release/hearth
fuzz_folder = $(if $(wildcard fuzz/meson.build),fuzz)

.PHONY: help build up down install uninstall check asan fuzz soak bench compat guide-eval docs format clean distclean

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "make %-11s %s\n", $$1, $$2}' Makefile

build: ## build the product, build/release/hearth
	@tools/setup.sh build
	@tools/build.sh release

up: ## build it, bring an engine, start hearth in the background, and have a model answer
	@tools/up.sh

down: ## stop it
	@if [ -x $(hearth) ]; then $(hearth) down; else echo "nothing is built here, so nothing runs from here"; fi

install: build ## put it into PREFIX (~/.local; /usr/local for root)
	@tools/install.sh install "$(PREFIX)"

uninstall: ## take it away again
	@tools/install.sh uninstall "$(PREFIX)"

check: ## everything that must pass before a change is offered
	@tools/setup.sh check
	@tools/clients.sh
	@tools/build.sh release check $(fuzz_folder)
	@$(PYTHON) tools/check.py

asan: ## only the unit tests and scenarios, under the sanitizers
	@tools/setup.sh check
	@tools/clients.sh
	@tools/build.sh check
	@$(PYTHON) tools/check.py --only unit --only scenarios

fuzz: ## a minute of each fuzzer (FUZZ_SECONDS=60)
	@tools/setup.sh fuzz
	@tools/build.sh fuzz
	@FUZZ_SECONDS=$${FUZZ_SECONDS:-60} $(PYTHON) tools/check.py --only fuzz

soak: ## everything, and the tests that take long: about two hours
	@tools/setup.sh check
	@tools/clients.sh
	@tools/build.sh release check $(fuzz_folder)
	@HEARTH_SOAK=1 $(PYTHON) tools/check.py

bench: ## the figures, side by side with other proxies (BENCH=--write: into the documentation)
	@tools/setup.sh bench
	@tools/build.sh release
	@$(PYTHON) tests/bench/run.py $(BENCH)

compat: ## try every client again, and write docs/compatibility.md
	@tools/setup.sh check
	@tools/build.sh check
	@tools/clients.sh
	@$(PYTHON) tests/scenarios/compat.py --write

guide-eval: ## put the held-out questions to the guide, and count (models/guide/EVALUATION.md)
	@tools/setup.sh build
	@tools/build.sh release
	@$(PYTHON) models/guide/evaluate.py --write

docs: ## write docs/reference/ anew from the tables in the code
	@tools/setup.sh build
	@tools/build.sh release
	@$(PYTHON) tools/gen_docs.py

format: ## let clang-format 14 lay out the C code
	@$(PYTHON) tools/check_format.py --write

clean: ## remove what was built (libraries and clients that were fetched stay)
	@rm -rf build/release build/check build/fuzz build/tmp build/apt build/setup.log

distclean: clean ## remove those too
	@rm -rf build
