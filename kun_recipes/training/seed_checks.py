"""Seeds held to the rules of what is made from them: private data, junk, evaluation questions (Kun §3.1, A.2)."""

from kun_recipes.config.types import TextKind
from kun_recipes.corpus.decontamination import build_index, load_benchmark
from kun_recipes.corpus.decontamination.matching import Matcher
from kun_recipes.data import schema
from kun_recipes.data.pairs import Pair
from kun_recipes.rules import load_rules, text_rules
from kun_recipes.rules.characters import MeaninglessCharacters
from kun_recipes.rules.formatting import FormatErrors
from kun_recipes.rules.keywords import LowQualityKeywords, Refusal
from kun_recipes.rules.repetition import Repetition
from kun_recipes.rules.rule import Rule
from kun_recipes.rules.sensitive import SensitiveInformation
from kun_recipes.text.views import narrow
from kun_recipes.training.config import TrainConfig

RULES: dict[TextKind, tuple[type[Rule], ...]] = {
    "instruction": (Repetition, LowQualityKeywords),
    "answer": (Repetition, LowQualityKeywords, Refusal, MeaninglessCharacters, FormatErrors),
}
"""Rules that hold for people's texts, too. People answer in a word, translate, leave out a full stop, and ask about
code, sums and lists."""


class SeedChecks:
    """The checks of the seeds that a config asks for."""

    def __init__(self, config: TrainConfig):
        self.rules: dict[TextKind, list[Rule]] = {"instruction": [], "answer": []}
        self.private: Rule | None = None
        if wanted := config.seed_checks:
            rules = load_rules(config.rules)
            if "privacy" in wanted:
                self.private = SensitiveInformation(schema.TEXT, rules.sensitive_information)
            if "rules" in wanted:
                for kind, held_to in RULES.items():
                    self.rules[kind] = [rule for rule in text_rules(rules, kind) if isinstance(rule, held_to)]
        questions = [question for one in config.benchmarks or () for question in load_benchmark(one.path, one.format)]
        self.matcher = Matcher(build_index(questions)) if questions else None

    def find(self, seed: Pair) -> str | None:
        """Return the reason for which a pair is refused, that of the first fault in its turns; None for a sound one.

        Reasons: those of the rules on instructions and answers, and "contaminated" for a text that quotes an
        evaluation question.
        """
        texts = (seed.instruction, seed.output, *seed.more)
        for place, text in enumerate(texts):
            narrowed = narrow(text)
            if self.private and (fault := self.private.find(narrowed)):
                return fault.reason
            kind: TextKind = "answer" if place % 2 else "instruction"
            for rule in self.rules[kind] if kind == "answer" or place == 0 else ():  # later questions lean on turns
                if fault := rule.find(narrowed):
                    return fault.reason
        if self.matcher and any(self.matcher.find(texts)):
            return "contaminated"
        return None
