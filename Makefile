# make demo · make test · make lint · make bench · make faults · make races · make teeth · make fuzz · make fuzz-bytes     options go in ARGS="…"
# Needs python3 >= 3.11, pip and make. Everything is installed into this folder; uv is used where it is on PATH.

FOUND_UV := $(shell command -v uv 2>/dev/null)
UV := $(or $(FOUND_UV),.tools/bin/uv)
PYTHON ?= python3
ARGS ?=

ifeq ($(FOUND_UV),)
export UV_CACHE_DIR := $(CURDIR)/.tools/cache
export UV_PYTHON_INSTALL_DIR := $(CURDIR)/.tools/python
endif
# An organisation's own certificate authority is in the system's store, not among those that uv brings.
ifneq ($(wildcard /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem),)
export UV_SYSTEM_CERTS ?= 1
endif

.DEFAULT_GOAL := help
.PHONY: help demo test lint format bench faults races teeth fuzz fuzz-bytes

help:
	@sed -n '1,2s/^# //p' Makefile

demo: | $(UV)
	@$(UV) run --quiet --no-dev dialwheel demo $(ARGS)

# a worker for each core, four at most, each with servers of its own; none for a single file or with ARGS="-n 0"
test: | $(UV)
	@$(UV) run --quiet pytest -q -n auto --dist loadfile --no-loadscope-reorder $(ARGS)

lint: | $(UV)
	@$(UV) run --quiet ruff check .
	@$(UV) run --quiet ruff format --check .
	@$(UV) run --quiet mypy

format: | $(UV)
	@$(UV) run --quiet ruff format .
	@$(UV) run --quiet ruff check --fix .

bench: | $(UV)
	@$(UV) run --quiet --no-dev python -m bench $(ARGS)

faults: | $(UV)
	@$(UV) run --quiet python -m tests.faults $(ARGS)

races: | $(UV)
	@$(UV) run --quiet python -m tests.races $(ARGS)

teeth: | $(UV)
	@$(UV) run --quiet python -m tests.teeth $(ARGS)

fuzz: | $(UV)
	@$(UV) run --quiet python -m tests.fuzz $(ARGS)

# a minute for each reader of strangers' bytes; what it found interesting stays in .tools/corpus
fuzz-bytes: | $(UV)
	@$(UV) run --quiet python -m tests.fuzz.bytes $(ARGS)

# pip --target needs no virtual environment and is allowed where the system's Python is managed by its packages.
.tools/bin/uv:
	@command -v $(PYTHON) >/dev/null || { printf '%s\n' \
	  'error: $(PYTHON) is missing' 'why:   dialwheel is written in Python, 3.11 or later' \
	  'do:    install it, for instance: apt-get install python3 python3-pip' >&2; exit 1; }
	@$(PYTHON) -m pip --version >/dev/null 2>&1 || { printf '%s\n' \
	  'error: pip is missing' 'why:   it fetches uv, which installs what dialwheel needs into this folder' \
	  'do:    install it (apt-get install python3-pip), or put uv on PATH' >&2; exit 1; }
	@$(PYTHON) -m pip install --quiet --disable-pip-version-check --root-user-action=ignore \
	  --target .tools 'uv>=0.9,<1' >&2 || { printf '%s\n' \
	  'error: uv could not be installed into .tools' 'why:   see the lines of pip above' \
	  'do:    check the network and the package index, then run the same command again' >&2; exit 1; }
