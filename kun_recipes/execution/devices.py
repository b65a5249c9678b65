"""Assign GPUs to workers."""

import os

from kun_recipes.errors import UserError

VISIBLE = "CUDA_VISIBLE_DEVICES"


def visible_gpus() -> list[str]:
    """Return names of the GPUs that this process may use, as CUDA_VISIBLE_DEVICES names them; without touching any."""
    named = os.environ.get(VISIBLE)
    if named is not None:
        return [name.strip() for name in named.split(",") if name.strip()]
    import torch  # here: not every stage needs it

    return [str(number) for number in range(torch.cuda.device_count())]


def check_enough(workers: int, gpus: int) -> None:
    """Raise UserError when `workers` of `gpus` GPUs each do not fit on this machine; one without GPUs fits any."""
    if not gpus:
        return
    found = len(visible_gpus())
    if found and workers * gpus > found:
        raise UserError(
            f"{workers} workers with {gpus} GPUs each need {workers * gpus} GPUs, but only {found} are visible: lower "
            "workers, tensor_parallel, or both"
        )


def copies_held(gpus: int) -> int:
    """Return how many workers of `gpus` GPUs each fit on this machine; 1 on one without GPUs."""
    return max(1, len(visible_gpus()) // gpus)


def share_out(gpus: int) -> list[str]:
    """Return the value of CUDA_VISIBLE_DEVICES for each worker of `gpus` GPUs, as many as fit.

    The list is empty if the machine has no GPU, or `gpus` is 0.
    """
    found = visible_gpus() if gpus else []
    return [",".join(found[first : first + gpus]) for first in range(0, len(found), gpus or 1)]


def own_gpus(share: str) -> None:
    """Leave this process only these GPUs, before a library looks for any."""
    os.environ[VISIBLE] = share
