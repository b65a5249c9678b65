"""Options of a cluster. They stand in a file of their own, so that a recipe runs on any cluster."""

from dataclasses import dataclass

from kun_recipes.chain.all_stages import ALL_STAGES, STAGES
from kun_recipes.chain.rounds import GAIN, PER_ROUND
from kun_recipes.chain.stage import Stage
from kun_recipes.chain.stages.training import FINAL_MODEL
from kun_recipes.config.options import option
from kun_recipes.config.values import nearest
from kun_recipes.errors import ConfigError
from kun_recipes.execution.options import ExecutorConfig
from kun_recipes.execution.slurm.time_limits import TIME_LIMIT


@dataclass(kw_only=True)
class ClusterConfig:
    """A Slurm cluster, as `recipes/run.py --slurm` needs to know it."""

    partition: str = option(help="partition of the jobs with GPUs; `sinfo` lists the partitions")
    cpu_partition: str | None = option(None, "partition of the jobs without GPUs; null: the same partition")
    account: str | None = option(None, "account to which the jobs are charged")
    qos: str | None = option(None, "quality of service of the jobs")
    sbatch: list[str] | None = option(None, "further sbatch options for every job, such as `constraint=a800`")
    setup: list[str] | None = option(None, "shell lines that each job runs first, such as `module load cuda`")

    time: str = option("24:00:00", "time limit of a job", unit="[D-]HH:MM:SS")
    times: dict[str, str] | None = option(
        None, "time limits of single stages, such as {label: 2-00:00:00, corpus: '12:00:00'}"
    )
    max_requeues: int = option(20, "maximum number of times that a job requeues itself at its time limit", min=0)

    gpus_per_node: int = option(8, "GPUs per node; 0 on a cluster without GPUs", min=0)
    gpu: str | None = option(None, "name of the GPUs, as `nvidia-smi -L` prints it; plans use its measured speeds")
    gpu_ram_gb: float | None = option(
        None, "memory of one GPU; null: plans do not check whether a stage fits", unit="GB", above=0
    )
    cores_per_gpu: int = option(8, "CPU cores requested per GPU", min=1)
    train_nodes: int = option(1, "nodes per training", min=1)
    train_memory_gb: int | None = option(
        None, "memory of a training on each node; null: Slurm's default", unit="GiB", min=1
    )
    gpu_jobs: int = option(
        8,
        "maximum number of jobs at a time of a stage that uses a model (label, refine, evaluate, …), each with the "
        "GPUs of one model copy",
        min=1,
    )
    gpu_memory_gb: int = option(64, "memory of each such job", unit="GiB", min=1)
    cpu_jobs: int = option(64, "maximum number of corpus jobs at a time, with one core each", min=1)
    cpu_memory_gb: int = option(8, "memory of each corpus job, and of the job that leads a stage", unit="GiB", min=1)

    def check(self) -> None:
        for key, limits in {"time": [self.time], "times": (self.times or {}).values()}.items():
            for limit in limits:
                if not TIME_LIMIT.fullmatch(limit):
                    raise ConfigError(key, f"write D-HH:MM:SS or HH:MM:SS, not {limit}")

        for name in self.times or {}:
            of_round, _, number = name.rpartition("_")
            is_of_round = of_round in (*PER_ROUND, GAIN) and number.isdecimal()
            if name not in ALL_STAGES and not is_of_round and not name.startswith(f"{FINAL_MODEL.name}_"):
                raise ConfigError("times", f"{name}: no such stage{nearest(name, STAGES)}")

    def limit(self, *names: str) -> str:
        """Return the time limit of a stage, by the first of its names that has one of its own."""
        limits = self.times or {}
        return next((limits[name] for name in names if name in limits), self.time)

    def placement(self, file: str, kind: Stage) -> list[str]:
        """Return the command-line words that tell the data stages where their job arrays run."""
        if not issubclass(kind.config_class(), ExecutorConfig):
            return []
        words = {
            "executor": "slurm",
            "slurm_time": self.limit(file),
            "slurm_account": self.account,
            "slurm_qos": self.qos,
            **(self._on_cores() if kind.devices == "cores" else self._on_gpus()),
        }
        lists = {"slurm_sbatch": self.sbatch, "slurm_setup": self.setup}
        given = [word for key, value in words.items() if value is not None for word in (f"--{key}", str(value))]
        return given + [word for key, values in lists.items() if values for word in (f"--{key}", *values)]

    def _on_cores(self) -> dict[str, object]:
        return {
            "slurm_partition": self.cpu_partition or self.partition,
            "slurm_memory_gb": self.cpu_memory_gb,
            "workers": self.cpu_jobs,
        }

    def _on_gpus(self) -> dict[str, object]:
        return {
            "slurm_partition": self.partition,
            "slurm_memory_gb": self.gpu_memory_gb,
            "slurm_cores": self.cores_per_gpu,
            "slurm_gpus": None if self.gpus_per_node else 0,
            "workers": self.gpu_jobs,
        }
