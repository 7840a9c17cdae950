"""Networks of fewer units: the kept entries along every axis of units."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from landscape import trees
from landscape.errors import InputError
from landscape.units.removal.connections import at
from landscape.units.removal.full_size import remove
from landscape.units.removal.network import Network
from landscape.units.removal.plan import Plan


def shrink(plan: Plan, network: Network) -> Network:
    """The network without the planned units' entries.

    Its outputs are those of `network` with constants in the place of the units
    (`removal.replaced`), but behind the layers of `plan.approximate`. The module is
    that of the new widths: `model.clone(widths=widths_of(model, params)[1])` for
    networks of `landscape.models`.

    Args:
      plan: of the removal.
      network: parameters, statistics and masks, all of which shrink.

    >>> from landscape.models import MLP
    >>> from landscape.objective import Objective
    >>> from landscape.units import plan_removal, specification
    >>> model, batch = MLP((3,), 2), {"image": jnp.ones((1, 4))}
    >>> params = model.init(jax.random.key(0), batch["image"])["params"]
    >>> network = Network(params, {})
    >>> chosen = {"Dense_0": np.array([True, False, False])}
    >>> plan = plan_removal(
    ...     Objective(model), specification(model, params), network, batch, chosen
    ... )
    >>> shrink(plan, network).params["Dense_0"]["kernel"].shape
    (4, 2)
    """
    return take(plan, remove(plan, network))


def take(plan: Plan, tree: Any) -> Any:
    """The kept units' entries of all arrays that belong to leaves with units.

    Args:
      plan: which units go.
      tree: parameters, a removed network (of `removal.corrected`, say), gradients, or
        an optimizer's state: the path to an array ends with that of the parameter.
        Scalars stay as they are.

    Raises:
      InputError: an array has another shape than the parameter it belongs to, as
        factored statistics have.
    """

    def smaller(path, leaf):
        names = (trees.leaf_name(path[start:]) for start in range(len(path)))
        name = next((name for name in names if name in plan.shapes), None)
        axes = plan.spec.axes.get(name, ())
        if jnp.ndim(leaf) == 0 or axes == (None,) * len(axes):
            return leaf
        if leaf.shape != plan.shapes[name]:
            raise InputError(
                f"{jax.tree_util.keystr(path)} has the shape {leaf.shape} and {name},"
                f" which it is of, {plan.shapes[name]}: it cannot be shrunk."
            )
        values = np.asarray(leaf)
        for i, axis in enumerate(axes):
            if axis is not None:
                gone = np.tile(at(axis, plan.removed), axis.positions)
                values = values.take(np.flatnonzero(~gone), axis=i)
        return jax.device_put(values)

    return jax.tree_util.tree_map_with_path(smaller, tree)
