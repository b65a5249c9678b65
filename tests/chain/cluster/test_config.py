"""cluster.yaml: time limits, and the cluster settings that each kind of stage gets."""

import pytest

from kun_recipes.chain.cluster.config import ClusterConfig
from kun_recipes.chain.stages.corpus import CORPUS
from kun_recipes.chain.stages.label import LABEL
from kun_recipes.chain.stages.training import FINAL_MODEL
from kun_recipes.config.command_line import load
from kun_recipes.errors import ConfigError


def read(*words: str) -> ClusterConfig:
    return load(ClusterConfig, ["--partition", "a800", *words])


def test_a_stage_may_have_a_limit_of_its_own():
    cluster = read(
        "--time", "10:00:00", "--times", "label=2-00:00:00", "final_model=5:00:00", "final_model_9k=0:30:00"
    )
    assert cluster.limit("corpus") == "10:00:00"
    assert cluster.limit("label") == "2-00:00:00"
    assert cluster.limit("final_model_26k", "final_model") == "5:00:00"
    assert cluster.limit("final_model_9k", "final_model") == "0:30:00"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--time", "two days"], "command line: time: write D-HH:MM:SS or HH:MM:SS, not two days"),
        (["--times", "label=1h"], "command line: times: write D-HH:MM:SS or HH:MM:SS, not 1h"),
        (["--times", "label"], "command line: times: write name=value, not 'label'"),
        (["--train_nodes", "0"], "command line: train_nodes: must be at least 1, not 0"),
        (["--qoss", "high"], "command line: --qoss: unknown argument; did you mean --qos?"),
    ],
)
def test_invalid_cluster_options_are_refused(words, message):
    with pytest.raises(ConfigError) as caught:
        read(*words)
    assert str(caught.value) == message


def test_a_cluster_needs_a_partition():
    with pytest.raises(ConfigError, match="partition: is required"):
        load(ClusterConfig, [])


EVERY = ["--executor", "slurm", "--slurm_time", "24:00:00"]


@pytest.mark.parametrize(
    ("words", "kind", "told"),
    [
        ([], FINAL_MODEL, []),
        (
            [],
            CORPUS,
            [*EVERY, "--slurm_partition", "a800", "--slurm_memory_gb", "8", "--workers", "64"],
        ),
        (
            ["--cpu_partition", "thin", "--cpu_jobs", "9", "--account", "lab", "--setup", "module load gcc", "set -x"],
            CORPUS,
            [
                *[*EVERY, "--slurm_account", "lab", "--slurm_partition", "thin", "--slurm_memory_gb", "8"],
                *["--workers", "9", "--slurm_setup", "module load gcc", "set -x"],
            ],
        ),
        (
            ["--gpu_jobs", "3", "--sbatch", "constraint=a800", "--qos", "high"],
            LABEL,
            [
                *[*EVERY, "--slurm_qos", "high", "--slurm_partition", "a800", "--slurm_memory_gb", "64"],
                *["--slurm_cores", "8", "--workers", "3", "--slurm_sbatch", "constraint=a800"],
            ],
        ),
        (
            ["--gpus_per_node", "0"],
            LABEL,
            [
                *[*EVERY, "--slurm_partition", "a800", "--slurm_memory_gb", "64", "--slurm_cores", "8"],
                *["--slurm_gpus", "0", "--workers", "8"],
            ],
        ),
    ],
)
def test_placement_options_of_a_stage(words, kind, told):
    assert read(*words).placement("any", kind) == told
