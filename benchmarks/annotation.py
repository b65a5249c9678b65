"""Load on the annotation app: annotators vote at the same time on the real server, with the requests of the page.

    python benchmarks/annotation.py [--annotators 50] [--votes 10000]

Each annotator has a separate link, cookie and connection, and votes as fast as the server answers, without time to
read: far faster than people. At the end, the database must contain every acknowledged vote once, and no other vote.
Latency is the time of one request: the vote is accepted and written to the disk, and the next item is returned. The
limit is the time that the database alone needs for the same votes, without web server, page or waiting.
"""

import argparse
import asyncio
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import cycle, islice
from pathlib import Path

import httpx
import numpy
from rich.console import Console
from rich.table import Table

from kun_recipes.annotation.assignment import Assigner
from kun_recipes.annotation.config import DATABASE
from kun_recipes.annotation.storage import Database, read_votes
from kun_recipes.annotation.study import read_study
from kun_recipes.studies.items import QualityItem, write_items

REPOSITORY = Path(__file__).resolve().parent.parent
CALL = "/zh/quality/gradio_api/run/"
TEXT = "请说明下面这段话的要点，并给出一个例子。" * 20
VOTES_PER_ITEM = 3
TURN = re.compile(r'data-turn="(\d+)"')


@contextmanager
def server(folder: Path, annotators: int, votes: int, port: int) -> Iterator[dict[str, str]]:
    """The server of a study that needs as many votes; yields the links by name."""
    items = [QualityItem(f"q{number}", "wudao", TEXT, TEXT) for number in range(-(-votes // VOTES_PER_ITEM))]
    write_items(items, folder / "study" / "quality.jsonl")
    names = [f"annotator{number}" for number in range(annotators)]
    command = [sys.executable, "recipes/annotate.py", "--study_dir", folder / "study", "--output_dir", folder]
    command += ["--annotators", *names, "--votes_per_item", str(VOTES_PER_ITEM), "--port", str(port)]
    process = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
    try:
        links = {}
        for line in process.stdout:
            links |= dict(re.findall(r"^  (annotator\S+)  (http\S+)$", line))
            if line.startswith("serving"):
                break
        yield links
    finally:
        process.terminate()
        process.communicate()


async def annotate(link: str, budget: Iterator[int], seconds: list[float]) -> int:
    """Vote until the budget or the items are used up; returns the votes that were acknowledged."""
    async with httpx.AsyncClient(base_url=link.partition("/?")[0], timeout=60) as client:
        (await client.get(link)).raise_for_status()
        shown, acknowledged = await _call(client, "show"), 0
        while (turn := TURN.search(shown[1])) and next(budget, None) is not None:
            begun = time.perf_counter()
            shown = await _call(client, "submit", int(turn[1]), "yes", "yes", "no", "pass")
            seconds.append(time.perf_counter() - begun)
            acknowledged += 1
        return acknowledged


async def _call(client: httpx.AsyncClient, name: str, *values: object) -> list:
    answer = await client.post(CALL + name, json={"data": values, "session_hash": "benchmark"})
    answer.raise_for_status()
    return answer.json()["data"]


async def annotate_all(links: dict[str, str], votes: int, seconds: list[float]) -> list[int]:
    budget = iter(range(votes))
    return await asyncio.gather(*(annotate(link, budget, seconds) for link in links.values()))


def check(database: Path, acknowledged: list[int]) -> None:
    """Every acknowledged vote is there once, by who gave it, and no item has too many."""
    votes = read_votes(database)["quality"]
    by_annotator = Counter(vote.annotator for vote in votes)
    assert sorted(by_annotator.values()) == sorted(filter(None, acknowledged)), "a vote was lost or added"
    assert len({(vote.annotator, vote.item) for vote in votes}) == len(votes), "an annotator saw an item twice"
    assert max(Counter(vote.item for vote in votes).values()) <= VOTES_PER_ITEM, "an item has too many votes"


def vote_without_page(folder: Path, annotators: int, votes: int) -> list[float]:
    """Seconds of each vote by the database alone, one after another."""
    database, seconds = Database(folder / "limit" / DATABASE), []
    database.add_study(read_study(folder / "study"), seed=0)
    assigner = Assigner(database, VOTES_PER_ITEM, annotators, timeout=1800, seed=0)
    names = [f"annotator{number}" for number in range(annotators)]
    current = {name: assigner.show("quality", name).assignment for name in names}
    answer = {"clarity": True, "feasibility": True, "practicality": False, "output": "pass"}
    for name in islice(cycle(names), votes):
        if current[name]:
            begun = time.perf_counter()
            current[name] = assigner.submit("quality", name, current[name].id, answer).assignment
            seconds.append(time.perf_counter() - begun)
    return seconds


def row(name: str, lasted: float, seconds: list[float], limit: float) -> list[str]:
    rate = len(seconds) / lasted
    latencies = (f"{1000 * value:.1f}" for value in numpy.percentile(seconds, (50, 95, 99)))
    return [name, f"{len(seconds):,}", f"{lasted:.1f}", f"{rate:.0f}", f"{rate / limit:.2f}", *latencies]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--annotators", type=int, default=50, help="number of annotators")
    parser.add_argument("--votes", type=int, default=10_000, help="number of votes in total")
    parser.add_argument("--port", type=int, default=7861)
    parser.add_argument("--folder", help="folder of the database; default: a temporary folder")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        seconds: list[float] = []
        with server(Path(folder), arguments.annotators, arguments.votes, arguments.port) as links:
            begun = time.perf_counter()
            acknowledged = asyncio.run(annotate_all(links, arguments.votes, seconds))
            lasted = time.perf_counter() - begun
        check(Path(folder) / DATABASE, acknowledged)
        alone = vote_without_page(Path(folder), arguments.annotators, arguments.votes)
    limit = len(alone) / sum(alone)
    table = Table("", "votes", "seconds", "votes/s", "of the limit", "p50 ms", "p95 ms", "p99 ms")
    table.add_row(*row(f"{arguments.annotators} annotators on the page", lasted, seconds, limit))
    table.add_row(*row("the database alone, the limit", sum(alone), alone, limit))
    about = f"{sum(acknowledged):,} votes, none lost or duplicated; {os.cpu_count()} cores"
    Console(width=110).print(table, f"{about}, shared with the annotators", highlight=False)


if __name__ == "__main__":
    main()
