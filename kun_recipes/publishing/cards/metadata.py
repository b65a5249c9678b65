"""The metadata of a dataset's card: what the Hub indexes, and what `load_dataset` reads its configs and types from."""

from pathlib import Path
from typing import Any

from datasets import DatasetInfo, Features, SplitDict, SplitInfo
from datasets.info import DatasetInfosDict
from datasets.utils.metadata import MetadataConfigs
from huggingface_hub import DatasetCardData
from pyarrow import parquet

from kun_recipes.data.parquet import DATA, shards
from kun_recipes.models.resolve import HUB_ID
from kun_recipes.publishing.licences import Licence

SIZES = {10**3: "n<1K", 10**4: "1K<n<10K", 10**5: "10K<n<100K", 10**6: "100K<n<1M", 10**7: "1M<n<10M"}
LARGEST = "10M<n<100M"
DEFAULT = "default"
"""The config that holds every source."""


def dataset_metadata(
    folder: Path, rows: dict[str, int], title: str, licence: Licence | None, origins: dict[str, str], tags: list[str]
) -> DatasetCardData:
    """The metadata of the Parquet files in a folder.

    Args:
        rows: by split; each split is a config of its own too.
        licence: None where that of the rows is not known.
        origins: where each source comes from.
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
    configs = {DEFAULT: list(rows), **{split: [split] for split in rows}}
    infos = {name: _info(folder, name, splits, rows) for name, splits in configs.items()}
    DatasetInfosDict(infos).to_dataset_card_data(data)
    MetadataConfigs(
        {
            name: {"data_files": [{"split": split, "path": f"{DATA}/{split}-*.parquet"} for split in splits]}
            | ({"default": True} if name == DEFAULT else {})
            for name, splits in configs.items()
        }
    ).to_dataset_card_data(data)
    return data


def _info(folder: Path, config: str, splits: list[str], rows: dict[str, int]) -> DatasetInfo:
    schema = parquet.read_schema(shards(folder, splits[0])[0])
    sizes = {split: sum(path.stat().st_size for path in shards(folder, split)) for split in splits}
    in_memory = {split: _bytes_in_memory(folder, split) for split in splits}
    return DatasetInfo(
        config_name=config,
        features=Features.from_arrow_schema(schema),
        splits=SplitDict(
            {split: SplitInfo(split, num_bytes=in_memory[split], num_examples=rows[split]) for split in splits}
        ),
        download_size=sum(sizes.values()),
        dataset_size=sum(in_memory.values()),
    )


def _bytes_in_memory(folder: Path, split: str) -> int:
    groups = (
        parquet.ParquetFile(path).metadata.row_group(number)
        for path in shards(folder, split)
        for number in range(parquet.ParquetFile(path).num_row_groups)
    )
    return sum(group.total_byte_size for group in groups)
