"""How good a model is: C-Eval, CMMLU and held-out pairs, with intervals, the base model beside (Kun §4.2.4)."""
