"""A spectrum in pieces: a kill loses the last of them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import numpy as np

from analysis import spectra
from analysis.programs import results
from analysis.spectra import Eigenpairs, density, exact, summary, top_eigenpairs, xtrace
from landscape.cli import Progress


def estimated(
    folder: Path,
    op: Any,
    top: int,
    num_steps: int,
    num_probes: int,
    key: jax.Array,
    say: Callable[[str], None],
) -> summary.Spectrum:
    """`spectra.estimated`; its pieces are the eigenpairs and each probe.

    Where probes run together (accelerators) they are one piece.
    """
    keys = jax.random.split(key, 3)
    kept = results.kept(folder)
    pairs = _pairs(folder, kept, op, top, keys[0])
    names = spectra.Quadrature._fields
    found = []
    while f"{len(found)}/nodes" in kept:
        each = (kept[f"{len(found)}/{name}"] for name in names)
        found.append(spectra.Quadrature(*each))
    steps = min(num_steps, op.size - int(pairs.converged.sum()))
    total = steps * num_probes
    bar = Progress("density", total, steps * len(found), "product")
    probes = spectra.probes(
        op, key=keys[1], num_steps=num_steps, num_probes=num_probes, pairs=pairs,
        first=len(found), report=bar.update,
    )  # fmt: skip
    for i, probe in enumerate(probes, len(found)):
        found.append(probe)
        kept |= {f"{i}/{name}": x for name, x in probe._asdict().items()}
        results.keep(folder, kept)
    bar.close()
    say(f"the trace, by {min(summary.TRACE_PRODUCTS, op.size)} products")
    trace = xtrace(op, summary.TRACE_PRODUCTS, key=keys[2])
    return summary.joined(op, top, pairs, density.joined(op, found, pairs), trace)


def whole(op: Any, top: int, say: Callable[[str], None]) -> summary.Spectrum:
    """`spectra.exact`, in one piece; `say` is told beforehand what it takes."""
    live = exact.live_rows(op)
    cost = exact.predicted_cost(len(live))
    exact.check_memory(cost, exact.MEMORY)
    say(f"the matrix written out, without its zero rows {cost}")
    bar = Progress("rows of the matrix", len(live), unit="row")
    found = summary.exact(op, top, live=live, report=bar.update)
    bar.close()
    return found


def _pairs(folder, kept, op, top, key) -> Eigenpairs:
    """Those that were kept, or those that are found and kept now."""
    names = {name: f"pairs/{name}" for name in Eigenpairs._fields}
    if names["values"] not in kept:
        bar = Progress("eigenpairs", min(2 * top, op.size), unit="pair")
        pairs = top_eigenpairs(
            op, top, key=key, tol=summary.TOLERANCE,
            report=lambda there, products: bar.update(
                there, note=f"{products} products"
            ),
        )  # fmt: skip
        bar.close()
        found = pairs._asdict()
        kept |= {names[name]: np.asarray(x) for name, x in found.items()}
        results.keep(folder, kept)
    pairs = Eigenpairs(**{name: kept[place] for name, place in names.items()})
    vectors = jax.numpy.asarray(pairs.vectors)
    return pairs._replace(vectors=vectors, products=int(pairs.products))
