"""Which entries of the parameters an operator acts on: a mask, layers, a block."""

from collections.abc import Sequence
from math import prod
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from landscape import trees
from landscape.aliases import Masks, Params
from landscape.arrays import check_arrays, check_floating
from landscape.errors import InputError
from landscape.patterns import matching


class Coordinates(NamedTuple):
    """The shapes of parameters, and which of their leaves vary; equal by value.

    Attributes:
      structure: the pytree's.
      shapes, dtypes: of every leaf.
      varying: the indices of the leaves that vary, in `jax.tree.leaves`.
    """

    structure: jax.tree_util.PyTreeDef
    shapes: tuple[tuple[int, ...], ...]
    dtypes: tuple[np.dtype, ...]
    varying: tuple[int, ...]

    def __repr__(self) -> str:
        total = sum(map(prod, self.shapes))
        return (
            f"Coordinates({self.size:,} of {total:,} entries, in {len(self.varying)} of"
            f" {len(self.shapes)} leaves, {self.dtype})"
        )

    @classmethod
    def of(
        cls, params: Params, layers: str | Sequence[str] | None = None
    ) -> "Coordinates":
        """Those of `params`, whose leaves vary if they belong to the layers.

        Raises:
          InputError: no leaf, one that varies and is not of floating point, or of half
            precision, or a pattern that names none.

        >>> Coordinates.of({"a": jnp.zeros(2), "b": jnp.zeros((2, 3))}, "b").size
        6
        """
        check_arrays(params, "the parameters")
        named = trees.named_leaves(params)
        if not named:
            raise InputError("an operator needs parameters, not an empty pytree.")
        chosen = matching(named, layers)
        varying = {name: leaf for name, leaf in named.items() if name in chosen}
        held = ", or be held fixed: name the `layers` that vary"
        check_floating(varying, "the parameters", held)
        for name, leaf in varying.items():
            if jnp.finfo(jnp.result_type(leaf)).bits < 32:
                raise InputError(
                    f"{name} must be float32 or float64, not {jnp.result_type(leaf)}:"
                    " products in half precision are too coarse. Convert the"
                    " parameters, and let the model compute in their dtype."
                )
        return cls(
            jax.tree.structure(params),
            tuple(map(jnp.shape, named.values())),
            tuple(map(jnp.result_type, named.values())),
            tuple(i for i, name in enumerate(named) if name in chosen),
        )

    @property
    def dtype(self) -> np.dtype:
        """The widest dtype of the leaves that vary."""
        return jnp.result_type(*(self.dtypes[i] for i in self.varying))

    @property
    def sizes(self) -> tuple[int, ...]:
        """Entries of each leaf that varies."""
        return tuple(prod(self.shapes[i]) for i in self.varying)

    @property
    def size(self) -> int:
        """Entries of the leaves that vary."""
        return sum(self.sizes)

    def template(self) -> Params:
        """A pytree of the shapes and dtypes of all leaves."""
        pairs = zip(self.shapes, self.dtypes, strict=True)
        return self.structure.unflatten(jax.ShapeDtypeStruct(*pair) for pair in pairs)

    def leaves(self, tree: Params) -> tuple[jax.Array, ...]:
        """The leaves of `tree` that vary.

        Raises:
          InputError: another structure or other shapes.
        """
        if jax.tree.structure(tree) != self.structure:
            raise InputError("a pytree must have the structure of the parameters.")
        pairs = zip(trees.named_leaves(tree).items(), self.shapes, strict=True)
        for (name, leaf), shape in pairs:
            if jnp.shape(leaf) != shape:
                raise InputError(
                    f"{name} must have shape {shape}, not {jnp.shape(leaf)}."
                )
        leaves = jax.tree.leaves(tree)
        return tuple(jnp.asarray(leaves[i], self.dtypes[i]) for i in self.varying)

    def tree(self, leaves: Sequence, rest: Sequence | None = None) -> Params:
        """The pytree of the leaves that vary and of the `rest` (default: zeros)."""
        everything = rest or [
            jnp.zeros(shape, dtype)
            for shape, dtype in zip(self.shapes, self.dtypes, strict=True)
        ]
        everything = list(everything)
        for i, leaf in zip(self.varying, leaves, strict=True):
            everything[i] = leaf
        return self.structure.unflatten(everything)

    def split(self, flat: jax.Array) -> tuple[jax.Array, ...]:
        """The leaves that vary out of one vector of all their entries."""
        parts = jnp.split(flat, np.cumsum(self.sizes)[:-1])
        return tuple(
            part.reshape(self.shapes[i]).astype(self.dtypes[i])
            for part, i in zip(parts, self.varying, strict=True)
        )


def kept_entries(
    coordinates: Coordinates, mask: Masks, layers: str | Sequence[str] | None = None
) -> np.ndarray | None:
    """Indices among all entries of the leaves that vary, rising; None for all.

    Args:
      mask: booleans with the structure of the parameters, whose leaves may be scalars;
        None keeps every entry.
      layers: as in `matching`; None keeps every leaf.

    Raises:
      InputError: the mask does not fit, or nothing is kept.

    >>> coordinates = Coordinates.of({"a": jnp.zeros(2), "b": jnp.zeros(2)})
    >>> kept_entries(coordinates, {"a": np.array([False, True]), "b": True}).tolist()
    [1, 2, 3]
    """
    template = coordinates.template()
    trees.check_mask(mask, template)
    names = list(trees.named_leaves(template))
    chosen = matching(names, layers)
    kept = [True] * len(names) if mask is None else jax.tree.leaves(mask)
    kept = [np.asarray(kept[i]) for i in coordinates.varying]
    flags = [
        np.broadcast_to(flag & (names[i] in chosen), coordinates.shapes[i]).ravel()
        for i, flag in zip(coordinates.varying, kept, strict=True)
    ]
    flags = np.concatenate(flags)
    if flags.all():
        return None
    if not flags.any():
        raise InputError("the mask keeps no entry of the layers chosen.")
    return np.flatnonzero(flags)


def num_kept(params: Params, mask: Masks, layers: str | Sequence[str]) -> int:
    """How many entries of the layers a mask keeps; 0 is no error here.

    >>> num_kept({"a": jnp.ones(3), "b": jnp.ones(1)}, {"a": False, "b": True}, "a")
    0
    """
    named, flags = trees.named_leaves(params), trees.named_leaves(mask)
    chosen = matching(list(named), layers)
    return sum(
        int(np.broadcast_to(flags[name], jnp.shape(named[name])).sum())
        for name in chosen
    )
