import pytest

from kun_recipes.evaluation.modes import lenient_letter, strict_letter


@pytest.mark.parametrize(
    ("text", "strict", "lenient"),
    [
        ("B", "B", "B"),
        ("\nC\n以下是中国关于", "C", "C"),
        ("答案是: D。因为A不对", "D", "D"),
        ("选（Ｂ）", "Ｂ", "B"),
        ("The answer is C", "T", "C"),
        ("DNA 双螺旋，选A", "D", "A"),
        ("选B2", "B", ""),
        ("E", "E", ""),
        ("不知道", "", ""),
        ("", "", ""),
        ("b", "", ""),
    ],
)
def test_letters_of_written_answers(text, strict, lenient):
    assert (strict_letter(text), lenient_letter(text)) == (strict, lenient)
