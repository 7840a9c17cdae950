"""All unit scores of ResNet-20 from one backward pass against the oracle of each unit.

    python -m benchmarks.unit_scores

ResNet-20, trained for 100 steps on noisy images of ten classes, 256 of them scored. The
oracle (the loss with a unit replaced by its mean) runs for 176 of the 400 units, those
seen inside three blocks and where the stream's last group is read, and its time is
taken times 400 / 176: each unit is one forward pass of one program. CPU seconds of the
second call; what the first took longer (tracing, compilation) is reported apart. About
three minutes on 2 cores.

Expected: a unit of the oracle costs 1.1 forward passes, mean replacement saliency of
all units 5 to 6 (1.7 of them for the means), 1/80 of the oracle. Its rank correlation
with the oracle is 0.5 in this network, whose signed form comes nearer, and 0.9 in one
that has learnt easier images (`NOISE` 1.5); all else is further off.
"""

import time

import jax
import jax.numpy as jnp
import numpy as np
import optax
from scipy.stats import spearmanr

from landscape import models, rng, units
from landscape.objective import Objective
from landscape.registries.scores import UNIT_SCORES
from landscape.tables import format_table

SHAPE, CLASSES, EXAMPLES, CHUNK = (32, 32, 3), 10, 256, 32
STEPS, BATCH, LEARNING_RATE, NOISE = 100, 64, 0.05, 4.0
GROUPS = ("Block_0", "Block_4", "Block_8", "stream_2")


def images(count, key):
    """Smooth prototypes of the classes with noise, and their labels."""
    smooth = rng.normal(rng.stream(0, "prototypes"), (CLASSES, 4, 4, 3))
    prototypes = jax.image.resize(smooth, (CLASSES, *SHAPE), "linear")
    label = jnp.arange(count) % CLASSES
    noise = NOISE * rng.normal(key, (count, *SHAPE))
    return {"image": prototypes[label] + noise, "label": label}


def trained():
    """The objective, parameters and statistics after a short training."""
    model = models.create("resnet20", SHAPE, CLASSES)
    params, stats = models.init(model, rng.stream(0, "init"), SHAPE)
    objective, optimizer = Objective(model), optax.sgd(LEARNING_RATE, 0.9)

    @jax.jit
    def step(params, stats, state, batch):
        gradient, aux = jax.grad(objective.training, has_aux=True)(params, batch, stats)
        updates, state = optimizer.update(gradient, state)
        return optax.apply_updates(params, updates), aux.batch_stats, state, aux

    state = optimizer.init(params)
    for i in range(STEPS):
        batch = images(BATCH, rng.stream(0, "order", i))
        params, stats, state, aux = step(params, stats, state, batch)
    print(f"trained: loss {aux.data:.3f}, accuracy {aux.accuracy:.2f} of a batch")
    return objective, params, stats


def timed(function):
    """The result, and CPU seconds of the first call and of the second."""
    seconds = []
    for _ in range(2):
        start = time.process_time()
        result = jax.block_until_ready(function())
        seconds.append(time.process_time() - start)
    return result, *seconds


def row(name, first, second, seconds, forward, ranks):
    """A row of the table."""
    numbers = first - second, seconds, seconds / forward, np.mean(ranks), min(ranks)
    return [name, *(f"{x:.2f}" for x in numbers)]


def main():
    objective, params, stats = trained()
    batch = images(EXAMPLES, rng.stream(0, "scored"))
    spec = units.specification(objective.model, params)
    sites = units.sites_of(spec, params)
    losses = units.tapped_losses(objective, stats, sites)
    plain = jax.jit(objective.bind_per_example(stats))
    parts = [
        jax.tree.map(lambda x, i=i: x[i : i + CHUNK], batch)
        for i in range(0, EXAMPLES, CHUNK)
    ]
    found, _, forward = timed(lambda: [plain(params, part) for part in parts])
    print(f"loss of the images that are scored: {jnp.concatenate(found).mean():.3f}")

    def score(name, sites, batch):
        key = rng.stream(0, "units")
        args = (name, losses, params, batch, sites, spec, key)
        return units.unit_scores(*args, chunk_size=CHUNK)

    # Where stream_2 is read, stream_0 and stream_1 are read too: timed, not ranked.
    some = {
        name: site for name, site in sites.items() if set(site.axis.names) & {*GROUPS}
    }
    count, total = sum(units.group_sizes(some).values()), sum(spec.sizes.values())
    # One chunk has all programs: the oracle compiles there, and runs over all once.
    _, first, second = timed(lambda: score("mrp", some, parts[0]))
    start = time.process_time()
    oracle = jax.block_until_ready(score("mrp", some, batch))
    seconds = time.process_time() - start
    whole = seconds * total / count
    rows = [row("mrp", first, second, whole, forward, [1.0])]
    for name, each in UNIT_SCORES.items():
        if each.needs != "losses":
            found, first, second = timed(lambda name=name: score(name, sites, batch))
            ranks = [spearmanr(found[g], oracle[g]).statistic for g in GROUPS]
            rows.append(row(name, first, second, second, forward, ranks))
    heads = "score", "compilation s", "s", "forward passes", "rank correlation", "least"
    print(f"{total} units, the oracle of {count}; a forward pass takes {forward:.3f} s")
    print(format_table(heads, rows))


if __name__ == "__main__":
    main()
