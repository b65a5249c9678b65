"""A cluster as a plan sees it."""

from kun_recipes.chain.cluster.config import ClusterConfig
from kun_recipes.chain.plan.plan import Hardware
from kun_recipes.chain.recipe import Chain
from kun_recipes.models.options import EngineConfig


def cluster_hardware(cluster: ClusterConfig, chain: Chain) -> Hardware:
    """What each kind of stage gets of the cluster, and its time limits."""
    copies = [stage.config.tensor_parallel for stage in chain.stages if isinstance(stage.config, EngineConfig)]
    return Hardware(
        gpus=cluster.gpu_jobs * max(copies, default=1) if cluster.gpus_per_node else 0,
        cpu_workers=cluster.cpu_jobs,
        time_limits={stage.name: cluster.limit(stage.name, stage.file) for stage in chain.stages},
        training_gpus=cluster.train_nodes * cluster.gpus_per_node,
    )
