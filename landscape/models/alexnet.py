"""AlexNet for small images: two convolutions, two hidden dense layers, nothing else."""

import jax
from flax import linen as nn

from landscape.models import activations
from landscape.models.creation import check_images

WIDTHS = (64, 64, 384, 192)


class AlexNet(nn.Module):
    """5x5 convolutions and 3x3 max-pooling with stride 2, twice, then dense layers.

    [B, H, W, C] -> [B, num_classes]. The small AlexNet of Zhang et al. 2017
    (arXiv:1611.03530, appendix A), bare as in Sagun et al. 2017: without local response
    normalisation, dropout or batch norm. ReLU, He normal kernels, biases at zero;
    float32 params; the result has the promoted dtype of input and params.

    Attributes:
      num_classes: number of logits.
      widths: channels of the two convolutions, then widths of the two hidden layers.

    >>> model, x = AlexNet(10), jax.ShapeDtypeStruct((2, 32, 32, 3), "float32")
    >>> logits, shapes = jax.eval_shape(model.init_with_output, jax.random.key(0), x)
    >>> logits.shape, sum(p.size for p in jax.tree.leaves(shapes["params"]))
    ((2, 10), 1756426)
    """

    num_classes: int
    widths: tuple[int, ...] = WIDTHS

    @nn.compact
    def __call__(self, x, train: bool = False) -> jax.Array:
        relu, kernel_init = activations.activation("relu")
        for width in self.widths[:2]:
            x = relu(nn.Conv(width, (5, 5), kernel_init=kernel_init)(x))
            x = nn.max_pool(x, (3, 3), (2, 2), "SAME")
        x = x.reshape(x.shape[0], -1)
        for width in self.widths[2:]:
            x = relu(nn.Dense(width, kernel_init=kernel_init)(x))
        return nn.Dense(self.num_classes, kernel_init=kernel_init)(x)


def create(
    name: str,
    input_shape: tuple[int, ...],
    num_classes: int,
    widths: tuple[int, ...],
    activation: str,
) -> nn.Module:
    """alexnet; called by `landscape.models.create`."""
    check_images(name, input_shape)
    return AlexNet(num_classes, widths or WIDTHS)
