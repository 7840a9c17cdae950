"""Multi-layer perceptrons."""

import jax
from flax import linen as nn

from landscape.models import activations
from landscape.models.normed import batch_norm

LENET300 = (300, 100)


class MLP(nn.Module):
    """Dense layers of the given widths with activations between, then the logits.

    [B, ...] -> [B, num_classes]: inputs are flattened. Kernels are initialised He
    normal for relu and LeCun normal for tanh (`activation`), the last one too, biases
    zero. float32 params; the result has the promoted dtype of input and params.

    Attributes:
      widths: hidden widths; (300, 100) is LeNet-300-100 (LeCun et al. 1998), () a
        linear model.
      num_classes: number of logits.
      activation: "relu" or "tanh".
      batch_norm: between each hidden layer and its activation; the layers keep their
        biases, which can hold the constants of removed units.

    >>> model = MLP(widths=(30, 30), num_classes=5)
    >>> x = jax.numpy.ones((2, 100))
    >>> logits, variables = model.init_with_output(jax.random.key(0), x)
    >>> logits.shape, sum(p.size for p in jax.tree.leaves(variables["params"]))
    ((2, 5), 4115)
    """

    widths: tuple[int, ...]
    num_classes: int
    activation: str = "relu"
    batch_norm: bool = False

    @nn.compact
    def __call__(self, x, train: bool = False) -> jax.Array:
        function, kernel_init = activations.activation(self.activation)
        x = x.reshape(x.shape[0], -1)
        for width in self.widths:
            x = nn.Dense(width, kernel_init=kernel_init)(x)
            x = function(batch_norm(x, train) if self.batch_norm else x)
        return nn.Dense(self.num_classes, kernel_init=kernel_init)(x)


def create(
    name: str,
    input_shape: tuple[int, ...],
    num_classes: int,
    widths: tuple[int, ...],
    activation: str,
) -> nn.Module:
    """mlp, mlp-bn or lenet300; called by `landscape.models.create`."""
    return MLP(widths or LENET300, num_classes, activation, name == "mlp-bn")
