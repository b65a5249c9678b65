"""What the processor is good at."""

import torch


def fast_dtype() -> torch.dtype:
    """The number format to run a model in here: bf16 where the hardware multiplies it natively, else fp32.

    A CPU without bf16 instructions converts every product, and is slower in bf16 than in fp32.
    """
    if torch.cuda.is_available():
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float32
    able = torch.cpu.get_capabilities()
    return torch.bfloat16 if able.get("avx512_bf16") or able.get("amx_bf16") else torch.float32
