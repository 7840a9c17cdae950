"""The layer that residual networks and VGGs are made of."""

import jax
from flax import linen as nn

from landscape.models.conv import Conv

# One row or column on every side, also at stride 2 ("SAME" would add one below and on
# the right alone), so that the kernel's centres are the pixels a shortcut keeps.
PADDING = ((1, 1), (1, 1))


def normed_convolution(
    x: jax.Array, channels: int, train: bool, stride: int = 1
) -> jax.Array:
    """A 3x3 zero-padded convolution without bias, then batch norm; of a compact module.

    [B, H, W, C] -> [B, ceil(H / stride), ceil(W / stride), channels]. The kernel is
    initialised He normal, the norm's scale one and its bias zero. The norm takes the
    batch's statistics in training, over the whole batch whatever its sharding under
    `jit`, and the stored ones else; running = 0.9 * running + 0.1 * batch, the batch's
    variance being the biased one; epsilon 1e-5. The convolution is always plain.
    """
    strides = (stride, stride)
    x = Conv(channels, (3, 3), strides, PADDING, use_bias=False, form="plain")(x)
    return nn.BatchNorm(use_running_average=not train, momentum=0.9, epsilon=1e-5)(x)
