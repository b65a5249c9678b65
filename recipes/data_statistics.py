"""Measure the composition of a dataset and of reference sets: lengths, sources, topics, years, forms (Kun §4.2.1).

    python recipes/data_statistics.py --config recipes/demo/statistics.yaml

Columns in:  instruction, output; id and source where there are any
Columns out: of the sampled pairs: set, source, instruction, text, and for each list and turn <list>_<turn>, its letter
and its probability

Writes <output_dir>/statistics.json, all numbers by set, and from it <output_dir>/figures/*.svg and *.png.
The script is not called statistics.py: in this folder, that name would hide Python's own module, which torch imports.
"""

from kun_recipes.chain.stages.statistics import STATISTICS

if __name__ == "__main__":
    STATISTICS.main()
