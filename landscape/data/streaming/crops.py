"""Which part of an image is seen: at random in training, its centre in evaluation."""

from typing import NamedTuple

import numpy as np

AREA, RATIO, ATTEMPTS = (0.08, 1.0), (3 / 4, 4 / 3), 10
"""Share of the area, and width over height, of random crops (Szegedy et al. 2015)."""
MARGIN = 256 / 224
"""The smaller side of an image over that of its central crop (He et al. 2016)."""


class Crop(NamedTuple):
    """A part of an image, in pixels of the image, and whether it is mirrored."""

    top: float
    left: float
    height: float
    width: float
    mirrored: bool = False


def at_random(height: int, width: int, generator: np.random.Generator) -> Crop:
    """A crop of random area and aspect ratio, mirrored with probability 1/2.

    The area is uniform in 8 to 100 % of the image's, the logarithm of width over height
    uniform between those of 3/4 and 4/3, and the position uniform among those inside
    the image. Where ten draws do not fit, it is the largest central crop of an allowed
    ratio (as torchvision's RandomResizedCrop).

    >>> crop = at_random(40, 60, np.random.default_rng(0))
    >>> 0 <= crop.top <= 40 - crop.height, 0 <= crop.left <= 60 - crop.width
    (True, True)
    """
    mirrored = bool(generator.integers(2))
    for _ in range(ATTEMPTS):
        area = height * width * generator.uniform(*AREA)
        ratio = np.exp(generator.uniform(*np.log(RATIO)))
        w, h = round(np.sqrt(area * ratio)), round(np.sqrt(area / ratio))
        if 0 < w <= width and 0 < h <= height:
            top = int(generator.integers(height - h + 1))
            left = int(generator.integers(width - w + 1))
            return Crop(top, left, h, w, mirrored)
    ratio = np.clip(width / height, *RATIO)
    w, h = min(width, round(height * ratio)), min(height, round(width / ratio))
    return Crop((height - h) // 2, (width - w) // 2, h, w, mirrored)


def centre(height: int, width: int) -> Crop:
    """The central square whose side is 224/256 of the smaller side of the image.

    >>> centre(256, 512)
    Crop(top=16.0, left=144.0, height=224.0, width=224.0, mirrored=False)
    """
    side = min(height, width) / MARGIN
    return Crop((height - side) / 2, (width - side) / 2, side, side)
