"""A manifest: how a copy of what was published is known."""

import json

from kun_recipes.data.columns import PAIRS
from kun_recipes.data.manifest import CARD, MANIFEST, digest_rows, read_manifest, row_digest, write_manifest
from kun_recipes.data.parquet import SplitWriter
from tests.data.test_dataset import LINEAGE

ROW = {"instruction": "问？", "output": "答。", "perplexity": 1.5, "title": None}


def test_row_hash_does_not_depend_on_the_column_order():
    assert row_digest(ROW) == row_digest(dict(reversed(ROW.items())))
    for column, other in (("output", "答"), ("perplexity", 1.25), ("title", "")):
        assert row_digest(ROW) != row_digest(ROW | {column: other})


def test_the_hash_of_rows_depends_on_their_order():
    other = ROW | {"instruction": "为什么？"}
    assert digest_rows([ROW, other])["rows"] == 2
    assert digest_rows([ROW, other]) != digest_rows([other, ROW])


def test_manifest_lists_every_file_except_the_card(tmp_path):

    (tmp_path / "data").mkdir()
    with SplitWriter(tmp_path / "data", PAIRS) as splits:
        for number in range(3):
            splits.write(
                {"id": str(number), "text": "段", "source": "wudao", "instruction": "问", "output": "答", **LINEAGE}
            )
    (tmp_path / CARD).write_text("card", encoding="utf-8")
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes" / "run.yaml").write_text("a: 1", encoding="utf-8")
    manifest = write_manifest(tmp_path)
    assert read_manifest(tmp_path / MANIFEST) == json.loads(json.dumps(manifest))
    assert sorted(manifest["files"]) == ["data/wudao-00000-of-00001.parquet", "recipes/run.yaml"]
    assert manifest["splits"]["wudao"]["rows"] == 3
    assert write_manifest(tmp_path) == manifest  # itself is not in it
