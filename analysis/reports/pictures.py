"""Figures as parts of a page: PNG and SVG files, in the page's own text."""

import base64
import re
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from landscape import figures

_DOTS = 160
"""An inch, of what this package draws (`landscape/figures/paper.mplstyle`)."""
_CSS_DOTS = 96
"""CSS pixels an inch."""


_POINTS = 72
"""An inch, in which an SVG file of matplotlib gives its size."""
SUFFIXES = (".png", ".svg")
"""Kinds of files that a page can hold."""


class Picture(NamedTuple):
    """A figure.

    Attributes:
      uri: the file as a data URI.
      width, height: in CSS pixels, in which its letters have the size of a text.
      alt: what it shows, for those who do not see it.
      caption: the text below it.
    """

    uri: str
    width: int
    height: int
    alt: str
    caption: str = ""


def read(path: Path, alt: str, caption: str = "") -> Picture:
    """A PNG or SVG file.

    Raises:
      OSError: it is not there, or cannot be read.
      ValueError, SyntaxError: it is damaged.
    """
    content = path.read_bytes()
    if path.suffix == ".svg":
        kind, size = "svg+xml", _size_of_svg(content.decode())
    else:
        kind = "png"
        with Image.open(path, formats=["PNG"]) as image:
            dots = image.info.get("dpi", (_DOTS, _DOTS))[0]
            size = [round(side * _CSS_DOTS / max(dots, 1)) for side in image.size]
            image.load()
    uri = f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
    return Picture(uri, *size, alt, caption)


def _size_of_svg(text: str) -> list[int]:
    head = re.search("<svg[^>]*>", text)
    sizes = dict(re.findall(r'(width|height)="([\d.]+)pt"', head[0] if head else ""))
    if len(sizes) < 2 or not text.rstrip().endswith("</svg>"):
        raise ValueError("it is no whole SVG file with a size")
    scale = _CSS_DOTS / _POINTS
    return [round(float(sizes[side]) * scale) for side in ("width", "height")]


def drawn(figure: Any, alt: str, caption: str = "") -> Picture:
    """A figure of `landscape.figures`, drawn."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "figure.png"
        figures.save(figure, path)
        return read(path, alt, caption)
