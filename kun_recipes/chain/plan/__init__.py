"""Cost of a recipe, estimated before the run: rows, tokens, device hours, disk and time of each stage.

plan.yaml (assumptions.py) gives speeds and rates, each with its source; a finished corpus stage on a few documents
(sample.py) replaces its rates with measured ones; the stages declare the formulas, in the terms of work.py;
estimate.py multiplies them out, and table.py prints the result.
"""
