"""Votes as one annotator until nothing is left, and prints each vote once it is acknowledged: name, item.

python tests/annotation/voter.py <database> <votes per item> <annotators> <name>
"""

import sys
from pathlib import Path

from kun_recipes.annotation.assignment import Assigner
from kun_recipes.annotation.storage import Database


def main(path: str, votes_per_item: str, annotators: str, name: str) -> None:
    assigner = Assigner(Database(Path(path)), int(votes_per_item), int(annotators), 3600, seed=0)
    step = assigner.show("quality", name)
    while step.assignment:
        item = step.assignment.item
        answer = {"clarity": True, "feasibility": True, "practicality": True, "output": "excellent"}
        step = assigner.submit("quality", name, step.assignment.id, answer)
        print(name, item, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
