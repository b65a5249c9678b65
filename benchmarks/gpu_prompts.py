"""Prompts of the three tasks, as the stages ask them, from the demo's documents: each differs from all others."""

import json
import random
from dataclasses import dataclass

from gpu_models import RECIPES

from kun_recipes.models.engines.base import Prompt
from kun_recipes.models.engines.chats import ChatTokenizer
from kun_recipes.models.prompts import load_prompt

TASKS = ("label", "judge", "polish")
VERDICTS = ("好", "差")


@dataclass(frozen=True)
class Lengths:
    """Tokens of a segment, at least and at most, and of the answers."""

    segment: tuple[int, int] = (128, 512)
    label: int = 48
    polish: int = 256

    def new_tokens(self, task: str) -> int:
        return {"label": self.label, "judge": 1, "polish": self.polish}[task]


LENGTHS = Lengths()
TINY = Lengths((32, 64), 8, 16)
"""TINY is for a rehearsal on a CPU."""


def make_prompts(task: str, rows: int, chats: ChatTokenizer, lengths: Lengths, seed: int) -> list[Prompt]:
    """Prompts of a task: a segment of a length drawn evenly; for the judge, an instruction after 14 shots."""
    label = load_prompt(RECIPES / "prompts/label.txt", {"segment"})
    score = load_prompt(RECIPES / "prompts/score.txt", {"instruction"})
    polish = load_prompt(RECIPES / "prompts/polish.txt", {"segment", "instruction"})
    pieces = _pieces(rows, chats, lengths.segment if task != "judge" else (12, 40), f"{task} {seed}")
    if task == "label":
        return [label.render(segment=piece) for piece in pieces]
    if task == "judge":
        return [score.render(instruction=piece) for piece in pieces]
    return [polish.render(segment=piece, instruction="请介绍这段文字的主要内容。") for piece in pieces]


def _pieces(rows: int, chats: ChatTokenizer, tokens: tuple[int, int], seed: str) -> list[str]:
    """Pieces of the documents, each behind a number of its own: there are more rows than places to begin at."""
    files = sorted((RECIPES / "demo/data/corpus").glob("*/*.jsonl"))
    documents = [json.loads(line) for file in files for line in file.read_text(encoding="utf-8").splitlines()]
    text = "\n".join(document.get("content") or document["text"] for document in documents)
    per_token = len(text) / chats.count_text(text)
    draw = random.Random(seed)
    sizes = [round(draw.randint(*tokens) * per_token) for _ in range(rows)]
    starts = [draw.randrange(len(text) - size) for size in sizes]
    pairs = zip(starts, sizes, strict=True)
    return [f"{number}、{text[start : start + size]}" for number, (start, size) in enumerate(pairs)]
