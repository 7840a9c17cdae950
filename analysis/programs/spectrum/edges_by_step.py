"""The largest and the smallest eigenvalue at the steps that a run kept.

Parameters have the same shapes at all steps, so that one compiled program serves them
all, under masks that change as well (`in_place`).
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.tree_util import Partial

from analysis import spectra
from analysis.curvature import Operator
from analysis.programs import checks, inputs, results
from analysis.programs.spectrum import stability
from analysis.programs.spectrum.of_run import MIN_PARAMETERS, operator, too_few
from landscape import derivatives, rng, runs, trees
from landscape.aliases import Masks
from landscape.cli import Progress
from landscape.machine import on_devices
from landscape.recipes import schedules
from landscape.tables import counted

TOLERANCE = 1e-4
"""Of the eigenvalues, relative: a curve is drawn through them."""

CHUNK = 1000
"""Examples whose loss is evaluated at a time."""

MOST = 2000
"""Points of the curve of the threshold."""

Arrays = results.Arrays


def found(
    config: Any,
    refs: Sequence[runs.Ref],
    folder: Path,
    say: Callable[[str], None] = lambda text: None,
) -> tuple[dict[str, Any], Arrays]:
    """The edges at each state of one run, and the loss there.

    What was found of a step is saved in `folder`, and read by the next call.

    Args:
      config: `analysis.spectrum.Config`.
      refs: the states, by rising step.
      folder: of the result.
      say: is called with a line for the user before the first product.

    Returns:
      What result.json holds, without the settings, and arrays.npz.
    """
    (run,) = inputs.load([refs[0]], config.data_dir)
    examples = inputs.examples_of(run, config.num_examples)
    moving = config.subspace == "sparse" and any(
        checks.masks_differ([refs[0], other]) for other in refs[1:]
    )
    steps = [int(ref.step) for ref in refs]
    lines = _lines(results.kept(folder))
    divided = on_devices.all_devices().divided(examples)
    bar = Progress("edges at the steps kept", len(refs), len(lines))
    for ref in refs[len(lines) :]:
        line = _edges(config, ref, examples, divided, moving, check=ref == refs[0])
        if not lines:
            at = f"{config.operator} at {counted(len(refs), 'step')}"
            say(f"{at}; products: {line['description']}")
        lines.append(line)
        what = f"the edges at {len(lines)} of {len(refs)} steps"
        results.keep(folder, _columns(lines), what)
        note = f"step {ref.step}: largest eigenvalue {line['largest']:.3g}"
        bar.update(len(lines), note=note)
    bar.close()
    arrays = _columns(lines)
    descriptions = arrays.pop("description")
    result = {
        "steps": steps,
        "num_examples": len(examples["label"]),
        "description": str(descriptions[-1]),
        "optimizer": run.config.optimizer,
        **{name: array.tolist() for name, array in arrays.items()},
        **_thresholds(config, run.config, steps),
    }
    every = np.unique(np.linspace(0, run.config.steps, MOST + 1).round().astype(int))
    limits = _thresholds(config, run.config, every)["thresholds"]
    if limits is not None:
        limits = np.array([np.nan if limit is None else limit for limit in limits])
        arrays |= {"threshold_steps": every, "thresholds": limits}
    return result, arrays | {"steps": np.array(steps)}


def _edges(config, ref, examples, divided, moving, *, check) -> dict[str, Any]:
    """The numbers of one state."""
    run = runs.load(ref, data=False)
    key = rng.stream(config.seed, "spectrum", int(ref.step))
    whole = run._replace(masks=None) if moving else run
    op = operator(config, whole, examples, check=check)
    size = op.size
    if moving:
        size = sum(int(leaf.sum()) for leaf in _inside(op, run.masks))
    if size < MIN_PARAMETERS:
        raise too_few(ref, size, config.layers)
    if moving:
        op = in_place(op, run.masks, key)
    pairs = spectra.top_eigenpairs(op, 1, key=key, tol=TOLERANCE)
    line = {"description": op.description, "size": size, "products": pairs.products}
    line["loss"] = _loss(run, divided)
    for i, end in ((0, "largest"), (-1, "smallest")):
        line |= {end: pairs.values[i], f"{end}_errors": pairs.errors[i]}
        line[f"{end}_converged"] = pairs.converged[i]
    return line


def _loss(run, divided) -> float:
    """The data loss in eval mode, nats; of examples that are divided among devices."""
    here = on_devices.all_devices()
    state = here.whole(run.state)
    loss_fn = run.objective.bind(state.batch_stats)
    chunk = here.chunk_size(CHUNK)
    return float(derivatives.average(loss_fn, divided, state.params, chunk_size=chunk))


def _columns(lines: list[dict[str, Any]]) -> Arrays:
    return {name: np.array([line[name] for line in lines]) for name in lines[0]}


def _lines(columns: Arrays) -> list[dict[str, Any]]:
    rows = zip(*columns.values(), strict=True)
    return [dict(zip(columns, row, strict=True)) for row in rows]


def _thresholds(config, trained, steps) -> dict[str, Any]:
    """Learning rate and threshold of stability by step; None where it is infinite."""
    rate = schedules.relative_rate(
        trained.schedule, trained.steps, warmup=trained.warmup,
        decay_steps=trained.decay_steps, decay_factor=trained.decay_factor,
    )  # fmt: skip
    rates = [trained.learning_rate * rate(int(step)) for step in steps]
    known = stability.stability(trained)
    if known is None or config.operator not in stability.OPERATORS:
        return {"learning_rates": rates, "stability": None, "thresholds": None}
    factor, formula = known
    limits = [factor / rate if rate > 0 else None for rate in rates]
    return {"learning_rates": rates, "stability": formula, "thresholds": limits}


def in_place(op: Operator, masks: Masks, key: jax.Array) -> Operator:
    """The operator M A M + c (1 - M), M a mask: its edges are those of A within M.

    It acts on all entries, whatever the mask keeps, so that what is compiled for one
    mask serves another one. The entries that M removes are an eigenspace of eigenvalue
    c, a Rayleigh quotient of A within M: between its smallest and largest eigenvalue.

    Args:
      op: A.
      masks: booleans with the structure of the parameters; leaves may be scalars.
      key: of the vector whose Rayleigh quotient is c.
    """
    inside = _inside(op, masks)
    parts = rng.split(key, max(2, len(inside)))[: len(inside)]
    random = [
        mask * rng.normal(part, mask.shape, mask.dtype)
        for part, mask in zip(parts, inside, strict=True)
    ]
    v = op.coordinates.tree(random)
    center = trees.dot(v, op(v)) / trees.dot(v, v)
    return op.with_product(Partial(_within, op.leaf_product, inside, center))


def _within(product: Callable, inside: tuple, center: jax.Array, v: tuple) -> tuple:
    image = product(tuple(m * x for m, x in zip(inside, v, strict=True)))
    return tuple(
        (m * y + (1 - m) * center * x).astype(x.dtype)
        for m, y, x in zip(inside, image, v, strict=True)
    )


def _inside(op: Operator, masks: Masks) -> tuple[jax.Array, ...]:
    """1 where an entry that varies is kept, else 0, in the shapes of the leaves."""
    over = op.coordinates
    whole = jax.tree.map(
        lambda mask, leaf: np.broadcast_to(mask, leaf.shape), masks, over.template()
    )
    return over.leaves(whole)
