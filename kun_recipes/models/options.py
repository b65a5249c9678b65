"""Options of how a stage asks a model."""

import json
from dataclasses import dataclass, replace
from typing import ClassVar

from kun_recipes.config.options import option
from kun_recipes.config.paths import WithNames
from kun_recipes.config.types import ModelPath
from kun_recipes.errors import ConfigError
from kun_recipes.execution.devices import copies_held
from kun_recipes.execution.launch import Executor
from kun_recipes.execution.options import ExecutorConfig
from kun_recipes.models.endpoint.options import EndpointOptions
from kun_recipes.models.engines import EngineSettings
from kun_recipes.models.engines.base import Sampling
from kun_recipes.models.engines.settings import Dtype, EngineName, PresetName, preset


@dataclass(kw_only=True)
class EngineConfig(WithNames, EndpointOptions, ExecutorConfig):
    """The model that a stage asks, how it is run, and where."""

    model: ModelPath = option(
        help="folder or Hub id of the model that this stage uses; openai: its name on the server"
    )
    model_revision: str | None = option(None, "commit of that model, if it is a Hub id")
    engine: EngineName = option(
        "transformers",
        "what runs the model; vllm is for GPUs; openai uses a server with OpenAI's chat completions API",
    )
    dtype: Dtype = option("auto", "number format; auto: a format that is fast on the processor")
    chat_template_kwargs: dict[str, bool | int | str] | None = option(
        None,
        "arguments of the model's chat template; if it has enable_thinking, that is false unless set here",
    )
    max_batch_tokens: int | None = option(
        None,
        "batch size, padding included, null: 8192; vllm: size of a scheduler step, null: vLLM's default",
        unit="tokens",
        min=64,
        affects_rows=False,
    )
    max_sequences: int | None = option(
        None,
        "vllm: maximum number of rows at the same time; null: vLLM's default for the GPU, 256 to 1,024",
        source="vllm: engine/arg_utils.py, get_batch_defaults for LLM",
        min=1,
        affects_rows=False,
    )
    speculative_tokens: int = option(
        0,
        "vllm: tokens of a greedy text that are guessed ahead from the prompt and checked in one step; useful for "
        "answers that repeat their segment; 0: none",
        unit="tokens",
        min=0,
        max=64,
        affects_rows=False,
    )
    sampling: PresetName = option(
        "greedy",
        "preset for sampling tokens; the next four options override it",
        source="kun_recipes/models/engines/sampling.yaml",
        package_file="models/engines/sampling.yaml",
    )
    temperature: float | None = option(None, "0: greedy; null: the preset's value", min=0, max=2)
    top_p: float | None = option(
        None, "nucleus sampling, no effect when greedy; null: the preset's value", above=0, max=1
    )
    repetition_penalty: float | None = option(None, "1: no penalty; null: the preset's value", above=0, max=2)
    max_new_tokens: int | None = option(
        None, "maximum length of a text; null: the preset's, or the stage's", unit="tokens", min=1
    )
    seed: int = option(0, "sampling seed; the seed of each row is derived from it and the row's id", min=0)
    workers: int | None = option(
        None,
        "number of local processes, or of Slurm jobs, each with its own GPUs and copy of the model; null: locally as "
        "many as the GPUs hold; on Slurm or without GPUs, 1",
        min=1,
        affects_rows=False,
    )
    tensor_parallel: int = option(
        1, "vllm: number of GPUs that share one copy of the model", min=1, affects_rows=False
    )
    gpu_memory: float = option(
        0.9, "vllm: maximum share of each GPU's memory that it uses", above=0, max=1, affects_rows=False
    )
    cache_gb: float | None = option(
        None,
        "vllm: size of the key-value cache; null: what gpu_memory leaves, or 2 on a CPU",
        unit="GiB",
        above=0,
        affects_rows=False,
    )
    slurm_cores: int = option(8, "CPU cores per job", min=1, affects_rows=False)
    slurm_gpus: int | None = option(
        None, "GPUs per job; null: tensor_parallel; set 0 on a cluster without GPUs", min=0, affects_rows=False
    )
    slurm_tasks_per_job: int | None = option(
        None,
        "number of shards per job, which loads the model once; null: divided evenly among the workers",
        min=1,
        affects_rows=False,
    )

    new_tokens: ClassVar[int]
    """Longest text where neither the file nor the preset says."""
    by_endpoint: ClassVar[bool] = False
    """True if engine openai can do what the stage asks of a model."""

    def names(self) -> frozenset[str]:
        return frozenset(["model"] if self.engine == "openai" else [])

    def check(self) -> None:
        self.check_endpoint(self.engine)
        if self.engine == "openai":
            self._check_asked_elsewhere()
        if self.engine == "transformers" and self.tensor_parallel > 1:
            raise ConfigError("tensor_parallel", "engine transformers runs a model on one GPU; choose engine: vllm")
        if self.engine == "transformers" and self.max_sequences is not None:
            raise ConfigError(
                "max_sequences", "engine transformers sizes its batches by max_batch_tokens; choose engine: vllm"
            )
        if self.engine == "transformers" and self.speculative_tokens:
            raise ConfigError(
                "speculative_tokens", "engine transformers does not support it; set it to 0 or choose engine: vllm"
            )
        if self.speculative_tokens and self.draws():
            raise ConfigError(
                "speculative_tokens",
                "speculation changes what is sampled, and this stage samples texts (a temperature above 0, or several "
                "candidates); set it to 0",
            )
        self.job()

    def _check_asked_elsewhere(self) -> None:
        """Raise ConfigError for what engine openai cannot do, or leaves to the server."""
        if not self.by_endpoint:
            raise ConfigError(
                "engine", "this stage needs functions that engine openai lacks; choose transformers or vllm"
            )
        ours = {"tensor_parallel": 1, "speculative_tokens": 0, "max_sequences": None, "max_batch_tokens": None}
        ours |= {"cache_gb": None, "model_revision": None}
        for name, without in ours.items():
            if getattr(self, name) != without:
                raise ConfigError(
                    name,
                    f"is decided by the server with engine openai; set it to {json.dumps(without)}",
                )

    def draws(self) -> bool:
        """Return whether a text may be drawn at a temperature above 0."""
        return self.decoding().temperature > 0

    def where(self) -> Executor:
        gpus = self.tensor_parallel if self.executor == "local" or self.slurm_gpus is None else self.slurm_gpus
        gpus = 0 if self.engine == "openai" else gpus
        job = self.job()
        if job is not None:
            job = replace(job, cores=self.slurm_cores, tasks_per_job=self.slurm_tasks_per_job, jobs_a_worker=1)
        # two shards at a time keep vLLM's batches full; transformers makes its batches of one call's rows
        workers = self.workers or (copies_held(gpus) if job is None and gpus else 1)
        return Executor(workers, gpus, tasks_a_worker=2 if self.engine == "vllm" else 1, slurm=job)

    def settings(self, model_folder: str) -> EngineSettings:
        return EngineSettings(
            engine=self.engine,
            model=model_folder,
            dtype=self.dtype,
            chat_template_kwargs=json.dumps(self.chat_template_kwargs or {}, sort_keys=True, ensure_ascii=False),
            max_batch_tokens=self.max_batch_tokens,
            max_sequences=self.max_sequences,
            speculative_tokens=self.speculative_tokens,
            tensor_parallel=self.tensor_parallel,
            gpu_memory=self.gpu_memory,
            cache_gb=self.cache_gb,
            endpoint=self.endpoint(self.chat_template_kwargs or {}) if self.engine == "openai" else None,
        )

    def decoding(self) -> Sampling:
        """Return the sampling options: those of this file, else of the preset, else of the stage."""
        named = preset(self.sampling)

        def chosen(field: str) -> float:
            value = getattr(self, field)
            return getattr(named, field) if value is None else value

        return Sampling(
            max_new_tokens=self.max_new_tokens or named.max_new_tokens or self.new_tokens,
            temperature=chosen("temperature"),
            top_p=chosen("top_p"),
            repetition_penalty=chosen("repetition_penalty"),
        )
