"""The script of a stage's job: one that leads the arrays of a data stage, or one that trains on all its nodes."""

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

import jinja2

from kun_recipes.chain.cluster.config import ClusterConfig
from kun_recipes.chain.recipe import StageRun
from kun_recipes.execution.slurm.arrays import REQUEUE_SECONDS, REQUEUE_SIGNAL, activation, in_file_pattern
from kun_recipes.execution.slurm.queue import mark

_TEMPLATES = jinja2.Environment(
    loader=jinja2.PackageLoader("kun_recipes.chain", "cluster"),
    undefined=jinja2.StrictUndefined,
    keep_trailing_newline=True,
)


@dataclass(frozen=True)
class Script:
    """Script of a stage, and the folder of it and its logs.

    Attributes:
        folder: <output_dir of the run>/slurm.
        text: the script for sbatch.
    """

    stage: StageRun
    folder: Path
    text: str

    @property
    def path(self) -> Path:
        return self.folder / f"{self.stage.name}.sbatch"

    def write(self) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True)  # Slurm writes logs into no folder that is not there
        self.path.write_text(self.text, encoding="utf-8")
        return self.path


def script(stage: StageRun, cluster: ClusterConfig, recipe: str, output_dir: str) -> Script:
    """Return the script of one stage's job, for a shared folder: it begins in the current one."""
    folder = Path(output_dir, "slurm")
    training = stage.kind.devices == "training"
    asked = {
        "job-name": f"kun-{stage.name}",
        "comment": mark(stage.folder),
        "output": f"{in_file_pattern(folder.resolve())}/{stage.name}-%j.log",
        "open-mode": "append",
        "time": cluster.limit(stage.name, stage.file),
        "signal": f"B:{REQUEUE_SIGNAL}@{REQUEUE_SECONDS}",
        "account": cluster.account,
        "qos": cluster.qos,
        **(_training_node(cluster) if training else _leading_core(cluster)),
    }
    options = [f"{name}={shlex.quote(str(value))}" for name, value in asked.items() if value is not None]
    text = _TEMPLATES.get_template(f"{'training' if training else 'data'}.sbatch.jinja").render(
        title=f"{recipe}: {stage.name}",
        stage=stage.name,
        options=[*options, "requeue", *(cluster.sbatch or [])],
        setup=[*(cluster.setup or []), *activation()],
        folder=shlex.quote(os.getcwd()),
        signal=REQUEUE_SIGNAL,
        max_requeues=cluster.max_requeues,
        command=shlex.quote(_launch(stage, cluster)) if training else shlex.join(stage.command),
    )
    return Script(stage, folder, text)


def _leading_core(cluster: ClusterConfig) -> dict[str, object]:
    return {
        "partition": cluster.cpu_partition or cluster.partition,
        "nodes": 1,
        "ntasks": 1,
        "mem": f"{cluster.cpu_memory_gb}G",
    }


def _training_node(cluster: ClusterConfig) -> dict[str, object]:
    return {
        "partition": cluster.partition,
        "nodes": cluster.train_nodes,
        "ntasks-per-node": 1,  # accelerate starts a node's ranks
        "cpus-per-task": cluster.cores_per_gpu * max(1, cluster.gpus_per_node),
        "gpus-per-node": cluster.gpus_per_node or None,
        "mem": f"{cluster.train_memory_gb}G" if cluster.train_memory_gb else None,
    }


def _launch(stage: StageRun, cluster: ClusterConfig) -> str:
    """Return the shell line that each node runs: accelerate launch, with the other nodes' ranks if there are any."""
    ranks = cluster.train_nodes * max(1, cluster.gpus_per_node)
    if ranks == 1:
        return shlex.join(stage.command)
    where = [
        *("--num_machines", str(cluster.train_nodes), "--num_processes", str(ranks)),
        *("--machine_rank", '"$SLURM_NODEID"'),
        *("--main_process_ip", '"$MAIN_ADDRESS"', "--main_process_port", '"$MAIN_PORT"'),
        *("--rdzv_backend", "static"),
    ]
    return " ".join([shlex.join(stage.launcher), *where, shlex.join(stage.words)])
