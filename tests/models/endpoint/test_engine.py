"""The endpoint engine against a server that misbehaves: the same answers, a clear line, and no request too many."""

import json
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from kun_recipes.errors import UserError
from kun_recipes.models.endpoint import client, engine
from kun_recipes.models.engines.base import RowsRefused, Sampling
from tests.models.endpoint.chat_server import cut, cut_chunks, hang_up, reply_to, stall, status

PROMPTS = [[{"role": "user", "content": f"第{number}段"}] for number in range(12)]
GREEDY = Sampling(64)
KEY = "sk-geheim-0123456789"


def texts(found) -> list[str]:
    return [one.text for one in found]


def test_texts_have_their_tokens_log_probability_and_end(engine_of, server):
    found = engine_of().generate(PROMPTS[:2], GREEDY)
    (long,) = engine_of().generate(PROMPTS[:1], Sampling(4))
    asked = sorted(server.asked[:2], key=lambda body: body["messages"][-1]["content"])  # they arrive in any order
    for body, completion in zip(asked, found, strict=True):
        choice = reply_to(body)["choices"][0]
        values = [entry["logprob"] for entry in choice["logprobs"]["content"][:-1]]  # the last ended the turn
        assert completion.text == choice["message"]["content"]
        assert (completion.tokens, completion.finish_reason) == (len(completion.text), "stop")
        assert completion.logprob == pytest.approx(sum(values) / len(values))
    assert (long.text, long.tokens, long.finish_reason) == (long.text[:4], 4, "length")


def test_request_contains_the_options(engine_of, server):
    drawing = Sampling(7, temperature=0.5, top_p=0.9, repetition_penalty=1.2)
    one = engine_of({"enable_thinking": False})
    one.generate(PROMPTS[:1] * 2, drawing, [None, 2**40 + 5])
    one.choose(PROMPTS[:1], ["是", "否"])
    greedy, drawn, choice = sorted(server.asked, key=lambda body: (body["max_tokens"] == 1, "seed" in body))
    shared = {"model": "teacher", "messages": PROMPTS[0], "enable_thinking": False, "logprobs": True}
    text = {**shared, "max_tokens": 7, "repetition_penalty": 1.2}
    assert greedy == {**text, "temperature": 0.0}
    assert drawn == {**text, "temperature": 0.5, "top_p": 0.9, "seed": 5 + 2**40 % 2**31}
    assert choice == {**shared, "max_tokens": 1, "temperature": 1.0, "seed": 0, "top_logprobs": 20}


def test_texts_without_log_probabilities(engine_of, server):
    (found,) = engine_of(logprobs=False).generate(PROMPTS[:1], GREEDY)
    assert "logprobs" not in server.asked[0]
    assert (found.logprob, found.tokens) == (None, len(found.text))


@pytest.mark.parametrize("concurrency", [1, 5, 64])
def test_neither_concurrency_nor_speed_changes_an_answer(engine_of, server, concurrency):
    expected = texts(engine_of().generate(PROMPTS, GREEDY))
    server.seconds = lambda body: hash(str(body)) % 7 / 100
    assert texts(engine_of(concurrency=concurrency).generate(PROMPTS, GREEDY)) == expected
    assert len(set(expected)) == len(PROMPTS)


def test_as_many_requests_at_a_time_as_allowed(engine_of, server):
    server.seconds = lambda body: 0.2
    engine_of(concurrency=3).generate(PROMPTS, GREEDY)
    assert server.most == 3
    engine_of(concurrency=12).generate(PROMPTS, GREEDY)
    assert server.most > 3


