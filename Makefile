# The course's commands. Each sets up .venv by itself; when nothing has changed that takes no time.
# GNU make 3.81 (macOS) is enough, and nothing here needs root.

PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.made
NOTEBOOKS := $(wildcard notebooks/*.ipynb)
# Tests and lessons wait more than they compute: four processes keep two cores busy.
PROCESSES ?= 4
NBVAL := --nbval --nbval-cell-timeout=120
ifneq ($(wildcard tests/nbval_sanitize.cfg),)
NBVAL += --nbval-sanitize-with tests/nbval_sanitize.cfg
endif
# Stored outputs come from the offline Claude and a server of their own, whatever is set here.
OFFLINE := env -u ANTHROPIC_API_KEY -u ANTHROPIC_AUTH_TOKEN -u ANTHROPIC_BASE_URL -u SHOP_DB \
	-u TEMPORAL_ADDRESS -u TEMPORAL_NAMESPACE -u TEMPORAL_PROFILE -u TEMPORAL_API_KEY -u COLUMNS \
	TEMPORAL_CONFIG_FILE=/nonexistent AGENTKIT_OFFLINE=1 AGENTKIT_TEMPORAL_PORT=0 \
	AGENTKIT_HEADLESS=1 \
	AGENTKIT_HOME="$(CURDIR)/.agentkit/outputs"

# A notebook keeps its kernel's name, its cells' tags and the folded solution, and nothing else.
NO_METADATA := --ClearMetadataPreprocessor.enabled=True \
	--ClearMetadataPreprocessor.preserve_nb_metadata_mask=kernelspec \
	--ClearMetadataPreprocessor.preserve_cell_metadata_mask=tags \
	--ClearMetadataPreprocessor.preserve_cell_metadata_mask=jupyter

# The stamp holds the path it was made for: a moved checkout, or a Python that is gone since,
# makes it invalid.
ifneq ($(wildcard $(STAMP)),)
$(shell [ "$$(cat $(STAMP))" = "$(CURDIR)" ] && $(BIN)/python -c "" 2>/dev/null || rm -f $(STAMP))
endif

.PHONY: help lab demo lint check test twice crash bench outputs golden lock clean

help:  ## list these targets
	@sed -n 's/^\([a-z]*\):.*## /  make \1|/p' $(firstword $(MAKEFILE_LIST)) | \
		awk -F'|' '{ printf "%-15s %s\n", $$1, $$2 }'

lab: $(STAMP)  ## set up and start everything, open JupyterLab
	@$(BIN)/agentkit lab

demo: $(STAMP)  ## the kill-the-worker story in this terminal
	@$(BIN)/agentkit demo

lint: $(STAMP)  ## lint and types alone
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/python -m mypy

check: lint  ## lint, types, and the tests that start no server: about a minute
	$(BIN)/python -m pytest -n $(PROCESSES) --dist loadscope -m "not server" tests

# Which process gets which tests is decided in tests/conftest.py.
test: lint  ## lint, types, tests, and every notebook re-executed and compared
	$(BIN)/python -m pytest -n $(PROCESSES) --dist loadscope $(if $(NOTEBOOKS),$(NBVAL)) tests $(NOTEBOOKS)

twice: $(STAMP)  ## every cell of every notebook twice in a row, and after a kernel's restart
	@code=0; $(OFFLINE) AGENTKIT_HOME="$(CURDIR)/.agentkit/twice" \
		$(BIN)/python -m tests.notebooks.twice $(NOTEBOOKS) || code=1; \
		$(OFFLINE) AGENTKIT_HOME="$(CURDIR)/.agentkit/twice" $(BIN)/agentkit down; exit $$code

crash: $(STAMP)  ## 200 SIGKILLs at every kind of point of every recipe; ARGS="--help" for a part
	@$(OFFLINE) AGENTKIT_HOME="$(CURDIR)/.agentkit/crash" $(BIN)/python -m tests.crash.campaign $(ARGS)

bench: $(STAMP)  ## measure, and write the tables into docs/; PARTS="recovery tools" TURNS=10000
	@$(OFFLINE) AGENTKIT_HOME="$(CURDIR)/.agentkit/bench" $(BIN)/python -m tests.bench \
		$(if $(TURNS),--turns $(TURNS)) $(PARTS)

outputs: $(STAMP)  ## re-execute all notebooks in place, to refresh their stored outputs
	@code=0; for notebook in $(NOTEBOOKS); do \
		$(OFFLINE) AGENTKIT_HEADLESS= $(BIN)/python -m nbconvert --to notebook --execute --inplace \
			--ExecutePreprocessor.timeout=120 --ExecutePreprocessor.record_timing=False \
			--ExecutePreprocessor.store_widget_state=False \
			--NotebookExporter.preprocessors=nbconvert.preprocessors.CoalesceStreamsPreprocessor \
			$(NO_METADATA) "$$notebook" || { code=1; break; }; \
	done; $(BIN)/python -m tests.notebooks.tidy $(NOTEBOOKS); \
	$(OFFLINE) $(BIN)/agentkit down; exit $$code

golden: $(STAMP)  ## run every recipe, refresh its golden history, print what has changed
	@code=0; $(OFFLINE) AGENTKIT_HOME="$(CURDIR)/.agentkit/golden" $(BIN)/python -m tests.golden || code=1; \
		$(OFFLINE) AGENTKIT_HOME="$(CURDIR)/.agentkit/golden" $(BIN)/agentkit down; exit $$code

COMPILE := $(BIN)/uv pip compile --universal --python-version 3.11 --no-header \
	--no-emit-index-url --quiet

lock: $(STAMP)  ## take the newest versions: requirements.txt and .lock, environment.yml's pins
	$(COMPILE) pyproject.toml --extra lab --extra s3 --extra postgres --extra test \
		--upgrade -o requirements.txt
	$(COMPILE) requirements.txt --no-annotate --generate-hashes -o requirements.lock
	@awk 'NR == FNR { if (split($$1, pin, "==") == 2) version[pin[1]] = pin[2]; next } \
		match($$0, /[a-z0-9._-]+==[^ ]+/) { \
			split(substr($$0, RSTART, RLENGTH), pin, "=="); \
			if (pin[1] in version) sub(/==[^ ]+/, "==" version[pin[1]]) } \
		{ print }' requirements.txt environment.yml > environment.yml.new
	@mv environment.yml.new environment.yml
	@cd classroom/copy/locks && for lock in "../../../pyproject.toml -o requirements.txt" \
		"dev.in -o dev.txt" "stand-ins.in -o stand-ins.txt"; do \
		../../../$(COMPILE) $$lock -c ../../../requirements.txt --upgrade --no-annotate || exit 1; \
	done

clean:  ## stop everything, then remove .venv, .agentkit and caches
	@if [ -x $(BIN)/python ]; then \
		$(BIN)/agentkit down || true; \
		for records in .agentkit/processes .agentkit/*/processes .agentkit/*/*/processes; do \
			if [ -d "$$records" ]; then \
				AGENTKIT_HOME="$$(dirname "$$records")" $(BIN)/agentkit down || true; \
			fi; \
		done; \
	fi
	rm -rf .venv .agentkit .mypy_cache .ruff_cache .pytest_cache agentkit.egg-info build dist
	find . -name __pycache__ -prune -exec rm -rf {} +
	find . -name .ipynb_checkpoints -prune -exec rm -rf {} +

# Compiled here, because with PYTHONDONTWRITEBYTECODE, as in many containers, every process would
# compile 4,000 modules anew: a worker then starts in 2.7 s instead of 1.2 s (measured).
# Without a stamp, .venv is missing or an interrupted run has left it half-made: start afresh.
$(STAMP): requirements.lock pyproject.toml Makefile
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11))" 2>/dev/null || { \
		found=$$($(PYTHON) -V 2>/dev/null) || found="not found"; \
		echo "This course needs Python 3.11 or newer; $(PYTHON) is $$found."; \
		echo "Choose another one, for example: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; } >&2
	@$(PYTHON) -c "import venv, ensurepip" 2>/dev/null || { \
		echo "$(PYTHON) comes without its venv module (on Debian: apt install python3-venv)."; \
		echo "Install it, or choose another Python: make $(MAKECMDGOALS) PYTHON=python3.12"; \
		exit 1; } >&2
	@echo "Setting up .venv from requirements.lock; the first time takes a minute or two."
	@[ -f $@ ] || $(PYTHON) -m venv --clear .venv
	@rm -f $@
	@sed -n '/^uv==/,/[^\\]$$/p' requirements.lock > .venv/uv.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r .venv/uv.txt
	@$(BIN)/uv pip install --quiet --compile-bytecode --python $(BIN)/python \
		--require-hashes -r requirements.lock
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@printf '%s' "$(CURDIR)" > $@
