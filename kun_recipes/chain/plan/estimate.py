"""Each stage's work, put on the hardware there is."""

from kun_recipes.chain import PUBLISH, REPORT, STATISTICS, STUDY, Chain, StageRun
from kun_recipes.chain.plan.checks import warnings_of
from kun_recipes.chain.plan.evaluation import evaluate_work
from kun_recipes.chain.plan.figures import Figures
from kun_recipes.chain.plan.plan import Hardware, Plan, StageEstimate
from kun_recipes.chain.plan.sample import Sample, with_sample
from kun_recipes.chain.plan.stages import Flow, Work, corpus_work, label_work, refine_work
from kun_recipes.chain.plan.trainings import training_work
from kun_recipes.corpus.config import CorpusConfig
from kun_recipes.curation.config import LabelConfig, RefineConfig
from kun_recipes.errors import UserError
from kun_recipes.evaluation.config import EvaluateConfig
from kun_recipes.execution.slurm.time_limits import seconds_of


def estimate(chain: Chain, figures: Figures, sample: Sample | None, hardware: Hardware) -> Plan:
    """Multiply out what each stage of a chain takes; the formulas are those of stages.py and trainings.py.

    Raises:
        UserError: the figures are of GPUs and there is none, or a time limit is none.
    """
    if figures.device == "gpu" and not hardware.gpus:
        raise UserError("plan.yaml has the speeds of GPUs, and there is none; give their number, by --slurm CLUSTER")
    figures = with_sample(figures, sample) if sample else figures
    flow = Flow(figures)
    # these ask a model about a sample at most, whatever the corpus; a release takes the network's time
    planned = [stage for stage in chain.stages if stage.kind not in (STATISTICS, STUDY, REPORT, PUBLISH)]
    stages = tuple(_estimate_stage(stage, figures, flow, hardware) for stage in planned)
    return Plan(
        recipe=chain.run.output_dir,
        stages=stages,
        assumptions=tuple(figures.named()),
        warnings=tuple(warnings_of(planned, stages, flow)),
        hardware=hardware,
        sample=str(sample.folder) if sample else None,
    )


def _estimate_stage(stage: StageRun, figures: Figures, flow: Flow, hardware: Hardware) -> StageEstimate:
    device, offered = _devices(stage, figures, hardware)
    work = _work(stage, figures, flow, offered)
    used = work.devices or offered
    limit = (hardware.time_limits or {}).get(stage.name)
    return StageEstimate(
        name=stage.name,
        work=work,
        device=device,
        devices=used,
        offered=offered,
        seconds=work.device_seconds / used,
        time_limit=None if limit is None else seconds_of(limit),
    )


def _devices(stage: StageRun, figures: Figures, hardware: Hardware) -> tuple[str, int]:
    if isinstance(stage.config, CorpusConfig) or figures.device == "core":
        return "core", hardware.cpu_workers
    of_training = hardware.training_gpus if stage.kind.training else None
    return "GPU", of_training or hardware.gpus


def _work(stage: StageRun, figures: Figures, flow: Flow, devices: int) -> Work:
    works = {
        CorpusConfig: corpus_work,
        LabelConfig: label_work,
        RefineConfig: refine_work,
        EvaluateConfig: evaluate_work,
    }
    if work := works.get(type(stage.config)):
        return work(stage.config, figures, flow)
    return training_work(stage.config, figures, flow, devices)
