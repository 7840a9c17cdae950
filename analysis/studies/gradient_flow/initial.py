"""The gradient at initialisation, with and without sparse-aware scales."""

from typing import Any

import jax.numpy as jnp

from analysis.studies.gradient_flow import rows, trainings
from analysis.studies.gradient_flow.scales import Scale
from analysis.studies.stored import stored
from landscape import data, derivatives, trees
from landscape.config import SparseRun
from landscape.recipes import recipe
from landscape.recipes.initial_state import abstract_state, initial_state
from landscape.sparsity import masks
from train.settings import mask_source

MASKS = {"pruned": "scratch, new", "static": "static"}
"""Whose mask it is, and the row whose initialisations are in it."""
SPARSE_INITS = "dense", "layer", "unit"


def measure(scale: Scale, root: str) -> dict[str, dict[str, list[float]]]:
    """Mask -> sparse initialisation -> norm of the gradient within the mask, by seed.

    Of the data loss over the first training examples, at step 0.
    """
    name = trainings.pruned(scale, root).workdir
    settings = {"examples": scale.examples, "seeds": scale.num_seeds}

    def found() -> dict[str, Any]:
        return {
            mask: {
                each: [
                    _norm(x, scale.examples) for x in _settings(scale, root, mask, each)
                ]
                for each in SPARSE_INITS
            }
            for mask in MASKS
        }

    return stored("gradient-flow", name, "initial-gradient", settings, found)


def _settings(scale: Scale, root: str, mask: str, each: str) -> list[SparseRun]:
    row = next(row for row in rows.ROWS if row.name == MASKS[mask])
    row = row._replace(settings=(*row.settings, ("sparse_init", each)))
    return trainings.of_row(scale, root, row)


def _norm(settings: SparseRun, examples: int) -> float:
    dataset = data.load(settings)
    shape = dataset.input_shape
    components = recipe.make(settings, shape, dataset.num_classes)
    start = mask_source.start_from(settings)
    given = start(abstract_state(components, shape)) if start else ()
    state = initial_state(components, settings.seed, shape, *given)
    batch = {name: jnp.asarray(x[:examples]) for name, x in dataset.train.items()}
    loss_fn = components.objective.bind(state.batch_stats)
    gradient = derivatives.gradient(loss_fn, state.params, batch)
    return float(trees.norm(masks.apply(state.masks, gradient)))
