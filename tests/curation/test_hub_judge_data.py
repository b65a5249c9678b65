"""Judge items and votes on the Hub: read as the files they were made from."""

import pytest
from datasets import Dataset
from huggingface_hub import HfApi

from kun_recipes.annotation.export import write_dataset
from kun_recipes.curation.judge_data import load_judge_items
from kun_recipes.errors import UserError
from tests.curation.test_voted_items import STUDY, VOTES, votes_on

ITEMS = [
    {"judge": judge, "text": f"{judge}{label}{number}", "label": label, "kind": "tea"}
    for judge, labels in {"filter": "是否", "score": "好差"}.items()
    for label in labels
    for number in range(4)
]


@pytest.fixture(autouse=True)
def ana(monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_ana")


def test_labelled_items_of_the_hub_are_read_at_their_revision(hub):
    Dataset.from_list(ITEMS).push_to_hub("ana/Items", split="train", private=True)
    commit = HfApi(endpoint=hub.url, token="hf_ana").dataset_info("ana/Items").sha
    Dataset.from_list(ITEMS[:2]).push_to_hub("ana/Items", split="train", private=True)
    found = load_judge_items(f"ana/Items@{commit}")
    assert [(item.judge, item.text, item.label, item.kind) for item in found] == [
        (item["judge"], item["text"], item["label"], item["kind"]) for item in ITEMS
    ]


def test_published_votes_give_the_items_of_their_folder(hub, tmp_path):
    votes = {"quality": [vote for item, (given, _, _) in VOTES.items() for vote in votes_on(item, *given)]}
    folder = write_dataset(STUDY, votes, tmp_path / "dataset")
    api = HfApi(endpoint=hub.url, token="hf_ana")
    api.create_repo("ana/Votes", repo_type="dataset", private=True)
    api.upload_folder(repo_id="ana/Votes", repo_type="dataset", folder_path=folder)
    local = [(item.text, item.output, item.label) for item in load_judge_items(folder, judges=())]
    assert local
    assert [(item.text, item.output, item.label) for item in load_judge_items("ana/Votes", judges=())] == local


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("ana/Nope", "ana/Nope: neither a file of labelled items nor a dataset that is available on the Hub"),
        ("ana/Tea", "ana/Tea/train:1: judge must be non-empty text"),
        ("data/items.jsonl", "data/items.jsonl: no such file of labelled items"),
    ],
)
def test_what_is_not_judge_data_is_reported_in_one_line(hub, source, message):
    Dataset.from_list([{"text": "茶"}]).push_to_hub("ana/Tea", split="train", private=True)
    with pytest.raises(UserError) as caught:
        load_judge_items(source)
    assert str(caught.value).startswith(message) and "\n" not in str(caught.value)
