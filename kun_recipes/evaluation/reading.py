"""The letter of a written answer, read in two ways: strictly, as OpenCompass does, and leniently, as a person does.

The lenient reader normalises the text, then takes the first of these that names a letter:

1. what is boxed in LaTeX, the last such box;
2. a letter that stands alone on the first line;
3. a statement such as "答案是C", "故选C" or "the answer is C", the last one;
4. a letter that the text begins with, unless a list of options does;
5. verdicts on the options ("A错误，B正确"): the only right one, the only one that is judged otherwise, or the only
   one left.

Several letters in one place ("A和B都对") are no answer. A further question after the answer is not read.
"""

import re
import unicodedata

from kun_recipes.evaluation.benchmarks import LETTERS

VERSION = 2
"""Raised with every change of what is read; 1 took the first of A to D that stands by itself."""

ALL = frozenset(LETTERS)
THINKING = re.compile(r"<think>.*?(?:</think>|\Z)", re.DOTALL)
STYLED = re.compile(r"\\(?:text|textbf|textit|mathrm|mathbf|mathit|mathsf|rm|bf)\s*\{([^{}]*)\}")
MARKS = re.compile(r"[*`$\"'“”‘’]|\\[\[\]()]|^#+\s*", re.MULTILINE)
BRACKETED = re.compile(r"[(\[{<【「『《〈〔]\s*([A-Da-d])\s*[)\]}>】」』》〉〕]")
CALLED = re.compile(
    r"(?:选项|(?i:\boptions?\b|\bchoice\b)) *([A-D]+)(?![A-Za-z0-9])|(?<![A-Za-z0-9])([A-D]+) *(?:选项|项|选择支)"
)
TICKS = {"√": "对 ", "✓": "对 ", "✔": "对 ", "✅": "对 ", "×": "错 ", "✗": "错 ", "✘": "错 ", "❌": "错 ", "✖": "错 "}
BOXED = re.compile(r"\\boxed\s*\{([^{}]*)\}")
NEXT_QUESTION = re.compile(
    r"\n\s*(?:以下是(?:中国)?关于|题目\s*:|问题\s*:|【题目】|下一题|(?:Question|Human|User|Q)\s*\d*\s*:|用户\s*:|<\|)"
)

LETTER = r"(?<![A-Za-z0-9])[A-D](?![A-Za-z0-9])"
RUN = r"(?<![A-Za-z0-9])[A-D]{1,4}(?![A-Za-z0-9])"
JOIN = r"\s*(?:和|与|及|以及|或|或者|还是|、|/|&|,?\s*\b(?:and|or|nor)\b)\s*"
MORE = rf"(?:{JOIN}(?:选|是)?\s*{RUN}|\s*,\s*{RUN}(?=\s*(?:[,.;。!?\n]|$|两|三|都|均|皆|也?\s*(?:错|不)|are\b)))*"
GROUP = rf"(?>{RUN}{MORE})"
MENTION = re.compile(GROUP)
STANDING = re.compile(LETTER)

END = r"(?=\s*(?:[,.;:。!?)\n]|$|的|了|而|但|,|[A-D]))"
OF_ANOTHER = r"(?!的(?:选项|一项|说法)?(?:是|为))"  # "错误的是B" says nothing of the option before it
WRONG = re.compile(
    r"不(?:太|够|完全|是|能|能选|一定|算|甚)?(?:正确|对|准确|符合|恰当|合适|合理|成立|全面|可能|选|合题意|符)"
    rf"|(?:错误|有误){OF_ANOTHER}|错{END}|不是|并非|排除|无关|相悖|矛盾|过于绝对|说法绝对"
    r"|不行|\b(?:incorrect|wrong|false|not)\b|\b(?:is|are|be)\s+(?:ruled out|eliminated|excluded)"
)
RIGHT = re.compile(
    rf"正确{OF_ANOTHER}|符合|正解|恰当|合适|成立|对{END}|才是|才对|(?:最|更)(?:佳|好|准确|合理|全面)|是(?:本题)?答案"
    r"|\b(?:correct|right|true|best|is the answer)\b"
)
BUT = re.compile(r"但是?|不过|其实|然而|\b(?:but|however)\b")
LONGEST_WORD, LONGEST_CLAUSE = 24, 200  # characters looked at before and after a letter
NEAR = 8  # characters between a letter and a verdict on it; one further away must end the clause
REFUSED = re.compile(
    r"(?:排除|不(?:能|应|会|可|该|应该|要|可以)?选(?:择)?|不是|并非|而非|绝非|不会是|不可能是|"
    r"(?i:\bnot|\bexclude|\beliminate|\brule out|\brather than|\binstead of|\bcannot be|\bneither)"
    r")(?:了|掉)?\s*:?\s*$"
)
EXCEPT = re.compile(rf"(?<!排)除(?:了|去)?\s*(?P<letters>{GROUP})\s*(?:以外|之外|外|,)")

