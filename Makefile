# Set-up, demo and tests. Everything happens inside .venv, built from docker/requirements.lock.
PYTHON ?= python3
VENV   ?= .venv
PEERS  ?= .venv-peers
BIN    := $(VENV)/bin
OUT    ?= demo-output
CLUSTER_OUT ?= cluster-demo-output
DIST   ?= dist
# what `make jars` fetches, once for all checkouts of this user
CACHE  ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/fer_spark

# two workers for two cores; a file's tests stay together, so that its fixtures are made once
WORKERS ?= 2
PYTEST  := $(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder

.PHONY: demo cluster-demo test test-long test-all check lint bench bench-smoke peers gpu-check setup jars weights zip dist images lock clean

setup: $(VENV)/.ready

# uv unpacks in a third of pip's time; where it cannot be had, or sees no package index as pip is set up to, pip does it;
# both refuse a file that is not one of those whose SHA-256 the lock names
$(VENV)/.ready: docker/requirements.lock pyproject.toml
	$(PYTHON) -m venv $(VENV)
	grep ^uv== docker/requirements.lock > $(VENV)/uv.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps -r $(VENV)/uv.lock \
	    && $(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps -r docker/requirements.lock \
	    || $(BIN)/pip install --quiet --disable-pip-version-check --no-compile --no-deps -r docker/requirements.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --editable .
	@touch $@

demo: setup ## draws labelled faces, explores, builds shards, trains, measures, scores, explains; scores real photographs
	rm -rf $(OUT)
	$(BIN)/python -m fer_spark.sample --output $(OUT)/pictures --count 2000 --seed 7 --layout folder --broken 0.05 --workers 2
	$(BIN)/fer-spark explore --source folder --input $(OUT)/pictures --output $(OUT)/exploration
	$(BIN)/fer-spark build-shards --source folder --input $(OUT)/pictures --output $(OUT)/shards \
	    --size 48:gray --size 256:rgb --leak-guard drop
	$(BIN)/fer-spark train --shards $(OUT)/shards --output $(OUT)/model --epochs 30 --batch-size 32 --learning-rate 0.2 \
	    --widths 16-32-64 --blocks 1-1-1 --sampler balanced --erase-prob 0.1 --affine-prob 0.5 --ema-decay 0.98
	$(BIN)/fer-spark evaluate --bundle $(OUT)/model --shards $(OUT)/shards --split test --output $(OUT)/evaluation
	$(BIN)/fer-spark score --bundle $(OUT)/model --source images --label-from parent --input $(OUT)/pictures \
	    --output $(OUT)/scores --keep-crop --explain least-confident:12 --explain 0.01 --views single
	$(BIN)/fer-spark report --scores $(OUT)/scores --output $(OUT)/scores.html
	$(BIN)/python -m fer_spark.sample.photographs --output $(OUT)/photographs
	$(BIN)/fer-spark score --bundle fer2013 --source images --input $(OUT)/photographs --output $(OUT)/photograph-scores \
	    --keep-crop --explain 1 --samples 500
	$(BIN)/fer-spark report --scores $(OUT)/photograph-scores --output $(OUT)/photographs.html
	@echo "Open $(OUT)/exploration/report.html, $(OUT)/evaluation/report.html, $(OUT)/scores.html, $(OUT)/photographs.html"

# pictures to draw: COUNT=3000
cluster-demo: jars zip ## all jobs by spark-submit on a cluster of two workers, from S3 to S3, compared with local mode
	$(BIN)/python -m tests.cluster --output $(CLUSTER_OUT) $(if $(COUNT),--count $(COUNT))

jars: setup ## the jars, object stores, Hadoop's servers and DuckDB that the groups store, table and cluster need, into the user's cache
	PYTHON=$(BIN)/python docker/jars/fetch "$(CACHE)"

weights: setup ## ImageNet weights of EfficientNet-Lite0, converted to safetensors in the user's cache: --weights imagenet
	PYTHON=$(BIN)/python docker/weights/fetch

test: setup ## the default tests, in two workers
	$(PYTEST) -m "not slow"

test-long: setup ## the long ones: all, or one group by GROUP=kill|cluster|scale|yardstick|notebook|table|store|job
	$(PYTEST) -m "$(or $(GROUP),slow)" $(if $(UNTIL),--until $(UNTIL))

test-all: test test-long

check: setup ## lint, types and the tests that mirror changed files: make check, or make check FILE…
	$(BIN)/python -m tests.check $(filter-out check,$(MAKECMDGOALS))

lint: setup
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

bench: setup ## measures ours and, after make peers, what one would use instead: bench-output/results.md, .json, .png
	$(or $(wildcard $(PEERS)/bin/python),$(BIN)/python) -m tests.benchmarks --output bench-output $(WHAT)

# an environment of their own on top of ours, as their pins differ: what it does not hold comes from .venv
peers: setup ## Ray Data, Daft, MosaicML Streaming, WebDataset, Hugging Face datasets, LitData and captum, for make bench
	$(PYTHON) -m venv $(PEERS)
	$(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))' \
	    > "$$($(PEERS)/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/fer_spark.pth"
	$(PEERS)/bin/pip install --quiet --disable-pip-version-check --no-deps -r docker/peers.txt

bench-smoke: setup ## the same against peers with few pictures; fails where a ratio is below half of its goal
	$(BIN)/python -m tests.benchmarks smoke

# PY=python3 for a GPU machine that has packages of its own and no index to install others from
gpu-check: $(if $(PY),,setup) ## what a GPU gives: its tests, training steps, predictions, explanations; without one, a dry run
	$(or $(PY),$(BIN)/python) -m tests.benchmarks.gpu check

zip: ## dist/fer_spark.zip, for spark-submit --py-files
	mkdir -p dist && git archive --format=zip --output=dist/fer_spark.zip HEAD fer_spark

# a virtual environment finds its own packages wherever it is unpacked, if Python lies where it does here
PIP   := $(BIN)/python -m pip --disable-pip-version-check --quiet

dist: setup ## the wheel, and an environment without torch for spark-submit --archives
	rm -rf $(DIST)/environment build && mkdir -p $(DIST)
	$(PIP) wheel --no-deps --wheel-dir $(DIST) .
	$(BIN)/python -m venv --without-pip $(DIST)/environment
	$(BIN)/python docker/needs.py | grep -v ^pyspark > $(DIST)/needs.txt # Spark brings it
	$(BIN)/uv pip install --quiet --python $(DIST)/environment/bin/python --compile-bytecode \
	    --constraint docker/requirements.lock --requirements $(DIST)/needs.txt
	$(PIP) --python $(DIST)/environment install --no-deps --force-reinstall $(DIST)/fer_spark-*.whl
	tar -C $(DIST)/environment -czf $(DIST)/fer_spark-environment.tar.gz .
	@du -h $(DIST)/*.whl $(DIST)/*.tar.gz

images: ## fer-spark:executor and fer-spark:latest by podman or docker; BASE=debian where no registry is reached
	BASE="$(BASE)" BUILD_FLAGS="$(BUILD_FLAGS)" docker/images

# a line for each package, its files' hashes in it, so that grep can choose among them
lock: ## renew docker/requirements.lock from what is installed, with the SHA-256 of each file that the index has of it
	$(BIN)/pip freeze --all --exclude pip --exclude-editable > $(VENV)/versions.txt
	$(BIN)/uv pip compile --quiet --universal --no-deps --no-header --no-annotate --generate-hashes $(VENV)/versions.txt \
	    | sed -e ':a' -e '/\\$$/N; s/ *\\\n */ /; ta' > $(VENV)/new.lock
	mv $(VENV)/new.lock docker/requirements.lock

clean:
	rm -rf $(VENV) $(PEERS) $(OUT) $(CLUSTER_OUT) bench-output build dist *.egg-info
