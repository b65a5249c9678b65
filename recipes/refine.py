"""Refine candidates: the primary chat model judges the instructions and writes the polished answers (Kun §3.3).

    python recipes/refine.py --config recipes/demo/refine.yaml

Columns in:  id, text, source, instruction
Columns out: + filter_* and score_* verdicts, output, output_tokens, output_finish_reason, output_logprob

`candidates` may be a stage's rows, Parquet, JSON lines, or a dataset of the Hub, owner/name@revision, such as
published candidates; `push_to: owner/name` sends the finished rows there.

`score_target: pair` and `answers: raw` make the arm that the paper compares with: recipes/humpback. `answers: unaided`
is a control: the same instructions, answered without their documents.

`verify: true` checks each polished answer against its segment: by details, by support (log p(a|x,y) - log p(a|x)), and
by a judge of answers. It adds missing_details, support and answer_* verdicts, and strips tails of courtesies (tail,
raw_output). With `keep_unverified: true` it measures and drops nothing. `answer_candidates: 4` writes four answers to
each instruction and keeps the best by these checks.

Before it judges a row, each judge is measured on the held-out quarter of judge_data. The finished pairs are also
written as a dataset, one Parquet split per source; pairs of a better and a worse answer, as `preference`.
"""

from kun_recipes.chain.stages.refine import REFINE

if __name__ == "__main__":
    REFINE.main()
