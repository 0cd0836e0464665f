.DEFAULT_GOAL := help
.PHONY: help setup demo test test-oldest check web-check web-test bench soak lock fmt
.SUFFIXES:

# The lock is made with 3.11 and holds for later ones, so the oldest comes first.
PYTHON ?= $(shell for python in python3.11 python3.12 python3.13 python3.14 python3; do \
	$$python -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
BIN := .venv/bin/
OLD := .venv/oldest
STAMP := .venv/.installed
# The tests wait more than they work. Several processes, each with services of its own, take their files in turns; with -s,
# which shows what the tests print, there is one.
WORKERS ?= $(if $(filter -s,$(ARGS)),0,2)
PIP := $(BIN)python -m pip --quiet --disable-pip-version-check

# Everything pyproject.toml asks for, and what building the editable install takes, one requirement a line.
define REQUIREMENTS
import pathlib, tomllib
project = tomllib.loads(pathlib.Path("pyproject.toml").read_text())
groups = [project["project"]["dependencies"], project["dependency-groups"]["dev"], project["build-system"]["requires"]]
print(*sum(groups, ["editables"]), sep="\n")
endef
export REQUIREMENTS

# The oldest release of each dependency that pyproject.toml admits, one a line.
define OLDEST
import pathlib, re, tomllib
project = tomllib.loads(pathlib.Path("pyproject.toml").read_text())["project"]
extras = project["optional-dependencies"]
for wanted in sum((extras[name] for name in ("otel", "s3")), project["dependencies"]):
    print(re.sub(r"[>=]=([0-9.]+)[^;]*", r"==\1 ", wanted))
endef
export OLDEST

help: ## List the targets
	@grep -E '^[a-z-]+:.*##' $(firstword $(MAKEFILE_LIST)) | sed 's/:.*## /\t/' | expand -t 12

FAULTS := tests/faults tests/flows/test_hostile_requests.py tests/flows/test_access.py tests/browser/test_scale.py

setup: $(STAMP) ## Make ./.venv with the headrace command

$(STAMP): pyproject.toml requirements.txt
	@test -n "$(PYTHON)" || { echo "Python 3.11 or newer with its venv module is needed (Debian: apt install python3-venv)" >&2; exit 1; }
	@echo "Installing into ./.venv with $(PYTHON) ..."
	@test -x $(BIN)python || $(PYTHON) -m venv .venv
	@$(PIP) install --upgrade "$$(grep -oE '^pip==[^ ]+' requirements.txt)"
	@$(PIP) install --require-hashes --requirement requirements.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup ## Start a server with sample documents
	@$(BIN)headrace demo

test: setup ## Run the tests in WORKERS processes; ARGS="-k resume -x" is passed on
	@code=0; $(MAKE) --no-print-directory web-test || code=$$?; \
		$(BIN)python -m pytest --numprocesses $(WORKERS) --dist loadfile $(ARGS) || code=$$?; exit $$code

# What is installed beside these is of the lock, some of which wants newer ones; pip says so, and the tests show what holds.
test-oldest: setup ## Run the tests with the oldest release of each dependency that is admitted
	@test -x $(OLD)/bin/python || $(PYTHON) -m venv $(OLD)
	@$(OLD)/bin/python -m pip install --quiet --require-hashes --requirement requirements.txt
	@$(BIN)python -c "$$OLDEST" > $(OLD)/oldest.txt
	@$(OLD)/bin/python -m pip install --quiet --requirement $(OLD)/oldest.txt
	@$(OLD)/bin/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@$(OLD)/bin/python -m pytest --numprocesses $(WORKERS) --dist loadfile $(ARGS)

check: setup web-check ## Formatting, lint, spelling, types, import rules, the lock
	$(BIN)ruff format --check .
	$(BIN)ruff check .
	$(BIN)codespell
	$(BIN)mypy
	$(BIN)lint-imports
	@! grep -nE '^-|[/@]' requirements.txt || { echo "requirements.txt must hold versions and hashes alone" >&2; exit 1; }

# The web packages need Node; everything else does without. CI must not go without.
NODE := node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' 2>/dev/null && command -v npm >/dev/null
web = @if $(NODE); then $(MAKE) --no-print-directory web/node_modules/.package-lock.json && cd web && $(1); \
	else echo "web: left out, Node 20.19 or newer with npm is not installed" >&2; test -z "$$CI"; fi

web/node_modules/.package-lock.json: web/package-lock.json
	@echo "Installing into web/node_modules ..."
	@cd web && npm ci --silent --no-audit --no-fund
	@touch $@

web-check: setup ## The web packages: lint, types, sizes, what would be published
	$(call web,npm run --silent check)

web-test: setup ## The web packages' own tests; not when ARGS asks for a part of the others
	$(if $(ARGS),,$(call web,npm run --silent test))

bench: setup ## Measure, side by side with the peers; ARGS picks what
	$(BIN)python -m bench $(ARGS)

soak: setup ## The fault tests in their long forms; writes what they show into docs/reliability.md
	@rm -f .soak
	HEADRACE_SOAK=1 HEADRACE_FIGURES=.soak $(BIN)python -m pytest --timeout=3600 $(or $(ARGS),$(FAULTS)); \
		code=$$?; test ! -f .soak || $(BIN)python -m tests.reliability .soak; exit $$code

# Without this machine's pip configuration: the lock is for every machine.
lock: setup ## Write requirements.txt anew; ARGS=--upgrade takes newer releases
	@$(BIN)python -c "$$REQUIREMENTS" | PIP_CONFIG_FILE=/dev/null PIP_FIND_LINKS= $(BIN)pip-compile --quiet \
		--generate-hashes --allow-unsafe --strip-extras --no-annotate --no-header --no-emit-options \
		--no-emit-index-url --no-emit-find-links --no-emit-trusted-host $(ARGS) --output-file requirements.txt -

fmt: setup ## Format and fix
	$(BIN)ruff format .
	$(BIN)ruff check --fix .
