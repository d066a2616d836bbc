# Needs only make and Python >= 3.11. Everything else goes into .venv, pinned by hash.
# Standard output belongs to the commands themselves (`make demo ARGS=--json | jq`): what the set-up says goes to standard error.

PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
    "$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$python" && break; done)
BIN := .venv/bin
ARGS ?=
DIST ?= dist

.DEFAULT_GOAL := help
.PHONY: help .venv test lint types clients pictures format demo docs sim chaos fuzz soak bench scale dist judges requirements clean

help:
	@echo 'make demo          a whole fog on this machine (ARGS="--duration 20 --json", see fog demo --help)'
	@echo 'make test          the tests, against a real nats-server (ARGS="-k name" goes to pytest, "-n 2" runs two at once)'
	@echo 'make sim           proves the rules on simulated histories (ARGS="--histories 5000", or --mutations)'
	@echo 'make chaos         breaks a fog on this machine at random (ARGS="--duration 120 --seed 7")'
	@echo 'make fuzz          attacks an aggregator with frames and questions that nobody should send (ARGS="--minutes 10")'
	@echo 'make soak          a fog with one hostile path for a while: memory, answers, counts (ARGS="--minutes 10")'
	@echo 'make bench         every budget in one sitting, beside real peers (ARGS="--only sdk", or --write for docs/benchmarks.md)'
	@echo 'make scale         how cost grows from 100 to 100,000 nodes (ARGS="--nodes 100,1000"; --tiers, --write for docs/scale.md)'
	@echo 'make docs          the documentation as a site, in build/docs'
	@echo 'make dist          wheel and sdist with their hashes in dist/, the same bytes from the same commit (needs git)'
	@echo 'make lint          ruff and mypy'
	@echo 'make types         checks the types of the page with TypeScript (needs npm)'
	@echo 'make clients       installs the client of DogStatsD for Node.js that tests use where it is (needs npm)'
	@echo 'make pictures      takes the pictures of docs/ from a demo that tells its story (needs chromium)'
	@echo 'make format        lets ruff put the code in shape'
	@echo 'make .venv         only installs'
	@echo 'make judges        installs what judges the files of deploy/ (docker-compose, hadolint, kubectl); tests do without'
	@echo 'make requirements  pins anew what pyproject.toml asks for (needs uv)'

.venv: .venv/.package

.venv/.package: .venv/.requirements pyproject.toml
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable . >&2
	@touch $@

.venv/.requirements: requirements/dev.txt
	@test -n "$(PYTHON)" || { echo 'No Python >= 3.11 found. Install one, or name it: make PYTHON=/path/to/python3.11' >&2; exit 1; }
	@echo 'Installing into .venv (once) ...' >&2
	@test -x $(BIN)/python || "$(PYTHON)" -m venv .venv >&2
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement $< >&2
	@touch $@

test: .venv
	@$(BIN)/python -m pytest $(ARGS)

lint: .venv
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy

format: .venv
	@$(BIN)/ruff check --fix --show-fixes
	@$(BIN)/ruff format

# TypeScript is not in the development set-up: only the page has types in comments, and only npm has the tool.
types: .venv/types/node_modules/.package-lock.json
	@.venv/types/node_modules/.bin/tsc -p tests/page/types

.venv/types/node_modules/.package-lock.json: tests/page/types/package-lock.json | .venv
	@mkdir -p .venv/types && cp tests/page/types/package.json tests/page/types/package-lock.json .venv/types/
	@npm ci --prefix .venv/types --no-audit --no-fund --silent
	@touch $@

clients: .venv/clients/node_modules/.package-lock.json

.venv/clients/node_modules/.package-lock.json: tests/agent/sources/clients/package-lock.json | .venv
	@mkdir -p .venv/clients && cp tests/agent/sources/clients/package.json tests/agent/sources/clients/package-lock.json .venv/clients/
	@npm ci --prefix .venv/clients --no-audit --no-fund --silent
	@touch $@

pictures: .venv
	@$(BIN)/python -m tests.page.pictures

demo: .venv
	@$(BIN)/fog demo $(ARGS)

# Warnings are errors: a link, a section or a directive that leads nowhere.
docs: .venv
	@$(BIN)/python -m sphinx --quiet --fresh-env --fail-on-warning --nitpicky --keep-going --jobs 2 --conf-dir docs . build/docs
	@echo 'build/docs/index.html'

chaos: .venv
	@$(BIN)/python -m fog_proving.chaos $(ARGS)

sim: .venv
	@$(BIN)/python -m fog_proving.sim $(ARGS)

# Guided by coverage where atheris has a wheel for this Python, else by chance alone.
fuzz: .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements/fuzz.txt >&2 \
		|| echo 'atheris has no wheel for this Python: by chance alone, and without the questions of schemathesis' >&2
	@$(BIN)/python -m fog_proving.fuzz $(ARGS)

soak: .venv
	@$(BIN)/python -m fog_proving.soak $(ARGS)

bench: .venv
	@$(BIN)/python benchmarks/bench.py $(ARGS)

# Tables for docs/scale.md: ARGS="--nodes 100,1000 --json".
scale: .venv
	@$(BIN)/python benchmarks/scale.py $(ARGS)

# Times in both archives are the commit's, and files those that git knows. A wheel of another commit must not lie beside its hashes.
dist: .venv
	@git rev-parse --quiet --verify HEAD >/dev/null 2>&1 && test -z "$$(git rev-parse --show-prefix)" || { echo \
		'make dist needs git and a clone of the repository: the archives take their time from the commit.' >&2; exit 1; }
	@test -z "$$(git ls-files --others --exclude-standard)" || { git ls-files --others --exclude-standard >&2; echo \
		'git does not know these files, and they could get into the archives: add, ignore or move them.' >&2; exit 1; }
	@test -z "$$(git status --porcelain)" || echo 'The checkout has changes: these archives are of no commit.' >&2
	@rm -rf $(DIST)
	@SOURCE_DATE_EPOCH="$$(git log -1 --format=%ct)" $(BIN)/python -m hatchling build --target sdist --target wheel --directory $(DIST) >&2
	@cd $(DIST) && "$(abspath $(BIN)/python)" -c 'import hashlib, pathlib; \
		[print(hashlib.sha256(file.read_bytes()).hexdigest(), "", file) for file in sorted(pathlib.Path().glob("utility*"))]' \
		> .SHA256SUMS && mv .SHA256SUMS SHA256SUMS && cat SHA256SUMS

# Programs in wheels, which ask no daemon and no cluster. Where one has no wheel for this machine, its tests are skipped.
judges: .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: --requirement requirements/judges.txt >&2

# No header and no index lines: the pins must say nothing about where they were resolved.
COMPILE := uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url pyproject.toml
requirements:
	@$(COMPILE) --extra host --extra creds --output-file requirements/agent.txt
	@$(COMPILE) --extra aggregator --extra creds --output-file requirements/aggregator.txt
	@$(COMPILE) --extra fast --extra creds --output-file requirements/fast.txt
	@$(COMPILE) --extra top --output-file requirements/top.txt
	@$(COMPILE) --extra dev --output-file requirements/dev.txt
	@$(COMPILE) --extra judges --output-file requirements/judges.txt
	@$(COMPILE) --extra fuzz --constraint requirements/dev.txt --output-file requirements/fuzz.txt

clean:
	@rm -rf .venv build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
