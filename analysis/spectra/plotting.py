"""A figure of what was found of a spectrum, in one line."""

from typing import TYPE_CHECKING, Any

import numpy as np

from analysis.spectra.density import Density
from analysis.spectra.eigenpairs import WHICH, Eigenpairs
from analysis.spectra.smoothing import smoothed
from landscape.errors import InputError, check_choice

# matplotlib takes half a second, and whoever draws nothing does not need it.
if TYPE_CHECKING:
    from landscape.figures import Figure


def plot(
    *found: Density | Eigenpairs,
    which: str = "both",
    title: str | None = None,
    num_classes: int | None = None,
) -> "Figure":
    """The figure of a density, of eigenpairs, or of both, as a matplotlib `Figure`.

        spectra.plot(pairs)
        spectra.plot(density, pairs).savefig("spectrum.pdf")

    Eigenpairs over their rank with their errors: one that has not converged is left
    out, one that is zero within its error is hollow. The density smoothed, with its
    spread over probes, and the fraction of eigenvalues up to each value, between the
    bounds that the quadrature leaves. With both, the eigenvalues of the pairs that are
    known to differ from zero are marked, and are no part of the curve.

    Args:
      found: what `spectral_density` and `top_eigenpairs` return, in any order.
      which: the ends that the pairs are of, as `top_eigenpairs` was asked for them.
      title: of the figure; default: the number of eigenvalues.
      num_classes: of a classifier: a line is drawn behind as many eigenvalues.

    Raises:
      InputError: anything else, two of a kind, or nothing.

    >>> import jax
    >>> from analysis.spectra.eigenpairs import top_eigenpairs
    >>> from analysis.spectra.linear_operator import from_matrix
    >>> op = from_matrix(jax.numpy.diag(jax.numpy.arange(9.0)))
    >>> figure = plot(top_eigenpairs(op, 2, key=jax.random.key(0)))
    >>> [axes.get_title() for axes in figure.axes]
    ['largest eigenvalues', 'smallest eigenvalues']
    """
    from landscape import figures

    check_choice("end of the spectrum", which, WHICH)
    kinds = [type(each) for each in found]
    if not found or set(kinds) - {Density, Eigenpairs} or len(set(kinds)) < len(kinds):
        names = ", ".join(kind.__name__ for kind in kinds) or "nothing"
        raise InputError(
            "plot takes a Density, Eigenpairs, or one of each, not"
            f" {names}: what spectral_density and top_eigenpairs return."
        )
    given = dict(zip(kinds, found, strict=True))
    pairs, density = given.get(Eigenpairs), given.get(Density)
    drawn: dict[str, Any] = {"num_classes": num_classes}
    marked = None
    if pairs is not None:
        drawn |= _ends(pairs, which)
        drawn["size"] = pairs.vectors.shape[1]
        # Zeros within their error stay in the curve.
        error = np.maximum(pairs.errors, drawn["resolution"])
        marked = pairs.values[pairs.converged & (np.abs(pairs.values) > error)]
    if density is not None:
        drawn["curve"] = smoothed(density, point_masses=marked)._asdict()
        drawn["size"] = density.size
    if title is None:
        title = f"{drawn['size']:,} eigenvalues"
    return figures.spectrum(drawn, title)


def _ends(pairs: Eigenpairs, which: str) -> dict[str, Any]:
    """Of `figures.spectrum`: both ends, the outermost first, and what is rounding."""
    count = len(pairs.values)
    num_large = {
        "both": (count + 1) // 2,
        "largest": count,
        "smallest": 0,
        "magnitude": int((pairs.values > 0).sum()),
    }[which]
    parts = {"": pairs.values, "_errors": pairs.errors, "_converged": pairs.converged}
    large = {f"largest{part}": array[:num_large] for part, array in parts.items()}
    small = {f"smallest{part}": x[num_large:][::-1] for part, x in parts.items()}
    eps = float(np.finfo(pairs.vectors.dtype).eps)
    scale = float(np.abs(pairs.values).max())
    return large | small | {"resolution": 20 * eps * scale}
