"""The scripts: what they ask of Slurm, and that bash reads them, whatever a folder is called."""

import subprocess
from pathlib import Path

import pytest

from kun_recipes.chain.cluster.config import ClusterConfig
from kun_recipes.chain.cluster.scripts import Script, script
from kun_recipes.chain.loading import load_chain
from kun_recipes.chain.recipe import StageRun
from kun_recipes.config.command_line import load

pytestmark = pytest.mark.usefixtures("in_repository")


def write(stage: str, output: Path, *words: str) -> Script:
    cluster = load(ClusterConfig, ["--partition", "a800", "--cpu_partition", "thin", *words])
    chain = load_chain("recipes/demo", ["--output_dir", str(output)], cluster.placement)
    chosen: StageRun = chain.select([stage])[0]
    return script(chosen, cluster, "recipes/demo", str(output))


def options(text: str) -> set[str]:
    return {line.removeprefix("#SBATCH --") for line in text.splitlines() if line.startswith("#SBATCH")}


def test_data_stage_job_asks_for_one_task_without_gpus(tmp_path):
    asked = options(write("label", tmp_path, "--times", "label=2-00:00:00").text)
    assert asked >= {"partition=thin", "nodes=1", "ntasks=1", "mem=8G", "time=2-00:00:00", "requeue"}
    assert asked >= {"job-name=kun-label", f"comment=kun-recipes:{tmp_path}/label", "signal=B:USR1@120"}
    assert not any(option.startswith(("gpus", "cpus")) for option in asked)


def test_a_training_has_its_nodes_and_their_gpus(tmp_path):
    asked = options(write("label_model", tmp_path, "--train_nodes", "4", "--train_memory_gb", "900").text)
    assert asked >= {"partition=a800", "nodes=4", "ntasks-per-node=1", "gpus-per-node=8", "cpus-per-task=64"}
    assert asked >= {"mem=900G", "time=24:00:00"}


def test_account_qos_and_further_options_are_in_every_script(tmp_path):
    words = ["--account", "lab", "--qos", "high", "--sbatch", "constraint=a800", "exclude=node7"]
    for stage in ("label", "label_model"):
        asked = options(write(stage, tmp_path, *words).text)
        assert asked >= {"account=lab", "qos=high", "constraint=a800", "exclude=node7"}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--train_nodes", "4"], "--num_machines 4 --num_processes 32 --machine_rank"),
        ([], "--num_machines 1 --num_processes 8 --machine_rank"),
        (["--train_nodes", "2", "--gpus_per_node", "0"], "--num_machines 2 --num_processes 2 --machine_rank"),
    ],
)
def test_every_node_launches_its_share_of_the_ranks(tmp_path, words, told):
    text = write("label_model", tmp_path, *words).text
    assert told in text
    assert '--main_process_ip "$MAIN_ADDRESS" --main_process_port "$MAIN_PORT" --rdzv_backend static' in text


def test_single_rank_job_has_no_rendezvous(tmp_path):
    assert "--num_machines" not in write("label_model", tmp_path, "--gpus_per_node", "0").text


@pytest.mark.parametrize("stage", ["corpus", "final_model"])
def test_bash_reads_every_script(tmp_path, stage):
    output = tmp_path / "it's a folder"
    written = write(stage, output, "--setup", "module load 'a b'", "export X='1'").write()
    assert subprocess.run(["bash", "-n", str(written)], capture_output=True, text=True).stderr == ""
    assert "\nmodule load 'a b'\nexport X='1'\n" in written.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("scontrol", "told"),
    [(None, ["requeues itself", "could not requeue it"]), ("exit 0", ["requeues itself"])],
)
def test_failed_requeue_is_reported(tmp_path, scontrol, told):
    """The head of a job's script, warned of its time limit, with or without Slurm's scontrol."""
    head = write("label", tmp_path).text.partition("# This job only leads")[0]
    (tmp_path / "job.sh").write_text(f"{head.replace('sleep 600', 'exit 0')}\nsleep 1 & kill -USR1 $$; wait $!\n")
    if scontrol:
        (tmp_path / "scontrol").write_text(f"#!/bin/sh\n{scontrol}\n")
        (tmp_path / "scontrol").chmod(0o755)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "SLURM_JOB_ID": "7"}
    if scontrol is None:  # also where Slurm is installed
        (tmp_path / "bin").mkdir()
        for program in ("sleep", "bash"):
            (tmp_path / "bin" / program).symlink_to(f"/usr/bin/{program}")
        environment["PATH"] = str(tmp_path / "bin")
    done = subprocess.run(["/bin/bash", tmp_path / "job.sh"], env=environment, capture_output=True, text=True)
    said = [line for line in done.stderr.splitlines() if line.startswith("label: ")]
    assert len(said) == len(told) and all(part in line for part, line in zip(told, said, strict=True))
    assert "queued again" not in done.stderr
