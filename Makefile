# `make` lists the targets. Everything runs in .venv, which the first target that needs it sets up.
PYTHON ?= python3
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
export DO_NOT_TRACK = true
export MLFLOW_DISABLE_TELEMETRY = true

.DEFAULT_GOAL := help
.PHONY: help setup repro undo serve test test-fast test-all lint format telco kedro-viz mlflow-ui \
	browser lock bento container container-check benchmark-serving clean jupyter notebooks verify-repro \
	catboost
PORT ?= 3000

# another data set, a folder of conf/: `make repro ENV=bank`
ifeq ($(origin ENV),command line)
export KEDRO_ENV := $(ENV)
endif
OWN_ENV := $(filter-out base local,$(KEDRO_ENV))

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-17s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: in-git
in-git:
	@git rev-parse --git-dir >/dev/null 2>&1 || { echo "DVC needs git, and $(CURDIR) is not in a" \
		"git repository: git init && git add -A && git commit -m Start" >&2; exit 1; }

setup: .venv/.ready  ## create .venv with the locked versions
.venv/.ready: requirements.lock pyproject.toml scripts/install.sh
	scripts/install.sh $(PYTHON)
	@echo "$(CURDIR)" > $@
# the commands in .venv name its path: in a project that was moved or copied they would not be found,
# or be those of the project it was copied from
ifneq ($(shell cat .venv/.ready 2>/dev/null),$(CURDIR))
.PHONY: .venv/.ready
endif

catboost: .venv/.catboost  ## install CatBoost (270 MB), for the candidate of that name
.venv/.catboost: .venv/.ready requirements.lock scripts/install.sh
	scripts/install.sh catboost
	@touch $@

repro: in-git setup  ## run what changed, from raw customers to evaluated model; ENV=NAME: another data set
	@folder=$$(python scripts/repair_dvc.py $(OWN_ENV)) && cd "$$folder" && dvc repro

undo: setup  ## restore parameters and results of the last commit; ENV=NAME: another data set
	kedro undo $(if $(OWN_ENV),--env $(OWN_ENV))

serve: setup  ## serve scores over HTTP: http://127.0.0.1:3000/docs (PORT=… for another port)
	bentoml serve churn_pipeline.serving.service:ChurnService --host 127.0.0.1 --port $(PORT)

bento: setup  ## package the service with the accepted model into bentos/
	python scripts/build_bento.py

container: setup  ## build the image with docker, podman or buildah
	scripts/build_container.sh

container-check: setup  ## build the image, run it locked down, with Debian's packages only (as root)
	scripts/check_container.sh

test: setup catboost  ## run the tests with branch coverage, at small sizes
	scripts/test.sh

test-fast: setup  ## run the tests that start no service, browser, kedro or dvc
	scripts/test.sh fast

test-all: setup catboost  ## run the tests at full sizes: before a release, nightly
	scripts/test.sh full

lint: setup  ## everything that pre-commit checks
	pre-commit run --all-files

format: setup  ## format the code and apply the fixes that ruff can make
	ruff check --fix-only --quiet .
	ruff format --quiet .

telco: setup  ## download the public Telco file, or use TELCO_CSV=path/to/it
	python scripts/fetch_telco.py $(if $(TELCO_CSV),--from "$(TELCO_CSV)")

kedro-viz: setup  ## view the pipelines in the browser: http://127.0.0.1:4141
	python scripts/view_pipelines.py --port 4141

jupyter: .venv/.notebooks  ## JupyterLab with the notebooks; ENV=NAME for another data set
	kedro jupyter lab notebooks --LabApp.news_url= --LabApp.extension_manager=readonly \
		--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate

notebooks: .venv/.notebooks  ## run the notebooks; writes pages with their outputs to docs/_build
	python scripts/render_notebooks.py

.venv/.notebooks: .venv/.ready scripts/install_notebooks.sh
	scripts/install_notebooks.sh
	@touch $@

verify-repro: setup  ## reproduce the last commit twice, as on other machines, and compare every byte
	python -m scripts.verify_repro

mlflow-ui: setup  ## view the runs in the browser: http://127.0.0.1:5000
	kedro model ui --port 5000

browser:  ## install headless Chromium for the browser tests (Debian and Ubuntu, as root)
	scripts/install_browser.sh

lock: setup  ## update requirements.lock from pyproject.toml
	scripts/lock.sh
	scripts/lock_bento.sh

benchmark-serving: setup  ## compare the speed of the service with others (half an hour)
	python -m benchmarks.serving

clean:  ## remove generated files; keep DVC's cache, MLflow's runs, Optuna's studies and ledgers
	$(if $(wildcard $(BIN)/python),python -m churn_pipeline.locking) git clean -qfdX -e '!.*.lock' \
		-- data ':!data/*/.dvc' ':!data/10_ledger' ':!data/*/10_ledger' \
		':!data/11_campaigns' ':!data/*/11_campaigns'
	rm -rf .venv .viz .coverage* .hypothesis .mypy_cache .pytest_cache .ruff_cache build dist
	find . -name __pycache__ -prune -exec rm -rf {} +
