"""The loss change at the removal of single weights: rank-one updates against a loop.

    python -m benchmarks.weight_oracle

1,000 examples of random data, float32. The rival is a jitted loop over weights that
sets one of them to 0 and runs the network, weights and scores staying on the device:
`fori_loop`, or one jitted call a weight, each with convolutions as sums of matrix
products or plain: the fastest counts. Every rival blocks; rounds alternate; a time is
the median of 5 rounds; the first call (tracing, compilation) is reported apart. About
two minutes on 2 quiet cores.

Expected: LeNet-300-100's first layer at least 20 times faster, LeNet-5's first
convolution at least 4 times.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.timing import race
from landscape import models, trees
from landscape.models import LeNet
from landscape.objective import Objective
from landscape.tables import format_table
from landscape.units import layer_sites, removal_changes, tapped_losses

EXAMPLES, CLASSES = 1000, 10
LAYERS = {
    "lenet300": ("Dense_0", "Dense_1", "Dense_2"),
    "lenet5": ("Conv_0", "Conv_1", "Dense_0"),
}
ROUNDS = 5
MANY, SOME = 6000, 60
"""Weights of a call of this code, and of a rival."""


def problem(name):
    """The model, parameters and data."""
    shape = (28, 28, 1)
    model = models.create(name, shape, CLASSES)
    params, _ = models.init(model, jax.random.key(0), shape)
    draw = np.random.default_rng(0)
    batch = {
        "image": draw.standard_normal((EXAMPLES, *shape), dtype=np.float32),
        "label": draw.integers(0, CLASSES, EXAMPLES).astype(np.int32),
    }
    return model, params, jax.device_put(batch)


def without(loss, params, batch, leaf, index):
    """The loss without one entry of a leaf."""

    def removed(name, value):
        if name != leaf:
            return value
        return value.ravel().at[index].set(0).reshape(value.shape)

    return loss(trees.map_named(removed, params), batch)


@functools.partial(jax.jit, static_argnums=(0, 3))
def in_a_loop(loss, params, batch, leaf, indices):
    """The changes of the loss, [n], by `fori_loop`."""
    base = loss(params, batch)

    def body(i, scores):
        new = without(loss, params, batch, leaf, indices[i])
        return scores.at[i].set(new - base)

    return jax.lax.fori_loop(0, len(indices), body, jnp.zeros(len(indices)))


@functools.partial(jax.jit, static_argnums=(0, 3), donate_argnums=5)
def one_more(loss, params, batch, leaf, indices, scores, i, base):
    """One weight's change, put where it belongs."""
    new = without(loss, params, batch, leaf, indices[i])
    return scores.at[i].set(new - base)


def by_calls(loss, params, batch, leaf, indices):
    """As `in_a_loop`, one jitted call a weight."""
    base, scores = jax.jit(loss)(params, batch), jnp.zeros(len(indices))
    for i in range(len(indices)):
        scores = one_more(loss, params, batch, leaf, indices, scores, i, base)
    return scores


def rivals(name, layer):
    """Name to (call, weights it does); the first is ours."""
    model, params, batch = problem(name)
    leaf = f"{layer}/kernel"
    size = trees.named_leaves(params)[leaf].size
    order = np.random.default_rng(1).permutation(size).astype(np.int32)
    tapped = tapped_losses(Objective(model), {}, layer_sites(params))
    calls = {
        "rank one": (
            lambda: removal_changes(tapped, params, batch, leaf, order[:MANY]),
            min(MANY, size),
        )
    }
    some = jnp.asarray(order[:SOME])
    forms = ("matmul", "plain") if isinstance(model, LeNet) else ("",)
    for form in forms:
        loss = Objective(model.clone(form=form) if form else model).data_loss
        for way, function in (("loop", in_a_loop), ("calls", by_calls)):
            call = functools.partial(function, loss, params, batch, leaf, some)
            calls[f"{way} {form}".strip()] = (
                lambda call=call: call().block_until_ready(),
                len(some),
            )
    return calls


def main():
    """Prints the table."""
    rows = []
    for name, layers in LAYERS.items():
        for layer in layers:
            calls = rivals(name, layer)
            times = race({k: call for k, (call, _) in calls.items()}, rounds=ROUNDS)
            each = {k: times[k].wall / count for k, (_, count) in calls.items()}
            cpu = {k: times[k].cpu / count for k, (_, count) in calls.items()}
            ours, best = each.pop("rank one"), min(each, key=each.get)
            rows.append(
                (
                    f"{name} {layer}",
                    f"{1e3 * ours:.3f}",
                    f"{1e3 * each[best]:.3f}",
                    best,
                    f"{each[best] / ours:.1f}",
                    f"{cpu[best] / cpu['rank one']:.1f}",
                    f"{times['rank one'].first - times['rank one'].wall:.1f}",
                    f"{times[best].first - times[best].wall:.1f}",
                )
            )
            jax.clear_caches()
    header = (
        "layer", "ms a weight", "loop, ms a weight", "fastest loop", "ratio", "of CPU",
        "compiles s", "loop compiles s",
    )  # fmt: skip
    print(f"{EXAMPLES} examples; {jax.default_backend()}")
    print(format_table(header, rows))


if __name__ == "__main__":
    main()