PASSING = {
    "429": status(429),
    "429 with Retry-After": status(429, retry_after="0.05"),
    "429 with a date": status(429, retry_after=format_datetime(datetime.now(UTC) - timedelta(days=1), usegmt=True)),
    "429 with nonsense": status(429, retry_after="soon"),
    "408": status(408),
    "500": status(500),
    "502 with a page": status(502, "<html>Bad Gateway</html>"),
    "503": status(503, {"detail": "loading"}),
    "529": status(529),
    "a cut body": cut,
    "cut chunks": cut_chunks,
    "a closed connection": hang_up,
    "silence": stall,
    "no JSON": status(200, "<html>welcome</html>"),
    "half of a JSON": status(200, '{"choices": [{"mess'),
    "empty": status(200, ""),
    "an error as 200": status(200, {"error": {"message": "overloaded", "code": 502}}),
    "no choices": status(200, {"choices": []}),
    "null": status(200, "null"),
    "a number": status(200, "7"),
    "no message": status(200, {"choices": [{"finish_reason": "stop"}]}),
    "no end": status(200, {"choices": [{"message": {"content": "水"}, "finish_reason": None}]}),
    "odd log-probabilities": status(
        200,
        {
            "choices": [
                {"message": {"content": "水"}, "finish_reason": "stop", "logprobs": {"content": [{"token": 1}]}}
            ]
        },
    ),
    "log-probabilities of another form": status(
        200, {"choices": [{"message": {"content": "水"}, "finish_reason": "stop", "logprobs": [1]}]}
    ),
}


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING)
def test_what_passes_is_asked_again(engine_of, server, fault):
    expected = texts(engine_of().generate(PROMPTS[:3], GREEDY))
    server.forget()
    server.faults = [fault, fault]
    patient = engine_of(timeout=0.5 if fault is stall else 60)
    assert texts(patient.generate(PROMPTS[:3], GREEDY)) == expected
    assert len(server.asked) == 5 or fault is stall


@pytest.mark.parametrize("fault", [status(500), cut, stall], ids=["500", "cut", "silence"])
def test_what_does_not_pass_ends_after_its_tries(engine_of, server, fault):
    server.when = lambda body: fault
    with pytest.raises(UserError, match=rf"^{server.url}: [^\n]+, after 3 tries; the answers so far are kept"):
        engine_of(retries=2, timeout=0.2).generate(PROMPTS[:1], GREEDY)
    assert len(server.asked) == 3


def test_all_wait_as_long_as_one_is_asked_to(engine_of, server):
    server.faults = [status(429, retry_after="0.4")]
    begun = time.monotonic()
    engine_of(concurrency=1).generate(PROMPTS[:3], GREEDY)
    assert 0.4 <= time.monotonic() - begun < 3


def test_waits_grow_without_retry_after(engine_of, server, monkeypatch):
    tried = []
    monkeypatch.setattr(client, "GROWING", lambda state: tried.append(state.attempt_number) or 0)
    server.faults = [status(500), status(429), status(429, retry_after="0"), cut]
    engine_of().generate(PROMPTS[:1], GREEDY)
    assert tried == [1, 2, 4]


FINAL = {
    "a wrong key": (
        status(401, {"error": {"message": f"Incorrect API key: {KEY}"}}),
        r"401: .*: …; .* key in \$A_KEY",
    ),
    "no right": (status(403, {"error": {"message": "denied"}}), r"403: denied; the server rejects the key in \$A_KEY"),
    "no credit": (
        status(402, {"error": {"message": "Insufficient Balance"}}),
        "402: Insufficient Balance; the answers so",
    ),
    "no quota": (
        status(429, {"error": {"message": "insufficient_quota", "code": "insufficient_quota"}}),
        "429: insufficient_quota; the answers so far are kept",
    ),
    "a wrong model": (
        status(404, {"error": {"message": "The model `teacher` does not exist."}}),
        "404: The model `teacher` does not exist.; check base_url, and that the server has a model",
    ),
    "moved": (status(301, "", location="http://127.0.0.1:1/v1"), "301: .*; check base_url"),
    "a teapot": (status(418, "short and stout"), "418: short and stout; check base_url and the options"),
    "a day of waiting": (
        status(429, {"message": "later"}, retry_after="86400"),
        "429: later; wait 86400 seconds",
    ),
}


@pytest.mark.parametrize(("fault", "message"), FINAL.values(), ids=FINAL)
def test_what_does_not_pass_is_said_at_once(engine_of, server, monkeypatch, fault, message):
    monkeypatch.setenv("A_KEY", KEY)
    server.when = lambda body: fault
    with pytest.raises(UserError, match=rf"^{server.url}: {message}") as raised:
        engine_of(key_variable="A_KEY", concurrency=1).generate(PROMPTS, GREEDY)
    assert len(server.asked) == 1
    assert KEY not in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("fault", [status(500, {"error": "x" * 190 + KEY}), status(200, {"error": "x" * 170 + KEY})])
