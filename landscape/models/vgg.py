"""VGG networks with batch norm for small images (Simonyan and Zisserman 2015)."""

import itertools

import jax
from flax import linen as nn

from landscape.models.conv import max_pool_2x2
from landscape.models.creation import check_images
from landscape.models.normed import normed_convolution
from landscape.models.recomputing import block

CHANNELS = (64, 128, 256, 512, 512)
STAGES = {"vgg11": (1, 1, 2, 2, 2), "vgg16": (2, 2, 3, 3, 3)}
"""Convolutions before each max-pooling; of the paper's three dense layers one is left,
so that vgg16 has 14 layers with weights."""
SMALLEST = 32
"""Height and width of the smallest image: 32 -> 16 -> 8 -> 4 -> 2 -> 1."""


class VGG(nn.Module):
    """3x3 convolutions with batch norm and relu, 2x2 max-pooling, then the logits.

    [B, H, W, C] -> [B, num_classes], H and W at least 32 (`SMALLEST`). Convolutions are
    zero-padded and without bias, as batch norm has the shift. After the last of five
    max-poolings (an odd row or column is dropped) come hidden dense layers with relu
    and without batch norm, if any, and one dense layer: the usual form for CIFAR, of
    14.7 million parameters. Kernels are initialised He normal, the dense ones too;
    biases zero, batch norm one and zero. Batch norm and convolutions are those of
    `normed_convolution`; `train=True` needs mutable=["batch_stats"]. float32 params;
    the result has the promoted dtype of input and params.

    Attributes:
      stages: number of convolutions before each max-pooling.
      widths: channels of the convolutions, then widths of the hidden dense layers.
      num_classes: number of logits.
      remat: whether the backward pass computes the convolutions before each max-pooling
        once more; see `landscape.models.recomputing.block`.

    >>> model, x = create("vgg16", (32, 32, 3), 10, (), "relu"), (1, 32, 32, 3)
    >>> x = jax.ShapeDtypeStruct(x, "float32")
    >>> logits, shapes = jax.eval_shape(model.init_with_output, jax.random.key(0), x)
    >>> logits.shape, sum(p.size for p in jax.tree.leaves(shapes["params"]))
    ((1, 10), 14724042)
    """

    stages: tuple[int, ...]
    widths: tuple[int, ...]
    num_classes: int
    remat: bool = False

    @nn.compact
    def __call__(self, x, train: bool = False) -> jax.Array:
        widths = iter(self.widths)
        for convolutions in self.stages:
            these = tuple(itertools.islice(widths, convolutions))

            def stage(_, x, these=these):
                for width in these:
                    x = nn.relu(normed_convolution(x, width, train))
                return x

            x = max_pool_2x2(block(self, stage, x))
        x = x.reshape(x.shape[0], -1)
        kernel_init = nn.initializers.he_normal()
        for width in widths:
            x = nn.relu(nn.Dense(width, kernel_init=kernel_init)(x))
        return nn.Dense(self.num_classes, kernel_init=kernel_init)(x)


def create(
    name: str,
    input_shape: tuple[int, ...],
    num_classes: int,
    widths: tuple[int, ...],
    activation: str,
) -> nn.Module:
    """vgg11 or vgg16; called by `landscape.models.create`."""
    check_images(name, input_shape, SMALLEST)
    stages = STAGES[name]
    if not widths:
        pairs = zip(CHANNELS, stages, strict=True)
        widths = tuple(width for width, n in pairs for _ in range(n))
    return VGG(stages, widths, num_classes)
