# SPDX-License-Identifier: Apache-2.0
# make demo: see smidgen work. make test: lint, types and all tests. Both work alone, straight after a clone.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo test test-full check-fast bench baseline footprint docs clean

# A stamp an extra, remade when the project's dependencies change.
$(VENV)/.runtime: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "smidgen needs Python 3.11 or newer, this is " + sys.version.split()[0] + ": make PYTHON=/path/to/python3.11 ...")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/.test: pyproject.toml $(VENV)/.runtime
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test]'
	@touch $@

$(VENV)/.plot: pyproject.toml $(VENV)/.runtime
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[plot]'
	@touch $@

demo: $(VENV)/.runtime
	$(BIN)/smidgen compile kws --target nucleo-l4r5zi -o build/demo --force
	$(BIN)/smidgen verify kws --target nucleo-l4r5zi --cases 10
	$(BIN)/smidgen profile kws --target nucleo-l4r5zi
	@rm -rf build/demo-bench
	$(BIN)/smidgen bench kws --target nucleo-l4r5zi --mode performance -o build/demo-bench
	@cat build/demo-bench/kws/performance/results.txt

test: $(VENV)/.test
	$(BIN)/python check

test-full: $(VENV)/.test
	$(BIN)/python check full

check-fast: $(VENV)/.test
	$(BIN)/python check fast

# The table, a plot, and a comparison with bench/baseline.json that fails if anything is worse.
bench: $(VENV)/.plot
	@mkdir -p build
	$(BIN)/python bench/run.py --plot build/latency-ram.svg

# Changes the baseline, and docs/latency-ram.svg, on purpose.
baseline: $(VENV)/.plot
	$(BIN)/python bench/run.py --update

footprint: $(VENV)/.runtime
	$(BIN)/python bench/footprint.py --update

docs: $(VENV)/.test
	$(BIN)/python docs/generate.py --update

clean:
	rm -rf $(VENV) build src/*.egg-info
