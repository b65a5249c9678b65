"""Export: finished pairs as sharegpt, alpaca and messages, for LLaMA-Factory, ms-swift and others (Kun §6).

    python recipes/export.py outputs/demo --into outputs/demo/export
    python recipes/export.py outputs/demo/publish/dataset --into outputs/demo/export_published

Columns in:  instruction, output; id, source and license where there are any
Writes <into>/kun_alpaca.json, kun_sharegpt.json and kun_messages.json, each one JSON array, and dataset_info.json for
LLaMA-Factory (--dataset_dir <into> --dataset kun_sharegpt) and swift_dataset_info.json for ms-swift
(--custom_dataset_info <into>/swift_dataset_info.json --dataset kun_messages).
"""

import argparse

from kun_recipes.cli import mistakes_in_one_line
from kun_recipes.publishing.export import export


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("run", help="folder of a finished run, of its dataset, or of a dataset that publish.py built")
    parser.add_argument("--into", required=True, help="output folder; an earlier export in it is replaced")
    parser.add_argument("--name", default="kun", help="prefix of the names of files and datasets")
    return parser.parse_args()


if __name__ == "__main__":
    options = arguments()
    with mistakes_in_one_line():
        folder, rows = export(options.run, options.into, options.name)
        print(f"{folder}: {rows} pairs, each as alpaca, sharegpt and messages")
