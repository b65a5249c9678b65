"""Put the rounds of a run together: rows and models, in the folders that a run of one round writes.

    python recipes/run.py recipes/demo --rounds 2

runs it after the last round; it has no YAML file, because all that it reads are the folders of the rounds.

The first round that did not help, as its gain stage says, and those after it are left out. Segments that no round
labelled are counted and written as removed, with the reason no_round. Columns are those of label and refine.
"""

from kun_recipes.chain.stages.rounds import ROUNDS

if __name__ == "__main__":
    ROUNDS.main()
