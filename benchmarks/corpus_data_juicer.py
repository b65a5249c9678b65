"""data-juicer's operators that match blocks of the corpus stage, on one core.

Called by corpus.py with an interpreter that has py-data-juicer (it wants other versions of datasets and dill than this
project, hence its own environment).

It installs what an operator lacks when that first runs: run it twice.

    <python> benchmarks/corpus_data_juicer.py <material.jsonl>
"""

import os
import sys
import tempfile
import time

os.environ.setdefault("DATA_JUICER_CACHE_HOME", tempfile.mkdtemp())

from data_juicer.core.data import NestedDataset
from data_juicer.ops import load_ops
from datasets import disable_caching, disable_progress_bars, load_dataset

# ours: FixMojibake and NormaliseText; MaskPrivateData; document_rules; Repetition; DigestRows
OPERATORS = [
    {"fix_unicode_mapper": {}},
    {"clean_html_mapper": {}},
    {"whitespace_normalization_mapper": {}},
    {"clean_email_mapper": {}},
    {"clean_ip_mapper": {}},
    {"clean_links_mapper": {}},
    {"text_length_filter": {"min_len": 50}},
    {"alphanumeric_filter": {"tokenization": False, "min_ratio": 0.0}},
    {"special_characters_filter": {"max_ratio": 0.6}},
    {"average_line_length_filter": {"min_len": 5}},
    {"maximum_line_length_filter": {"min_len": 10}},
    {"character_repetition_filter": {"rep_len": 10, "max_ratio": 0.5}},
    {"remove_repeat_sentences_mapper": {"lang": "zh"}},
]


def main(path: str) -> None:
    disable_caching()
    disable_progress_bars()
    rows = NestedDataset(load_dataset("json", data_files=path, split="train", cache_dir=tempfile.mkdtemp()))
    megabytes = sum(len(text.encode()) for text in rows["text"]) / 1e6
    total = 0.0
    operators = load_ops(OPERATORS)
    operators[0].run(rows)  # pays for imports
    for operator in operators:
        operator.num_proc = 1
        begun = time.perf_counter()
        rows = operator.run(rows)
        seconds = time.perf_counter() - begun
        total += seconds
        print(f"data-juicer {type(operator).__name__}: {seconds:.2f} s, {megabytes / seconds:.1f} MB/s")
    print(f"data-juicer, these operators: {total:.2f} s, {megabytes / total:.2f} MB/s")


if __name__ == "__main__":
    main(sys.argv[1])
