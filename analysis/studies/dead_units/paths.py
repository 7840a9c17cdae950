"""U3: dead units along the dense curve that has no barrier, and along the line.

Expected, before anything was measured. Between a pruned and a scratch network of one
mask, units without input in the mask are constant at both ends, and on the whole line
between them, which stays in the mask. On a dense quadratic curve, which leaves it, such
a unit can come alive: its constant times the loss's gradient moves its outgoing
weights, and these its incoming ones, unless the constant is 0 (relu of a bias that is
not positive; about half of them). So in the middle of the curve at least a quarter of
the units that are constant at both ends vary, on the line fewer than on the curve; and
of the units that are dead (|MRP| below the tolerance) at both ends fewer are dead in
the middle of the curve than in the middle of the line.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from analysis import path as path_program
from analysis import paths
from analysis.programs import results
from analysis.studies.dead_units import units
from analysis.studies.dead_units.parts import first_examples, stored
from analysis.studies.dead_units.scales import Scale
from analysis.studies.difficulty.trainings import folder_of
from landscape import runs
from landscape.trees import leaf_name

KINDS = {"line": ("line", "sparse"), "curve": ("quadratic", "dense")}


def measure(scale: Scale, root: str, sparsity: float, seed: int) -> dict[str, Any]:
    """Units on both `KINDS` of paths from the pruned to the scratch network.

    Returns:
      Kind -> `barrier`, `ts`, and for each t `loss` and what `units.look` gives.
    """
    ends = [f"{folder_of(root, sparsity, seed)}/{n}" for n in ("pruned", "scratch")]
    return {kind: _on_path(kind, ends, scale) for kind in KINDS}


def _on_path(kind: str, ends: list[str], scale: Scale) -> dict[str, Any]:
    shape, subspace = KINDS[kind]
    # As the study of paper 1 evaluates it, so that the curve is trained once.
    settings = path_program.Config(
        *ends,
        kind=shape,
        subspace=subspace,
        points=scale.sparse.points,
        fit_steps=scale.sparse.fit_steps,
        batch_size=scale.sparse.training.get("batch_size", 128),
    )
    found = path_program.run(settings)
    own = {
        "kind": kind, "points": scale.path_points, "examples": scale.examples,
        "fit_steps": scale.sparse.fit_steps,
    }  # fmt: skip

    def measure():
        arrays = results.read_arrays(path_program.folder(settings) / results.ARRAYS)
        return _units_on_path(ends, arrays, scale)

    return {"barrier": found["barrier"]} | stored(ends, f"{kind}-units", own, measure)


def _units_on_path(ends, arrays: dict[str, np.ndarray], scale: Scale) -> dict:
    a, b = (runs.load(name) for name in ends)
    curve = paths.bezier([a.state.params, *_control(arrays, a), b.state.params])
    ts = np.linspace(0, 1, scale.path_points)
    data = first_examples(a.data.train, scale.examples)
    each = [
        units.as_lists(units.look_at(a, curve.at(float(t)), data)) for t in ts
    ]  # fmt: skip
    return {"ts": ts.tolist()} | {key: [x[key] for x in each] for key in each[0]}


def _control(arrays: dict[str, np.ndarray], run: runs.Run) -> list[Any]:
    """The inner point of the curve, if there is one."""
    prefix = "control_1/"
    named = {k.removeprefix(prefix): v for k, v in arrays.items() if prefix in k}
    if not named:
        return []

    def leaf(path, _):
        return jnp.asarray(named[leaf_name(path)])

    return [jax.tree_util.tree_map_with_path(leaf, run.state.params)]
