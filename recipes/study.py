"""Study: what people and a model think of the pairs and of the models' answers (Kun §4.2.2, §4.2.3).

    python recipes/study.py --config recipes/demo/study.yaml
    python recipes/annotate.py --config recipes/demo/annotate.yaml
    python recipes/study.py --config recipes/demo/study.yaml --votes outputs/demo/annotation/annotation.sqlite

Columns in:  instruction, output, source, id; of the prompts id, prompt
Columns out: judged pairs + clarity_probability, feasibility_probability, practicality_probability,
grade_probabilities, grade; judged answers + a_first_logodds, b_first_logodds, prior_logodds

Writes <output_dir>/quality.jsonl and preference.jsonl, which annotators are asked about, answers/<model>,
judged/<task>, results.json, tables.md, tables.tex and figures/*.svg, *.png. Items, answers and the model's judgements
are made once; the votes of people are counted again at every run.
"""

from kun_recipes.chain.stages.study import STUDY

if __name__ == "__main__":
    STUDY.main()
