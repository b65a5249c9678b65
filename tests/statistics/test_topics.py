"""Topics: the lists, the order of their options, what is asked, and what the answers come to."""

import pytest
from datatrove.data import Document

from kun_recipes.errors import UserError
from kun_recipes.models.engines import EngineSettings
from kun_recipes.models.prompts import load_prompt
from kun_recipes.statistics import topic_asking
from kun_recipes.statistics.topic_asking import FIELDS, AskTopic, topic_statistics
from kun_recipes.statistics.topics import LISTS, SIZES, TOPICS_FILE, Topic, TopicList, load_topics

SMALL = TopicList("文体", "text types", tuple(Topic(key, key, key) for key in ("news", "story", "other")))


@pytest.fixture
def prompt(repository):
    return load_prompt(repository / "recipes/prompts/topic.txt", FIELDS)


def test_the_lists_are_as_long_as_the_papers():
    lists = load_topics()
    assert {name: len(lists.named(name).topics) for name in LISTS} == SIZES


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("key: law,", "key: politics,", "discipline: duplicate topic politics"),
        ("name: 法学,", "name: 哲学与逻辑,", "discipline: duplicate topic 哲学与逻辑"),
        ("sector:", "sectors:", "sectors: unknown key; did you mean sector?"),
    ],
)
def test_invalid_topic_lists_are_refused(tmp_path, old, new, message):
    file = tmp_path / "topics.yaml"
    file.write_text(TOPICS_FILE.read_text(encoding="utf-8").replace(old, new, 1), encoding="utf-8")
    with pytest.raises(UserError) as caught:
        load_topics(file)
    assert str(caught.value) == f"{file}: {message}"


def test_options_are_shuffled_by_row_and_turn_and_stay_so():
    topics = load_topics().discipline
    first = topics.order("row", 1)
    assert first == topics.order("row", 1)
    assert sorted(one.key for one in first) == sorted(one.key for one in topics.topics)
    assert first != topics.order("row", 2)
    assert first != topics.order("another", 1)


class FavouriteTopic:
    """An engine that finds a topic by its name among the options, and always takes it."""

    context_length = 4096

    def __init__(self, favourite: str):
        self.favourite = favourite
        self.asked: list[str] = []

    def count_tokens(self, prompts):
        return [len(prompt[-1]["content"]) for prompt in prompts]

    def take_worked(self):
        return 0

    def choose(self, prompts, choices):
        self.asked += [prompt[-1]["content"] for prompt in prompts]
        letters = [
            next(line[0] for line in prompt[-1]["content"].splitlines() if line.endswith(f". {self.favourite}"))
            for prompt in prompts
        ]
        return [[0.0 if choice == letter else -9.0 for choice in choices] for letter in letters]


def test_a_letter_means_the_topic_that_it_stood_for(prompt, monkeypatch):
    engine = FavouriteTopic("历史学与考古")
    use(engine, monkeypatch)
    docs = [Document("答" * 2000, f"row-{n}", metadata={"instruction": "问{题}"}) for n in range(30)]
    for turn in (1, 2):
        block = AskTopic(
            EngineSettings("transformers", "x"), prompt, "discipline", load_topics().discipline, turn, 100
        )
        assert block.filter_batch(docs) == [True] * 30
    assert {doc.metadata["discipline_1"] for doc in docs} == {"history"}
    assert {doc.metadata["discipline_2"] for doc in docs} == {"history"}
    assert len({doc.metadata["discipline_1_letter"] for doc in docs}) > 8  # it stood under many letters
    assert docs[0].metadata["discipline_1_probability"] > 0.9
    assert "指令：问{题}" in engine.asked[-1]
    assert engine.asked[-1].count("答") == 100 + 2  # 回答, 只回答


class FondOfB(FavouriteTopic):
    """Knows its topic, if there is something to read, but likes the letter B more."""

    def choose(self, prompts, choices):
        reads = ["指令：无" not in prompt[-1]["content"] for prompt in prompts]
        known = super().choose(prompts, choices)
        return [
            [
                (choice == "B") * 3.0 - 5 + (read and logprob == 0)
                for choice, logprob in zip(choices, row_, strict=True)
            ]
            for row_, read in zip(known, reads, strict=True)
        ]


def test_preference_for_a_letter_is_removed(prompt, monkeypatch):
    use(FondOfB("历史学与考古"), monkeypatch)
    docs = [Document("答", f"row-{n}", metadata={"instruction": "问"}) for n in range(9)]
    block = AskTopic(EngineSettings("transformers", "fond"), prompt, "discipline", load_topics().discipline, 1, 100)
    assert block.filter_batch(docs) == [True] * 9
    assert {doc.metadata["discipline_1"] for doc in docs} == {"history"}


def use(engine, monkeypatch) -> None:
    for module in ("models.asking", "statistics.topic_asking"):
        monkeypatch.setattr(f"kun_recipes.{module}.load_engine", lambda settings: engine)


def row(*answers: str) -> dict:
    columns = {}
    for turn, (answer, letter) in enumerate(zip(answers, "ABC", strict=False), start=1):
        columns |= {f"text_type_{turn}": answer, f"text_type_{turn}_letter": letter}
    return columns


def test_only_agreeing_answers_are_counted_as_topics():
    rows = [row("story", "story"), row("story", "story"), row("news", "news"), row("news", "other")]
    statistics = topic_statistics(rows, "text_type", SMALL, repeats=2)
    assert (statistics["asked"], statistics["agreed"], statistics["disagreed"]) == (4, 3, 1)
    assert statistics["agreement"] == 0.75
    assert statistics["by_chance"] == pytest.approx(1 / 3)
    assert statistics["letters"] == {"A": 4, "B": 4, "C": 0}
    assert [(one["key"], one["rows"]) for one in statistics["topics"]] == [("story", 2), ("news", 1), ("other", 0)]
    assert statistics["topics"][0]["share"] == pytest.approx(2 / 3)
    assert topic_statistics(rows, "text_type", SMALL, repeats=1)["agreed"] == 4
    assert topic_asking.TOP == 10
