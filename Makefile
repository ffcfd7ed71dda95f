# `make` alone lists the targets. Set-up happens by itself, once; see tools/setup.sh.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help setup demo test lint types bench docs explorer gallery

BIN := .venv/bin
comma := ,
ARGS ?=

# Prints a convviz command and runs it.
define show
	@printf '\n$$ convviz %s\n' '$(1)'
	@$(BIN)/convviz $(1)
endef

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## install system libraries, .venv and convviz[all,dev,docs]; quick the second time
	@PYTHON='$(PYTHON)' tools/setup.sh all,dev,docs

demo: setup ## set up, then show what convviz does on bundled nets
	$(call show,list nets)
	$(call show,rf code8 --verify)
	$(call show,rf resnet18 --stages)
	$(call show,compare code7 code8)
	$(call show,convs 64 128 --size 56)
	$(call show,checkerboard --kernel-size 3 --stride 2)
	$(call show,gridding 2$(comma)3$(comma)5)
	$(call show,norm batch)
	$(call show,regularize weight-decay --weights 3)
	$(call show,questions gap-parameters)
	$(call show,train fast --data digits --batch-size 32 --epochs 10 --threads 1 --output outputs/demo_run)
	$(call show,sweep norms --data digits --epochs 1 --seeds 1 --dry-run)
	$(call show,draw no_padding_strides_transposed --output outputs/draw_transposed.png)
	$(call show,render convolution)
	$(call show,explore conv_transpose)

test: setup lint types ## set up, then lint, types and all tests (ARGS='-k rf' for some)
	OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MPLBACKEND=Agg \
		$(BIN)/python -m pytest -n 2 --durations=10 $(ARGS)

lint: setup ## ruff; that the written pages of docs/ are true and the wheel will hold every package
	$(BIN)/ruff check .
	$(BIN)/python tools/cli_reference.py --check
	$(BIN)/python tools/corrections.py --check
	$(BIN)/python tools/check_packages.py

types: setup ## mypy
	$(BIN)/mypy

bench: setup ## set up with the bench extra, then run every benchmarks/*.py
	@tools/setup.sh bench
	@shopt -s nullglob; set -e; files=(benchmarks/*.py); \
	if [ $${#files[@]} = 0 ]; then echo 'bench: benchmarks/ holds no .py file' >&2; exit 1; fi; \
	for file in "$${files[@]}"; do printf '\n$$ python %s\n' "$$file"; $(BIN)/python "$$file"; done

docs: setup ## write docs/cli.md and docs/corrections.md, and build the site into outputs/site
	@$(BIN)/python tools/cli_reference.py
	@$(BIN)/python tools/corrections.py
	@$(BIN)/python tools/site_build.py

explorer: setup ## build the explorer's page and its fonts into convviz/explorer/static (needs node)
	@npm ci --silent --no-audit --no-fund --prefix convviz/explorer/page
	@npm run --silent --prefix convviz/explorer/page check
	@npm run --silent --prefix convviz/explorer/page build
	@$(BIN)/python tools/page_fonts.py

gallery: setup ## make the pictures and films in outputs/gallery again
	@$(BIN)/python tools/gallery.py
