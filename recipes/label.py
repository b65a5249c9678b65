"""Label segments: the label model writes candidate instructions for each segment (Kun §3.2).

    python recipes/label.py --config recipes/demo/label.yaml

Columns in:  id, text, source, tokens; rows of your own need a text, tokens are counted, the source is then "own"
Columns out: + instruction, instruction_logprob, perplexity, instruction_prior_logprob, fit

`candidates: 4` writes four instructions for each segment, reads it once, and keeps the best; 1 is the paper's.

`segments` may be a stage's rows, Parquet, JSON lines, or a dataset of the Hub, owner/name@revision, with `columns` for
other names; `push_to: owner/name` sends the finished rows there.

Also writes every candidate, before any filter, to <output_dir>/measured. With another threshold or other rules, the
stage selects from these rows and asks no model.
"""

from kun_recipes.chain.stages.label import LABEL

if __name__ == "__main__":
    LABEL.main()
