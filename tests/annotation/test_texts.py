import re
from importlib.resources import files

from kun_recipes.annotation.texts import load_texts


def test_both_languages_say_everything():
    texts = load_texts()
    assert list(texts) == ["zh", "en"]
    assert list(texts["zh"]) == list(texts["en"])
    for language in texts.values():
        assert all(isinstance(text, str) and text.strip() for text in language.values())


def test_both_languages_have_the_same_fields_and_keys():
    texts = load_texts()
    for pattern in (r"\{\w+\}", r"<kbd>.*?</kbd>"):
        for key, text in texts["zh"].items():
            assert re.findall(pattern, text) == re.findall(pattern, texts["en"][key]), key


def test_no_text_is_left_over():
    folder = files("kun_recipes.annotation")
    sources = "".join(path.read_text() for path in folder.iterdir() if path.name.endswith((".py", ".jinja")))
    sources += " ".join(["quality_rubric", "preference_rubric", "quality_keys", "preference_keys"])  # made of a task's
    said = {"clarity", "feasibility", "practicality", "excellent", "pass", "fail"}  # and of an answer's name
    assert [key for key in load_texts()["zh"] if key not in sources and key not in said] == []


def test_every_key_on_the_page_is_one_that_works():
    script = (files("kun_recipes.annotation") / "keys.js").read_text(encoding="utf-8").lower()
    names = {"←": "arrowleft", "→": "arrowright"}
    for text in load_texts()["zh"].values():
        for key in re.findall(r"<kbd>(.*?)</kbd>", text):
            assert re.search(rf"\b{names.get(key, key.lower())}: ", script), key
