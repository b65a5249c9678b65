"""The inside of a process that gpu.py starts: looks at the machine, makes a model, asks an engine or trains."""

import json
import sys
import traceback
from pathlib import Path
from typing import Any

import torch
from gpu_generation import Generation, measure_generation
from gpu_models import make_model
from gpu_processes import Report, in_one_line, write_reports
from gpu_training import Training, measure_training

from kun_recipes.cli import exit_if_vllm_is_loaded
from kun_recipes.errors import UserError
from kun_recipes.models.hardware import fast_dtype
from kun_recipes.training.attention import choose_attention


def measure(what: dict[str, Any], report: Report) -> None:
    """Do what a run asks for. Its "kind" is one of machine, model, generation and training."""
    if what["kind"] == "machine":
        report(look())
    elif what["kind"] == "model":
        family, parameters, folder = what["asked"]
        make_model(family, parameters, Path(folder))
        report({"made": folder})
    elif what["kind"] == "generation":
        measure_generation(Generation(**what["asked"]), report)
    else:
        measure_training(Training(**what["asked"]), report)


def look() -> dict[str, Any]:
    """Return the first card's name and memory, and what the project's code chooses on it."""
    on_gpu = torch.cuda.is_available()
    return {
        "on_gpu": on_gpu,
        "device": torch.cuda.get_device_name() if on_gpu else _processor(),
        "devices": 1 if on_gpu else torch.get_num_threads(),
        "memory": torch.cuda.get_device_properties(0).total_memory if on_gpu else None,
        "dtype": str(fast_dtype()).removeprefix("torch."),
        "attention": choose_attention(None, shared_rows=True, on_gpu=on_gpu),
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), "unknown CPU")


def main() -> None:
    report = write_reports(Path(sys.argv[2]))
    code = 0
    try:
        measure(json.loads(sys.argv[1]), report)
    except Exception as error:
        code = 1
        traceback.print_exc()
        report({"failed": str(error) if isinstance(error, UserError) else in_one_line(error)})
    exit_if_vllm_is_loaded(code)
    sys.exit(code)


if __name__ == "__main__":
    main()
