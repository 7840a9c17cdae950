"""One style for every figure, and how figures are written."""

from contextlib import AbstractContextManager
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure

_STYLE = Path(__file__).with_name("paper.mplstyle")


def style() -> AbstractContextManager:
    """The context in which a figure of this package is made."""
    return matplotlib.rc_context(fname=_STYLE)


def colors() -> list[str]:
    """The colours of the style, in their order; inside `style()`."""
    return matplotlib.rcParams["axes.prop_cycle"].by_key()["color"]


def save(figure: Figure, path: Path) -> None:
    """Writes a figure, making its folder if needed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with style():
        figure.savefig(path)
