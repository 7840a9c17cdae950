"""Spectra computed in pieces that are saved: an interruption loses at most one."""

from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np

from analysis import spectra
from analysis.programs import results
from analysis.spectra import Eigenpairs, LinearOperator, Quadrature, Summary
from landscape import rng
from landscape.cli import Progress, activity
from landscape.tables import counted

TOLERANCE = 1e-6
"""Of the extreme eigenvalues, relative."""

TRACE_PRODUCTS = 60
"""Products for the trace."""

STORAGE = "storage"
"""Name of the piece that says where vectors are kept."""

Arrays = dict[str, np.ndarray]


def storage_of(folder: Path) -> str | None:
    """Where the vectors of an interrupted spectrum were kept; None if unknown."""
    found = results.kept(folder).get(STORAGE)
    return None if found is None else str(found)


def estimated(
    op: LinearOperator,
    top: int,
    num_steps: int,
    num_probes: int,
    key: jax.Array,
    *,
    folder: Path | None = None,
    storage: str = "device",
    say: Callable[[str], None] = lambda text: None,
) -> Summary:
    """The spectrum by Lanczos: eigenpairs of both ends, and the density without them.

    With a folder the eigenpairs and each probe are saved there as they are found, and
    read by the next call, which gives the same bits as an uninterrupted one. Vmapped
    probes (on accelerators) are one piece.

    Args:
      op: a symmetric operator.
      top: number of eigenpairs of each end.
      num_steps, num_probes: of the density, see `spectra.spectral_density`.
      key: of the random starts.
      folder: where pieces are saved; None: nowhere.
      storage: of vectors, as `spectra.Memory.storage`; it is saved with the pieces.
      say: is called with a line for the user before the trace.

    >>> op = spectra.from_matrix(jax.numpy.diag(jax.numpy.arange(8.0) - 2))
    >>> found = estimated(op, 1, 4, 1, jax.random.key(0)).result
    >>> round(found["largest"][0]), round(found["smallest"][0]), round(found["trace"])
    (5, -2, 12)
    """
    keys = rng.split(key, 3)
    saved = {} if folder is None else results.kept(folder)
    saved[STORAGE] = np.array(storage)

    def save(pieces: Arrays) -> None:
        saved.update(pieces)
        if folder is not None:
            done = sum(name.endswith("/nodes") for name in saved)
            what = f"the eigenpairs and {done} of {num_probes} probes"
            results.keep(folder, saved, what)

    pairs = _eigenpairs(saved, save, op, top, keys[0])
    probes = _probes(saved, save, op, pairs, num_steps, num_probes, keys[1])
    density = spectra.density_from_probes(op, probes, pairs)
    say(f"the trace, by {counted(min(TRACE_PRODUCTS, op.size), 'product')}")
    with activity("trace"):
        trace = spectra.xtrace(op, TRACE_PRODUCTS, key=keys[2])
    return spectra.summarise(op, top, pairs, density, trace)


def exact(op: LinearOperator, top: int, say: Callable[[str], None]) -> Summary:
    """`spectra.summarise_exact`, in one piece, with a progress bar.

    Args:
      op, top: as in `estimated`.
      say: is called with a line for the user that states the cost in advance.
    """
    live = spectra.live_rows(op)
    cost = spectra.predicted_cost(len(live))
    instead = "leave out --exact, or restrict it to fewer --layers or to a mask"
    if zero := op.size - len(live):
        instead = f"{instead} ({counted(zero, 'zero row')} left out already)"
    spectra.check_memory(cost, instead=instead)
    say(f"dense matrix without zero rows, {cost}")
    bar = Progress("rows of the matrix", len(live), unit="row")
    found = spectra.summarise_exact(op, top, live=live, report=bar.update)
    bar.close()
    return found


def _eigenpairs(
    saved: Arrays,
    save: Callable[[Arrays], None],
    op: LinearOperator,
    top: int,
    key: jax.Array,
) -> Eigenpairs:
    """The saved eigenpairs, or new ones, which are saved."""
    names = {name: f"pairs/{name}" for name in Eigenpairs._fields}
    # A partial result of an earlier version may lack a field.
    if not saved.keys() >= set(names.values()):
        bar = Progress("eigenpairs", min(2 * top, op.size), unit="pair")
        pairs = spectra.top_eigenpairs(
            op, top, key=key, tol=TOLERANCE,
            report=lambda converged, products: bar.update(
                converged, note=f"{products} products"
            ),
        )  # fmt: skip
        bar.close()
        found = pairs._asdict().items()
        save({names[name]: np.asarray(value) for name, value in found})
    pairs = Eigenpairs(**{name: saved[label] for name, label in names.items()})
    # Where they are kept apart, the solvers put each where it belongs.
    apart = spectra.is_apart(op)
    return pairs._replace(
        vectors=pairs.vectors if apart else jax.numpy.asarray(pairs.vectors),
        products=int(pairs.products),
        miss_probability=float(pairs.miss_probability),
    )


def _probes(
    saved: Arrays,
    save: Callable[[Arrays], None],
    op: LinearOperator,
    pairs: Eigenpairs,
    num_steps: int,
    num_probes: int,
    key: jax.Array,
) -> list[Quadrature]:
    """The quadratures of all probes: the saved ones, then new ones, which are saved."""
    found = []
    while f"{len(found)}/{Quadrature._fields[-1]}" in saved:
        fields = (saved[f"{len(found)}/{name}"] for name in Quadrature._fields)
        found.append(Quadrature(*fields))
    steps = min(num_steps, op.size - int(pairs.converged.sum()))
    bar = Progress("density", steps * num_probes, steps * len(found), "product")
    new = spectra.probe_quadratures(
        op, key=key, num_steps=num_steps, num_probes=num_probes, pairs=pairs,
        first=len(found), report=bar.update,
    )  # fmt: skip
    for i, probe in enumerate(new, len(found)):
        found.append(probe)
        save({f"{i}/{name}": value for name, value in probe._asdict().items()})
    bar.close()
    return found
