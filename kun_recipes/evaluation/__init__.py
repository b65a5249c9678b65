"""Evaluation of models and their base model: C-Eval, CMMLU and held-out pairs, with intervals (Kun §4.2.4)."""
