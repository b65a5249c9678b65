"""Label and refine by a model behind an address: their rows, their cost, and what a kill, a refusal and a key do."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tenacity import wait_none

from kun_recipes.curation import label, refine
from kun_recipes.curation.config import LabelConfig, RefineConfig
from kun_recipes.data import schema
from kun_recipes.errors import ConfigError, UserError
from kun_recipes.models.endpoint import client
from kun_recipes.models.engines import release_engines
from tests.curation.stage_rows import ids, removed_rows, rows_of, write_rows
from tests.models.endpoint.chat_server import ChatServer, chat_server, cut, reply_to, status

pytestmark = pytest.mark.slow

KEY = "sk-geheim-0123456789"
TEXTS = [f"第{number}段：水在一百度沸腾。" for number in range(9)]
INSTRUCTIONS = [f"水在{number}度做什么？" for number in range(9)]
ITEMS = {"filter": ("是", "否"), "score": ("好", "差"), "answer": ("好", "差")}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ChatServer]:
    monkeypatch.setattr(client, "GROWING", wait_none())
    with chat_server() as found:
        yield found
    release_engines()


@pytest.fixture
def shared(server: ChatServer, open_rules: Path) -> dict[str, Any]:
    return {"engine": "openai", "model": "teacher-1", "base_url": server.url, "rules": str(open_rules)}


@pytest.fixture
def segments(tmp_path: Path) -> str:
    rows = [{"text": text, "source": "wudao", schema.TOKENS: len(text)} for text in TEXTS]
    return write_rows(tmp_path / "corpus" / "rows", rows)


@pytest.fixture
def labelled(shared, segments, repository, tmp_path) -> Callable[..., Path]:
    """Run label; return its folder."""

    def run(name: str = "label", **options: Any) -> Path:
        prompt = str(repository / "recipes/prompts/label.txt")
        chosen = {"segments": segments, "output_dir": str(tmp_path / name), "prompt": prompt} | shared
        label.run(LabelConfig(**chosen | options))
        return tmp_path / name

    return run


@pytest.fixture
def refined(shared, repository, tmp_path) -> Callable[..., Path]:
    """Run refine on nine candidates; return its folder."""
    pairs = zip(TEXTS, INSTRUCTIONS, strict=True)
    rows = [{"text": text, "source": "wudao", schema.INSTRUCTION: one} for text, one in pairs]
    candidates = write_rows(tmp_path / "candidates" / "rows", rows)
    items: list[dict[str, str]] = []
    for number in range(16):
        for judge, labels in ITEMS.items():
            asked = {"text": f"{judge}{number}"}
            if judge == "answer":
                asked = {"segment": f"甲第{number}。", "instruction": "问", "output": "甲"}
            items.append({"judge": judge, "label": labels[number % 2], **asked})
    judge_data = tmp_path / "judge.jsonl"
    judge_data.write_text("\n".join(json.dumps(item, ensure_ascii=False) for item in items), encoding="utf-8")

    def run(name: str = "refine", **options: Any) -> Path:
        output = tmp_path / name
        chosen = {"candidates": candidates, "output_dir": str(output), "dataset_dir": str(output / "dataset")} | shared
        chosen |= {"judge_data": [str(judge_data)], "filter_threshold": -100, "score_threshold": -100}
        for prompt in ("filter", "score", "polish", "answer", "unaided"):
            file = {"answer": "answer_judge", "unaided": "answer"}.get(prompt, prompt)
            chosen[f"{prompt}_prompt"] = str(repository / f"recipes/prompts/{file}.txt")
        refine.run(RefineConfig(**chosen | options))
        return output

    return run


def use_of(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "stage.json").read_text(encoding="utf-8"))["endpoint"]


def test_label_has_the_servers_texts_and_their_perplexity(labelled, server, capsys):
    rows = rows_of(labelled() / "rows")
    by_segment = {body["messages"][-1]["content"]: reply_to(body) for body in server.rows_asked()}
    assert len(by_segment) == len(rows) == len(TEXTS)
    for row in rows:
        (reply,) = (one for prompt, one in by_segment.items() if row["text"] in prompt)
        assert row[schema.INSTRUCTION] == reply["choices"][0]["message"]["content"]
    assert all(row[schema.PERPLEXITY] > 1 for row in rows)
    assert all(schema.FIT not in row and row[schema.LABEL_MODEL] == "teacher-1" for row in rows)
    said = capsys.readouterr().err
    assert f"openai: teacher-1 at {server.url}, 16 requests at a time, greedy" in said
    assert "teacher-1: 9 requests answered, " in said


def test_the_cost_is_in_the_summary(labelled, server):
    folder = labelled()
    replies = [reply_to(body)["usage"] for body in server.rows_asked()]
    sums = {name: sum(one[name] for one in replies) for name in ("prompt_tokens", "completion_tokens")}
    assert use_of(folder) == {"requests": 9, **sums}
    summary = json.loads((folder / "stage.json").read_text(encoding="utf-8"))
    assert not summary.get("used", {}).get("tokens")  # no local device worked on them


@pytest.mark.parametrize("options", [{"concurrency": 1}, {"concurrency": 64}], ids=str)
def test_concurrency_changes_no_row(labelled, server, options):
    expected = rows_of(labelled() / "measured")
    server.seconds = lambda body: hash(str(body)) % 5 / 50
    server.faults = [status(429), cut, status(500)]
    assert rows_of(labelled("again", **options) / "measured") == expected


def test_candidates_are_drawn_by_seeds(labelled, server):
    rows = rows_of(labelled(candidates=3, candidate_temperature=0.9) / "measured")
    assert [row.get("candidate") for row in rows] == [None, 1, 2] * len(TEXTS)
    drawn = [body for body in server.rows_asked() if "seed" in body]
    assert {body["temperature"] for body in drawn} == {0.9}
    assert len({body["seed"] for body in drawn}) == len(drawn) == 2 * len(TEXTS)


def test_a_refused_row_is_removed_with_what_the_server_says(labelled, server):
    refusal = status(400, {"error": {"message": "data_inspection_failed"}})
    server.when = lambda body: refusal if any("第4段" in turn["content"] for turn in body["messages"]) else None
    folder = labelled(candidates=2)
    (row,) = removed_rows(folder)["refused"]
    assert (row["id"], row["value"]) == ("4", "400: data_inspection_failed")
    assert "4" not in ids(rows_of(folder / "rows"))


def test_another_bound_asks_nothing(labelled, server):
    folder = labelled()
    cost = use_of(folder)
    server.forget()
    highest = sorted(row[schema.PERPLEXITY] for row in rows_of(folder / "rows"))[4]
    labelled(max_perplexity=highest)
    assert len(removed_rows(folder)["perplexity"]) == 4
    assert server.rows_asked() == []
    assert use_of(folder) == cost


def test_refine_judges_and_answers(refined, server):
    folder = refined()
    assert ids(rows_of(folder / "rows")) == [str(number) for number in range(9)]
    use = use_of(folder)
    assert use["requests"] == len(server.rows_asked())
    assert set(use["choices"]) == {"是 / 否", "好 / 差"}
    for covered in use["choices"].values():
        assert (covered["mean"], covered["least"]) == pytest.approx((0.45, 0.45))
        assert covered["none"] == 0
    judges = json.loads((folder / "stage.json").read_text(encoding="utf-8"))["judges"]
    assert set(judges) == {"filter", "score"}


def test_verification_without_support(refined):
    folder = refined(verify=True, checks=["tails", "answer"], answer_candidates=2, answer_threshold=-100)
    rows = rows_of(folder / "measured")
    assert [row.get(schema.ANSWER_CANDIDATE) for row in rows] == [None, 1] * len(TEXTS)
    assert all(schema.ANSWER_LOGODDS in row and schema.SUPPORT not in row for row in rows)
    summary = json.loads((folder / "stage.json").read_text(encoding="utf-8"))
    assert set(summary["judges"]) == {"filter", "score", "answer"}
    assert summary["rows_kept"] + sum(summary["removed"].values()) == len(TEXTS)


def test_a_refused_labelled_item_is_named(refined, server):
    refusal = status(400, {"message": "no"})
    server.when = lambda body: refusal if "filter" in body["messages"][-1]["content"] else None
    with pytest.raises(UserError, match=r"the server refuses an item that measures the judge \(400: no\): .*filter"):
        refined()


SAFE = {"engine": "openai", "base_url": "https://host/v1", "model": "teacher", "output_dir": "out"}
LABEL = {**SAFE, "segments": "in"}
REFINE = {**SAFE, "candidates": "in", "dataset_dir": "data", "judge_data": ["judge.jsonl"]}


@pytest.mark.parametrize(
    ("config", "options", "key", "message"),
    [
        (LabelConfig, {**LABEL, "min_fit": 0.1}, "min_fit", "cannot score a given text: set it to null, or label"),
        (LabelConfig, {**LABEL, "min_fit_percentile": 5}, "min_fit_percentile", "set it to null"),
        (LabelConfig, {**LABEL, "max_perplexity": 4, "logprobs": False}, "max_perplexity", "logprobs is false"),
        (RefineConfig, {**REFINE, "verify": True}, "checks", r"set checks: \[tails, details, answer\], or refine"),
        (LabelConfig, {**LABEL, "base_url": None}, "base_url", "needs the server's address"),
        (LabelConfig, {**LABEL, "engine": "vllm"}, "base_url", "engine vllm uses no server; choose engine: openai"),
        (LabelConfig, {**LABEL, "base_url": "host:8000/v1"}, "base_url", "must be an address such as"),
        (LabelConfig, {**LABEL, "base_url": "ftp://host/v1"}, "base_url", "must be an address such as"),
        (LabelConfig, {**LABEL, "base_url": "http://[host/v1"}, "base_url", "must be an address such as"),
        (LabelConfig, {**LABEL, "base_url": f"https://u:{KEY}@host/v1"}, "base_url", "put the key into the variable"),
        (LabelConfig, {**LABEL, "base_url": f"https://host/v1?key={KEY}"}, "base_url", "put the key into"),
        (LabelConfig, {**LABEL, "base_url": "https://host/v1/chat/completions"}, "base_url", "remove that ending"),
        (LabelConfig, {**LABEL, "api_key_variable": KEY}, "api_key_variable", "must be the NAME of an environment"),
        (
            LabelConfig,
            {**LABEL, "api_key_variable": "hf_AbCd"},
            "api_key_variable",
            "must be the NAME of an environment",
        ),
        (LabelConfig, {**LABEL, "request_fields": {"seed": 1}}, "request_fields", "seed is set by other options"),
        (LabelConfig, {**LABEL, "tensor_parallel": 2}, "tensor_parallel", "is decided by the server .* set it to 1"),
        (LabelConfig, {**LABEL, "max_batch_tokens": 99}, "max_batch_tokens", "set it to null"),
        (LabelConfig, {**LABEL, "model_revision": "abc"}, "model_revision", "set it to null"),
    ],
)
def test_what_a_server_cannot_do_is_said_before_any_work(config, options, key, message):
    with pytest.raises(ConfigError, match=message) as raised:
        config(**options).check()
    assert raised.value.key == key
    assert KEY not in str(raised.value)


@pytest.mark.parametrize(
    ("config", "options"),
    [
        (LabelConfig, {**LABEL, "max_perplexity": 4}),
        (RefineConfig, {**REFINE, "verify": True, "checks": ["details", "answer"]}),
        (LabelConfig, {**LABEL, "base_url": "http://127.0.0.1:8000/v1/", "api_key_variable": "DEEPSEEK_API_KEY"}),
    ],
)
def test_what_a_server_can_do(config, options):
    config(**options).check()


def test_segments_that_nobody_counted_need_a_tokenizer(labelled, server, tmp_path, tiny_model):
    own = write_rows(tmp_path / "own", [{"text": text, "source": "own"} for text in TEXTS])
    with pytest.raises(UserError, match=r"has rows without `tokens`.*set tokenizer to a folder or Hub id"):
        labelled("none", segments=own)
    assert server.asked == []
    rows = rows_of(labelled("counted", segments=own, tokenizer=str(tiny_model)) / "rows")
    assert [row[schema.TOKENS] for row in rows] == [len(text.encode()) for text in TEXTS]


def test_a_server_without_log_probabilities_is_found_before_any_row(labelled, refined, server):
    def without(reply):
        del reply["choices"][0]["logprobs"]
        return reply

    server.change = without
    with pytest.raises(UserError, match="returns no log-probabilities of the generated text; set logprobs: false"):
        labelled("refused", max_perplexity=4)
    server.change = lambda reply: without(reply) if "logprobs" in reply["choices"][0] else reply
    with pytest.raises(
        UserError, match="returns no top_logprobs, which show the model's choice; judge with another server"
    ):
        refined(logprobs=False)
    assert server.rows_asked() == []
    rows = rows_of(labelled(logprobs=False) / "rows")
    assert len(rows) == len(TEXTS)
    assert not any(schema.PERPLEXITY in row for row in rows)


def script(repository: Path, segments: str, output: Path, url: str, rules: Path) -> list[str]:
    options = {"segments": segments, "output_dir": output, "engine": "openai", "model": "teacher-1", "base_url": url}
    options |= {"rules": rules, "concurrency": 1, "api_key_variable": "A_KEY", "retries": 0}
    words = [str(word) for key, value in options.items() for word in (f"--{key}", value)]
    return [sys.executable, str(repository / "recipes/label.py"), *words]


def test_a_killed_stage_asks_only_for_the_rest(repository, labelled, server, segments, open_rules, tmp_path):
    expected = rows_of(labelled("whole") / "rows")
    server.forget()
    command = script(repository, segments, tmp_path / "killed", server.url, open_rules)
    process: list[subprocess.Popen] = []

    def kill(body):
        if len(server.rows_asked()) == 6:
            os.kill(process[0].pid, signal.SIGKILL)

    server.when = kill
    process.append(subprocess.Popen(command, cwd=repository, env={**os.environ, "A_KEY": KEY}, stderr=subprocess.PIPE))
    process[0].communicate()
    assert process[0].returncode == -signal.SIGKILL
    first = server.rows_asked()
    server.when = lambda body: None
    server.forget()
    done = subprocess.run(command, cwd=repository, env={**os.environ, "A_KEY": KEY}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(server.rows_asked()) == len(TEXTS) - 5
    assert [body for body in server.rows_asked() if body in first[:5]] == []
    assert rows_of(tmp_path / "killed" / "rows") == expected
    assert use_of(tmp_path / "killed") == use_of(tmp_path / "whole")


def test_the_key_is_in_no_file_and_no_message(repository, server, segments, open_rules, tmp_path):
    output = tmp_path / "keyed"
    command = script(repository, segments, output, server.url, open_rules)
    environment = {**os.environ, "A_KEY": KEY}
    said = ""
    for code in (401, 500, 418):
        faulty = status(code, {"error": {"message": f"not {KEY}"}})
        server.when = lambda body, faulty=faulty: faulty if len(server.rows_asked()) == 3 else None
        server.forget()
        done = subprocess.run(command, cwd=repository, env=environment, capture_output=True, text=True)
        assert done.returncode == 2, done.stderr
        assert f"{server.url}: {code}: not …" in done.stderr
        assert "Traceback" not in done.stderr
        said += done.stdout + done.stderr
    server.when = lambda body: None
    done = subprocess.run(command, cwd=repository, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    said += done.stdout + done.stderr
    assert {headers["authorization"] for headers in server.headers} == {f"Bearer {KEY}"}
    assert KEY not in said
    files = [path for path in output.rglob("*") if path.is_file()]
    assert [path for path in files if KEY.encode() in path.read_bytes()] == []
    assert any(path.name == "console.log" for path in files)
