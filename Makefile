# `make study` and `make test` first set up whatever is missing; `make help` lists every target.

PYTHON ?= python3
CORES ?= all
CONFIG ?=
PYTEST_FLAGS ?=
MIRRORS ?=
REFERENCE ?= $(wildcard studies/reference/*.yaml)
STUDY ?= default
PRUNER ?=
HASHES ?= yes

ifneq ($(CONFIG),)
ifeq ($(wildcard $(CONFIG)),)
$(error CONFIG=$(CONFIG): there is no such file; name a study, such as CONFIG=studies/curves.yaml)
endif
endif

.DEFAULT_GOAL := help
.PHONY: help environment study progress reference leaderboard test gpu lint docs archive clean

help:  ## List the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | expand -t 14

environment: .venv/complete  ## Make .venv with the versions of requirements.lock (6 GB, a few minutes)

study: .venv/complete  ## Run the default study; CONFIG=studies/NAME.yaml runs another one, CORES=4 limits the cores
	.venv/bin/snakemake --cores $(CORES) $(if $(CONFIG),--configfile=$(CONFIG)) --quiet rules host

progress: .venv/complete  ## Say how far the study of CONFIG is, also while it runs: networks trained, time left
	@PYTHONPATH=lib .venv/bin/python -m effective_sparsity.study.progress $(CONFIG)

reference: .venv/complete  ## Run the studies of results/reference and publish them; MIRRORS names folders with their data
	for study in $(REFERENCE); do \
	  .venv/bin/snakemake --cores $(CORES) --quiet rules host --force --configfile=$$study --config 'mirrors=[$(MIRRORS)]' \
	    -- publish || exit 1; done

leaderboard: .venv/complete  ## Run the leaderboard again, with PRUNER added, publish it and fill in its page
	.venv/bin/snakemake --cores $(CORES) --quiet rules host --configfile=studies/reference/leaderboard.yaml \
	  --config 'mirrors=[$(MIRRORS)]' $(if $(PRUNER),'parts={added: {pruners: [$(PRUNER)]}}') -- publish
	PYTHONPATH=lib .venv/bin/python -m effective_sparsity.report.documents results/reference docs/leaderboard.md

test: lint  ## Check the style and run the tests; PYTEST_FLAGS="-k mnist" selects some
	OMP_NUM_THREADS=1 .venv/bin/pytest -n auto --maxprocesses 4 --dist loadgroup $(PYTEST_FLAGS)

gpu: .venv/complete  ## On a machine with a GPU: its tests, times of training and a short study, all into gpu.txt
	.venv/bin/python benchmarks/gpu.py

lint: .venv/complete  ## Check the style and the types of the library, and the workflow
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	.venv/bin/snakefmt --check Snakefile rules lib
	.venv/bin/snakemake --lint

docs: .venv-docs/complete  ## Build the documentation as a site in site/; warnings and broken links are errors
	NO_MKDOCS_2_WARNING=1 .venv-docs/bin/mkdocs build
	@echo "The site is in site/; open site/index.html, or run .venv-docs/bin/mkdocs serve"

archive:  ## Pack the code at this commit and the results of STUDY (default) into STUDY.tar.gz, for a paper's appendix
	@test -d results/$(STUDY) || \
	  { echo "STUDY=$(STUDY): there is no folder results/$(STUDY); name a study that has run" >&2; exit 1; }
	git archive --prefix=$(STUDY)/ --output=$(STUDY).tar HEAD
	tar --append --file=$(STUDY).tar --transform='s,^,$(STUDY)/,' --exclude='*/seed-*' --exclude='*/.work' \
	  --exclude='*.damaged' results/$(STUDY)
	gzip --force $(STUDY).tar

clean:  ## Remove .venv and the tools' caches; data and results stay
	rm -rf .venv .venv-docs site .pytest_cache .ruff_cache .hypothesis

# The file .venv/complete is written last: without it an installation was broken off, and pip takes a package
# that it had half unpacked for installed. So every installation starts from an empty folder.
# The lock has the hash of every file, so pip installs exactly these. With HASHES=no only the versions count, which allows
# other builds of PyTorch.
PIP_INSTALL := .venv/bin/python -m pip install --quiet --disable-pip-version-check

.venv/complete: requirements.lock
	@command -v $(PYTHON) > /dev/null || \
	  { echo "$(PYTHON) was not found; name a Python 3.11 or newer: make PYTHON=/path/to/python" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("$(PYTHON) is Python %d.%d, and 3.11 or \
	newer is needed; name another: make PYTHON=/path/to/python" % sys.version_info[:2])'
	@rm -f $@
	@echo "Installing into .venv; this takes a few minutes the first time."
	@$(PYTHON) -m venv --clear .venv
ifeq ($(HASHES),no)
	@sed -e '/--hash=/d' -e 's/ *\\$$//' requirements.lock > .venv/versions.txt
	@$(PIP_INSTALL) --constraint .venv/versions.txt setuptools
	@$(PIP_INSTALL) --constraint .venv/versions.txt --no-build-isolation --editable '.[workflow,cluster,dev]'
else
	@$(PIP_INSTALL) --require-hashes --requirement requirements.lock
	@$(PIP_INSTALL) --no-deps --no-build-isolation --editable .
endif
	@.venv/bin/python -m pip check
	@touch $@

# The site needs nothing of the library but its source, so its environment is a small one of its own.
.venv-docs/complete: docs/requirements.lock
	@rm -f $@
	@$(PYTHON) -m venv --clear .venv-docs
	@.venv-docs/bin/python -m pip install --quiet --disable-pip-version-check \
	  --require-hashes --requirement docs/requirements.lock
	@touch $@
