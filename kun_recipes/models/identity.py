"""What a model is called in the rows that it made."""

import hashlib
from pathlib import Path

from kun_recipes.errors import UserError


def weights(identity: str) -> str:
    """The part of an identity that is the same for copies of a model under other names."""
    return identity.rpartition("@")[2]


def model_identity(folder: str | Path) -> str:
    """`<folder name>@<hash of its weights>`: the same wherever the folder lies, another after another training."""
    weights = sorted(Path(folder).glob("*.safetensors"))
    if not weights:
        raise UserError(f"{folder}: no *.safetensors file; save the model with save_pretrained")
    digest = hashlib.sha256()
    for file in weights:
        with file.open("rb") as content:
            digest.update(hashlib.file_digest(content, "sha256").digest())
    return f"{Path(folder).name}@{digest.hexdigest()[:12]}"
