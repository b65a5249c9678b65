"""The annotation page as a Space: the keys come as a secret, the votes go to the Space's persistent storage."""

import json
import os
import sys
from pathlib import Path

from kun_recipes.annotation.config import AnnotateConfig
from kun_recipes.annotation.server import run
from kun_recipes.errors import UserError

HERE = Path(__file__).resolve().parent


def main() -> None:
    settings = json.loads((HERE / "settings.json").read_text(encoding="utf-8"))
    storage = os.environ.get("ANNOTATION_DIR", "/data/annotation")
    config = AnnotateConfig(study_dir=str(HERE / "study"), output_dir=storage, host="0.0.0.0", **settings)
    if "ANNOTATION_KEYS" not in os.environ:
        raise UserError("the secret ANNOTATION_KEYS is not set; README.md says where to find its value")
    run(config, json.loads(os.environ["ANNOTATION_KEYS"]))


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(str(error))
