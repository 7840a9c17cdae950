"""Scores of all weights of ResNet-20 measured in gradients.

    python -m benchmarks.weight_scores [--rounds 5] [--examples 128]

One batch of 128 images of CIFAR-10's shape, eval mode, float32. The unit is one plain
`jax.jit(jax.grad(...))` of the same loss on the same batch in the same run; every rival
blocks until its scores are there (and found to be numbers), rounds alternate, a time is
the median of the rounds, and the first call (tracing, compilation) is reported apart.
About two minutes on 2 quiet cores.

Expected, in gradients: magnitude and at_random 0.01, taylor1 1.0 (at most 1.1),
taylor2 and hessian_product 2.1 (at most 3.2). Beside them, without a bound: the
empirical Fisher (a gradient for each example) 1.1, and one probe of OBD by random signs
2.1.
"""

import argparse

import jax
import numpy as np

from benchmarks.networks import make_network
from benchmarks.timing import race
from landscape.objective import Objective
from landscape.registries.methods import resolve
from landscape.registries.scores import SCORES
from landscape.tables import format_table

BOUNDS = {"nothing": 0.1, "grads": 1.1, "loss": 3.2, "model": 0.1}
UNBOUNDED = ("obd", "obd_hutchinson", "empirical_fisher", "grasp", "loss_change")
SETTINGS = {"obd_hutchinson": {"num_probes": 1}}
UNIT = "one gradient"


def rivals(examples):
    """What is raced: a gradient, and every score that a batch gives in seconds."""
    model, points, stats, data = make_network("resnet20")
    objective, params = Objective(model), points[0]
    batch = jax.device_put({name: x[:examples] for name, x in data.items()})
    loss, key = objective.bind(stats), jax.random.key(0)
    grad = jax.jit(jax.grad(objective.data_loss))
    calls = {UNIT: lambda: grad(params, batch, stats)}
    for name, row in SCORES.items():
        if name not in ("obd", "loss_change"):
            score, settings = resolve(row.score), SETTINGS.get(name, {})
            function = objective.bind_logits(stats) if row.needs == "model" else loss
            calls[name] = lambda score=score, f=function, settings=settings: score(
                f, params, batch, None, key, **settings
            )
    return calls


def main():
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--examples", type=int, default=128)
    args = parser.parse_args()
    calls = rivals(args.examples)
    times = race(
        {n: lambda c=c: jax.block_until_ready(c()) for n, c in calls.items()},
        rounds=args.rounds,
    )
    unit, rows, missed = times[UNIT], [], []
    for name, time in times.items():
        bound = None
        if name in SCORES and name not in UNBOUNDED:
            bound = BOUNDS[SCORES[name].needs]
        ratios = np.array([time.cpu / unit.cpu, time.wall / unit.wall])
        # A busy machine costs wall time; where a GPU works, CPU time is none.
        judged = ratios[0 if jax.default_backend() == "cpu" else 1]
        if bound is not None and judged > bound:
            missed.append(name)
        rows.append(
            (
                name,
                f"{time.wall:.3f}",
                *(f"{ratio:.2f}" for ratio in ratios[::-1]),
                "" if bound is None else f"{bound}",
                f"{time.first:.1f}",
            )
        )
    print(f"ResNet-20, {args.examples} examples, {jax.default_backend()}")
    header = ("score", "wall s", "gradients", "of CPU time", "at most", "first s")
    print(format_table(header, rows))
    print(f"above its bound: {', '.join(missed) or 'none'}")


if __name__ == "__main__":
    main()
