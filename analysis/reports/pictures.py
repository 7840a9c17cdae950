"""Figures as parts of a page: PNG files, in the page's own text."""

import base64
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from landscape import figures

_DOTS = 160
"""An inch, of what this package draws (`landscape/figures/paper.mplstyle`)."""
_CSS_DOTS = 96
"""CSS pixels an inch."""


class Picture(NamedTuple):
    """A figure.

    Attributes:
      uri: the PNG file as a data URI.
      width, height: in CSS pixels, in which its letters have the size of a text.
      alt: what it shows, for those who do not see it.
      caption: what stands below it.
    """

    uri: str
    width: int
    height: int
    alt: str
    caption: str = ""


def read(path: Path, alt: str, caption: str = "") -> Picture:
    """A PNG file.

    Raises:
      OSError: it is not there, or cannot be read.
      ValueError, SyntaxError: it is damaged.
    """
    content = path.read_bytes()
    with Image.open(path, formats=["PNG"]) as image:
        dots = image.info.get("dpi", (_DOTS, _DOTS))[0]
        size = [round(side * _CSS_DOTS / max(dots, 1)) for side in image.size]
        image.load()
    uri = "data:image/png;base64," + base64.b64encode(content).decode()
    return Picture(uri, *size, alt, caption)


def drawn(figure: Any, alt: str, caption: str = "") -> Picture:
    """A figure of `landscape.figures`, drawn."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "figure.png"
        figures.save(figure, path)
        return read(path, alt, caption)
