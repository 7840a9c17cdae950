"""A sparse perceptron without the units that its mask has cut off, for exact spectra.

At 95 to 99 % sparsity most units of a perceptron have no input left, or no output.
Without them the loss, its gradient and its Hessian over the other kept entries are the
same, at a fraction of the work.
"""

from typing import Any, NamedTuple

import jax
import numpy as np

from landscape.models import MLP
from landscape.objective import Objective


class Compact(NamedTuple):
    """A smaller network with the data loss of a larger one.

    Attributes:
      objective: of the smaller network.
      params: its parameters.
      masks: what its mask keeps.
      alive: for inputs and each layer, which units of the larger one it has; None if it
        is the larger one itself.
      lone_decayed: number of kept entries that are left out and only in the L2 term.
      lone_free: number of kept entries that are left out and in no term.
    """

    objective: Objective
    params: Any
    masks: Any
    alive: list[np.ndarray] | None
    lone_decayed: int
    lone_free: int

    def expand(self, tree: Any, like: Any) -> Any:
        """A tree of the smaller network in the shapes of `like`, zero elsewhere."""
        if self.alive is None:
            return tree

        def place(i, name):
            # NumPy: there is nothing to compile for each shape.
            found = np.zeros_like(like[f"Dense_{i}"][name])
            found[np.ix_(*_axes(self.alive, i, name))] = tree[f"Dense_{i}"][name]
            return found

        return _layers(self.alive, place)


def compact(objective: Objective, params: Any, masks: Any) -> Compact:
    """Leaves out units that no kept weight leaves, and rectified ones held at zero.

    A rectified unit is held at zero if no kept weight enters it and its bias is not
    positive; at a bias of zero that is so with the derivative of ReLU at 0 taken as 0,
    as in training. Models that are no `MLP`, or have batch norm, are returned as they
    are.

    >>> init = jax.jit(MLP((2,), 2).init)
    >>> params = init(jax.random.key(0), np.ones((1, 3)))["params"]
    >>> masks = jax.tree.map(lambda x: np.ones(x.shape, bool), params)
    >>> masks["Dense_0"]["kernel"][:, 1] = False
    >>> small = compact(Objective(MLP((2,), 2)), params, masks)
    >>> small.params["Dense_0"]["kernel"].shape, small.lone_decayed, small.lone_free
    ((3, 1), 2, 1)
    """
    model = objective.model
    if not isinstance(model, MLP) or model.batch_norm:
        return Compact(objective, params, masks, None, 0, 0)
    full = jax.tree.map(lambda m, x: np.broadcast_to(m, np.shape(x)), masks, params)
    alive = _alive(params, full, model.activation == "relu")

    def part(tree):
        return _layers(
            alive,
            lambda i, name: tree[f"Dense_{i}"][name][
                np.ix_(*_axes(alive, i, name))
            ],
        )  # fmt: skip

    kept = part(full)
    widths = tuple(int(units.sum()) for units in alive[1:-1])
    small = objective._replace(model=model.clone(widths=widths))
    left = {
        name: _count(full, name) - _count(kept, name) for name in ("kernel", "bias")
    }
    free = 0 if objective.decay_all else left["bias"]
    return Compact(
        small, part(params), kept, alive, left["kernel"] + left["bias"] - free, free
    )


def _alive(params, masks, rectified) -> list[np.ndarray]:
    """Of inputs, hidden units and outputs, which are to stay."""
    names = [f"Dense_{i}" for i in range(len(params))]
    kernels = [masks[name]["kernel"] for name in names]
    biases = [np.asarray(params[name]["bias"]) for name in names]
    alive = [np.ones(len(kernels[0]), bool)]
    alive += [np.ones(kernel.shape[1], bool) for kernel in kernels]
    while True:
        before = sum(int(units.sum()) for units in alive)
        for i in range(1, len(names)):
            feeds = kernels[i][:, alive[i + 1]].any(1)
            fed = kernels[i - 1][alive[i - 1]].any(0)
            held = rectified & ~fed & (biases[i - 1] <= 0)
            stays = alive[i] & feeds & ~held
            # A layer of no unit is no layer.
            alive[i] = stays if stays.any() else alive[i]
        if sum(int(units.sum()) for units in alive) == before:
            return alive


def _axes(alive, i, name):
    return (alive[i], alive[i + 1]) if name == "kernel" else (alive[i + 1],)


def _layers(alive, function) -> Any:
    return {
        f"Dense_{i}": {name: function(i, name) for name in ("kernel", "bias")}
        for i in range(len(alive) - 1)
    }


def _count(masks, name) -> int:
    return sum(int(layer[name].sum()) for layer in masks.values())
