"""The options of the rounds stage."""

from dataclasses import dataclass
from pathlib import Path

from kun_recipes.config.options import option
from kun_recipes.config.types import OutputPath, StagePath
from kun_recipes.data.folders import WRITTEN
from kun_recipes.errors import UserError


@dataclass(kw_only=True)
class RoundsConfig:
    """Put rows and models of the rounds that helped where later stages read those of one round."""

    segments: StagePath = option(help="rows of the corpus stage", selects=True)
    label_model_dirs: list[StagePath] = option(help="folders of the label models, by round", selects=True)
    chat_model_dirs: list[StagePath] = option(help="folders of the primary chat models, by round", selects=True)
    label_dirs: list[StagePath] = option(help="folders of the label stages, by round", selects=True)
    refine_dirs: list[StagePath] = option(help="folders of the refine stages, by round", selects=True)
    gains: list[StagePath] | None = option(
        None,
        "folders of the gain stages, from round 2 on; the first round that did not help, and all later ones, are "
        "omitted; null: all rounds are used",
        selects=True,
    )
    output_dir: OutputPath = option(help="folder of this stage", affects_rows=False)
    label_dir: OutputPath = option(help="folder of all candidates", affects_rows=False)
    refine_dir: OutputPath = option(help="folder of all pairs", affects_rows=False)
    dataset_dir: OutputPath = option(help="folder of the finished dataset", affects_rows=False)
    label_model_dir: OutputPath = option(help="folder of the last label model that helped", affects_rows=False)
    chat_model_dir: OutputPath = option(help="folder of the last primary chat model", affects_rows=False)

    def written(self) -> list[Path]:
        """Return the folders that it writes in addition to its own."""
        others = (self.label_model_dir, self.chat_model_dir, self.label_dir, self.refine_dir, self.dataset_dir)
        return list(map(Path, others))

    def check_folders(self) -> None:
        """Raise UserError for a folder that a run of one round made: the union would replace its rows or its model."""
        for folder in self.written():
            if folder.exists() and any(folder.iterdir()) and not (folder / WRITTEN).is_file():
                raise UserError(
                    f"{folder}: was made by a run of one round, and several rounds would replace it; "
                    "set another output_dir, or remove the folder"
                )
