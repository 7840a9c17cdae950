"""A network whose depth, residual sums and batch norm are arguments."""

import math

import jax
from flax import linen as nn

from landscape.models import Conv, max_pool_2x2

PADDING = ((1, 1), (1, 1))
HE = nn.initializers.he_normal()


class Network(nn.Module):
    """A first layer, blocks of two layers, and the logits: 2 blocks + 2 layers.

    With N batch norm or nothing, a block is

        x -> relu(x + h / sqrt(blocks)),  h = N(layer(relu(N(layer(x)))))

    and without sums relu(h). The factor keeps the outputs of a deep network without
    batch norm as large as those of a shallow one. Layers are dense, or convolutions
    (3x3, zero-padded) with two 2x2 max-poolings after the first of them and the mean
    over pixels before the logits. Kernels are initialised He normal; layers have a bias
    where there is no batch norm.

    [B, ...] -> [B, num_classes]; `train=True` needs mutable=["batch_stats"] with batch
    norm.

    Attributes:
      num_classes: number of logits.
      blocks: at least 1.
      width: of all layers.
      sums, norm: whether it has residual sums, and batch norm.
      convolutions: whether layers are convolutions.

    >>> import jax
    >>> model, key = Network(3, blocks=2, width=4, sums=True), jax.random.key(0)
    >>> shapes = jax.eval_shape(model.init, key, jax.numpy.ones((2, 5)))["params"]
    >>> sum(leaf.size for leaf in jax.tree.leaves(shapes)) == 5 * 5 + 4 * 20 + 3 * 5 - 1
    True
    """

    num_classes: int
    blocks: int
    width: int
    sums: bool = False
    norm: bool = False
    convolutions: bool = False

    @nn.compact
    def __call__(self, x, train: bool = False) -> jax.Array:
        if not self.convolutions:
            x = x.reshape(x.shape[0], -1)
        x = nn.relu(self._layer(x, train))
        if self.convolutions:
            x = max_pool_2x2(max_pool_2x2(x))
        for _ in range(self.blocks):
            h = self._layer(nn.relu(self._layer(x, train)), train)
            x = nn.relu(x + h / math.sqrt(self.blocks) if self.sums else h)
        x = x.mean((1, 2)) if self.convolutions else x
        return nn.Dense(self.num_classes, kernel_init=HE)(x)

    def _layer(self, x, train):
        bias = not self.norm
        if self.convolutions:
            # Not in the form for loops: here a call a step is faster.
            x = Conv(
                self.width, (3, 3), padding=PADDING, use_bias=bias, form="plain"
            )(x)  # fmt: skip
        else:
            x = nn.Dense(self.width, use_bias=bias, kernel_init=HE)(x)
        if not self.norm:
            return x
        # As `landscape.models` has it.
        return nn.BatchNorm(not train, momentum=0.9, epsilon=1e-5)(x)
