"""What a sparse network holds and would cost, layer by layer."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax

from landscape import tables, trees
from landscape.errors import InputError
from landscape.layout import Rules, layer_name
from landscape.sparsity import masks as masks_lib

CONVENTION = (
    "FLOPs: forward pass for one example, 2 a multiply-add, kernels only, activations"
    " that are zero (or padding) counted; kept: as if removed weights cost nothing."
)


class Row(NamedTuple):
    """One layer.

    Attributes:
      layer: name of the kernel without its last part.
      shape: of the kernel.
      size, kept: entries of the kernel, and those that the mask keeps.
      flops, flops_kept: see `CONVENTION`.
    """

    layer: str
    shape: tuple[int, ...]
    size: int
    kept: int
    flops: int | None
    flops_kept: int | None

    @property
    def sparsity(self) -> float:
        """Fraction removed."""
        return (self.size - self.kept) / self.size


def table(
    params: Any, masks: Any, positions: Mapping[str, int | None], rules: Rules = ()
) -> list[Row]:
    """One row a prunable kernel, in the order of the tree.

    Args:
      params: parameters (only names and shapes matter).
      masks: masks of the parameters.
      positions: for every kernel the number of output positions at which it is applied:
        H_out W_out of a convolution, 1 of a dense layer (`models.positions`); None is
        unknown, and so are the FLOPs.
      rules: as of `landscape.sparsity.prunable`.

    Raises:
      InputError: a kernel has no entry in `positions`.

    >>> import jax.numpy as jnp
    >>> params = {"Conv_0": {"kernel": jnp.arange(4.0).reshape(1, 1, 2, 2)}}
    >>> masks = {"Conv_0": {"kernel": params["Conv_0"]["kernel"] > 1}}
    >>> table(params, masks, {"Conv_0/kernel": 9})[0].flops_kept
    36
    """
    kept = jax.device_get(masks_lib.count(masks, params))
    rows = []
    shapes = {name: leaf.shape for name, leaf in trees.named_leaves(params).items()}
    for name in masks_lib.prunable(params, rules):
        if name not in positions:
            raise InputError(f"the number of output positions of {name} is missing.")
        shape, k, count = shapes[name], int(kept[name]), positions[name]
        size = math.prod(shape)
        flops = (None, None) if count is None else (2 * count * size, 2 * count * k)
        rows.append(Row(layer_name(name), shape, size, k, *flops))
    return rows


def check_known(rows: Sequence[Row]) -> None:
    """Raises InputError if the FLOPs of a row are not known.

    >>> check_known([Row("Dense_0", (2, 3), 6, 6, None, None)])
    Traceback (most recent call last):
    ...
    landscape.errors.InputError: the FLOPs of Dense_0 are not known: its layer is \
never called, and its kernel is in no matrix product or convolution as it is.
    """
    for row in rows:
        if row.flops is None:
            raise InputError(
                f"the FLOPs of {row.layer} are not known: its layer is never called,"
                " and its kernel is in no matrix product or convolution as it is."
            )


def format_table(
    params: Any, masks: Any, positions: Mapping[str, int], rules: Rules = ()
) -> str:
    """`table` as text, with totals, the layers kept dense, and the convention.

    >>> import jax.numpy as jnp
    >>> params = {"Dense_0": {"kernel": jnp.ones((2, 3)), "bias": jnp.ones(3)}}
    >>> text = format_table(params, masks_lib.dense(params), {"Dense_0/kernel": 1})
    >>> print(text.removesuffix(CONVENTION).rstrip())
    layer    shape  weights  kept  sparsity  FLOPs  kept FLOPs
    -------  -----  -------  ----  --------  -----  ----------
    Dense_0  2x3          6     6    0.00 %     12          12
    all                   6     6    0.00 %     12          12
    Sparsity of the 6 prunable weights 0.00 %, of all 9 parameters 0.00 %.
    Dense layers: Dense_0.
    """
    rows = table(params, masks, positions, rules)
    total = Row("all", (), *(_sum(rows, field) for field in Row._fields[2:]))
    cells = [
        [
            row.layer,
            "x".join(map(str, row.shape)),
            f"{row.size:,}",
            f"{row.kept:,}",
            f"{100 * row.sparsity:.2f} %",
            _flops(row.flops),
            _flops(row.flops_kept),
        ]
        for row in [*rows, total]
    ]
    header = "layer", "shape", "weights", "kept", "sparsity", "FLOPs", "kept FLOPs"
    everything = sum(leaf.size for leaf in jax.tree.leaves(params))
    fraction = (total.size - total.kept) / everything
    never = [row.layer for row in rows if row.kept == row.size]
    lines = [
        tables.format_table(header, cells),
        f"Sparsity of the {total.size:,} prunable weights {100 * total.sparsity:.2f} %,"
        f" of all {everything:,} parameters {100 * fraction:.2f} %.",
        f"Dense layers: {', '.join(never) or 'none'}.",
        CONVENTION,
    ]
    return "\n".join(lines)


def _sum(rows: Sequence[Row], field: str) -> int | None:
    values = [getattr(row, field) for row in rows]
    return None if None in values else sum(values)


def _flops(count: int | None) -> str:
    return "unknown" if count is None else f"{count:,}"