NO = r"(?<!不)(?<!别)(?<!勿)(?<!误)(?<!错)(?<!漏)(?<!能)(?<!该)(?<!可)"
STATED = re.compile(
    r"(?:"
    r"(?:答案|答)(?!不|并非)[^A-Da-d,.;。!?不错设]{0,12}?"
    rf"|(?:{NO}|(?<=应该)|(?<=只能)|(?<=应)|(?<=最该))选(?:择)?(?:的?是|了|为|出)?\s*:?\s*"
    r"|(?:正确|错误|有误|符合|恰当|合适|准确|合理|成立|题意|可能)的?(?:一项|选项|说法|一个|项)?(?:应该|应当|应)?(?:是|为|:)\s*:?\s*"
    r"|(?<!不)(?:而是|应该是|应当是|应为|应是|就是|其实是|认为是|觉得是|可能是|大概是|估计是|猜是|所以是|因此是|倾向于|锁定)\s*"
    r"|(?:故|因此|所以|综上|因而|从而)\s*,?\s*(?:是|为)?\s*(?=[A-D]\s*(?:[.,;。!?\n]|$))"
    r"|(?i:\banswer|\b(?:correct|right|best|only)\s+(?:option|choice|one))\s*"
    r"(?i:would be|should be|must be|has to be|is|:|=)*\s*:?\s*(?:option\s+)?"
    r"|(?i:\b(?:choose|chose|pick|select|go with|going with))\s*:?\s*"
    rf")(?P<letters>{GROUP}|(?<![A-Za-z0-9])[a-d](?![A-Za-z0-9]))"
)
WORST = ("错误", "有误")  # no answer where the right one is named, too
ALSO = re.compile(r"(?:也|或|或者|还是|又|\bor)\s*$")
ALONE = re.compile(rf"\s*(?P<letters>{LETTER})\s*[.。]?\s*(?:\n|$)")
LAST_LINE = re.compile(rf"\n\s*(?P<letters>{LETTER})\s*[.。]?\s*$")
FIRST = re.compile(rf"\s*(?P<letters>{GROUP})\s*(?=[.,:;。!?)\n]|$)")
LISTED = re.compile(r"(?:^|[\s。;:,])([A-D])\s*[.、:)]")
BOUND = re.compile(r"[\s,.;:。!?()、是为选故即案以此]$|^$")
ARTICLE = re.compile(r"A (?=[a-z])(?!(?:is|and|or|nor|because|as|since|was|seems|cannot|can)\b)")


def strict_letter(text: str) -> str:
    """Return the first capital letter of the text, as OpenCompass reads it, or "" if there is none.

    A letter other than A to D is returned, too, and counts as wrong.
    """
    return next((letter for letter in text if letter.isupper()), "")


def lenient_letter(text: str) -> str:
    """Return the letter of A to D that the text gives as its answer; "" where it gives none, or several."""
    text = _before_the_next_question(_plain(text))
    for read in (_boxed, _alone, _stated, _first):
        if letters := read(text):
            return _one(letters)
    return _one(_judged(text))


def _plain(text: str) -> str:
    """Return the text in one character width, without thinking, emphasis, LaTeX styles and brackets of letters."""
    text = THINKING.sub("", text)
    for tick, word in TICKS.items():
        text = text.replace(tick, word)
    text = unicodedata.normalize("NFKC", text)
    text = MARKS.sub("", STYLED.sub(r"\1", text))
    text = re.sub(r"\((对|错) \)", r"\1 ", text)
    if not BOXED.search(text):
        text = BRACKETED.sub(lambda found: f" {found[1].upper()} ", text)
    text = CALLED.sub(lambda found: f" {found[1] or found[2]} ", text)
    return ARTICLE.sub("a ", text).strip()


