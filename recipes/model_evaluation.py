"""Evaluate models: C-Eval and CMMLU by likelihood and by writing, and held-out seed pairs (Kun §4.2.4, table 3).

    python recipes/model_evaluation.py --config recipes/demo/evaluate.yaml

Writes one record per question and model to <output_dir>/rows, and from those results.json, table.md, table.tex,
figure.svg, figure.png and model_index/<model>.json, the form in which a model card on the Hub states results.
"""

from kun_recipes.chain.stages.evaluate import EVALUATE

if __name__ == "__main__":
    EVALUATE.main()
