"""Residual networks for small images (He et al. 2016, section 4.2)."""

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import lax

from landscape.models.conv import Conv
from landscape.models.creation import check_images

STAGES = (16, 32, 64)
# One row or column on every side, also at stride 2 ("SAME" would add one below and on
# the right alone), so that the kernel's centres are the pixels the shortcut keeps.
PADDING = ((1, 1), (1, 1))


def shortcut(x: jax.Array, stride: int, channels: int) -> jax.Array:
    """Option A of the paper: every `stride`-th pixel, and zeros for the new channels.

    The zeros follow the old channels. No parameters.

    >>> shortcut(jnp.ones((2, 8, 8, 16)), 2, 32).shape
    (2, 4, 4, 32)
    """
    # Indexing would gather where the number of examples is a symbol, as in an export.
    x = lax.slice(x, (0, 0, 0, 0), x.shape, (1, stride, stride, 1))
    return jnp.pad(x, ((0, 0), (0, 0), (0, 0), (0, channels - x.shape[-1])))


def convolution(channels: int, stride: int = 1) -> Conv:
    """A 3x3 convolution without bias."""
    strides = (stride, stride)
    return Conv(channels, (3, 3), strides, PADDING, use_bias=False, form="plain")


def batch_norm(train: bool) -> nn.BatchNorm:
    """Batch norm with the batch's statistics in training and the stored ones else."""
    return nn.BatchNorm(use_running_average=not train, momentum=0.9, epsilon=1e-5)


class Block(nn.Module):
    """relu(shortcut(x) + F(x)), F being convolution, norm, relu, convolution, norm.

    The first convolution has the stride.

    [B, H, W, C] -> [B, ceil(H / stride), ceil(W / stride), channels].
    """

    channels: int
    stride: int = 1

    @nn.compact
    def __call__(self, x, train: bool) -> jax.Array:
        y = batch_norm(train)(convolution(self.channels, self.stride)(x))
        y = batch_norm(train)(convolution(self.channels)(nn.relu(y)))
        return nn.relu(y + shortcut(x, self.stride, self.channels))


class ResNet(nn.Module):
    """The CIFAR ResNet of 6n + 2 layers: n = 3, 5, 9 are ResNet-20, 32 and 56.

    [B, H, W, C] -> [B, num_classes]: a 3x3 convolution of 16 channels, three stages of
    n blocks with 16, 32 and 64 channels, the second and third starting with stride 2,
    the mean over pixels, one dense layer. Shortcuts have no parameters (option A).
    Kernels are initialised He normal, the dense one too; biases zero, batch norm one
    and zero. Batch norm: running = 0.9 * running + 0.1 * batch, the batch's variance
    being the biased one, over the whole batch whatever its sharding under `jit`;
    epsilon 1e-5. `train=True` needs mutable=["batch_stats"]. float32 params; the result
    has the promoted dtype of input and params. Convolutions are always plain.

    Attributes:
      blocks: n, the blocks in a stage.
      num_classes: number of logits.

    >>> model = ResNet(blocks=3, num_classes=10)
    >>> x = jnp.ones((1, 32, 32, 3))
    >>> shapes = jax.eval_shape(model.init, jax.random.key(0), x)
    >>> sum(p.size for p in jax.tree.leaves(shapes["params"]))
    269722
    """

    blocks: int
    num_classes: int

    @nn.compact
    def __call__(self, x, train: bool = False) -> jax.Array:
        x = nn.relu(batch_norm(train)(convolution(STAGES[0])(x)))
        for stage, channels in enumerate(STAGES):
            for block in range(self.blocks):
                stride = 2 if stage > 0 and block == 0 else 1
                x = Block(channels, stride)(x, train)
        kernel_init = nn.initializers.he_normal()
        return nn.Dense(self.num_classes, kernel_init=kernel_init)(x.mean((1, 2)))


def create(
    name: str,
    input_shape: tuple[int, ...],
    num_classes: int,
    widths: tuple[int, ...],
    activation: str,
) -> nn.Module:
    """resnet20, resnet32, resnet56; called by `landscape.models.create`."""
    check_images(name, input_shape)
    layers = int(name.removeprefix("resnet"))
    return ResNet((layers - 2) // 6, num_classes)
