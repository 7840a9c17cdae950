"""ResNet-50's programs at full size: operations and bytes, as XLA counts them."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import jax
import jax.numpy as jnp

from landscape import derivatives, models
from landscape.objective import Objective

IMAGES = 64
"""In a compiled program: of what it takes, the weights' part is then small."""


class Cost(NamedTuple):
    """What one image takes in a compiled program, all in float32.

    Attributes:
      flops: operations, a multiply-add being two.
      accessed: bytes that instructions read and write in memory.
      held: bytes of temporaries.
    """

    flops: float
    accessed: float
    held: float


def functions(
    name: str, shape: tuple[int, ...], num_classes: int
) -> Iterator[tuple[str, Callable]]:
    """The programs (params, statistics, batch, vector) -> what they compute."""
    objective = Objective(models.create(name, shape, num_classes))

    def gradient(objective):
        def of(params, stats, batch, _):
            return jax.grad(objective.training, has_aux=True)(params, batch, stats)

        return of

    def product(params, stats, batch, vector):
        loss_fn = objective.bind(stats)
        return derivatives.hessian_map(loss_fn, params, batch)(vector)

    def forward(params, stats, batch, _):
        return objective.data_loss(params, batch, stats)

    yield "training", gradient(objective)
    yield "remat", gradient(objective._replace(remat=True))
    yield "product", product
    yield "forward", forward


def arguments(
    name: str, shape: tuple[int, ...], num_classes: int, images: int
) -> tuple:
    """Shapes: parameters, statistics of batch norm, a batch and a vector."""
    model = models.create(name, shape, num_classes)
    shapes = jax.eval_shape(
        lambda key: models.init(model, key, shape), jax.random.key(0)
    )
    batch = {
        "image": jax.ShapeDtypeStruct((images, *shape), jnp.float32),
        "label": jax.ShapeDtypeStruct((images,), jnp.int32),
    }
    # The vector is an argument of its own: XLA would save convolutions if it were the
    # parameters.
    return (*shapes, batch, shapes[0])


def operations(
    name: str = "resnet50",
    shape: tuple[int, ...] = (224, 224, 3),
    num_classes: int = 1000,
) -> dict[str, float]:
    """Program -> operations for one image, as it is lowered: nothing is compiled."""
    network = name, shape, num_classes
    given = arguments(*network, 8)
    return {
        what: jax.jit(function).lower(*given).cost_analysis()["flops"] / 8
        for what, function in functions(*network)
    }


def costs(
    name: str = "resnet50",
    shape: tuple[int, ...] = (224, 224, 3),
    num_classes: int = 1000,
) -> dict[str, Cost]:
    """Program -> what one image takes, once XLA has compiled it for this backend."""
    network = name, shape, num_classes
    given = arguments(*network, IMAGES)
    params = sum(4 * leaf.size for leaf in jax.tree.leaves(given[0]))
    found = {}
    for what, function in functions(*network):
        compiled = jax.jit(function).lower(*given).compile()
        counted = compiled.cost_analysis()
        held = compiled.memory_analysis().temp_size_in_bytes
        # The gradient and the product are as large as the parameters.
        held = max(held - params * (what != "forward"), 0)
        total = counted["flops"], counted["bytes accessed"], held
        found[what] = Cost(*(number / IMAGES for number in total))
    return found
