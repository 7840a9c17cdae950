"""LeNets: two convolutions with max-pooling, then dense layers."""

import jax
from flax import linen as nn

from landscape.models import activations
from landscape.models.conv import Conv, max_pool_2x2
from landscape.models.creation import check_images

LENET5 = (6, 16, 120, 84)
SMALLEST = 16
"""Height and width of the smallest image: 16 -> 12 -> 6 -> 2 -> 1."""


class LeNet(nn.Module):
    """Two 5x5 VALID convolutions, each with 2x2 max-pooling, dense layers, the logits.

    [B, H, W, C] -> [B, num_classes], H and W at least 16 (`SMALLEST`). After LeCun et
    al. 1998, with max-pooling and full connections, as the papers on sparsity have it.
    Pooling comes before the activation: the two commute, as activations here increase,
    and so the activation sees a quarter of the entries. Kernels are initialised
    He normal for relu and LeCun normal for tanh (`activation`), the last one too,
    biases zero.
    float32 params; the result has the promoted dtype of input and params.

    Attributes:
      widths: channels of the two convolutions, then widths of the hidden dense layers;
        (6, 16, 120, 84) is LeNet-5.
      num_classes: number of logits.
      activation: "relu" or "tanh".
      form: how convolutions are computed, see `Conv`.

    >>> model = LeNet(widths=(8, 16, 64), num_classes=10)
    >>> x = jax.numpy.ones((2, 28, 28, 1))
    >>> logits, variables = model.init_with_output(jax.random.key(0), x)
    >>> logits.shape, sum(p.size for p in jax.tree.leaves(variables["params"]))
    ((2, 10), 20522)
    """

    widths: tuple[int, ...]
    num_classes: int
    activation: str = "relu"
    form: str = "auto"

    @nn.compact
    def __call__(self, x, train: bool = False) -> jax.Array:
        function, kernel_init = activations.activation(self.activation)
        for width in self.widths[:2]:
            x = Conv(width, (5, 5), kernel_init=kernel_init, form=self.form)(x)
            x = function(max_pool_2x2(x))
        x = x.reshape(x.shape[0], -1)
        for width in self.widths[2:]:
            x = function(nn.Dense(width, kernel_init=kernel_init)(x))
        return nn.Dense(self.num_classes, kernel_init=kernel_init)(x)


def create(
    name: str,
    input_shape: tuple[int, ...],
    num_classes: int,
    widths: tuple[int, ...],
    activation: str,
) -> nn.Module:
    """lenet, of any widths, or lenet5; called by `landscape.models.create`."""
    check_images(name, input_shape, SMALLEST)
    widths = widths or LENET5
    return LeNet(widths, num_classes, activation)
