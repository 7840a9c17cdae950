"""The loss along a path between two runs: is there a way down?

    python -m analysis.path runs/digits/pruned@init runs/digits/pruned
    python -m analysis.path runs/digits/pruned runs/digits/scratch
    python -m analysis.path runs/digits/pruned runs/digits/scratch --kind quadratic
    python -m analysis.path runs/digits/pruned runs/digits/scratch --kind quadratic \
--subspace dense

The first run named is t = 0. Curves are trained first (Garipov et al. 2018, with the
settings of Evci et al. 2019), in the sparse subspace or through the dense space. Writes
result.json, arrays.npz and figure.png below RUN_A/analysis/. Seconds for a line between
networks of digits, half a minute for a curve.
"""

from dataclasses import asdict, dataclass
from typing import Any

import tyro

from landscape.errors import InputError, check_choice
from landscape.program import main, parse

ORDERS = {"line": 1, "quadratic": 2, "cubic": 3}


@dataclass(frozen=True)
class Config:
    run_a: tyro.conf.Positional[str]
    """RUN, RUN@STEP or RUN@init: t = 0."""
    run_b: tyro.conf.Positional[str]
    """The same: t = 1."""
    kind: str = "line"
    """line, quadratic or cubic (Bezier curves)."""
    subspace: str = "sparse"
    """Of a curve: sparse (inner points within the common mask) or dense."""
    points: int = 71
    """Points on the path; odd, so that the middle is one of them."""
    extend: float = 0.2
    """How far the path goes on beyond both ends."""
    num_examples: int | None = None
    """Use this many training examples, the first of the split; default: all."""
    batch_norm: str = "batch"
    """Statistics of batch norm: batch, re-estimated or stored."""
    batch_size: int = 128
    """Examples in a batch that has statistics, and in a step of a curve's training."""
    fit_steps: int = 4000
    """Steps of a curve's training."""
    seed: int = 0
    """Of a curve's training."""

    def __post_init__(self):
        from analysis.curves import grid

        check_choice("kind", self.kind, ORDERS)
        check_choice("subspace", self.subspace, ("sparse", "dense"))
        check_choice("batch norm", self.batch_norm, ("batch", "re-estimated", "stored"))
        grid(self.points, self.extend)
        for name in ("num_examples", "batch_size", "fit_steps"):
            value = getattr(self, name)
            if value is not None and value < 1:
                flag = "--" + name.replace("_", "-")
                raise InputError(f"{flag} must be at least 1, not {value}.")


def run(config: Config) -> dict[str, Any]:
    """Evaluates the path, writes its folder, and returns the content of result.json.

    A path that was evaluated before with the same settings is read back.

    Raises:
      InputError: the runs cannot be loaded, are of different models or data, or, for a
        curve in the sparse subspace, have different masks.
    """
    import jax
    import numpy as np

    from analysis import losses, paths, results
    from landscape import figures, rng, runs

    folder = results.folder("path", config.run_a, config.run_b, asdict(config))
    done = results.read(folder)
    if done is not None:
        return done
    a, b = runs.load(config.run_a), runs.load(config.run_b)
    _check_partners(config, a, b)
    split = a.data.train
    size = config.num_examples or len(split["label"])
    if size > len(split["label"]):
        raise InputError(
            f"--num-examples {size} is more than the {len(split['label'])} training"
            f" examples of {a.config.dataset}."
        )
    has_norm = bool(jax.tree.leaves(a.state.batch_stats))
    mode = config.batch_norm if has_norm else "stored"
    if mode == "batch":
        # Every batch has statistics: a smaller last one would have others.
        size -= size % config.batch_size
    examples = {name: array[:size] for name, array in split.items()}
    path = paths.straight(a.state.params, b.state.params, ORDERS[config.kind])
    if config.kind != "line":
        path = paths.fit(
            path,
            a.objective.bind(a.state.batch_stats, "batch", l2=True),
            examples,
            rng.stream(config.seed, "path"),
            num_steps=config.fit_steps,
            batch_size=config.batch_size,
            mask=a.masks if config.subspace == "sparse" else None,
        ).path
    ts = paths.grid(config.points, config.extend)
    loss_fn = losses.of_objective(
        a.objective,
        a.state.batch_stats,
        batch_norm=mode,
        batch_size=None if mode == "stored" else config.batch_size,
    )
    values = paths.evaluate(path, loss_fn, examples, ts)
    values = {name: np.asarray(array, np.float64) for name, array in values.items()}
    total = values["loss"] + values["l2"]
    result = {
        **asdict(config),
        "num_examples": size,
        "same_masks": _same_masks(a, b),
        "batch_norm": mode if has_norm else "none",
        "ts": ts.tolist(),
        "losses": values["loss"].tolist(),
        "l2": values["l2"].tolist(),
        "accuracies": values["accuracy"].tolist(),
        **paths.barrier(ts, total)._asdict(),
    }
    figure = figures.path(ts, values, (config.run_a, config.run_b), _title(result))
    results.write(folder, result, {"ts": ts, **values}, figure)
    return result


