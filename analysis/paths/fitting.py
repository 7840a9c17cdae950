"""Training the control points of a curve (Garipov et al. 2018, section 3.3)."""

from functools import cache, partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.sharding import Mesh
from jax.tree_util import Partial

from analysis.paths.curves import Path
from landscape import rng, trees, weighting
from landscape.aliases import Batches, LossFn, Masks
from landscape.arrays import check_floating, check_integer, check_key, on_device
from landscape.callables import Static, as_partial
from landscape.derivatives import (
    as_batches,
    joined,
    num_examples,
)
from landscape.errors import InputError
from landscape.machine import backend, devices, division
from landscape.one_line import one_line
from landscape.recipes import order

STEPS_PER_CALL = 256
"""Steps in one compiled call."""


class FitState(NamedTuple):
    """What training resumes from, beside the path itself.

    Attributes:
      step: number of completed steps.
      opt_state: state of the optimizer, for the tuple of inner points.
    """

    step: int
    opt_state: Any

    __repr__ = one_line


class Fit(NamedTuple):
    """A trained curve.

    Attributes:
      path: the curve; its ends are those it was given.
      state: to resume from, together with `path`.
      losses: [num_steps], the loss of each step's batch at its t, before the update.
      ts: [num_steps], each step's t.
    """

    path: Path
    state: FitState
    losses: np.ndarray
    ts: np.ndarray

    __repr__ = one_line


@cache  # One object: the steps are compiled again for every other.
def default_optimizer() -> optax.GradientTransformation:
    """SGD, rate 0.01, momentum 0.95: the choice of Evci et al. 2019, section 4.3."""
    return optax.sgd(0.01, momentum=0.95)


def fit(
    path: Path,
    loss_fn: LossFn,
    batches: Batches,
    key: jax.Array,
    *,
    num_steps: int,
    batch_size: int,
    optimizer: optax.GradientTransformation | None = None,
    mask: Masks | None = None,
    state: FitState | None = None,
    mesh: Mesh | None = None,
) -> Fit:
    """Minimises the mean of L(w(t)) over t ~ U[0, 1] by stochastic gradient descent.

    Each step draws one t and takes one batch, and moves the inner points along the
    gradient of loss_fn(w(t), batch); the ends stay. Start from `straight`.

    Args:
      path: a curve of at least three points.
      loss_fn: `loss_fn(params, batch)`, a scalar: any L2 term is of w(t). With batch
        norm, Objective.bind(stats, "batch", l2=True) is what Garipov et al. minimise.
      batches: one batch or a list of them, with all the examples; they are put on the
        device, or divided among those of `mesh`, without those of weight 0. Their order
        is that of `landscape.recipes.order`.
      key: t and the order of examples are functions of it and of the step alone.
      num_steps: steps to take now.
      batch_size: examples in a step, at most all of them.
      optimizer: any of optax. Default: SGD, rate 0.01, momentum 0.95. A schedule sees
        the number of completed steps, also in a training that resumes.
      mask: booleans with the structure of the points, whose leaves may be scalars: the
        curve stays within the points that are exactly 0.0 where it is False. None: the
        inner points move in all dimensions.
      state: that of a fit to resume, with its path and the same key: the result has the
        same bits as if it had never stopped.
      mesh: spreads the examples of a step over its devices; where they do not divide
        the batch, each of them computes all of it.

    Raises:
      InputError: nothing to train, a point that is not 0 where the mask is False, a
        mask that does not fit, more examples a batch than there are, or a loss that is
        not a scalar.

    >>> from analysis.paths.curves import bezier
    >>> loss = lambda w, batch: jnp.mean((w[0] - 1) ** 2 + 0 * batch)
    >>> path = bezier([jnp.zeros(1)] * 3)
    >>> trained = fit(path, loss, jnp.zeros(4), jax.random.key(0), num_steps=200,
    ...               batch_size=2)
    >>> bool(trained.path.at(0.5)[0] > 0.8), trained.path.points[0].tolist()
    (True, [0.0])
    """
    # A step that saw padding alone would have no mean.
    data = weighting.without_padding(joined(as_batches(batches)))
    count = num_examples(data)
    _check(path, mask, count, batch_size, num_steps)
    data = on_device(data) if mesh is None else division.put_all(mesh, data)
    check_key(key)
    optimizer = default_optimizer() if optimizer is None else optimizer
    ends, inner = (path.points[0], path.points[-1]), path.points[1:-1]
    start, opt_state = (0, optimizer.init(inner)) if state is None else state
    start, loss_fn = int(start), as_partial(loss_fn)
    order_key, t_key = rng.split(key)
    seed = int(rng.bits(order_key) >> 1)
    static = Static(_step, (path.basis, optimizer, mesh))
    in_one_call = _scannable(loss_fn, path.points[0], data, batch_size)
    # The loops below overwrite what they are given; the caller's path must not change.
    carry = jax.tree.map(jnp.copy, (inner, opt_state))
    arguments = loss_fn, ends, mask
    if mesh is not None:
        carry, arguments = devices.replicate(mesh, (carry, arguments))
    step = Partial(static, *arguments, data, t_key)
    losses, ts = [], []
    length = STEPS_PER_CALL
    for first in range(start, start + num_steps, length):
        steps = min(length, start + num_steps - first)
        # All calls get the indices of as many steps: one compiled program serves them.
        indices = order.batches(seed, count, batch_size, first, length)
        run = _loop if in_one_call else _steps
        carry, seen = run(step, carry, indices, first, steps)
        losses.append(np.asarray(seen[0])[:steps])
        ts.append(np.asarray(seen[1])[:steps])
    if mesh is not None:
        # Each process can read a whole copy alone.
        carry = devices.replicate(mesh, carry)
    inner, opt_state = carry
    return Fit(
        path._replace(points=(ends[0], *inner, ends[1])),
        FitState(start + num_steps, opt_state),
        np.concatenate(losses) if losses else np.zeros(0),
        np.concatenate(ts) if ts else np.zeros(0),
    )


