"""What replies of different servers say, read by hand."""

import math

import pytest

from kun_recipes.models.endpoint.replies import Passing, Refused, message_of, read_choice, read_text

USAGE = {"prompt_tokens": 11, "completion_tokens": 5}


def reply(content, tokens=(), finish="stop", **more) -> dict:
    """A reply with tokens of -1, -2, … nats."""
    listed = [{"token": token, "logprob": -float(place)} for place, token in enumerate(tokens, start=1)]
    choice = {"message": {"content": content}, "finish_reason": finish, "logprobs": {"content": listed}}
    return {"choices": [choice], "usage": USAGE, **more}


@pytest.mark.parametrize(
    ("found", "text", "tokens", "logprob"),
    [
        (reply("水热", ["水", "热"]), "水热", 2, -1.5),
        (reply("水热", ["水", "热", "<|im_end|>"]), "水热", 2, -1.5),
        (reply("水热", ["水", "热", ""]), "水热", 2, -1.5),
        (reply("水热", ["水", "热", ""], finish="length"), "水热", 3, -2.0),  # the beginning of a character
        (reply("水热", ["水", "热", "�"], finish="length"), "水热", 3, -2.0),
        (reply("水热", ["水", "热"], finish="length"), "水热", 2, -1.5),
        (reply("", ["<|im_end|>"]), "", 0, 0.0),
        (reply(None, []), "", 0, 0.0),
        (
            reply("<think>\n嗯\n</think>\n\n水热", ["<think>", "\n嗯\n", "</think>", "\n\n", "水热", "<eos>"]),
            "水热",
            2,
            -4.5,
        ),
        (reply("<think>\n嗯", ["<think>", "\n嗯"], finish="length"), "", 0, 0.0),
    ],
)
def test_text_its_tokens_and_their_mean(found, text, tokens, logprob):
    answer = read_text(found, logprobs=True)
    assert (answer.text, answer.tokens, answer.logprob) == (text, tokens, pytest.approx(logprob))
    assert answer.finish_reason == found["choices"][0]["finish_reason"]
    assert (answer.prompt_tokens, answer.completion_tokens) == (11, 5)


@pytest.mark.parametrize(
    ("usage", "counts"),
    [
        (None, (None, None)),
        ({}, (None, None)),
        ({"prompt_tokens": "11"}, (None, None)),
        ({"prompt_tokens": 3}, (3, None)),
    ],
)
def test_a_server_that_does_not_count(usage, counts):
    answer = read_text(reply("水", ["水"]) | {"usage": usage}, logprobs=True)
    assert (answer.prompt_tokens, answer.completion_tokens) == counts


@pytest.mark.parametrize("finish", [None, "", "tool_calls", "abort"])
def test_an_answer_without_an_end_may_come_whole(finish):
    with pytest.raises(Passing, match="is unfinished"):
        read_text(reply("水", ["水"], finish=finish), logprobs=True)


def test_a_withheld_answer_is_refused():
    with pytest.raises(Refused, match="content_filter"):
        read_text(reply("水", ["水"], finish="content_filter"), logprobs=True)


def choosing(shares: dict[str, float], choices=("是", "否")):
    top = [{"token": token, "logprob": math.log(share)} for token, share in shares.items()]
    first = {"token": next(iter(shares)), "logprob": 0.0, "top_logprobs": top}
    return read_choice(reply("", ()) | {"choices": [{"message": {}, "logprobs": {"content": [first]}}]}, choices)


@pytest.mark.parametrize(
    ("shares", "choices", "expected", "covered"),
    [
        ({"是": 0.6, "否": 0.2}, ("是", "否"), (0.75, 0.25), 0.8),
        ({"是": 0.6, "否": 0.2}, ("否", "是"), (0.25, 0.75), 0.8),
        ({"是": 0.4, " 是": 0.1, "是。": 0.1, "否": 0.2, "水": 0.1}, ("是", "否"), (0.75, 0.25), 0.8),
        ({"是": 0.6, "否则": 0.2, "水": 0.1}, ("是", "否"), (6 / 7, 1 / 7), 0.6),  # another word: at most the last
        ({"是": 0.9, "水": 0.05, "火": 0.03}, ("是", "否"), (0.9 / 0.93, 0.03 / 0.93), 0.9),
        ({"水": 0.5, "火": 0.3}, ("是", "否"), (0.5, 0.5), 0.0),
        ({"A": 0.2, "Answer": 0.5, "B": 0.2}, ("A", "B"), (0.5, 0.5), 0.4),
        ({"ex": 0.4, "p": 0.2, "f": 0.2}, ("excellent", "pass", "fail"), (0.5, 0.25, 0.25), 0.8),
        ({"不": 0.6, "不好": 0.2, "好": 0.2}, ("不好", "不差", "好"), (1 / 3, 1 / 3, 1 / 3), 0.4),  # 不 begins two
        ({"": 0.5, "\n": 0.2, "是": 0.2, "否": 0.1}, ("是", "否"), (2 / 3, 1 / 3), 0.3),
    ],
)
def test_probability_of_each_choice(shares, choices, expected, covered):
    answer = choosing(shares, choices)
    assert [math.exp(one) for one in answer.logprobs] == pytest.approx(expected)
    assert answer.covered == pytest.approx(covered)
    assert answer.choices == choices


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"error": {"message": "no\n  such model", "type": "x"}}, "no such model"),
        ({"error": "no"}, "no"),
        ({"detail": [{"msg": "field required"}]}, "[{'msg': 'field required'}]"),
        ({"object": "error", "message": "bad", "code": 400}, "bad"),
        ({"code": 7}, "{'code': 7}"),
        ("<html>", "<html>"),
        (None, "None"),
        ({"error": {"message": "", "code": 1}}, "{'message': '', 'code': 1}"),
    ],
)
def test_what_a_server_says_of_an_error(said, message):
    assert message_of(said) == message
