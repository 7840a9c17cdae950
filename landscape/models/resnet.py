"""Residual networks for small images (He et al. 2016, section 4.2)."""

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import lax

from landscape.models.creation import check_images
from landscape.models.normed import normed_convolution
from landscape.models.recomputing import block

STAGES = (16, 32, 64)


def shortcut(x: jax.Array, stride: int, channels: int) -> jax.Array:
    """Option A of the paper: every `stride`-th pixel, and zeros for the new channels.

    The zeros follow the old channels. No parameters.

    >>> shortcut(jnp.ones((2, 8, 8, 16)), 2, 32).shape
    (2, 4, 4, 32)
    """
    # Indexing would gather where the number of examples is a symbol, as in an export.
    x = lax.slice(x, (0, 0, 0, 0), x.shape, (1, stride, stride, 1))
    return jnp.pad(x, ((0, 0), (0, 0), (0, 0), (0, channels - x.shape[-1])))


class Block(nn.Module):
    """relu(shortcut(x) + F(x)), F being convolution, norm, relu, convolution, norm.

    The first convolution has the stride and puts out `inner` channels.

    [B, H, W, C] -> [B, ceil(H / stride), ceil(W / stride), channels].
    """

    channels: int
    inner: int
    stride: int = 1

    @nn.compact
    def __call__(self, x, train: bool) -> jax.Array:
        y = nn.relu(normed_convolution(x, self.inner, train, self.stride))
        y = normed_convolution(y, self.channels, train)
        return nn.relu(y + shortcut(x, self.stride, self.channels))


class ResNet(nn.Module):
    """The CIFAR ResNet of 6n + 2 layers: n = 3, 5, 9 are ResNet-20, 32 and 56.

    [B, H, W, C] -> [B, num_classes]: a 3x3 convolution of 16 channels, three stages of
    n blocks with 16, 32 and 64 channels, the second and third starting with stride 2,
    the mean over pixels, one dense layer. Shortcuts have no parameters (option A).
    Kernels are initialised He normal, the dense one too; biases zero, batch norm one
    and zero. Batch norm and convolutions are those of `normed_convolution`;
    `train=True` needs mutable=["batch_stats"]. float32 params; the result has the
    promoted dtype of input and params.

    Attributes:
      blocks: n, the blocks in a stage.
      num_classes: number of logits.
      widths: channels of the three stages, none fewer than the one before (shortcuts
        append channels); then, if there are more, the inner channels of each block,
        which are as many as its stage's else.
      remat: whether the backward pass computes each block once more; see
        `landscape.models.recomputing.block`.

    >>> x = jnp.ones((1, 32, 32, 3))
    >>> def count(model):
    ...     shapes = jax.eval_shape(model.init, jax.random.key(0), x)
    ...     return sum(p.size for p in jax.tree.leaves(shapes["params"]))
    >>> count(ResNet(blocks=3, num_classes=10))
    269722
    >>> count(ResNet(1, 10, widths=(4, 4, 8))), count(ResNet(1, 10, (4, 4, 8, 1, 2, 3)))
    (1710, 790)
    """

    blocks: int
    num_classes: int
    widths: tuple[int, ...] = STAGES
    remat: bool = False

    @nn.compact
    def __call__(self, x, train: bool = False) -> jax.Array:
        stages, inner = self.widths[:3], self.widths[3:]
        x = nn.relu(normed_convolution(x, stages[0], train))
        for number in range(3 * self.blocks):
            channels = stages[number // self.blocks]
            stride = 2 if number in (self.blocks, 2 * self.blocks) else 1
            inside = inner[number] if inner else channels
            settings = channels, inside, stride
            x = block(self, lambda _, x, s=settings: Block(*s)(x, train), x)
        kernel_init = nn.initializers.he_normal()
        return nn.Dense(self.num_classes, kernel_init=kernel_init)(x.mean((1, 2)))


def create(
    name: str,
    input_shape: tuple[int, ...],
    num_classes: int,
    widths: tuple[int, ...],
    activation: str,
) -> nn.Module:
    """resnet8, resnet20, resnet32, resnet56; called by `landscape.models.create`."""
    check_images(name, input_shape)
    layers = int(name.removeprefix("resnet"))
    return ResNet((layers - 2) // 6, num_classes, widths or STAGES)
