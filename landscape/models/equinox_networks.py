"""Networks in Equinox as Linen modules, which is what is trained here."""

import functools
from collections.abc import Callable
from typing import Any

import jax
from flax import linen as nn
from flax.traverse_util import flatten_dict, unflatten_dict

from landscape import layout
from landscape.errors import InputError
from landscape.layout import Rules
from landscape.models.train_flag import keywords


class _Parts:
    """What a network is, except its arrays; equal to itself alone.

    Attributes:
      make: `make(key=key) -> equinox.Module`.
      params: its floating-point leaves, as shapes.
      names: theirs, in the order of the tree.
      static: all that is left of it.
      rules: what each of them is.
    """

    def __init__(self, make: Callable[..., Any], rules: Rules):
        import equinox

        self.make, found = make, []

        def params(key):
            own, static = equinox.partition(make(key=key), equinox.is_inexact_array)
            found.append(static)
            return own

        key = jax.random.key(0, impl="threefry2x32")
        self.params, self.static = jax.eval_shape(params, key), found[0]
        if not isinstance(self.static, equinox.Module):
            raise InputError(
                "an Equinox module is needed, without a State beside it, not"
                f" {type(self.static).__name__!r}."
            )
        if any(map(equinox.is_array, jax.tree.leaves(self.static))):
            raise InputError(
                "the network holds arrays of whole numbers, which no run can keep, nor"
                " the State of equinox.nn.BatchNorm."
            )
        # Here, where the classes of the layers are known, and not by names alone.
        rules = rules or getattr(self.static, "layout_rules", ())
        leaves = layout.leaves(self.params, rules)
        self.rules = {
            name: leaf.axes if leaf.kind == "kernel" else leaf.kind
            for name, leaf in leaves.items()
        }
        self.names = [tuple(name.split("/")) for name in leaves]

    def arrays(self, key: jax.Array) -> dict[str, Any]:
        """New arrays in nested dicts."""
        import equinox

        own = equinox.filter(self.make(key=key), equinox.is_inexact_array)
        return unflatten_dict(dict(zip(self.names, jax.tree.leaves(own), strict=True)))

    def module(self, arrays: dict[str, Any]) -> Any:
        """The network with these arrays."""
        import equinox

        flat = flatten_dict(arrays)
        leaves = [flat[name] for name in self.names]
        own = jax.tree.unflatten(jax.tree.structure(self.params), leaves)
        return equinox.combine(own, self.static)


class FromEquinox(nn.Module):
    """A network in Equinox as a Linen module: see `from_equinox`."""

    network: _Parts

    @property
    def layout_rules(self) -> Rules:
        return self.network.rules

    @property
    def unit_layers(self) -> Any:
        return getattr(self.network.static, "unit_layers", ())

    @nn.compact
    def __call__(self, image: Any, train: bool = False) -> Any:
        if self.is_initializing():
            arrays = self.network.arrays(self.make_rng("params"))
            for name, value in arrays.items():
                self.put_variable("params", name, value)
        else:
            arrays = self.variables["params"]
        module = self.network.module(arrays)
        return jax.vmap(lambda x: module(x, **keywords(module.__call__, train)))(image)


def from_equinox(
    make: Callable[..., Any], *args: Any, layout_rules: Rules = (), **kwargs: Any
) -> nn.Module:
    """A network of Equinox as a Linen module.

    Its parameters have the names of the attributes that hold them, indices of lists
    among them; the seed of a run draws them.

    Args:
      make: `make(*args, **kwargs, key=key) -> equinox.Module`: a class, as a rule. The
        module is called with one image, (height, width, channels), at a time.
      args, kwargs: the other arguments of `make`.
      layout_rules: what leaves are that `landscape.layout` does not know; default: the
        attribute `layout_rules` of the module.

    Raises:
      InputError: it has a State (batch norm), or arrays of whole numbers.

    >>> import equinox, jax.numpy as jnp
    >>> model = from_equinox(equinox.nn.Linear, 3, 2)
    >>> variables = model.init(jax.random.key(0), jnp.ones((1, 3)))
    >>> jax.tree.map(jnp.shape, variables["params"])
    {'bias': (2,), 'weight': (2, 3)}
    """
    parts = _Parts(functools.partial(make, *args, **kwargs), layout_rules)
    return FromEquinox(parts)