def test_a_key_that_a_server_repeats_is_not_repeated(engine_of, server, monkeypatch, fault):
    monkeypatch.setenv("A_KEY", KEY)
    server.when = lambda body: fault
    with pytest.raises(UserError, match="x…, after one try") as raised:
        engine_of(key_variable="A_KEY", retries=0).generate(PROMPTS[:1], GREEDY)
    assert KEY[:6] not in str(raised.value)


def test_a_server_that_is_not_there(engine_of, server):
    server.http.shutdown()
    server.http.server_close()
    with pytest.raises(UserError, match=rf"^{server.url}: cannot be reached \(ConnectError\), after one try"):
        engine_of(retries=0).generate(PROMPTS[:1], GREEDY)


def test_the_key_is_sent_and_no_other(engine_of, server, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_of_somebody_else")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-somebody-else")
    monkeypatch.setenv("A_KEY", f" {KEY}\n")
    engine_of().generate(PROMPTS[:1], GREEDY)
    engine_of(key_variable="A_KEY").generate(PROMPTS[:1], GREEDY)
    assert "authorization" not in server.headers[0]
    assert server.headers[1]["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (None, r"\$A_KEY is unset or empty"),
        ("  ", r"\$A_KEY is unset or empty"),
        ("sk-钥匙", r"\$A_KEY contains characters that no key has"),
        ("sk-1\nsk-2", r"\$A_KEY contains characters that no key has"),
        ("Bearer sk-1", r"\$A_KEY contains characters that no key has"),
    ],
)
def test_a_variable_without_a_key(engine_of, monkeypatch, value, message):
    monkeypatch.delenv("A_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("A_KEY", value)
    with pytest.raises(UserError, match=f"^api_key_variable: {message}") as raised:
        engine_of(key_variable="A_KEY")
    assert "sk-" not in str(raised.value)


def without(*names):
    def change(reply):
        for name in names:
            reply["choices"][0].pop(name)
        return reply

    return change


def without_top(reply):
    reply["choices"][0]["logprobs"]["content"][0].pop("top_logprobs", None)
    return reply


@pytest.mark.parametrize(
    ("change", "ask", "message"),
    [
        (
            without("logprobs"),
            lambda one: one.generate(PROMPTS[:1], GREEDY),
            "returns no log-probabilities of the generated text; set logprobs: false and max_perplexity: null",
        ),
        (
            without("logprobs"),
            lambda one: one.choose(PROMPTS[:1], ["是", "否"]),
            "returns no top_logprobs, which show the model's choice; judge with another server, or",
        ),
        (without_top, lambda one: one.choose(PROMPTS[:1], ["是", "否"]), "returns no top_logprobs"),
        (without_top, lambda one: one.check(None, True), "returns no top_logprobs"),
        (without("logprobs"), lambda one: one.check(GREEDY, False), "returns no log-probabilities"),
    ],
)
def test_a_server_without_log_probabilities(engine_of, server, change, ask, message):
    server.change = change
    with pytest.raises(UserError, match=f"{server.url}: {message}"):
        ask(engine_of())
    assert len(server.asked) == 1


def test_nothing_is_scored(engine_of, server):
    with pytest.raises(
        UserError, match="engine openai cannot measure how likely a given text is; choose transformers"
    ):
        engine_of().score(PROMPTS[:1], ["水"])
    assert server.asked == []


TOO_LONG = status(
    400, {"error": {"message": "maximum context length is 4096 tokens", "code": "context_length_exceeded"}}
)
FILTERED = status(200, {"choices": [{"message": {"content": None}, "finish_reason": "content_filter"}]})


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (TOO_LONG, "400: maximum context length is 4096 tokens"),
        (FILTERED, "content_filter: the server withheld the answer"),
    ],
)
def test_refused_prompts_are_named_and_the_others_answered(engine_of, server, fault, reason):
    expected = texts(engine_of().generate(PROMPTS, GREEDY))
    server.forget()
    bad = [PROMPTS[3], PROMPTS[7]]
    server.when = lambda body: fault if body["messages"] in bad else None
    one = engine_of()
    with pytest.raises(RowsRefused) as raised:
        one.generate(PROMPTS, GREEDY)
    assert raised.value.reasons(PROMPTS) == [reason if prompt in bad else None for prompt in PROMPTS]
    others = [prompt for prompt in PROMPTS if prompt not in bad]
    assert texts(one.generate(others, GREEDY)) == [text for at, text in enumerate(expected) if at not in (3, 7)]
    assert len(server.asked) == len(PROMPTS)


