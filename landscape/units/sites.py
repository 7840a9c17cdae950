"""Where in the forward pass the units of a network are seen.

After the activation the units of a group are what the next kernels read: behind
pooling, flattening and batch norm. Before it they are what their own kernels put out.
The channels of a residual stream have many sites, the units of other groups one.
"""

from collections.abc import Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp

from landscape import layout
from landscape.aliases import Params
from landscape.errors import check_choice
from landscape.layout import Rules
from landscape.units.structure import Axis, Spec

WHERE = {"after": ("i", "input"), "before": ("o", "output")}


class Site(NamedTuple):
    """A place at which units are seen, as the last axis of an array [B, ..., P * C].

    Attributes:
      axis: the groups side by side, C units in total, repeated at P positions.
      sizes: units of each of the groups.
      layer: the layer whose kernel reads them or puts them out.
      side: "input" or "output" of that layer.
    """

    axis: Axis
    sizes: tuple[int, ...]
    layer: str = ""
    side: str = ""

    @property
    def size(self) -> int:
        """C, the units of all groups."""
        return sum(self.sizes)


def sites_of(
    spec: Spec, params: Params, where: str = "after", rules: Rules = ()
) -> dict[str, Site]:
    """The sites of all units of a network, by the name of the layer.

    Args:
      spec: which axes are units.
      params: parameters, or their shapes.
      where: "after" the activation, at the inputs of the layers that read the units,
        or "before" it, at the outputs of their own layers.
      rules: for leaves that `landscape.layout` does not know.

    Raises:
      InputError: `where` is neither.

    >>> from landscape.units.structure import sequential
    >>> params = {"a": {"kernel": jnp.ones((3, 2))}, "b": {"kernel": jnp.ones((8, 5))}}
    >>> sites_of(sequential(params, ["a", "b"]), params)
    {'b': Site(axis=Axis(names=('a',), positions=4), sizes=(2,), layer='b', \
side='input')}
    """
    letter, side = WHERE[check_choice("place", where, WHERE)]
    found = {}
    for name, kernel in layout.kernels(params, rules).items():
        axes = spec.axes.get(name, ())
        for axis, kind in zip(axes, kernel.axes, strict=False):
            if kind == letter and axis is not None:
                sizes = tuple(spec.sizes[group] for group in axis.names)
                layer = layout.layer_name(name)
                found[layer] = Site(axis, sizes, layer, side)
    return found


def group_sizes(sites: Mapping[str, Site]) -> dict[str, int]:
    """The number of units of each group that is seen at a site.

    >>> both = Site(Axis(("a", "b")), (1, 2))
    >>> group_sizes({"x": both, "y": Site(Axis(("b",)), (2,))})
    {'a': 1, 'b': 2}
    """
    pairs = (zip(site.axis.names, site.sizes, strict=True) for site in sites.values())
    return {group: size for each in pairs for group, size in each}


def as_units(site: Site, x: jax.Array) -> jax.Array:
    """An array [B, ..., P * C] seen at a site as [B, positions, C].

    >>> site = Site(Axis(("a",), positions=4), (2,))
    >>> as_units(site, jnp.ones((3, 8))).shape
    (3, 4, 2)
    """
    return x.reshape(x.shape[0], -1, site.size)


def expand(site: Site, values: jax.Array) -> jax.Array:
    """A value for each unit, [C], repeated over the positions: [P * C].

    >>> expand(Site(Axis(("a",), positions=2), (2,)), jnp.array([1, 2])).tolist()
    [1, 2, 1, 2]
    """
    return jnp.tile(values, site.axis.positions)


def joined(site: Site, by_group: Mapping[str, jax.Array]) -> jax.Array:
    """The arrays [..., n] of a site's groups side by side: [..., C]."""
    return jnp.concatenate([by_group[name] for name in site.axis.names], axis=-1)


def split(site: Site, values: jax.Array) -> dict[str, jax.Array]:
    """The inverse of `joined`.

    >>> site = Site(Axis(("a", "b")), (1, 2))
    >>> {k: v.tolist() for k, v in split(site, jnp.arange(3)).items()}
    {'a': [0], 'b': [1, 2]}
    """
    ends = [sum(site.sizes[: i + 1]) for i in range(len(site.sizes) - 1)]
    parts = jnp.split(values, ends, axis=-1)
    return dict(zip(site.axis.names, parts, strict=True))


def added(sites: Mapping[str, Site], at: Mapping[str, jax.Array]) -> dict:
    """Arrays [..., C] of sites as sums over the sites of each group: [..., n].

    >>> stream = Site(Axis(("a", "b")), (1, 2))
    >>> both = added(
    ...     {"x": stream, "y": Site(Axis(("a",)), (1,))},
    ...     {"x": jnp.arange(3), "y": jnp.array([5])},
    ... )
    >>> {k: v.tolist() for k, v in both.items()}
    {'a': [5], 'b': [1, 2]}
    """
    total: dict[str, jax.Array] = {}
    for name, site in sites.items():
        for group, values in split(site, at[name]).items():
            total[group] = total[group] + values if group in total else values
    return total