def _check_partners(config: Config, a, b) -> None:
    for name in ("model", "widths", "activation", "dataset", "inputs", "data_seed"):
        ours, theirs = getattr(a.config, name), getattr(b.config, name)
        if ours != theirs:
            raise InputError(
                f"{config.run_a} has {name} {ours!r} and {config.run_b} {theirs!r}: no"
                " path joins them."
            )
    curve_in_mask = config.kind != "line" and config.subspace == "sparse"
    if curve_in_mask and not _same_masks(a, b):
        raise InputError(
            f"the masks of {config.run_a} and {config.run_b} differ: no one sparse"
            " subspace holds both; --subspace dense goes through all dimensions."
        )


def _same_masks(a, b) -> bool:
    from landscape.trees import named_leaves

    pairs = zip(*(named_leaves(run.masks).values() for run in (a, b)), strict=True)
    return all(x.shape == y.shape and bool((x == y).all()) for x, y in pairs)


def _title(result: dict[str, Any]) -> str:
    inside = "" if result["kind"] == "line" else f" in the {result['subspace']} space"
    norm = result["batch_norm"]
    norms = "" if norm == "none" else f", batch norm: {norm} statistics"
    return f"{result['kind']}{inside}, {result['num_examples']} examples{norms}"


def describe(result: dict[str, Any]) -> str:
    """What the numbers mean, in words; the objective is data loss + L2, in nats."""
    totals = [x + y for x, y in zip(result["losses"], result["l2"], strict=True)]
    start, end = (totals[result["ts"].index(t)] for t in (0.0, 1.0))
    barrier, ascent = result["barrier"], result["ascent"]
    lines = [
        f"{_title(result)}: objective {start:.4g} at t = 0, {end:.4g} at t = 1.",
        f"Barrier {barrier:.4g} above the worse end (at t = {result['t_max']:.2f});"
        f" above the chord {result['chord']:.4g}, above the mean of the ends"
        f" {result['mean']:.4g}, at the midpoint {result['midpoint']:.4g}.",
        f"Largest rise between neighbours {result['rise']:.4g}, largest climb from any"
        f" point to a later one {ascent:.4g}.",
    ]
    if ascent == 0:
        lines.append("The way from t = 0 to t = 1 is downhill all along.")
    elif barrier == 0:
        lines.append(f"No barrier, but on the way the loss climbs by {ascent:.4g}.")
    else:
        lines.append(f"A barrier: whoever walks this path climbs {ascent:.4g}.")
    return "\n".join(lines)


def main_path(config: Config) -> None:
    """Evaluates a path; prints what was found, where it lies and what to try next."""
    from analysis import results

    result = run(config)
    print(describe(result))
    folder = results.folder("path", config.run_a, config.run_b, asdict(config))
    print(f"\nWritten to {folder}: result.json, arrays.npz, figure.png")
    other = {"line": "quadratic", "quadratic": "cubic", "cubic": "line"}[config.kind]
    space = "" if result["same_masks"] or other == "line" else " --subspace dense"
    ends = f"{config.run_a} {config.run_b}"
    print(f"Next: python -m analysis.path {ends} --kind {other}{space}")


if __name__ == "__main__":
    main(lambda: main_path(parse(Config, __doc__)))
