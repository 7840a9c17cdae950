"""A figure of what `analysis.planes.evaluate` returns, in one line."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from jax.typing import ArrayLike

from analysis.planes.planes import Plane
from landscape.errors import InputError

if TYPE_CHECKING:
    from landscape.figures import Figure


def plot(
    plane: Plane,
    alphas: ArrayLike,
    betas: ArrayLike,
    values: ArrayLike | Mapping[str, ArrayLike],
    *,
    labels: Sequence[str] | None = None,
    title: str = "",
    unit: str = "",
) -> "Figure":
    """The loss on a plane, and the accuracy beside it if there is one.

    Marks what the plane was made from. matplotlib is imported here.

    Args:
      plane: see `through`, `random`, `along` and `trajectory`.
      alphas: [columns].
      betas: [rows].
      values: what `evaluate` returns: "loss" and, if there are any, "l2" and
        "accuracy"; or the loss alone, [rows, columns].
      labels: of the points that the plane was made from; without them several points
        are joined as a trajectory.
      title: of the figure.
      unit: of the loss, with the space before it: " (nats)".

    Raises:
      InputError: there is no loss, a shape is not [rows, columns], or labels do not fit
        the points.

    >>> from analysis.planes import along, grid
    >>> plane = along(np.zeros(2), (np.array([1.0, 0.0]), np.array([0.0, 1.0])))
    >>> alphas, betas = grid(3)
    >>> figure = plot(plane, alphas, betas, alphas**2 + betas[:, None] ** 2)
    >>> figure.axes[0].get_xlabel()
    'alpha'
    """
    from landscape import figures

    if not isinstance(values, Mapping):
        values = {"loss": values}
    arrays = {name: np.asarray(array, float) for name, array in values.items()}
    shape = len(betas), len(alphas)
    if "loss" not in arrays:
        raise InputError(f'the values need a "loss"; they have {", ".join(arrays)}.')
    for name, array in arrays.items():
        if array.shape != shape:
            raise InputError(
                f"{name} has shape {array.shape}, not that of betas and alphas,"
                f" {shape}."
            )
    count = len(plane.coordinates)
    if labels is not None and len(labels) != count:
        raise InputError(f"{len(labels)} labels do not fit the plane's {count} points.")
    return figures.surface(
        np.asarray(alphas, float),
        np.asarray(betas, float),
        arrays["loss"] + arrays.get("l2", 0.0),
        np.asarray(plane.coordinates),
        labels,
        title,
        figures.plane_axes(plane.eigenvalues, plane.explained),
        accuracies=arrays.get("accuracy"),
        split=None,
        loss_label=f"loss{unit}",
    )
