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

    partition: str = option(help="partition of the jobs with GPUs: `sinfo` lists them")
    cpu_partition: str | None = option(None, "partition of the jobs without; null: the same")
    account: str | None = option(None, "account that the jobs are charged to")
    qos: str | None = option(None, "quality of service of the jobs")
    sbatch: list[str] | None = option(None, "further options of sbatch, for every job, as `constraint=a800`")
    setup: list[str] | None = option(None, "lines of shell that each job begins with, as `module load cuda`")

    time: str = option("24:00:00", "time limit of a job", unit="[D-]HH:MM:SS")
    times: dict[str, str] | None = option(
        None, "limits of single stages, such as {label: 2-00:00:00, corpus: '12:00:00'}"
    )
    max_requeues: int = option(20, "times that a job which meets its time limit queues itself again", min=0)

    gpus_per_node: int = option(8, "0 on a cluster without GPUs", min=0)
    gpu: str | None = option(None, "name of the GPUs, as `nvidia-smi -L` gives it; plans look for its measurements")
    gpu_ram_gb: float | None = option(None, "memory of one GPU; null: plans do not look if a stage fits", above=0)
    cores_per_gpu: int = option(8, "cores that a job asks for with each GPU", min=1)
    train_nodes: int = option(1, "nodes of each training", min=1)
    train_memory_gb: int | None = option(None, "memory of a training on each node; null: Slurm's default", min=1)
    gpu_jobs: int = option(8, "jobs of label and refine at a time, each with the GPUs of one copy of the model", min=1)
    gpu_memory_gb: int = option(64, "memory of such a job", unit="GiB", min=1)
    cpu_jobs: int = option(64, "jobs of the corpus stage at a time, of one core each", min=1)
    cpu_memory_gb: int = option(8, "memory of such a job, and of the one that leads a stage", unit="GiB", min=1)

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
