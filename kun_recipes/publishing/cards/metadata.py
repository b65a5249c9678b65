"""The metadata of a dataset's card: what the Hub indexes, and what `load_dataset` reads its configs and types from."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from datasets import DatasetInfo, Features, SplitDict, SplitInfo
from datasets.info import DatasetInfosDict
from datasets.utils.metadata import MetadataConfigs
from huggingface_hub import DatasetCardData
from pyarrow import parquet

from kun_recipes.data.folders import PREFERENCE
from kun_recipes.data.parquet import DATA, shards
from kun_recipes.models.resolve import HUB_ID
from kun_recipes.publishing.licences import Licence

SIZES = {10**3: "n<1K", 10**4: "1K<n<10K", 10**5: "10K<n<100K", 10**6: "100K<n<1M", 10**7: "1M<n<10M"}
LARGEST = "10M<n<100M"
DEFAULT = "default"
"""The config that holds every source."""


def dataset_metadata(
    folder: Path,
    rows: dict[str, int],
    title: str,
    licence: Licence | None,
    origins: dict[str, str],
    tags: list[str],
    pairs: Mapping[str, int] | None = None,
) -> DatasetCardData:
    """Return the metadata of the Parquet files in a folder.

    Args:
        rows: by split; each split is a config of its own too.
        licence: None where that of the rows is not known.
        origins: where each source comes from.
        pairs: preference pairs by split; without any there is no config of them.
    """
    hub_sources = [origin for origin in origins.values() if HUB_ID.fullmatch(origin)]
    of_licence: dict[str, Any] = {**licence.metadata()} if licence else {}
    data = DatasetCardData(
        pretty_name=title,
        language=["zh"],
        task_categories=["text-generation"],
        size_categories=[next((size for limit, size in SIZES.items() if sum(rows.values()) < limit), LARGEST)],
        source_datasets=hub_sources or ["original"],
        annotations_creators=["machine-generated"],
        language_creators=["found", "machine-generated"],
        tags=tags,
        **of_licence,
    )
    configs: dict[str, tuple[str, Mapping[str, int]]] = {DEFAULT: (DATA, rows)}
    configs |= {split: (DATA, {split: count}) for split, count in rows.items()}
    configs |= {PREFERENCE: (PREFERENCE, pairs)} if pairs else {}
    infos = {name: _info(folder, name, inside, splits) for name, (inside, splits) in configs.items()}
    DatasetInfosDict(infos).to_dataset_card_data(data)
    MetadataConfigs(
        {
            name: {"data_files": [{"split": split, "path": f"{inside}/{split}-*.parquet"} for split in splits]}
            | ({"default": True} if name == DEFAULT else {})
            for name, (inside, splits) in configs.items()
        }
    ).to_dataset_card_data(data)
    return data


def _info(folder: Path, config: str, data: str, rows: Mapping[str, int]) -> DatasetInfo:
    files = {split: shards(folder, split, data) for split in rows}
    schema = parquet.read_schema(next(iter(files.values()))[0])
    sizes = {split: sum(path.stat().st_size for path in paths) for split, paths in files.items()}
    in_memory = {split: _bytes_in_memory(paths) for split, paths in files.items()}
    return DatasetInfo(
        config_name=config,
        features=Features.from_arrow_schema(schema),
        splits=SplitDict(
            {split: SplitInfo(split, num_bytes=in_memory[split], num_examples=count) for split, count in rows.items()}
        ),
        download_size=sum(sizes.values()),
        dataset_size=sum(in_memory.values()),
    )


def _bytes_in_memory(paths: Sequence[Path]) -> int:
    groups = (
        parquet.ParquetFile(path).metadata.row_group(number)
        for path in paths
        for number in range(parquet.ParquetFile(path).num_row_groups)
    )
    return sum(group.total_byte_size for group in groups)
