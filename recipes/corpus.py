"""Corpus: read web text, cut it into self-contained segments and keep the clean ones (Kun §3.1, A.2, §6).

    python recipes/corpus.py --config recipes/demo/corpus.yaml

Columns out: id, text, source, document_id, title, file_path, span_start, span_end, tokens, masked;
names, where privacy.yaml counts them

The rows, and which of several copies stays, do not depend on the number of workers.
"""

from kun_recipes.chain.stages.corpus import CORPUS

if __name__ == "__main__":
    CORPUS.main()
