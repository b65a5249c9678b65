import pytest
import torch
from transformers import TopPLogitsWarper

from kun_recipes.models.engines import decoding
from kun_recipes.models.engines.decoding import draw, nucleus


@pytest.mark.parametrize("candidates", [8, 1024], ids=["beyond the candidates", "among the candidates"])
@pytest.mark.parametrize("top_p", [0.1, 0.5, 0.9, 0.999])
def test_nucleus_is_the_one_of_transformers(monkeypatch, candidates, top_p):
    monkeypatch.setattr(decoding, "NUCLEUS_CANDIDATES", candidates)
    scores = torch.randn(4, 300, generator=torch.Generator().manual_seed(0)) * 3
    probabilities, tokens = nucleus(scores.softmax(dim=-1), top_p)
    warped = TopPLogitsWarper(top_p)(None, scores)
    for row in range(4):
        kept = tokens[row][probabilities[row] > 0].tolist()
        assert set(kept) == set(warped[row].isfinite().nonzero().flatten().tolist())


def test_draw_follows_the_distribution():
    probabilities = torch.tensor([[0.1, 0.6, 0.0, 0.3]])
    points = [(step + 0.5) / 1000 for step in range(1000)]
    drawn = draw(probabilities.expand(1000, -1), 1.0, points)
    assert drawn.bincount(minlength=4).tolist() == [100, 600, 0, 300]


def test_draw_stays_in_the_nucleus():
    probabilities = torch.tensor([[0.1, 0.6, 0.0, 0.3]])
    points = [(step + 0.5) / 900 for step in range(900)]
    drawn = draw(probabilities.expand(900, -1), 0.8, points)
    assert drawn.bincount(minlength=4).tolist() == [0, 600, 0, 300]
