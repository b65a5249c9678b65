"""Source ids that repeat are counted, over all files, whatever the number of parts in which they are compared."""

import pytest
from datatrove.data import Document

from kun_recipes.corpus.sources.source_ids import NoteSourceIds, count_repeated


def documents(origins: str) -> list[Document]:
    """Return documents of one-letter sources and ids, such as "a1 b1"."""
    metadata = [{"source": origin[0], "document_id": origin[1:]} for origin in origins.split()]
    return [Document("文", id="x", metadata=fields) for fields in metadata]


@pytest.mark.parametrize(
    ("files", "repeated"),
    [
        (["a1 a2 a3", "b1 b2"], 0),
        (["a1 a1 a1 a2"], 2),
        (["a1 a2", "a2 a1 a3"], 2),
        (["a1 a1", "a1"], 2),
        (["a11 a1", ""], 0),
        ([""], 0),
    ],
)
@pytest.mark.parametrize("parts", [1, 3, 16])
def test_repeated_ids_are_counted(tmp_path, files, repeated, parts):
    for rank, origins in enumerate(files):
        found = documents(origins)
        for _ in range(2):  # a task that was killed runs again
            assert list(NoteSourceIds(tmp_path).run(iter(found), rank=rank)) == found
    assert count_repeated(tmp_path, parts=parts) == repeated
