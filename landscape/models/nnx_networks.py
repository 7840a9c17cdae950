"""Networks in Flax NNX as Linen modules, which is what is trained here."""

import functools
from collections.abc import Callable
from typing import Any

from flax import linen as nn
from flax import nnx
from flax.traverse_util import flatten_dict, unflatten_dict

from landscape.errors import InputError
from landscape.layout import Rules
from landscape.models.train_flag import keywords

_COLLECTIONS = {"params": nnx.Param, "batch_stats": nnx.BatchStat}


class _Graph:
    """What a network is, except its arrays; equal to itself alone.

    Attributes:
      make: `make(rngs=nnx.Rngs) -> nnx.Module`.
      graph: of the modules and variables.
      rules, unit_layers: its attributes `layout_rules` and `unit_layers`, if it has
        them.
      states: by collection, variables without arrays.
    """

    def __init__(self, make: Callable[..., nnx.Module]):
        self.make = make
        abstract = nnx.eval_shape(lambda: make(rngs=nnx.Rngs(0)))
        if not isinstance(abstract, nnx.Module):
            raise InputError(
                f"an NNX module is needed, not {type(abstract).__name__!r}."
            )
        self.rules = getattr(abstract, "layout_rules", ())
        self.unit_layers = getattr(abstract, "unit_layers", ())
        self.graph, *states, rest = nnx.split(abstract, *_COLLECTIONS.values(), ...)
        self.states = dict(zip(_COLLECTIONS, states, strict=True))
        if left := nnx.to_flat_state(rest):
            names = ", ".join("/".join(map(str, path)) for path, _ in left)
            kinds = ", ".join(sorted({type(each).__name__ for _, each in left}))
            raise InputError(
                f"{names} ({kinds}) can be kept by no run: an NNX network has variables"
                " that are Param or BatchStat, and no random numbers (nnx.Rngs, as of"
                " nnx.Dropout)."
            )

    def arrays(self, rngs: nnx.Rngs) -> dict[str, dict[str, Any]]:
        """New arrays, by collection, in nested dicts."""
        _, *states, _ = nnx.split(self.make(rngs=rngs), *_COLLECTIONS.values(), ...)
        return dict(zip(_COLLECTIONS, map(_nested, states), strict=True))

    def module(self, variables: dict[str, Any]) -> nnx.Module:
        """The network with these arrays."""
        states = []
        for name, state in self.states.items():
            flat = flatten_dict(variables.get(name, {}))
            filled = [
                (path, variable.replace(flat[tuple(map(str, path))]))
                for path, variable in nnx.to_flat_state(state)
            ]
            states.append(nnx.from_flat_state(filled))
        return nnx.merge(self.graph, *states)


def _nested(state: nnx.State) -> dict[str, Any]:
    """The arrays of a state; an index of a list has its digits as name."""
    flat = nnx.to_flat_state(state)
    return unflatten_dict(
        {tuple(map(str, path)): variable.get_value() for path, variable in flat}
    )


class FromNNX(nn.Module):
    """A network in NNX as a Linen module: see `from_nnx`."""

    network: _Graph
    layout_rules: Rules = ()

    @property
    def unit_layers(self) -> Any:
        return self.network.unit_layers

    @nn.compact
    def __call__(self, image: Any, train: bool = False) -> Any:
        if self.is_initializing():
            variables = self.network.arrays(nnx.Rngs(self.make_rng("params")))
            for collection, arrays in variables.items():
                for name, value in arrays.items():
                    self.put_variable(collection, name, value)
        else:
            variables = self.variables
        module = self.network.module(variables)
        # Of layers that are told, as those of batch norm.
        module.train() if train else module.eval()
        logits = module(image, **keywords(module.__call__, train))
        if train and self.is_mutable_collection("batch_stats"):
            stats = _nested(nnx.state(module, nnx.BatchStat))
            for name, value in stats.items():
                self.put_variable("batch_stats", name, value)
        return logits


def from_nnx(
    make: Callable[..., nnx.Module],
    *args: Any,
    layout_rules: Rules = (),
    **kwargs: Any,
) -> nn.Module:
    """A network of Flax NNX as a Linen module.

    Its parameters and statistics of batch norm have the names of the attributes that
    hold them, indices of lists among them; the seed of a run draws them.

    Args:
      make: `make(*args, **kwargs, rngs=nnx.Rngs) -> nnx.Module`: a class, as a rule.
        The module is called with images [B, ...], and told whether it is trained by its
        methods `train` and `eval`, and by an argument `train` if it has one.
      args, kwargs: the other arguments of `make`.
      layout_rules: what leaves are that `landscape.layout` does not know; default: the
        attribute `layout_rules` of the module.

    Raises:
      InputError: it has variables that are neither Param nor BatchStat, random numbers
        of dropout among them.

    >>> import jax, jax.numpy as jnp
    >>> model = from_nnx(nnx.Linear, 3, 2)
    >>> variables = model.init(jax.random.key(0), jnp.ones((1, 3)))
    >>> jax.tree.map(jnp.shape, variables["params"])
    {'bias': (2,), 'kernel': (3, 2)}
    """
    graph = _Graph(functools.partial(make, *args, **kwargs))
    return FromNNX(graph, layout_rules or graph.rules)
