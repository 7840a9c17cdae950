"""An encoded image to the pixels of a crop of it, of one size.

JPEGs are decoded by libjpeg-turbo (simplejpeg) where it is installed, at the smallest
scale at which the crop still has as many pixels as are asked for: the inverse cosine
transform does the scaling. Everything else is read by Pillow, which also resizes, with
a triangle filter as wide as the scale (no aliasing); at the border of a crop it sees
the image around it.
"""

import io
import math
from collections.abc import Callable

import numpy as np
from PIL import Image

from landscape.data.images import of_bytes
from landscape.data.streaming.crops import Crop

try:
    import simplejpeg
except ImportError:  # a platform without a wheel
    simplejpeg = None

Choose = Callable[[int, int], Crop]
"""From height and width of an image to the part of it that is seen."""


def decode(data: bytes, choose: Choose, size: int) -> np.ndarray:
    """The chosen crop of an image, uint8 [size, size, 3].

    Args:
      data: a file of any format that Pillow reads; grey, CMYK, palettes and 16 bits
        are converted to RGB of 8 bits, transparency is dropped.
      choose: the crop, given height and width.
      size: of the result; smaller crops are enlarged.

    Raises:
      ValueError: the file is damaged; says how.

    >>> file = io.BytesIO()
    >>> Image.new("L", (40, 30), 7).save(file, "PNG")
    >>> pixels = decode(file.getvalue(), lambda h, w: Crop(0, 0, h, w), 5)
    >>> pixels.shape, int(pixels.max())
    ((5, 5, 3), 7)
    """
    try:
        if simplejpeg is not None and simplejpeg.is_jpeg(data):
            height, width, colours, _ = simplejpeg.decode_jpeg_header(data)
            if colours in ("Gray", "YCbCr", "RGB"):
                crop = choose(height, width)
                return _resized(_scaled(data, height, width, crop, size), crop, size)
        image = Image.open(io.BytesIO(data))
        image.load()
        image = of_bytes("data set", image).convert("RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(str(error) or type(error).__name__) from error
    height, width = image.size[::-1]
    crop = choose(height, width)
    return _resized((image, 1.0, 1.0), crop, size)


def _scaled(data, height, width, crop, size):
    """The decoded image, and its scale in rows and columns."""
    rows = math.ceil(min(1.0, size / crop.height) * height)
    columns = math.ceil(min(1.0, size / crop.width) * width)
    pixels = simplejpeg.decode_jpeg(data, "RGB", min_height=rows, min_width=columns)
    scales = pixels.shape[0] / height, pixels.shape[1] / width
    return Image.fromarray(pixels), *scales


def _resized(scaled, crop: Crop, size: int) -> np.ndarray:
    image, rows, columns = scaled
    box = (
        crop.left * columns,
        crop.top * rows,
        min(image.size[0], (crop.left + crop.width) * columns),
        min(image.size[1], (crop.top + crop.height) * rows),
    )
    resized = image.resize((size, size), Image.Resampling.BILINEAR, box=box)
    if crop.mirrored:
        resized = resized.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return np.asarray(resized)
