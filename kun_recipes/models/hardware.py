"""Abilities of the processor: its fast number format, and whether torch can compile for it."""

import os
import shutil
import sysconfig
from pathlib import Path

import torch


def fast_dtype() -> torch.dtype:
    """Return the number format to run a model in here: bf16 where the hardware multiplies it natively, else fp32.

    A CPU without bf16 instructions converts every product, and is slower in bf16 than in fp32.
    """
    if torch.cuda.is_available():
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
    able = torch.cpu.get_capabilities()
    return torch.bfloat16 if able.get("avx512_bf16") or able.get("amx_bf16") else torch.float32


def can_compile() -> bool:
    """Tell if torch can compile here: on a CPU it wants a C++ compiler and Python's headers, and fails without.

    vLLM compiles what counts a token's rank, at the first log-probability asked for.
    """
    if torch.cuda.is_available():
        return True
    headers = Path(sysconfig.get_path("include"), "Python.h")
    return shutil.which(os.environ.get("CXX", "g++")) is not None and headers.is_file()
