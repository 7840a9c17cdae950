"""U1: how much of the Hessian's mass at zero lies in the parameters of dead units.

Expected, before anything was measured: a unit whose output is 0 everywhere has zero
rows in the Hessian (of its incoming weights and bias, as nothing comes back to them; of
its outgoing weights, as nothing goes through them), and a unit that is dead but not
constant nearly so. So what goes with the parameters of dead units is eigenvalues near
zero, nearly all of it (at least 0.9 of their number), and no negative ones (their
number changes by a fifth at most). But most of the mass at zero is in the live units
(dead ones explain less than half of it): over-parametrised networks have it without a
single dead unit.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from analysis import curvature, spectra
from analysis.spectra import NEAR_ZERO, NEGATIVE
from analysis.studies.dead_units import units
from analysis.studies.dead_units.parts import first_examples, stored
from analysis.studies.dead_units.scales import TOLERANCE, Scale
from landscape import runs
from landscape.trees import named_leaves
from landscape.units import Spec, specification


def measure(name: str, scale: Scale) -> dict[str, Any]:
    """Eigenvalues of a run's Hessian with and without the parameters of dead units.

    Returns:
      `size`, `dead_size`: number of parameters, and of those of dead units; `units`,
      `dead`, `constant`: numbers of units; `whole`, `live`: all eigenvalues,
      descending, of the Hessian and of its submatrix without dead units.
    """
    settings = {"examples": scale.examples, "tolerance": TOLERANCE}
    return stored(name, "spectrum", settings, lambda: _measure(name, scale))


def _measure(name: str, scale: Scale) -> dict[str, Any]:
    seen = units.look(name, scale.examples)
    dead = {
        group: np.abs(values) < TOLERANCE for group, values in seen["penalty"].items()
    }
    run = runs.load(name)
    params = run.state.params
    mask = dead_parameters(specification(run.model, params), params, dead)
    taken = np.concatenate(
        [np.broadcast_to(x, p.shape).ravel()
         for x, p in zip(jax.tree.leaves(mask), jax.tree.leaves(params), strict=True)]
    )  # fmt: skip
    op = curvature.hessian(
        run.objective.bind(run.state.batch_stats),
        jax.tree.map(jnp.asarray, params),
        first_examples(run.data.train, scale.examples),
    )
    dense = spectra.materialise(op)
    live = np.flatnonzero(~taken)
    return {
        "size": op.size,
        "dead_size": int(taken.sum()),
        "units": sum(flags.size for flags in dead.values()),
        "dead": int(sum(flags.sum() for flags in dead.values())),
        "constant": int(sum(np.sum(x) for x in seen["constant"].values())),
        "whole": spectra.eigenvalues(dense)[::-1].tolist(),
        "live": spectra.eigenvalues(dense[np.ix_(live, live)])[::-1].tolist(),
    }


def dead_parameters(spec: Spec, params: Any, dead: dict[str, Any]) -> Any:
    """A mask of the entries that belong to dead units: incoming, bias and outgoing.

    >>> from landscape.units import sequential
    >>> params = {"a": {"kernel": jnp.ones((1, 2))}, "b": {"kernel": jnp.ones((2, 1))}}
    >>> mask = dead_parameters(
    ...     sequential(params, ["a", "b"]), params, {"a": np.array([True, False])}
    ... )
    >>> mask["a"]["kernel"].tolist(), mask["b"]["kernel"].tolist()
    ([[True, False]], [[True], [False]])
    """
    flat = {}
    for name, leaf in named_leaves(params).items():
        mask = np.zeros(np.shape(leaf), bool)
        for i, axis in enumerate(spec.axes.get(name, ())):
            if axis is not None:
                flags = np.concatenate([np.asarray(dead[g]) for g in axis.names])
                shape = [-1 if j == i else 1 for j in range(mask.ndim)]
                mask |= np.tile(flags, axis.positions).reshape(shape)
        flat[name] = mask
    return jax.tree.unflatten(jax.tree.structure(params), list(flat.values()))


def counted(found: dict[str, Any], with_values: bool) -> dict[str, Any]:
    """The numbers of eigenvalues, and the eigenvalues themselves if asked."""
    numbers = {
        f"{which}_{key}": value
        for which in ("whole", "live")
        for key, value in counts(found, which).items()
    }
    kept = found if with_values else {
        key: value for key, value in found.items() if key not in ("whole", "live")
    }  # fmt: skip
    return kept | numbers


def counts(found: dict[str, Any], which: str) -> dict[str, int]:
    """How many eigenvalues of `whole` or `live` are near zero, and how many negative.

    Both are judged by the largest of the whole Hessian.

    >>> counts({"whole": [1.0, 0.0, -0.1], "live": [1.0, 1e-4]}, "live")
    {'near_zero': 1, 'negative': 0}
    """
    values, scale = np.array(found[which]), found["whole"][0]
    return {
        "near_zero": int((np.abs(values) <= NEAR_ZERO * scale).sum()),
        "negative": int((values < -NEGATIVE * scale).sum()),
    }
