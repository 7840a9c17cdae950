"""Wide residual networks (Zagoruyko & Komodakis 2016, arXiv:1605.07146)."""

import jax
from flax import linen as nn

from landscape.models.conv import Conv
from landscape.models.creation import check_images
from landscape.models.normed import batch_norm, convolution
from landscape.models.recomputing import block

STEM, STAGES = 16, (16, 32, 64)


class WideBlock(nn.Module):
    """Pre-activated: norm, relu, convolution, norm, relu, convolution, plus shortcut.

    [B, H, W, C] -> [B, ceil(H / stride), ceil(W / stride), channels]. The first 3x3
    convolution has the stride and puts out `inner` channels. The shortcut is the input
    itself; where the number of channels or pixels changes, it is a 1x1 convolution of
    the activated input, with the stride.
    """

    channels: int
    inner: int
    stride: int = 1

    @nn.compact
    def __call__(self, x, train: bool) -> jax.Array:
        active = nn.relu(batch_norm(x, train))
        y = convolution(active, self.inner, self.stride)
        y = convolution(nn.relu(batch_norm(y, train)), self.channels)
        if self.stride == 1 and x.shape[-1] == self.channels:
            return x + y
        strides = (self.stride, self.stride)
        kind = {"use_bias": False, "form": "plain"}
        return y + Conv(self.channels, (1, 1), strides, **kind)(active)


class WideResNet(nn.Module):
    """The wide ResNet of 6n + 4 layers: wrn-22-2 has n = 3 and twice the channels.

    [B, H, W, C] -> [B, num_classes]: a 3x3 convolution of 16 channels, three stages of
    n blocks, the second and third starting with stride 2, batch norm, relu, the mean
    over pixels, one dense layer. No dropout. Kernels are initialised He normal, the
    dense one too; biases zero, batch norm one and zero. Batch norm and 3x3 convolutions
    are those of `landscape.models.normed`; `train=True` needs mutable=["batch_stats"].
    float32 params; the result has the promoted dtype of input and params.

    Attributes:
      blocks: n, the blocks in a stage.
      num_classes: number of logits.
      widths: channels of the first convolution and of the three stages; then, if there
        are more, the inner channels of each block, which are as many as its stage's
        else.
      remat: whether the backward pass computes each block once more; see
        `landscape.models.recomputing.block`.

    >>> x = jax.numpy.ones((1, 32, 32, 3))
    >>> def count(model):
    ...     shapes = jax.eval_shape(model.init, jax.random.key(0), x)
    ...     return sum(p.size for p in jax.tree.leaves(shapes["params"]))
    >>> count(WideResNet(blocks=4, num_classes=10, widths=(16, 160, 320, 640)))
    36479194
    >>> count(WideResNet(3, 10)), count(WideResNet(1, 10, (4, 4, 4, 8, 1, 2, 3)))
    (1079642, 838)
    """

    blocks: int
    num_classes: int
    widths: tuple[int, ...] = (STEM, *(2 * channels for channels in STAGES))
    remat: bool = False

    @nn.compact
    def __call__(self, x, train: bool = False) -> jax.Array:
        first, *stages = self.widths[:4]
        inner = self.widths[4:]
        x = convolution(x, first)
        for number in range(3 * self.blocks):
            channels = stages[number // self.blocks]
            stride = 2 if number in (self.blocks, 2 * self.blocks) else 1
            inside = inner[number] if inner else channels
            settings = channels, inside, stride
            x = block(self, lambda _, x, s=settings: WideBlock(*s)(x, train), x)
        x = nn.relu(batch_norm(x, train)).mean((1, 2))
        kernel_init = nn.initializers.he_normal()
        return nn.Dense(self.num_classes, kernel_init=kernel_init)(x)


def create(
    name: str,
    input_shape: tuple[int, ...],
    num_classes: int,
    widths: tuple[int, ...],
    activation: str,
) -> nn.Module:
    """wrn-22-2 and others, wrn-DEPTH-FACTOR; called by `landscape.models.create`."""
    check_images(name, input_shape)
    layers, factor = map(int, name.split("-")[1:])
    own = (STEM, *(factor * channels for channels in STAGES))
    return WideResNet((layers - 4) // 6, num_classes, widths or own)
