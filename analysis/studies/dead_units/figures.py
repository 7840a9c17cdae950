"""The figures of the study of paper 2, out of what it measured."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from analysis.studies.dead_units import joint_figures, plots_units, plots_weights, units
from analysis.studies.dead_units.runs import Measured, Part
from analysis.studies.dead_units.scales import TOLERANCE
from analysis.studies.dead_units.unit_claims import correlations
from analysis.studies.dead_units.unit_removal import WAYS
from analysis.studies.dead_units.weights import ALL
from landscape.figures import save as save_figure
from landscape.figures import seeds_in_words

WORDS = {
    "magnitude": "|w|",
    "taylor1_abs": "|w g|",
    "taylor1": "w g, signed",
    "taylor2_abs": "|Taylor, 2nd order|",
    "taylor2": "Taylor, 2nd order, signed",
    "hessian_product_abs": "|w (Hw)|",
    "hessian_product": "w (Hw), signed",
    "obd_hutchinson": "OBD",
    "empirical_fisher": "Fisher",
    "at_random": "random",
    "mrp": "|MRP|, the oracle",
    "mrs": "MRS",
    "mrs_signed": "MRS, signed",
    "rs": "removal saliency",
    "norm": "norm",
    "activation_mean": "mean |output|",
    "activation_std": "std of output",
}
SCATTERED = ("magnitude", "taylor1_abs", "hessian_product_abs", "empirical_fisher")


def save(folder: Path, measured: Measured, formats: Sequence[str] = ("png",)) -> None:
    """Writes the figures; each shows what the claims of its number judge."""
    figures = {
        "scatter": _scatter(measured),
        "correlation-weights": plots_weights.over_training(
            _of_weights(measured), measured.stages, "rank correlation",
            "scores of weights and |loss change| (signed ones: loss change) of removal",
        ),
        "removal-weights": _removal_of_weights(measured, measured.last),
        "removal-weights-init": _removal_of_weights(measured, str(measured.stages[0])),
        "correlation-units": plots_weights.over_training(
            _of_units(measured), measured.stages, "rank correlation",
            "scores of units and |loss change| when a unit is replaced by its mean",
        ),
        "removal-units": _removal_of_units(measured),
        "dead-units": _dead(measured),
        "replacement": _replacement(measured),
        "u1-spectra": joint_figures.spectra(measured),
        "u2-one-mask": joint_figures.of_one_mask(measured),
        "u3-paths": joint_figures.on_paths(measured),
    }  # fmt: skip
    if measured.shrunk:
        figures["shrunk"] = joint_figures.shrunk(measured, WORDS)
    for name, figure in figures.items():
        save_figure(figure, folder / f"{name}.png", formats)


def _scatter(measured: Measured):
    part = measured.weights[measured.last][0]
    rows = {
        layer: {
            WORDS[name]: (
                np.abs(values["oracle"]), values[name],
                part["correlation"][layer][name],
            )
            for name in SCATTERED
        }
        for layer, values in part["scatter"].items()
    }  # fmt: skip
    note = "single weights of the trained network, first seed"
    return plots_weights.scatter(rows, note)


def _bands(
    parts: dict[str, list[Part]], read: Callable[[Part], dict]
) -> dict[str, dict[str, np.ndarray]]:
    """Layer -> score -> [seeds, stages]; `read` gives layer -> score -> number."""
    each = [[read(part) for part in seeds] for seeds in parts.values()]
    layers = each[0][0]
    return {
        layer: {
            WORDS[name]: np.array(
                [[seed[layer][name] for seed in stage] for stage in each], float
            ).T
            for name in scores
        }
        for layer, scores in layers.items()
    }


def _of_weights(measured: Measured):
    return _bands(measured.weights, lambda part: part["correlation"])


def _of_units(measured: Measured):
    def read(part):
        found = {name: correlations(part, name) for name in units.NAMES}
        return {g: {name: by[g] for name, by in found.items()} for g in part["penalty"]}

    return _bands(measured.unit_scores, read)


def _removal_of_weights(measured: Measured, stage: str):
    parts = measured.weights[stage]
    columns = {
        target: {
            key: {
                WORDS[name]: np.array([p["pruned"][target][name][key] for p in parts])
                for name in scores
            }
            for key in ("loss", "accuracy")
        }
        for target, scores in parts[0]["pruned"].items()
    }
    start = {k: np.mean([part[k] for part in parts]) for k in ("loss", "accuracy")}
    seeds = seeds_in_words(len(parts))
    note = f"weights removed at step {stage}, without training, {seeds}"
    return plots_weights.removal(columns, measured.fractions, "weights", start, note)


def _removal_of_units(measured: Measured):
    parts = measured.removal
    columns = {
        f"{target}, by the mean": {
            key: {
                WORDS[name]: np.array([p[target][name]["mean"][key] for p in parts])
                for name in scores
            }
            for key in ("loss", "accuracy")
        }
        for target, scores in parts[0].items()
    }
    whole = measured.weights[measured.last]
    start = {k: np.mean([part[k] for part in whole]) for k in ("loss", "accuracy")}
    note = (
        f"units replaced by their means, without training, {seeds_in_words(len(parts))}"
    )
    return plots_weights.removal(columns, measured.fractions, "units", start, note)


def _dead(measured: Measured):
    steps = list(next(iter(measured.dead.values())))
    one = next(iter(measured.dead.values()))[steps[0]][0]["penalty"]
    sizes = {group: len(values) for group, values in one.items()}
    sizes[ALL] = sum(sizes.values())
    panels = {
        title: {
            activation: np.array(
                [
                    [
                        units.num_dead(p, TOLERANCE, None if title == ALL else title)
                        for p in parts
                    ]
                    for parts in by_step.values()
                ]
            ).T
            for activation, by_step in measured.dead.items()
        }
        for title in sizes
    }
    note = f"units whose mean in their place changes the loss by < {TOLERANCE:g} nats"
    return plots_units.dead_over_training(panels, list(map(int, steps)), sizes, note)


def _replacement(measured: Measured):
    parts = measured.removal
    columns = {
        target: {
            WORDS[name]: {
                way: np.array([p[target][name][way]["loss"] for p in parts])
                for way in WAYS
            }
            for name in scores
        }
        for target, scores in parts[0].items()
    }
    trained = measured.unit_scores[measured.last]
    single = tuple(
        np.abs(np.concatenate([x for p in trained for x in p[key].values()]))
        for key in ("penalty", "removal")
    )
    start = np.mean([part["loss"] for part in trained])
    seeds = seeds_in_words(len(parts))
    note = f"units taken from the trained network, without training, {seeds}"
    return plots_units.replacement(columns, measured.fractions, single, start, note)
