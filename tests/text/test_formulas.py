"""What counts as a formula."""

import pytest

from kun_recipes.text.formulas import without_formulas


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("由$a=3$和$\\frac{1}{2}$得", "由 和 得"),
        ("由\\(a=3\\)和\\[b=4\\]得", "由 和 得"),
        ("解\\begin{cases}x=1\\\\y=2\\end{cases}得", "解 得"),
        ("函数y=x³-3x的极值", "函数 的极值"),
        ("电流I=U/R=5A,功率", "电流 ,功率"),
        ("sin2α=2sinαcosα成立", " 成立"),
        ("反应Fe+H2SO4=FeSO4+H2↑进行", "反应 进行"),
        ("变量count=1是代码", "变量count=1是代码"),
        ("用Python写程序", "用Python写程序"),
        ("价格是$5和$6", "价格是 6"),
    ],
)
def test_without_formulas(text, left):
    assert without_formulas(text) == left
