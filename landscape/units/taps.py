"""Functions that let their units be read and replaced: the protocol, for any framework.

A tapped function calls `x = tap(name, x)` wherever its units are seen, with the
activations [B, ..., C], and continues with what it gets back:

    def losses(params, batch, tap):
        hidden = tap("hidden", jax.nn.relu(batch["image"] @ params["w"]))
        return cross_entropy(hidden @ params["v"], batch["label"])

Of a Flax Linen module `tapped_losses` makes one by intercepting the calls of its
layers; the module itself is not changed.
"""

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.tree_util import Partial

from landscape import derivatives
from landscape.aliases import Batch, Params
from landscape.callables import Static
from landscape.errors import InputError
from landscape.objective import Objective
from landscape.units.sites import Site, expand, joined

Tap = Callable[[str, jax.Array], jax.Array]
"""From the name of a site and activations [B, ..., C] to what takes their place."""

Tapped = Callable[[Params, Batch, Tap], jax.Array]
"""`(params, batch, tap) ->` losses [B], or logits [B, K], of the examples."""


def tapped_losses(
    objective: Objective, batch_stats: Any, sites: Mapping[str, Site]
) -> Partial:
    """The data losses [B] in eval mode, in nats, of a Linen model tapped at sites.

    >>> from landscape.models import MLP
    >>> from landscape.units import specification
    >>> from landscape.units.sites import sites_of
    >>> model = MLP((3,), 2)
    >>> params = model.init(jax.random.key(0), jnp.ones((1, 4)))["params"]
    >>> losses = tapped_losses(
    ...     Objective(model), {}, sites_of(specification(model, params), params)
    ... )
    >>> batch = {"image": jnp.ones((5, 4)), "label": jnp.zeros(5, int)}
    >>> tap, seen = recording()
    >>> losses(params, batch, tap).shape, seen["Dense_1"].shape
    ((5,), (5, 3))
    """
    settings = (objective, tuple(sites.items()))
    return Partial(Static(_losses, settings), batch_stats=batch_stats)


def tapped_logits(
    objective: Objective, batch_stats: Any, sites: Mapping[str, Site]
) -> Partial:
    """As `tapped_losses`, the logits [B, K]."""
    settings = (objective, tuple(sites.items()))
    return Partial(Static(_logits, settings), batch_stats=batch_stats)


def identity(name: str, x: jax.Array) -> jax.Array:
    """The tap that changes nothing."""
    return x


def recording(tap: Tap = identity) -> tuple[Tap, dict[str, jax.Array]]:
    """A tap that also keeps what it gives back, and the dict in which it does."""
    seen: dict[str, jax.Array] = {}

    def record(name, x):
        seen[name] = tap(name, x)
        return seen[name]

    return record, seen


def replacing(
    sites: Mapping[str, Site],
    chosen: Mapping[str, jax.Array],
    values: Mapping[str, jax.Array],
) -> Tap:
    """A tap that puts constants in the place of some units; other names it lets pass.

    Args:
      sites: where units are seen.
      chosen: by group, booleans [n]: the units that are replaced.
      values: by site, [C]: the constant that takes the place of each unit there.

    >>> from landscape.units.structure import Axis
    >>> site = Site(Axis(("a",)), (2,))
    >>> tap = replacing(
    ...     {"x": site}, {"a": jnp.array([True, False])}, {"x": jnp.array([7.0, 8.0])}
    ... )
    >>> tap("x", jnp.zeros((1, 2))).tolist()
    [[7.0, 0.0]]
    """

    def replace(name, x):
        if (site := sites.get(name)) is None:
            return x
        picked = expand(site, joined(site, chosen))
        return jnp.where(picked, expand(site, values[name]).astype(x.dtype), x)

    return replace


def check_taps(
    tapped: Tapped,
    params: Params,
    batch: Batch,
    sites: Mapping[str, Site],
    losses: bool = True,
) -> None:
    """Raises InputError unless a function is tapped once at each of the sites.

    And, if `losses`, unless it gives losses [B].

    A unit whose site is not tapped would look like one that does nothing. Nothing is
    computed.

    >>> from landscape.units.structure import Axis
    >>> def losses(w, batch, tap):
    ...     return tap("hiden", batch @ w).sum(axis=1)
    >>> sites = {"hidden": Site(Axis(("hidden",)), (2,))}
    >>> check_taps(losses, jnp.ones((1, 2)), jnp.ones((3, 1)), sites)
    Traceback (most recent call last):
    ...
    landscape.errors.InputError: the site hidden must be tapped once in a forward pass,\
 not 0 times; tapped are hiden.
    """
    if not sites:
        raise InputError("there are no sites, and so no units whose use can be told.")
    seen: list[tuple[str, tuple[int, ...]]] = []

    def tap(name, x):
        seen.append((name, x.shape))
        return x

    rows = jax.eval_shape(lambda p, b: tapped(p, b, tap), params, batch)
    if losses:
        derivatives.check_rows(rows, derivatives.num_examples(batch), scalars=True)
    for name, site in sites.items():
        shapes = [shape for at, shape in seen if at == name]
        if len(shapes) != 1:
            names = ", ".join(sorted({at for at, _ in seen})) or "none"
            raise InputError(
                f"the site {name} must be tapped once in a forward pass, not"
                f" {len(shapes)} times; tapped are {names}."
            )
        width = site.size * site.axis.positions
        if shapes[0][-1] != width:
            raise InputError(
                f"at the site {name} the last axis must have {width} entries, those of"
                f" its units, but its shape is {shapes[0]}."
            )


def _losses(objective, sites, params, batch, tap, batch_stats):
    with nn.intercept_methods(_interceptor(dict(sites), tap)):
        return objective.per_example(params, batch, batch_stats)


def _logits(objective, sites, params, batch, tap, batch_stats):
    with nn.intercept_methods(_interceptor(dict(sites), tap)):
        return objective.logits(params, batch["image"], batch_stats)[0]


def input_first(module: nn.Module, args: tuple, kwargs: dict) -> tuple[tuple, dict]:
    """The arguments of a layer's call, its input first even if it has a keyword.

    >>> input_first(nn.Dense(2), (), {"inputs": 5})
    ((5,), {})
    """
    if args:
        return args, kwargs
    _, name, *_ = inspect.signature(type(module).__call__).parameters
    return (kwargs[name],), {k: v for k, v in kwargs.items() if k != name}


def _interceptor(sites: dict[str, Site], tap: Tap) -> Callable:
    at = {(*site.layer.split("/"), site.side): name for name, site in sites.items()}

    def intercept(call, args, kwargs, context):
        if context.method_name != "__call__":
            return call(*args, **kwargs)
        path = context.module.path
        if (name := at.get((*path, "input"))) is not None:
            (x, *args), kwargs = input_first(context.module, args, kwargs)
            args = (tap(name, x), *args)
        outputs = call(*args, **kwargs)
        if (name := at.get((*path, "output"))) is not None:
            outputs = tap(name, outputs)
        return outputs

    return intercept
