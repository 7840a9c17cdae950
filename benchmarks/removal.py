r"""What the removal of units costs: by zeros, by their means, and with a correction.

    python -m train.dense --model resnet8 --widths 8 16 32 --steps 300 \
        --batch-size 32 --num-seeds 3 --workdir runs/digits/resnet8
    python -m benchmarks.removal runs/digits/resnet8-seed*

The channels inside the blocks with the lowest mean replacement saliency go, until a
fraction of the parameters is left; nothing is trained after. Their means are measured
at the inputs of the next convolutions, which pad with zeros: the means then move with
an error, which is the largest difference of logits from those with the means in the
units' place, as a fraction of the largest. Corrected: batch norm's means and variances
are computed again on the training split. Loss and accuracy of the test split. Then the
time of a forward pass of the first run's network, whole and physically shrunk, with its
FLOPs: the fastest of 50 interleaved calls. A minute.
"""

import sys

import jax
import jax.numpy as jnp
import numpy as np

from landscape import models, rng, runs, units
from landscape.machine.latency import call_times
from landscape.objective import cross_entropy
from landscape.sparsity import accounting
from landscape.tables import format_table, spread

FRACTIONS = (0.75, 0.5, 0.4)
BATCHES = (1, 128)


def measured(path):
    """By fraction and way of removal: loss, accuracy, and the error of the logits.

    And by fraction the shrunk network with its objective.
    """
    run = runs.load(path)
    objective = run.objective
    network = units.Network(run.state.params, run.state.batch_stats)
    spec = units.specification(run.model, network.params)
    sites = units.sites_of(spec, network.params)
    losses = units.tapped_losses(objective, network.batch_stats, sites)
    train, test = run.data.train, run.data.test
    args = losses, network.params, train, sites
    scores = units.unit_scores("mrs", *args, spec, rng.stream(0, "units"))
    means = units.mean_outputs(*args)
    cost = units.budget.parameters(spec, network.params)

    def row(network, error):
        logits, _ = objective.logits(network.params, test["image"], network.batch_stats)
        right = jnp.mean(jnp.argmax(logits, axis=1) == test["label"])
        loss = cross_entropy(logits, test["label"]).mean()
        return float(loss), 100 * float(right), error

    found = {(1.0, "whole"): row(network, 0.0)}
    shrunk = {1.0: (objective, network)}
    for fraction in FRACTIONS:
        chosen = units.budget.choose_units(
            {group: np.asarray(score) for group, score in scores.items()},
            cost,
            fraction * cost(spec.sizes),
            protected=["stream*"],
        )
        for name, constants in (("zeros", None), ("means", means)):
            plan = units.plan_removal(
                objective, spec, network, train, chosen, constants, approximate=True
            )
            smaller = {name: units.remove(plan, network)}
            if plan.approximate:
                smaller["means, corrected"] = units.corrected(
                    plan, objective, network, smaller[name], train
                )
            args = plan, objective, network, objective
            error = units.logit_error(*args, smaller[name], test)
            for kind, removed in smaller.items():
                found[fraction, kind] = row(removed, error if kind == name else None)
        small = units.shrink(plan, network)
        _, widths = models.widths_of(run.model, small.params)
        model = run.model.clone(widths=widths)
        shrunk[fraction] = objective._replace(model=model), small
    return found, shrunk, test["image"]


def latencies(shrunk, images):
    """Rows of the second table: FLOPs of an image, and milliseconds by batch size."""
    flops, seconds = {}, {}
    for fraction, (objective, network) in shrunk.items():
        positions = models.positions(objective.model, images.shape[1:])
        masks = jax.tree.map(lambda _: np.True_, network.params)
        layers = accounting.table(network.params, masks, positions)
        flops[fraction] = sum(layer.flops for layer in layers)
    for size in BATCHES:
        batch, calls = np.resize(images, (size, *images.shape[1:])), {}
        for fraction, (objective, network) in shrunk.items():
            forward = jax.jit(lambda *args, of=objective: of.logits(*args)[0])
            args = jax.device_put((network.params, batch, network.batch_stats))
            calls[fraction] = lambda forward=forward, args=args: forward(*args)
        for fraction, times in call_times(calls).items():
            # On a busy machine the others have waited for it.
            seconds[fraction, size] = min(times)
    rows = []
    for fraction in shrunk:
        cells = [f"{fraction:.0%}", f"{flops[fraction]:,}"]
        cells.append(f"{flops[1.0] / flops[fraction]:.2f}")
        for size in BATCHES:
            one = seconds[fraction, size]
            cells += [f"{1e3 * one:.3f}", f"{seconds[1.0, size] / one:.2f}"]
        rows.append(cells)
    return rows


def main():
    every, shrunk, images = zip(*(measured(path) for path in sys.argv[1:]), strict=True)
    rows = []
    for fraction, kind in every[0]:
        loss, accuracy, error = zip(
            *(one[fraction, kind] for one in every), strict=True
        )
        largest = "" if None in error else f"{max(error):.1e}"
        cells = spread(loss), spread(accuracy), largest
        rows.append([f"{fraction:.0%}", kind, *cells])
    heads = "parameters left", "units by", "loss", "accuracy (%)", "largest error"
    print(format_table(heads, rows), end="\n\n")
    heads = ["parameters left", "FLOPs", "fewer"]
    for size in BATCHES:
        heads += [f"ms at batch {size}", "faster"]
    print(format_table(heads, latencies(shrunk[0], images[0])))


if __name__ == "__main__":
    main()