def _before_the_next_question(text: str) -> str:
    """Return the text before a further question, which models may write after their answer."""
    for found in NEXT_QUESTION.finditer(text):
        if STANDING.search(text, 0, found.start()):
            return text[: found.start()]
    return text


def _one(letters: frozenset[str]) -> str:
    return next(iter(letters)) if len(letters) == 1 else ""


def _letters(group: str) -> frozenset[str]:
    """Return the letters of a group such as "A、B和D" or "ABD"."""
    found = re.findall(RUN, group) or [group]
    return frozenset("".join(found).upper()) & ALL


def _boxed(text: str) -> frozenset[str]:
    for content in reversed(BOXED.findall(text)):
        if found := re.findall(RUN, BRACKETED.sub(r" \1 ", content)):
            return _letters(found[0] if re.match(rf"\s*{LETTER}\s*[.:]", content) else " ".join(found))
    return frozenset()


def _alone(text: str) -> frozenset[str]:
    """Return the letter that the first line consists of, unless the next line lists the next letter."""
    found = ALONE.match(text)
    return _letters(found["letters"]) if found and not re.match(r"A\s*\n\s*B\s*(?:\n|$)", text) else frozenset()


def _stated(text: str) -> frozenset[str]:
    """Return the letters of the last statement that is not taken back, and of those that it is added to."""
    if excepted := EXCEPT.search(text):
        return _letters(excepted["letters"])
    letters: frozenset[str] = frozenset()
    for found in [*STATED.finditer(text), *LAST_LINE.finditer(text)]:
        if letters and found[0].startswith(WORST):
            continue
        verdict, before = _verdict(text, found.end()), _before(text, found.start("letters"))
        begins_verdicts = verdict is not None and before.rstrip().endswith(":")
        if verdict is not False and not begins_verdicts and not REFUSED.search(before):
            named = _letters(found["letters"])
            letters = letters | named if ALSO.search(_before(text, found.start())) else named
    return letters


def _first(text: str) -> frozenset[str]:
    """Return the letters that the text begins with, unless it lists the options or says that they are wrong."""
    found = FIRST.match(text)
    if not found or _verdict(text, found.end("letters")) is False:
        return frozenset()
    letters = _letters(found["letters"])
    return frozenset() if letters == {"A"} and LISTED.findall(text)[:2] == ["A", "B"] else letters


def _verdict(text: str, place: int) -> bool | None:
    """Return whether the text calls the option whose letter ends at `place` right or wrong; None if neither."""
    text = text[place : place + LONGEST_CLAUSE]
    following = MENTION.search(text)
    clause = REFUSED.sub("", text[: following.start()]) if following else text
    clause = re.split(r"[。;\n]|\.\s", clause)[0]
    return next((said for part in reversed(BUT.split(clause)) if (said := _said(part)) is not None), None)


def _before(text: str, place: int) -> str:
    return text[max(0, place - LONGEST_WORD) : place]


def _said(part: str) -> bool | None:
    spoken = [(found, pattern is RIGHT) for pattern in (WRONG, RIGHT) for found in pattern.finditer(part)]
    near = [one for one in spoken if one[0].start() <= NEAR]
    last = [one for one in spoken if not part[one[0].end() :].strip(" ,;!?的)")]
    return min(near or last, key=lambda one: one[0].start())[1] if near or last else None


def _judged(text: str) -> frozenset[str]:
    """Return the only option that is called right, or is judged unlike the three others, or is left."""
    right: set[str] = set()
    wrong: set[str] = set()
    named: set[str] = set()
    for found in MENTION.finditer(text):
        letters = _letters(found[0])
        before = _before(text, found.start())
        verdict = False if REFUSED.search(before) else _verdict(text, found.end())
        if verdict is not None:
            (right if verdict else wrong).update(letters)
        elif BOUND.search(before):
            named |= letters
    right, named = right - wrong, named - wrong - right
    if right:
        return frozenset(wrong if len(right) == 3 and len(wrong) == 1 else right)
    if not named and len(wrong) == len(ALL) - 1:
        return ALL - wrong
    return frozenset(named)
