"""Private names of other packages that this one depends on: each is listed, is used in one place, and still exists.

A release of a library may drop such a name without a word: the second test then fails, by name.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from pkgutil import resolve_name

import pytest

PRIVATE = {
    "re:_constants": ["text/literals.py", "text/phrases.py"],
    "re:_parser": ["text/literals.py", "text/phrases.py"],
    "fsspec.implementations.local:LocalFileSystem._strip_protocol": ["data/files.py"],
    "transformers:PreTrainedModel._is_stateful": ["training/architecture.py"],
    "transformers:PreTrainedModel._supports_attention_backend": ["training/architecture.py"],
    "transformers:PreTrainedModel._supports_flash_attn": ["training/architecture.py"],
    "transformers:PreTrainedModel._supports_sdpa": ["training/architecture.py"],
    "transformers:PretrainedConfig._attn_implementation": ["training/sft.py"],
    # overridden
    "argparse:ArgumentDefaultsHelpFormatter._get_help_string": ["config/command_line.py"],
    "datatrove.executor:SlurmPipelineExecutor._run_for_rank": ["execution/slurm/arrays.py"],
    "datatrove.executor:LocalPipelineExecutor._run_for_rank": ["execution/workers.py"],
    "transformers:HfArgumentParser._parse_dataclass_field": ["config/command_line.py"],
    "transformers:Trainer._get_train_sampler": ["training/trainer.py"],
    "transformers.integrations:TensorBoardCallback._init_summary_writer": ["training/tracking.py"],
    "trl:SFTTrainer._send_telemetry": ["training/trainer.py"],
}
"""Each name with the modules that use it."""

OF_INSTANCES = {"_model_name_or_path": ["models/cache.py"], "_SummaryWriter": ["training/tracking.py"]}
"""Attributes that only an object has: of a loaded model's config, and of a TensorBoardCallback."""

UNDOCUMENTED = [
    "ftfy.chardata:CHARMAP_ENCODINGS",
    "ftfy.chardata:UTF8_CLUES",
    "transformers.integrations.integration_utils:INTEGRATION_TO_CALLBACK",
    "transformers.integrations.sdpa_attention:sdpa_attention_forward",
    "transformers.masking_utils:sdpa_mask",
    "transformers.modeling_utils:set_zero3_state",
    "transformers.trainer_pt_utils:LengthGroupedSampler",
    "trl.trainer.utils:adjusted_mfu",
    "trl.trainer.utils:compute_flops_per_token",
    "trl.trainer.utils:compute_mfu",
    "trl.trainer.utils:get_peak_flops",
]
"""Names without an underscore that their libraries' references do not have."""

MODULES = {path.relative_to("kun_recipes").as_posix(): path for path in Path("kun_recipes").rglob("*.py")}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in MODULES.items()}
DOCUMENTED = {"_exit", "_replace"}
"""Of `os`, and of named tuples."""


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name != "_"


def of_ours(tree: ast.AST) -> Iterator[str]:
    """Names that a module defines or assigns."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id


def of_others(tree: ast.AST, ours: set[str]) -> Iterator[str]:
    """Private names that a module uses and this package does not define."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            yield from (part for part in str(node.module).split(".") if is_private(part))
            yield from (alias.name for alias in node.names if is_private(alias.name) and alias.name not in ours)
        elif isinstance(node, ast.Import):
            yield from (part for alias in node.names for part in alias.name.split(".") if is_private(part))
        elif isinstance(node, ast.Attribute) and is_private(node.attr) and node.attr not in ours:
            yield node.attr


def test_private_names_of_others_are_all_listed():
    ours = {name for tree in TREES.values() for name in of_ours(tree)}
    found = {(name, module) for module, tree in TREES.items() for name in of_others(tree, ours)}
    listed = {(name.rpartition(":")[2].rpartition(".")[2], module) for name in PRIVATE for module in PRIVATE[name]}
    listed |= {(name, module) for name, modules in OF_INSTANCES.items() for module in modules}
    overridden = {(name, module) for name, module in listed if name in ours}
    assert {one for one in found if one[0] not in DOCUMENTED} == listed - overridden


@pytest.mark.parametrize("name", [*PRIVATE, *UNDOCUMENTED])
def test_a_private_name_is_still_there_and_still_used(name):
    assert resolve_name(name) is not None
    last = name.rpartition(":")[2].rpartition(".")[2]
    text = "".join(path.read_text(encoding="utf-8") for path in map(MODULES.get, PRIVATE.get(name, MODULES)) if path)
    assert last in text
