"""What is published of paths and of documents' names."""

import pytest
import yaml

from kun_recipes.privacy import load_privacy
from kun_recipes.publishing.disclosure import public_document, public_path, public_yaml, without_local_paths


@pytest.mark.parametrize(
    ("name", "public"),
    [
        ("42", "42"),
        ("part-00001.jsonl:12", "part-00001.jsonl:12"),
        ("https://example.cn/a/b.html?id=3", "https://example.cn/a/b.html?id=3"),
        ("https://example.cn/%E6%B0%B4?page=4", "https://example.cn/%E6%B0%B4?page=4"),
        ("d41d8cd98f00b204e9800998ecf8427e", "d41d8cd98f00b204e9800998ecf8427e"),
        ("/home/ana/crawl/x.jsonl:3", "…/x.jsonl:3"),
        ("file:///srv/crawl/x.jsonl:3", "…/x.jsonl:3"),
        ("C:\\Users\\ana\\x.txt", "…/x.txt"),
        ("~ana/x.txt", "…/x.txt"),
        ("https://example.cn/u/13912345678.html", "https://example.cn/u/[手机号].html"),
        ("/home/ana/user13912345678.txt", "…/user[手机号].txt"),
        ("a1b2-13912345678", "a1b2-[手机号]"),
        ("https://example.cn/li.ming%40qq.com/x", "https://example.cn/[邮箱]/x"),
        ("https://example.cn/v?token=k3J9x0Qz71&id=3", "https://example.cn/v…"),
        ("https://example.cn/v#access_token=k3J9x0Qz71", "https://example.cn/v…"),
        ("https://li:geheim@example.org.cn/x", "https://…example.org.cn/x"),
    ],
)
def test_names_of_documents_tell_neither_folders_nor_people(name, public):
    assert public_document(name, load_privacy()) == public
    assert public_document(public, load_privacy()) == public


@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("http://localhost:8000/v1", "…/v1"),
        ("http://gpu-17:8000/v1", "…/v1"),
        ("http://10.1.2.3/v1", "…/v1"),
        ("http://[::1]:8000/v1", "…/v1"),
        ("https://llm.corp/v1", "…/v1"),
        ("https://api.example.cn/v1", "https://api.example.cn/v1"),
        ("http://8.8.8.8/v1", "http://8.8.8.8/v1"),
    ],
)
def test_address_of_a_server_in_an_own_network_is_not_published(address, public):
    assert public_path(address) == public
    assert without_local_paths({"base_url": address}) == {"base_url": public}
    assert yaml.safe_load(public_yaml(f"base_url: {address} # ours")) == {"base_url": public}


def test_paths_of_a_summary():
    assert public_path("recipes/demo/refine.yaml") == "recipes/demo/refine.yaml"
    told = {"corpora": [{"path": "/home/ana/corpus"}, "file:///home/ana/x"], "rows": 3}
    assert without_local_paths(told) == {"corpora": [{"path": "…/corpus"}, "…/x"], "rows": 3}


YAML = r"""
path: /home/ana/x.jsonl  # as in /home/ana/notes/todo.md; not https://example.cn/b/c, n/a or ~/.cache/x
quoted: "/home/ana/my data/x.jsonl"
single: '/home/li''s/y'
list: [/data/a, data/b, {path: "/data/wudao/*.json", format: wudao}, hf://datasets/a/b@1/data/*.jsonl]
words: --dir=/home/ana/x and /no_think
pattern: '\[/?INST\]|<</?SYS>>|</s>'
block: |
  cd /home/ana/run
"""


def test_yaml_file_keeps_everything_except_local_folders():
    public = public_yaml(YAML)
    assert public.splitlines()[1] == (
        "path: …/x.jsonl  # as in …/todo.md; not https://example.cn/b/c, n/a or ~/.cache/x"
    )
    assert yaml.safe_load(public) == {
        "path": "…/x.jsonl",
        "quoted": "…/x.jsonl",
        "single": "…/y",
        "list": ["…/a", "data/b", {"path": "…/*.json", "format": "wudao"}, "hf://datasets/a/b@1/data/*.jsonl"],
        "words": "--dir=…/x and /no_think",
        "pattern": r"\[/?INST\]|<</?SYS>>|</s>",
        "block": "cd …/run\n",
    }