def test_a_server_that_refuses_all_is_not_asked_on(engine_of, server, monkeypatch):
    monkeypatch.setattr(engine, "ASKED_IN_VAIN", 5)
    server.when = lambda body: TOO_LONG
    with pytest.raises(UserError, match="refused 5 requests in a row: 400: maximum"):
        engine_of(concurrency=1).generate(PROMPTS, GREEDY)
    assert len(server.asked) == 5


def test_a_model_that_does_not_choose_is_not_asked_on(engine_of, server, monkeypatch):
    monkeypatch.setattr(engine, "ASKED_IN_VAIN", 5)
    with pytest.raises(UserError, match="none of 甲, 乙 was among the likeliest first tokens of 5 answers"):
        engine_of(concurrency=1).choose(PROMPTS, ["甲", "乙"])
    assert len(server.asked) == 5


def test_options_that_a_server_refuses_are_found_before_any_row(engine_of, server):
    server.when = lambda body: status(400, {"error": {"message": "Unknown parameter: enable_thinking"}})
    with pytest.raises(UserError, match="400: Unknown parameter: enable_thinking; check the options of the request"):
        engine_of({"enable_thinking": False}).check(GREEDY, False)


def test_known_answers_are_not_requested_again(engine_of, server, tmp_path):
    expected = texts(engine_of(record=str(tmp_path / "asked")).generate(PROMPTS[:5], GREEDY))
    server.forget()
    found = engine_of(record=str(tmp_path / "asked"))
    assert texts(found.generate(PROMPTS, GREEDY))[:5] == expected
    assert sorted(body["messages"][0]["content"] for body in server.asked) == sorted(f"第{n}段" for n in range(5, 12))
    assert found.take_worked() == sum(reply_to(body)["usage"]["total_tokens"] for body in server.asked)
    assert found.take_worked() == 0
    found.generate(PROMPTS, Sampling(65))
    found.generate(PROMPTS, Sampling(64, temperature=0.3), [*range(len(PROMPTS))])
    found.choose(PROMPTS, ["是", "否"])
    assert len(server.asked) == len(PROMPTS) - 5 + 3 * len(PROMPTS)


def test_equal_requests_are_sent_once(engine_of, server):
    one, two = engine_of().generate([PROMPTS[0], PROMPTS[0]], GREEDY)
    assert one == two
    assert len(server.asked) == 1


def test_what_came_before_a_failure_is_kept(engine_of, server, tmp_path):
    server.faults = [lambda handler, body: handler.send(200, json.dumps(reply_to(body)))] * 4 + [status(401)]
    with pytest.raises(UserError):
        engine_of(record=str(tmp_path), concurrency=1).generate(PROMPTS, GREEDY)
    server.forget()
    engine_of(record=str(tmp_path)).generate(PROMPTS, GREEDY)
    assert len(server.asked) == len(PROMPTS) - 4


def test_a_cut_line_of_the_record_is_asked_again(engine_of, server, tmp_path):
    expected = texts(engine_of(record=str(tmp_path), concurrency=1).generate(PROMPTS, GREEDY))
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-30])
    server.forget()
    assert texts(engine_of(record=str(tmp_path)).generate(PROMPTS, GREEDY)) == expected
    assert len(server.asked) == 1


def test_no_prompts(engine_of, server):
    assert engine_of().generate([], GREEDY) == []
    assert engine_of().choose([], ["A", "B"]) == []
    assert engine_of().count_tokens([]) == []
    assert server.asked == []


@pytest.mark.parametrize("choices", [["是", "是的"], ["A", "A"], ["", "A"]])
def test_choices_that_begin_with_one_another_are_refused(engine_of, choices):
    with pytest.raises(ValueError, match="begins with the tokens of choice"):
        engine_of().choose(PROMPTS, choices)


def test_sampling_needs_seeds(engine_of):
    with pytest.raises(ValueError, match="needs seeds"):
        engine_of().generate(PROMPTS, Sampling(4, temperature=1.0))
