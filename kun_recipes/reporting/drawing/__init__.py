"""One look for all figures, as SVG and PNG, with Chinese glyphs that render on every machine: the font is ours.

with style():
    save(some_figure(numbers), folder / "lengths")
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.rcsetup import cycler
from matplotlib.typing import RcKeyType

FONT_FILE = files("kun_recipes.reporting.drawing") / "fonts" / "NotoSansCJKsc-GB2312.otf"
FAMILY = "Noto Sans CJK SC"
BLUE, ORANGE, GREEN, RED, PURPLE, GREY = "#3b6ea5", "#d98b3a", "#5b9a6f", "#bf5b5b", "#8470a8", "#8a8f98"
COLOURS = (BLUE, ORANGE, GREEN, RED, PURPLE, GREY)

STYLE: dict[RcKeyType, Any] = {
    "font.family": [FAMILY, "DejaVu Sans"],  # the second for what GB 2312 has not
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.axisbelow": True,
    "axes.unicode_minus": False,
    "axes.prop_cycle": cycler(color=COLOURS),
    "xtick.color": "#444444",
    "ytick.color": "#444444",
    "grid.color": "#e4e6ea",
    "legend.frameon": False,
    "svg.fonttype": "path",  # no reader needs the font
    "svg.hashsalt": "kun-recipes",  # the same figure is the same file
    "figure.constrained_layout.use": True,
}


@contextmanager
def style() -> Iterator[None]:
    """Set matplotlib's options while figures are drawn and saved."""
    with as_file(FONT_FILE) as path:
        if str(path) not in {font.fname for font in font_manager.fontManager.ttflist}:
            font_manager.fontManager.addfont(path)
    with matplotlib.rc_context(STYLE):
        yield


def save(figure: Figure, path: Path) -> None:
    """Write <path>.svg and <path>.png, inside `style()`; the folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(f"{path}.svg", metadata={"Date": None})
    figure.savefig(f"{path}.png", dpi=160)
