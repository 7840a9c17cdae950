"""What each device holds in ResNet-50's programs: sums of what is counted and known.

Products take larger chunks than these where a device has memory for them.
"""

from benchmarks.full_size import Cost
from landscape.data.streaming import splits
from train.settings import presets

PARAMETERS = 25_557_032
VECTOR = 4 * PARAMETERS
"""Bytes of a vector of the parameters, in float32."""
IMAGE = 4 * 3 * 224**2
"""Bytes of an image in float32, as analyses hold it."""
SPLIT_LIMIT = splits.LARGEST // IMAGE
"""Images of 224 pixels that an analysis holds at most."""
EXAMPLES, CURVE_BATCH, CHUNK = 10_000, 2_048, 128
"""Of an analysis, of a step of a curve, and of a chunk of an evaluation or product."""
LANCZOS = 7 * 16 + 3
"""Vectors of a density of 100 steps: its basis, in blocks of 16, and a step's own."""
PRODUCT = 4
"""Vectors of a product; as `LANCZOS`, counted by `analysis.spectra.memory`."""


def memory(found: dict[str, Cost], devices: int) -> dict[str, float]:
    """Program -> bytes on each device.

    Args:
      found: what one image takes in each program.
      devices: among which the images are divided.
    """
    batch = presets.BATCH / devices
    # Parameters, momentum and gradient in float32, masks, and parameters rounded.
    state = (4 + 4 + 4 + 1 + 2) * PARAMETERS
    data = EXAMPLES / devices * IMAGE

    def training(program):
        return state + batch * (found[program].held / 2 + IMAGE)

    own = CURVE_BATCH / devices * found["training"].held
    chunk = CHUNK / devices
    return {
        f"training step, {batch:,.0f} images, bfloat16": training("training"),
        f"training step, {batch:,.0f} images, bfloat16, --remat": training("remat"),
        f"line, {EXAMPLES:,} images in chunks of {CHUNK}": (
            3 * VECTOR + data + chunk * found["forward"].held
        ),
        # Three points, one between them, momentum and gradient; all images of a batch.
        f"curve, steps of {CURVE_BATCH:,} images": (
            6 * VECTOR + data + own + CURVE_BATCH * IMAGE
        ),
        f"density, {EXAMPLES:,} images in chunks of {CHUNK}": (
            (1 + LANCZOS + PRODUCT) * VECTOR + data + chunk * found["product"].held
        ),
    }
