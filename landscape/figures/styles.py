"""One style for every figure, and how figures are written."""

import io
import sys
import textwrap
import warnings
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import matplotlib
from matplotlib.figure import Figure as PlainFigure

from landscape.disk.files import write_atomically

_STYLE = Path(__file__).with_name("paper.mplstyle")


class Figure(PlainFigure):
    """A matplotlib figure that a notebook shows, whether or not pyplot is loaded."""

    def _repr_png_(self) -> bytes:
        with io.BytesIO() as file, style():
            self.savefig(file, format="png", dpi=90)
            return file.getvalue()


def style() -> AbstractContextManager:
    """The context in which a figure of this package is made."""
    return matplotlib.rc_context(fname=_STYLE)


def colors() -> list[str]:
    """The colours of the style, in their order; inside `style()`."""
    return matplotlib.rcParams["axes.prop_cycle"].by_key()["color"]


def plain(text: str) -> str:
    """A name as it is drawn: letter by letter, whatever letters it has.

    Matplotlib reads what is between two $ as mathematics, leaves a label that begins
    with _ out of a legend, and has no picture of a control character.

    >>> plain("a$b$"), plain("_c"), plain("d\\t")
    ('a\\\\$b\\\\$', ' _c', 'd\ufffd')
    """
    shown = "".join(c if c.isprintable() or c == "\n" else "\ufffd" for c in text)
    return (" " if shown.startswith("_") else "") + shown.replace("$", r"\$")


def save(figure: PlainFigure, path: Path, formats: Sequence[str] = ()) -> None:
    """Writes a figure as a whole or not at all, making its folder if needed.

    Args:
      figure: drawn.
      path: of the file; its ending is the format: png, pdf or svg.
      formats: write it once in each of these, beside `path`, instead.
    """
    for one in [path.with_suffix(f".{kind}") for kind in formats] or [path]:
        _save(figure, one)


def _save(figure: PlainFigure, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with style(), warnings.catch_warnings():
        # A letter that the font lacks is drawn as a box.
        warnings.filterwarnings("ignore", "Glyph .* missing")
        # The renderer is that of the format: no backend is needed, nor asked for.
        kind = path.suffix.removeprefix(".")
        # The same figure gives the same bytes: no time of day is in the file.
        undated = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}.get(kind)
        write_atomically(
            path, lambda file: figure.savefig(file, format=kind, metadata=undated)
        )


@contextmanager
def attempt(what: Path) -> Iterator[None]:
    """Within it what goes wrong is said in a sentence on stderr, and goes no further.

    What a figure shows is computed and written before: no fault of a figure costs that.

    >>> with attempt(Path("figure.png")):
    ...     raise ValueError("no such font")
    """
    try:
        yield
    except Exception as error:  # of a font, a value, a disk, or the drawing library
        why = textwrap.shorten(f"{type(error).__name__}: {error}", 200)
        print(
            f"{what} could not be drawn ({why}); the numbers that it shows are kept.",
            file=sys.stderr,
        )