def _step(basis, optimizer, mesh, loss_fn, ends, mask, data, t_key, carry, index, step):
    inner, opt_state = carry
    t = rng.uniform(jax.random.fold_in(t_key, step)).astype(float)
    batch = jax.tree.map(lambda x: x.at[index].get(mode="promise_in_bounds"), data)
    if mesh is not None and len(index) % mesh.size == 0:
        batch = devices.spread(mesh, batch)

    def loss(inner):
        point = Path((ends[0], *inner, ends[1]), basis).at(t)
        # It changes no point of the subspace, and masks all gradients at once.
        return loss_fn(trees.project(mask, point), batch)

    value, grads = jax.value_and_grad(loss)(inner)
    updates, opt_state = optimizer.update(grads, opt_state, inner)
    inner = optax.apply_updates(inner, updates)
    # Momentum, decay or noise of an optimizer must not leave the subspace either.
    inner = tuple(trees.project(mask, point) for point in inner)
    return (inner, opt_state), (jnp.asarray(value, jnp.float32), t.astype(jnp.float32))


@partial(jax.jit, donate_argnums=1)
def _loop(step, carry, indices, first, count):
    def body(i, state):
        carry, seen = state
        carry, new = step(carry, indices[i], first + i)
        return carry, jax.tree.map(lambda all, one: all.at[i].set(one), seen, new)

    empty = (jnp.zeros(len(indices), jnp.float32),) * 2
    return jax.lax.fori_loop(0, count, body, (carry, empty))


@partial(jax.jit, donate_argnums=1)
def _one(step, carry, indices, first, i):
    return step(carry, indices[i], first + i)


def _steps(step, carry, indices, first, count):
    seen = []
    for i in range(count):
        carry, new = _one(step, carry, indices, first, i)
        seen.append(new)
    return carry, [jnp.stack(values) for values in zip(*seen, strict=True)]


def _scannable(loss_fn, point, data, batch_size) -> bool:
    batch = jax.tree.map(
        lambda x: jax.ShapeDtypeStruct((batch_size, *x.shape[1:]), x.dtype), data
    )
    jitted = jax.jit(loss_fn)
    # One trace for both questions: the jitted function keeps it.
    result = jitted.trace(point, batch).out_info
    if getattr(result, "shape", None) != ():
        raise InputError(
            "fit needs a loss function that returns a scalar, the sum of all terms, as"
            " Objective.bind(batch_stats, l2=True) is."
        )
    check_floating(result, "the loss")
    return backend.scannable(jitted, point, batch)


def _check(path, mask, num_examples, batch_size, num_steps) -> None:
    if len(path.points) < 3:
        raise InputError(
            "a path of two points has none to train: make a curve with"
            " straight(a, b, order=2)."
        )
    for name, value in (("batch_size", batch_size), ("num_steps", num_steps)):
        check_integer(value, name)
    if not 1 <= batch_size <= num_examples:
        raise InputError(
            f"the batch size must be from 1 to the {num_examples} examples, not"
            f" {batch_size}."
        )
    if num_steps < 0:
        raise InputError(f"num_steps must be at least 0, not {num_steps}.")
    trees.check_mask(mask, path.points[0])
    if mask is None:
        return
    for i, point in enumerate(path.points):
        for name, count in trees.named_leaves(_outside(mask, point)).items():
            if count > 0:
                raise InputError(
                    f"point {i} of the path is not in the sparse subspace: {count}"
                    f" entries of {name} are not 0 where the mask is False."
                )


@jax.jit
def _outside(mask: Masks, point: Any) -> Any:
    """For each leaf the number of entries that are not 0 where `mask` is False."""
    return jax.tree.map(lambda m, x: jnp.sum(jnp.where(m, 0, x) != 0), mask, point)
