"""Count the tokens of texts with the tokenizer itself."""

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from itertools import chain

from datatrove.data import Document
from datatrove.pipeline.writers.disk_base import DiskWriter
from datatrove.utils.batching import batched
from transformers import AutoTokenizer

from kun_recipes.data import schema
from kun_recipes.errors import UserError
from kun_recipes.rules.ranges import RangeFilter

CountTokens = Callable[[Sequence[str]], list[int]]

TEXTS_AT_ONCE = 256  # an encoding takes some 100 bytes per token, and a document may be a book


def count_tokens(path: str, texts: Sequence[str]) -> list[int]:
    """Return the number of tokens of each text, without special tokens.

    Args:
        path: folder or Hub id of the model whose tokenizer counts. Raises UserError where there is none.
    """
    count = load_counter(path)  # once per process: it does not travel with a block
    return list(chain.from_iterable(map(count, batched(texts, TEXTS_AT_ONCE))))


@lru_cache(maxsize=1)
def load_counter(path: str) -> CountTokens:
    """Return a function that counts the tokens of texts."""
    try:
        tokenizer = AutoTokenizer.from_pretrained(path)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: no tokenizer can be loaded from it: {str(error).splitlines()[0]}") from error
    if not tokenizer.is_fast:
        return lambda texts: [len(ids) for ids in tokenizer(list(texts), add_special_tokens=False)["input_ids"]]
    backend = tokenizer.backend_tokenizer
    backend.no_truncation()  # some tokenizer.json files ask for it
    backend.no_padding()
    encode = partial(backend.encode_batch_fast, add_special_tokens=False)  # leaves out the offsets
    return lambda texts: [len(encoding) for encoding in encode(list(texts))]


class RecountMasked(RangeFilter):
    """Count the tokens of segments whose private data was masked, and drop those that became too long.

    Metadata out: tokens. Reason: "too_long"; the value is the number of tokens.

    Args:
        tokenizer_path: folder or Hub id of the model that will read the segments.
        max_tokens: the budget of the segmenter.
        exclusion_writer: where dropped rows go.
    """

    def __init__(self, tokenizer_path: str, max_tokens: int, exclusion_writer: DiskWriter | None = None):
        super().__init__(schema.TOKENS, "too_long", highest=max_tokens, exclusion_writer=exclusion_writer)
        self.tokenizer_path = tokenizer_path

    def filter(self, doc: Document) -> bool | tuple[bool, str]:
        if schema.MASKED not in doc.metadata:
            return True
        (doc.metadata[schema.TOKENS],) = count_tokens(self.tokenizer_path, [doc.text])
        return super().filter(doc)
