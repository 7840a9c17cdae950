"""The layers that normed networks are made of: convolutions and batch norm."""

import jax
from flax import linen as nn

from landscape.models.conv import Conv

# One row or column on every side, also at stride 2 ("SAME" would add one below and on
# the right alone), so that the kernel's centres are the pixels a shortcut keeps.
PADDING = ((1, 1), (1, 1))


def convolution(x: jax.Array, channels: int, stride: int = 1) -> jax.Array:
    """A 3x3 zero-padded convolution without bias; of a compact module.

    [B, H, W, C] -> [B, ceil(H / stride), ceil(W / stride), channels]. The kernel is
    initialised He normal. The convolution is always plain.
    """
    strides = (stride, stride)
    return Conv(channels, (3, 3), strides, PADDING, use_bias=False, form="plain")(x)


def batch_norm(x: jax.Array, train: bool, starts_zero: bool = False) -> jax.Array:
    """Batch norm over all axes but the channels; of a compact module.

    Its scale is initialised one, or zero if it `starts_zero`, and its bias zero. It
    takes the batch's statistics in training, over the whole batch whatever its sharding
    under `jit`, and the stored ones else; running = 0.9 * running + 0.1 * batch, the
    batch's variance being the biased one; epsilon 1e-5.
    """
    scale_init = nn.initializers.zeros if starts_zero else nn.initializers.ones
    return nn.BatchNorm(
        use_running_average=not train, momentum=0.9, epsilon=1e-5,
        scale_init=scale_init,
    )(x)  # fmt: skip


def normed_convolution(
    x: jax.Array, channels: int, train: bool, stride: int = 1
) -> jax.Array:
    """`convolution`, then `batch_norm`; of a compact module."""
    return batch_norm(convolution(x, channels, stride), train)
