"""Tapped layers that are linear in their kernels: what one entry of a kernel does.

A layer is called as it is, with kernels of our choice: columns with a single 1 put out
what these entries are multiplied by. So a dense or convolutional layer of any framework
will do, whatever its strides and padding.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from landscape import layout, trees
from landscape.aliases import Batch, Params
from landscape.layout import Rules
from landscape.units.sites import Site
from landscape.units.structure import Axis
from landscape.units.taps import Tapped


class Layer(NamedTuple):
    """A layer with one kernel; hashable, and static in compiled programs.

    Attributes:
      name: of the layer; its taps are "NAME/input" and "NAME/output".
      kernel: the name of its kernel.
      axes: of the kernel, one of them i and one o; see `landscape.layout`.
      biases: names of its biases.
      before: taps of the outputs of the layers that are called before it.
      reader: the layer that alone reads its units, each without the others; None: they
        are read in another way.
    """

    name: str
    kernel: str
    axes: str
    biases: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    reader: "Layer | None" = None

    @property
    def input(self) -> str:
        """The tap of what it reads."""
        return f"{self.name}/input"

    @property
    def output(self) -> str:
        """The tap of what it puts out."""
        return f"{self.name}/output"

    def rows(self, kernel: Any) -> Any:
        """A kernel as [entries, units].

        >>> Layer("", "", "oi").rows(np.ones((2, 3))).shape
        (3, 2)
        """
        at = self.axes.index("o")
        xp = jnp if isinstance(kernel, jax.Array) else np
        return xp.moveaxis(kernel, at, -1).reshape(-1, kernel.shape[at])

    def kernel_of(self, rows: jax.Array, like: jax.Array) -> jax.Array:
        """The inverse of `rows`."""
        at = self.axes.index("o")
        shape = (*like.shape[:at], *like.shape[at + 1 :], like.shape[at])
        return jnp.moveaxis(rows.reshape(shape), -1, at).astype(like.dtype)

    def of_unit(self, kernel: jax.Array, unit: Any, units: int) -> jax.Array:
        """The part of a kernel that reads one of `units` units before it."""
        return of_unit(kernel, unit, units, self.axes.index("i"))

    def set_kernel(self, params: Params, kernel: jax.Array) -> Params:
        """The parameters with another kernel of this layer, and without its biases."""

        def leaf(name, value):
            if name == self.kernel:
                return kernel
            return jnp.zeros_like(value) if name in self.biases else value

        return trees.map_named(leaf, params)


def of_unit(x: jax.Array, unit: Any, units: int, axis: int = -1) -> jax.Array:
    """What belongs to one unit on an axis [positions * units]: [positions].

    >>> of_unit(jnp.arange(6), 1, 3).tolist()
    [1, 4]
    """
    axis = axis % x.ndim
    x = x.reshape(*x.shape[:axis], -1, units, *x.shape[axis + 1 :])
    return jax.lax.dynamic_index_in_dim(x, unit, axis + 1, keepdims=False)


def layer_sites(params: Params, rules: Rules = ()) -> dict[str, Site]:
    """The taps "NAME/input" and "NAME/output" of all layers that have a kernel.

    For `tapped_losses`; a tapped function that is written by hand calls them itself.

    >>> sites = layer_sites({"Dense_0": {"kernel": jnp.ones((3, 2))}})
    >>> {name: (site.layer, site.side) for name, site in sites.items()}
    {'Dense_0/input': ('Dense_0', 'input'), 'Dense_0/output': ('Dense_0', 'output')}
    """
    found = {}
    for name, kernel in layout.kernels(params, rules).items():
        layer = layout.layer_name(name)
        for side in ("input", "output"):
            # Of these taps a Site's units are not asked for.
            site = Site(Axis((layer,)), (kernel.canonical[-1],), layer, side)
            found[f"{layer}/{side}"] = site
    return found


def tapped_layer(
    tapped: Tapped, params: Params, batch: Batch, kernel: str, rules: Rules = ()
) -> Layer | None:
    """The layer of a kernel, with the one that is called next as its reader.

    Whether that one reads its units alone remains to be tried.

    Args:
      tapped: losses, tapped at `layer_sites`.
      params, batch: arrays or their shapes.
      kernel: the name of the leaf.
      rules: for leaves that `landscape.layout` does not know.

    Returns:
      None if it is not called exactly once, with one input for each of the kernel's.
    """
    calls, widths = [], {}

    def tap(name, x):
        calls.append(name)
        widths[name] = x.shape[-1]
        return x

    jax.eval_shape(lambda p, b: tapped(p, b, tap), params, batch)
    leaves = layout.leaves(params, rules)
    found = {}
    for name, leaf in leaves.items():
        if sorted(leaf.axes.replace("k", "")) != ["i", "o"] or leaf.kind != "kernel":
            continue
        own = layout.layer_name(name)
        biases = tuple(
            other
            for other, at in leaves.items()
            if at.kind == "bias" and other.rpartition("/")[0] == own
        )
        layer = Layer(own, name, leaf.axes, biases)
        taps = {layer.input: leaf.sizes("i")[0], layer.output: leaf.sizes("o")[0]}
        if all(calls.count(t) == 1 and widths[t] == n for t, n in taps.items()):
            found[layer.input] = layer
    layer = next((each for each in found.values() if each.kernel == kernel), None)
    if layer is None:
        return None
    at = calls.index(layer.output)
    later = [name for name in calls[at + 1 :] if name.endswith("/input")]
    reader = found.get(later[0]) if later else None
    if reader is not None and widths[reader.input] % widths[layer.output]:
        reader = None
    before = tuple(name for name in calls[:at] if name.endswith("/output"))
    return layer._replace(before=before, reader=reader)
