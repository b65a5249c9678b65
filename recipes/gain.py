"""Gain: does a round of the chain help, compared with the one before (Kun §3)?

    python recipes/gain.py --config recipes/demo/gain.yaml

Reads the folders of two rounds, each with label_model, primary_chat_model, label and refine. The models of both are
asked about the same held-out seed pairs; all else is read from what the rounds left, of the same held-out segments
too.

Columns out: reference, reference_logprob; of the label models also reference_prior_logprob, written, likeness

Writes one record per pair and model to <output_dir>/rows/<round>/<model>. stage.json has `helps`, `why` and the
comparison: losses, fit and likeness on held-out pairs, areas under the judges' ROC curves, shares kept, precision,
diversity, lengths and forms, each with the 95% interval of its difference.
"""

from kun_recipes.chain.stages.gain import GAIN

if __name__ == "__main__":
    GAIN.main()
