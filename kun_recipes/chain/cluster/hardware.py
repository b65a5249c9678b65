"""A cluster, or this machine, as a plan sees it."""

import os
from dataclasses import replace

from kun_recipes.chain.cluster.config import ClusterConfig
from kun_recipes.chain.plan.plan import Hardware
from kun_recipes.chain.recipe import Chain
from kun_recipes.execution.devices import visible_gpus
from kun_recipes.execution.usage import processor
from kun_recipes.models.options import EngineConfig


def this_machine() -> Hardware:
    """Return the hardware of this machine, for a plan without a cluster."""
    gpus, here = visible_gpus(), Hardware(0, os.cpu_count() or 1, core=processor())
    if not gpus:
        return here
    import torch  # here: it takes seconds

    memory = torch.cuda.get_device_properties(0).total_memory / 1e9
    return replace(here, gpus=len(gpus), gpu=torch.cuda.get_device_name(), gpu_memory_gb=memory)


def cluster_hardware(cluster: ClusterConfig, chain: Chain) -> Hardware:
    """Return the hardware that a cluster gives to each kind of stage, and its time limits."""
    copies = [stage.config.tensor_parallel for stage in chain.stages if isinstance(stage.config, EngineConfig)]
    return Hardware(
        gpus=cluster.gpu_jobs * max(copies, default=1) if cluster.gpus_per_node else 0,
        cpu_workers=cluster.cpu_jobs,
        time_limits={stage.name: cluster.limit(stage.name, stage.file) for stage in chain.stages},
        training_gpus=cluster.train_nodes * cluster.gpus_per_node,
        gpu=cluster.gpu,
        gpu_memory_gb=cluster.gpu_ram_gb,
    )
