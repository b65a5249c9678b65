import pytest
from datatrove.data import Document

from kun_recipes.data import schema
from kun_recipes.rules import AnswerCopiesPrompt


@pytest.mark.parametrize(
    ("instruction", "output", "value"),
    [
        ("什么是火山？", "什么是火山？", "0"),
        ("什么是火山？", "什么是火山?什么是火山。", "0"),
        ("什么是火山？", "问题：什么是火山", "2"),
        ("什么是火山？", "什么是火山？火山是地下岩浆喷出地表形成的山。", None),
        ("什么是火山？", "火山是山。", None),
        ("？", "火山是山。", None),
    ],
)
def test_echo(instruction, output, value):
    doc = Document(text="", id="1", metadata={schema.INSTRUCTION: instruction, schema.OUTPUT: output})
    assert AnswerCopiesPrompt(8).filter(doc) == (True if value is None else (False, "echo"))
    assert doc.metadata.get(schema.VALUE) == value
    assert AnswerCopiesPrompt(None).filter(doc) is True
