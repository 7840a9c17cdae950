"""The Hessian within the mask just before and after a mask update of RigL.

The paper (arXiv:2010.03533) says that an update makes new directions of negative
curvature. Both states here differ only by the update: no step is between them.
The same update with random growth (SET's) says what is due to the gradient.
"""

from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from analysis import curvature, spectra
from analysis.spectra import NEGATIVE
from analysis.studies.stored import stored
from landscape import derivatives, rng, runs
from landscape.recipes import recipe
from landscape.sparsity import masks as masks_lib
from landscape.trees import named_leaves

LOWEST = 100
"""Eigenvalues of the lower end that are kept."""

RANDOM = "set"
"""The method whose update grows at random."""


def measure(name: str, examples: int) -> dict[str, Any]:
    """What the next mask update does to a state of a RigL run.

    Args:
      name: of the state, RUN@STEP.
      examples: the first of the training split, that the loss is a mean over.

    Returns:
      `step`, of the state; `update`, the step whose update is made; `replaced`, kept
      weights that it exchanges; and for "before", "rigl" and "random": `size`, number
      of parameters of the Hessian (kept weights and biases), `negative`, eigenvalues
      below -1e-5 of the largest before, `smallest`, `largest`, `lowest`, the smallest
      ones ascending, `loss` and `gradient`, its norm within the mask.
    """
    settings = {"examples": examples, "lowest": LOWEST}
    return stored(
        "gradient-flow", name, "mask-update", settings, lambda: _measure(name, examples)
    )


def _measure(name: str, examples: int) -> dict[str, Any]:
    run = runs.load(name)
    state = jax.tree.map(jnp.asarray, run.state)
    data = jax.tree.map(lambda x: jnp.asarray(x[:examples]), dict(run.data.train))
    loss_fn = run.objective.bind(state.batch_stats)
    step, every = int(state.step), run.config.update_interval
    update = step - step % every + every
    grads = derivatives.gradient(
        run.objective.bind(state.batch_stats, l2=True), state.params, data
    )
    found = {"before": _spectrum(loss_fn, state.params, state.masks, data)}
    scale = found["before"]["largest"]
    replaced = {}
    for which, method in (("rigl", run.config.method), ("random", RANDOM)):
        masks = _updated(run, method, state, grads, update)
        replaced[which] = _gained(state.masks, masks)
        params = masks_lib.apply(masks, state.params)
        found[which] = _spectrum(loss_fn, params, masks, data)
    for each in found.values():
        each["negative"] = int((each["values"] < -NEGATIVE * scale).sum())
        each["lowest"] = each.pop("values")[:LOWEST].tolist()
    return {"step": step, "update": update, "replaced": replaced["rigl"], **found}


def _updated(run, method: str, state, grads, update: int):
    """The masks after an update of a method, made at a state that is just before it."""
    components = recipe.make(
        replace(run.config, method=method), run.data.input_shape, run.data.num_classes
    )
    updater, key = components.updater, rng.stream(run.config.seed, "updater", update)
    own = state.updater_state
    if method != run.config.method:
        own = updater.init(key, state.params)[1]
    masks, _, info = updater.update(
        jnp.int32(update), key, state.params, grads, state.masks, own
    )
    if not bool(info["changed"]):
        raise ValueError(f"{method} changes no mask at step {update}")
    return masks


def _gained(before, after) -> int:
    """Weights that are kept now and were not.

    >>> _gained({"w": np.array([True, False])}, {"w": np.array([False, True])})
    1
    """
    old, new = named_leaves(before), named_leaves(after)
    return sum(int((np.asarray(new[k]) & ~np.asarray(old[k])).sum()) for k in new)


def _spectrum(loss_fn, params, masks, data) -> dict[str, Any]:
    op = curvature.hessian(loss_fn, params, data, mask=masks)
    values = spectra.eigenvalues(op)
    gradient = masks_lib.apply(masks, derivatives.gradient(loss_fn, params, data))
    square = sum(float((leaf**2).sum()) for leaf in jax.tree.leaves(gradient))
    return {
        "size": op.size,
        "values": values,
        "smallest": float(values[0]),
        "largest": float(values[-1]),
        "loss": float(loss_fn(params, data)),
        "gradient": square**0.5,
    }
