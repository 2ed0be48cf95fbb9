# Every target does its whole set-up; the second time that takes no time. `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help
.PHONY: help demo check test lint format cluster cluster-down golden generate bench proof lock clean

BIN := .venv/bin
QUICK := not root and not slow and not proof and not cluster and not node
WHAT := pyproject.toml requirements/build.txt requirements/runtime.txt tools/virtual-environment

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14

demo: .venv/.runtime ## a directory goes back in time, before your eyes (as root: a pool; otherwise without)
	@tools/system-packages demo
	@./demo/run

check: lint ## lint and the quick tests: seconds; without root or network, what lacks a program is skipped
	@tools/system-packages check || echo 'check: going on; the tests that need these are skipped'
	@$(BIN)/pytest -q -n 2 -m '$(QUICK)'

test: .venv/.dev ## every test but the proof: as root, on real file systems and a real cluster
	@tools/system-packages test
	@tools/system-packages cluster
	@$(BIN)/python -m testbed build
	@$(BIN)/pytest -q -n 2 --dist loadfile

lint: .venv/.dev ## ruff, mypy --strict, the layers
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --check --quiet --output-format concise || { echo 'not formatted: make format'; exit 1; }
	@$(BIN)/mypy --no-error-summary
	@$(BIN)/lint-imports --no-logo >.venv/layers 2>&1 || { cat .venv/layers; exit 1; }

format: .venv/.dev ## let ruff mend and format
	@$(BIN)/ruff check --fix --quiet || true
	@$(BIN)/ruff format

cluster: .venv/.dev ## a real Kubernetes on this machine, with kubectl (the first time ten minutes)
	@tools/system-packages cluster
	@$(BIN)/python -m testbed up

cluster-down: .venv/.dev ## end it; nothing stays
	@$(BIN)/python -m testbed down

golden: .venv/.dev ## rewrite the golden files; review the diff
	@$(BIN)/pytest -q -m '$(QUICK)' --rewrite-golden
	@git --no-pager diff --stat -- '*golden*'

generate: .venv/.dev ## write the CSI messages anew from tools/protocol
	@tools/generate

bench: .venv/.dev ## measure against the alternatives (root, an hour and a half); ONLY=engine|cluster|scale|page for a part
	@tools/system-packages test
	@tools/system-packages cluster
	@$(BIN)/python -m benchmarks $(if $(ONLY),--only $(ONLY))

proof: .venv/.dev ## the large counts of the crash and power-cut tests (root, under an hour)
	@tools/system-packages test
	@$(BIN)/pytest -q -m proof -n 2 --dist worksteal

lock: ## write requirements/*.txt anew from pyproject.toml
	@test -x .venv-lock/bin/uv || { python3 -m venv .venv-lock && .venv-lock/bin/pip -q --disable-pip-version-check install 'uv>=0.13,<0.14'; }
	@tools/lock

clean: ## remove what the other targets made
	@rm -rf .venv .venv-lock .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache .coverage build dist
	@find src tests -name __pycache__ -prune -exec rm -rf {} +

# What is installed: .runtime is enough to run volrewind, .dev is for working on it.
.venv/.runtime: $(WHAT)
	@tools/virtual-environment runtime
	@touch $@

.venv/.dev: $(WHAT) requirements/dev.txt
	@tools/virtual-environment dev
	@touch $@ .venv/.runtime
