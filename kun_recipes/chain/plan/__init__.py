"""Cost of a recipe, estimated before the run: rows, tokens, device hours, disk and time of each stage.

plan.yaml (assumptions.py) gives sizes and rates, each with its source; a finished run on a few documents (sample.py)
replaces them with measured ones; speeds (measured.py) were measured in such a run, or are in benchmarks/measured; the
stages declare the formulas, in the terms of work.py; estimate.py multiplies them out, and table.py prints the result.
"""
