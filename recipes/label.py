"""Label segments: the label model writes one candidate instruction a segment (Kun §3.2).

    python recipes/label.py --config recipes/demo/label.yaml

Columns in:  id, text, source, tokens
Columns out: + instruction, instruction_logprob, perplexity, instruction_prior_logprob, fit

Two pipelines: the first asks the model and writes every candidate to <output_dir>/labelled, the second filters them,
so that the share of lowest fit is known and no threshold needs the model again.
"""

from kun_recipes.chain.stages.label import LABEL

if __name__ == "__main__":
    LABEL.main()
