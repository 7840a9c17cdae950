"""ResNet-50 for ImageNet (He et al. 2016, table 1), as Gale et al. 2019 coded it.

Differences from the article's text, as in that code (state_of_sparsity), with which
"The Difficulty of Training Sparse Neural Networks" trained: the 3x3 convolution has a
block's stride, and the last batch norm of a block starts with scale zero, so that every
block starts as its shortcut.
"""

import jax
from flax import linen as nn

from landscape.models.conv import Conv
from landscape.models.creation import check_images
from landscape.models.normed import batch_norm
from landscape.models.recomputing import block

BLOCKS = (3, 4, 6, 3)
CHANNELS = (64, 128, 256, 512)
EXPANSION = 4
SMALLEST = 32
"""Height and width of the smallest image: the last stage sees one pixel of it."""


def _convolution(x, channels: int, size: int, stride: int = 1):
    pad = (size // 2, size // 2)
    return Conv(
        channels, (size, size), (stride, stride), (pad, pad), use_bias=False,
        form="plain",
    )(x)  # fmt: skip


class Bottleneck(nn.Module):
    """relu(shortcut(x) + F(x)), F being 1x1, 3x3 and 1x1 convolutions, each normed.

    [B, H, W, C] -> [B, ceil(H / stride), ceil(W / stride), 4 * channels]. The shortcut
    is the input itself; where the shape changes, a normed 1x1 convolution of it.
    """

    channels: int
    stride: int = 1
    stride_first: bool = False

    @nn.compact
    def __call__(self, x, train: bool) -> jax.Array:
        outside = EXPANSION * self.channels
        strides = (self.stride, 1) if self.stride_first else (1, self.stride)
        y = _convolution(x, self.channels, 1, strides[0])
        y = nn.relu(batch_norm(y, train))
        y = _convolution(y, self.channels, 3, strides[1])
        y = nn.relu(batch_norm(y, train))
        y = batch_norm(_convolution(y, outside, 1), train, starts_zero=True)
        if self.stride != 1 or x.shape[-1] != outside:
            x = batch_norm(_convolution(x, outside, 1, self.stride), train)
        return nn.relu(x + y)


class BottleneckResNet(nn.Module):
    """A 7x7 convolution, then stages of bottleneck blocks: 3, 4, 6 and 3 in ResNet-50.

    [B, H, W, C] -> [B, num_classes]. The 7x7 convolution and the 3x3 max-pooling after
    it have stride 2, as have the first blocks of all stages but the first; then the
    mean over pixels and one dense layer. Of an image of 224x224 ResNet-50 takes 4.1e9
    multiply-adds, 3.9e9 with `stride_first`. Kernels are initialised He normal, the
    dense one too; biases zero; batch norm as in `landscape.models.normed`, except the
    scales of the last norm of each block, which start at zero: scores at step 0 that
    are products with gradients (SNIP, GraSP, SynFlow) are zero before them.
    `train=True` needs mutable=["batch_stats"]. float32 params; the result has the
    promoted dtype of input and params.

    Attributes:
      num_classes: number of logits.
      stride_first: whether a block's stride is in its first 1x1 convolution, as in the
        article, instead of in the 3x3 one.
      blocks, channels: of each stage; a block puts out four times the channels.
      remat: whether the backward pass computes each block once more; see
        `landscape.models.recomputing.block`.

    >>> x = jax.ShapeDtypeStruct((1, 224, 224, 3), "float32")
    >>> model = BottleneckResNet(num_classes=1000)
    >>> shapes = jax.eval_shape(model.init, jax.random.key(0), x)
    >>> sum(p.size for p in jax.tree.leaves(shapes["params"]))
    25557032
    """

    num_classes: int
    stride_first: bool = False
    blocks: tuple[int, ...] = BLOCKS
    channels: tuple[int, ...] = CHANNELS
    remat: bool = False

    @nn.compact
    def __call__(self, x, train: bool = False) -> jax.Array:
        x = nn.relu(batch_norm(_convolution(x, self.channels[0], 7, 2), train))
        x = nn.max_pool(x, (3, 3), (2, 2), ((1, 1), (1, 1)))
        stages = zip(self.blocks, self.channels, strict=True)
        for stage, (blocks, channels) in enumerate(stages):
            for number in range(blocks):
                stride = 2 if stage > 0 and number == 0 else 1
                settings = channels, stride, self.stride_first
                x = block(self, lambda _, x, s=settings: Bottleneck(*s)(x, train), x)
        kernel_init = nn.initializers.he_normal()
        return nn.Dense(self.num_classes, kernel_init=kernel_init)(x.mean((1, 2)))


def create(
    name: str,
    input_shape: tuple[int, ...],
    num_classes: int,
    widths: tuple[int, ...],
    activation: str,
) -> nn.Module:
    """resnet50 and resnet50-v1, which has the stride first; called by `create`."""
    check_images(name, input_shape, SMALLEST)
    return BottleneckResNet(num_classes, stride_first=name.endswith("-v1"))
