"""Keep evaluation questions out of the segments: C-Eval, CMMLU and lists of prompts, by n-grams of letters.

English is decontaminated by word n-grams. Chinese has no blanks between words, so that a word n-gram is a sentence,
and a changed comma hides it. n-grams of letters without punctuation are not affected by this.
"""

from kun_recipes.corpus.decontamination.benchmarks import BENCHMARK_FORMATS, HUB_ID, Question, load_benchmark, read_csv
from kun_recipes.corpus.decontamination.index import DecontaminationSettings, QuestionIndex, build_index
from kun_recipes.corpus.decontamination.matching import Decontaminate

__all__ = [
    "BENCHMARK_FORMATS",
    "HUB_ID",
    "Decontaminate",
    "DecontaminationSettings",
    "Question",
    "QuestionIndex",
    "build_index",
    "load_benchmark",
    "read_csv",
]
