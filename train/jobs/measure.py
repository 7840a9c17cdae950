"""The numbers of a run: a line for each window of steps, and the summary at its end."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from landscape import trees
from landscape.aliases import Params
from landscape.config import RunConfig
from landscape.recipes import recipe
from landscape.recipes.recipe import Components
from landscape.recipes.state import TrainState
from landscape.sparsity import masks
from landscape.users.code import is_user_code
from train.jobs import record
from train.steps.evaluate import evaluate
from train.steps.step import Metrics

Splits = dict[str, dict[str, jax.Array]]


def window(
    components: Components, state: TrainState, metrics: Metrics
) -> dict[str, Any]:
    """Means over the steps since the last line, and the sparsity at their end."""
    mean = {
        name: float(np.mean(values, dtype=np.float64))
        for name, values in metrics._asdict().items()
    }
    step = int(state.step)
    return {
        "step": step,
        "split": "train",
        "loss": mean["loss"],
        "objective": mean["loss"] + mean["l2"],
        "accuracy": mean["accuracy"],
        "gradient_norm": mean["gradient_norm"],
        "learning_rate": float(components.learning_rate(step)),
        "sparsity": masks.sparsity(
            state.masks, state.params, components.objective.rules
        ),
    }


def held_out(
    components: Components, state: TrainState, splits: Splits, mesh: Mesh
) -> list[dict[str, Any]]:
    """A line for the validation split, if there is one, and last for the test split."""
    return [
        {"step": int(state.step), "split": name}
        | {
            what: value
            for what, value in evaluate(
                components.objective,
                state.params,
                state.batch_stats,
                splits[name],
                mesh,
            ).items()
            if what in ("loss", "accuracy")
        }
        for name in ("validation", "test")
        if name in splits
    ]


def non_finite(state: TrainState, metrics: Metrics) -> str | None:
    """The first quantity that is not finite, as `loss of step 12`; None if all are."""
    first = int(state.step) - len(metrics.loss) + 1
    bad = ~np.isfinite(metrics.loss) | ~np.isfinite(metrics.gradient_norm)
    if bad.any():
        at = int(bad.argmax())
        name = "gradient norm" if np.isfinite(metrics.loss[at]) else "loss"
        return f"{name} of step {first + at}"
    for name, finite in trees.named_leaves(_finite(state.params)).items():
        if not finite:
            return f"parameter {name} of step {int(state.step)}"
    return None


@jax.jit
def _finite(params: Params) -> Any:
    """Whether each leaf is finite: one program, not some for each shape."""
    return jax.tree.map(lambda leaf: jnp.isfinite(leaf).all(), params)


@jax.jit
def _nonzeros(params: Params) -> list[jax.Array]:
    """The number of nonzero entries of each leaf."""
    return [jnp.count_nonzero(leaf) for leaf in jax.tree.leaves(params)]


def summary(
    config: RunConfig,
    components: Components,
    state: TrainState,
    splits: Splits,
    mesh: Mesh,
) -> dict[str, Any]:
    """The content of summary.json, except the seconds."""
    train, test = (
        evaluate(
            components.objective, state.params, state.batch_stats, splits[name], mesh
        )
        for name in ("train", "test")
    )
    l2 = float(components.objective.l2(state.params))
    # A method of the user's own may keep other weights than it was asked to.
    asked = {}
    if is_user_code(config.method):
        asked = {"sparsity_asked": _asked(components, config, state.params)}
    return {
        "dataset": config.dataset,
        "model": config.model,
        "method": config.method,
        "sparsity_target": getattr(config, "sparsity", 0.0),
        "sparsity": masks.sparsity(
            state.masks, state.params, components.objective.rules
        ),
        **asked,
        "sparsity_total": masks.sparsity_total(state.masks, state.params),
        "num_params": trees.size(state.params),
        "num_nonzero": sum(map(int, _nonzeros(state.params))),
        "train_loss": train["loss"],
        "train_objective": train["objective"] + l2,
        "test_loss": test["loss"],
        "test_accuracy": test["accuracy"],
        "steps": config.steps,
        "seed": config.seed,
        "order_seed": config.order,
        "versions": record.versions(),
    }


def _asked(components: Components, config: RunConfig, params: Any) -> float:
    """The sparsity of the counts that a method was given."""
    rules = components.objective.rules
    shapes = masks.prunable(params, rules)
    sizes = {name: math.prod(shape) for name, shape in shapes.items()}
    counts = recipe.counts_of(config, params, rules)
    kept = sum(counts.get(name, size) for name, size in sizes.items())
    return 1 - kept / max(1, sum(sizes.values()))
