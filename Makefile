# Two commands do everything on a fresh machine: `make run` and `make test`. Both set up what they need first.

PYTHON ?= python3
PIP_FLAGS ?=
# More overrides for the main job, e.g. make run ARGS="train.steps=800 seed=1"
ARGS ?=
BIN := .venv/bin
FACTORY := $(BIN)/factory
OTHER := .venv-llamafactory

.DEFAULT_GOAL := help
.PHONY: help setup run smoke gate report test drill external base lint format bench benchfits benchfleet bench-gpu golden lock servers registries clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: .venv/.complete  ## the environment in .venv, from requirements.lock

.venv/.complete: requirements.lock pyproject.toml
	@echo "Setting up .venv from requirements.lock. torch==2.13.0 is a CPU build where pip finds one, else the CUDA build (gigabytes);"
	@echo "choose another source with PIP_FLAGS=\"--index-url ...\". This happens once."
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check $(PIP_FLAGS) -r requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

run: setup  ## the main job: three specialists from nothing to registered champions, each beside its fair comparison
	$(FACTORY) run specialist=sql,medical,creative base=nano $(ARGS)

smoke: setup  ## the smoke profile from nothing to a registered version, in a folder that goes again; ends well with HOLD
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && \
	{ $(FACTORY) run base=tiny profile=smoke runtime.runs="$$folder" $(ARGS) || test $$? -eq 5; }

gate: setup  ## PROMOTE, REJECT or HOLD of what `make run` made; exits with 2 for any no: ask `factory gate` for its codes
	$(FACTORY) gate specialist=sql,medical,creative base=nano $(ARGS)

report: setup  ## the registered fleet as a Markdown table
	@$(FACTORY) registry --markdown $(ARGS)

test: setup  ## all tests, two files at a time
	$(BIN)/python -m pytest -n 2 --dist loadfile

drill: setup  ## 20 SIGKILLs on the smoke profile, each restarted and compared byte for byte; ARGS="--method all": every way of training
	$(BIN)/python tests/drill.py $(ARGS)

external: setup  ## base and adapters of `make run` on real sets, beside their floors; ARGS="suite.rows=50": a trial
	@worst=0; \
	$(FACTORY) suite spider,spider_syn,spider_realistic,spider_dk,defog specialist=sql $(ARGS) || worst=$$?; \
	$(FACTORY) suite mts_dialog,mts_notes specialist=medical $(ARGS) || worst=$$?; \
	$(FACTORY) suite commongen,collie specialist=creative $(ARGS) || worst=$$?; \
	exit $$worst

base: setup  ## make the embedded bases again (nano: about an hour on 2 cores)
	$(FACTORY) pretrain pretrain=nano
	$(FACTORY) pretrain pretrain=tiny

lint: setup  ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: setup  ## write the format
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: setup $(OTHER)/.tried  ## speed as ratios against named alternatives, with the machine described
	$(BIN)/pip install --quiet --disable-pip-version-check -c requirements.lock rensa==0.5.0 datasketch==2.0.0 lm_eval==0.4.13
	$(BIN)/python tests/benchmarks/bench.py
	$(BIN)/python tests/benchmarks/near_duplicates.py
	$(BIN)/python -m tests.benchmarks.difficulty
	$(BIN)/python -m tests.benchmarks.evaluation
	$(BIN)/python -m tests.benchmarks.training

# An environment of its own, since it asks for older libraries; minutes at most, and left out where it does not install. Its
# torchvision and torchaudio come for CUDA and do not load beside a CPU build of torch; training on text needs neither.
$(OTHER)/.tried:
	rm -rf $(OTHER)
	$(PYTHON) -m venv $(OTHER)
	( timeout 900 $(OTHER)/bin/pip install --quiet --disable-pip-version-check $(PIP_FLAGS) torch==2.13.0 && \
	  timeout 900 $(OTHER)/bin/pip install --quiet --disable-pip-version-check $(PIP_FLAGS) \
	    torch==2.13.0 llamafactory==0.9.5 bitsandbytes==0.50.2 && \
	  $(OTHER)/bin/pip uninstall --quiet --yes torchvision torchaudio ) || \
	( echo "LLaMA-Factory does not install here; the benchmark of training goes without it."; rm -rf $(OTHER)/bin )
	touch $@

benchfits: setup  ## plan against truth: memory and time of a dozen trainings as foretold, as probed, and as they were
	$(BIN)/python -m tests.benchmarks.fits $(ARGS)

benchfleet: setup  ## eight jobs on one base beside the same jobs alone (about an hour on two cores)
	$(BIN)/python -m tests.benchmarks.fleet $(ARGS)

bench-gpu: setup  ## what each lever of training is worth on a GPU, on random weights of real shapes; ARGS="--tiny": a trial
	$(BIN)/python -m tests.benchmarks.gpu $(ARGS)

golden: setup  ## pin the digests of the smoke products again, after a version was raised
	$(BIN)/python tests/golden/pin.py

servers: setup  ## a real Postgres (the distribution's) and an MLflow server on it, until Ctrl-C
	$(BIN)/python -m tests.postgres

registries: setup  ## the registry on sqlite, Postgres and an MLflow server: kills, outages, a whole run; ARGS="smoke": a part
	$(BIN)/python -m tests.registries $(ARGS)

lock: setup  ## write requirements.lock from what is installed
	( head -1 requirements.lock; $(BIN)/pip freeze --exclude-editable | sed 's/+cpu$$//' ) > requirements.lock.new
	mv requirements.lock.new requirements.lock

clean:  ## remove what runs made (not the environment)
	rm -rf runs dist
