"""Cost of masks at ResNet-50's shapes: an ordinary step, and one that changes masks.

    python -m benchmarks.sparse_step

25.6 million weights (kernels, biases and batch norm of ResNet-50) as a dict of arrays,
90 % of the kernels pruned, SGD with momentum, donated buffers; gradients are given.

An ordinary step costs 1.1 to 1.2 of plain optax (about 20 ms of CPU), the same as two
bare projections: the masks are read twice, a twelfth more bytes, and each read costs
instructions in a loop that is bound by them on fast memory. A mask update takes 0.15 s
of CPU by layer and 0.25 s over all layers; lax.top_k takes 2 s, a full sort 8 s, and
np.partition on the host 0.2 s. About two minutes on 2 cores. Rivals take turns; medians
over the rounds; ratios are to be compared, on an idle machine.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax

from benchmarks.timing import Time, race
from landscape import sparsity
from landscape.sparsity import masked_update, masks, updaters
from landscape.tables import format_table

SPARSITY, STEPS_A_CALL = 0.9, 5
OPTIMIZER = optax.sgd(0.1, momentum=0.9)


def resnet50_shapes() -> dict[str, tuple[int, ...]]:
    """Shapes of ResNet-50's parameters, 25,557,032 in all."""
    shapes = {"Dense_0/kernel": (2048, 1000), "Dense_0/bias": (1000,)}

    def conv(size, fan_in, fan_out):
        i = sum("Conv" in name for name in shapes)
        shapes[f"Conv_{i:02}/kernel"] = (size, size, fan_in, fan_out)
        shapes[f"BatchNorm_{i:02}/scale"] = shapes[f"BatchNorm_{i:02}/bias"] = (
            fan_out,
        )

    conv(7, 3, 64)
    fan_in = 64
    for width, blocks in ((64, 3), (128, 4), (256, 6), (512, 3)):
        for block in range(blocks):
            conv(1, fan_in, width)
            conv(3, width, width)
            conv(1, width, 4 * width)
            if block == 0:
                conv(1, fan_in, 4 * width)
            fan_in = 4 * width
    return shapes


def draw(seed: int) -> dict[str, jax.Array]:
    """Normal entries, He-scaled."""
    normal = np.random.default_rng(seed).standard_normal
    return {
        name: jnp.asarray(normal(shape, np.float32) * (2 / np.prod(shape[:-1])) ** 0.5)
        for name, shape in resnet50_shapes().items()
    }


def repeated(step, state):
    """A rival that makes some steps, each on the buffers of the last."""
    step = jax.jit(step, donate_argnums=0)
    grads = draw(1)
    # Updates of the masks are not among the steps.
    count = iter(range(10**6, 2 * 10**6))

    def call():
        nonlocal state
        for _ in range(STEPS_A_CALL):
            state = step(state, grads, jnp.int32(next(count)))
        jax.block_until_ready(state)

    return call


def steps(counts: dict[str, int]) -> dict[str, Time]:
    """Ordinary steps: plain optax, two projections added, the whole masked update."""

    def plain(state, grads, step):
        params, opt_state = state
        updates, opt_state = OPTIMIZER.update(grads, opt_state, params)
        return optax.apply_updates(params, updates), opt_state

    def projected(state, grads, step):
        params, opt_state, kept = state
        updates, opt_state = OPTIMIZER.update(
            masks.apply(kept, grads), opt_state, params
        )
        return masks.apply(kept, optax.apply_updates(params, updates)), opt_state, kept

    def masked(state, grads, step):
        state = state._replace(step=step)
        return masked_update(OPTIMIZER, updater, None, state, grads)[0]

    def pruned():
        key, random = jax.random.key(0), updaters.static(counts)
        return sparsity.sparse_state(OPTIMIZER, random, key, draw(0))

    def transformed(state, grads, step):
        params, opt_state = state
        updates, opt_state = tx.update(grads, opt_state, params)
        return optax.apply_updates(params, updates), opt_state

    def projected_params():
        random = sparsity.sparsify(OPTIMIZER, updaters.static(counts), 0)
        state = random.init(draw(0))
        return sparsity.project(draw(0), state), state

    updater = updaters.pruning(counts, 20_000, 67_000, 1_000)
    tx = sparsity.sparsify(OPTIMIZER, updaters.unchanging, 0)
    params, start = draw(0), pruned()
    return race(
        {
            "plain optax": repeated(plain, (params, OPTIMIZER.init(params))),
            "with two projections": repeated(
                projected, (start.params, start.opt_state, start.masks)
            ),
            "masked_update, pruning": repeated(masked, pruned()),
            "sparsify, unchanging": repeated(transformed, projected_params()),
        },
        rounds=30,
    )


def mask_updates(counts: dict[str, int]) -> dict[str, Time]:
    """Finding the largest tenth, layer by layer and over all layers."""
    params = draw(0)
    kernels = {name: params[name] for name in counts}
    flat = jnp.concatenate([kernel.ravel() for kernel in kernels.values()])
    total = sum(counts.values())

    def ours(global_):
        updater = updaters.pruning(counts, 0, 1, 1, global_=global_)
        kept, state = updater.init(None, params)
        update = jax.jit(functools.partial(updater.update, 1, None))
        return lambda: jax.block_until_ready(update(params, None, kept, state)[0])

    def on_host(arrays, numbers):
        arrays = [np.asarray(array) for array in arrays]

        def call():
            for array, number in zip(arrays, numbers, strict=True):
                sizes = np.abs(array).ravel()
                least = np.partition(sizes, sizes.size - number)[-number]
                np.greater_equal(sizes, least)

        return call

    @jax.jit
    def top_k(kernels):
        return {
            k: jax.lax.top_k(jnp.abs(w).ravel(), counts[k])[1]
            for k, w in kernels.items()
        }

    @jax.jit
    def argsort(kernels):
        return {k: jnp.argsort(jnp.abs(w).ravel()) for k, w in kernels.items()}

    quick = {
        "this code, by layer": ours(False),
        "this code, global": ours(True),
        "np.partition, by layer": on_host(kernels.values(), counts.values()),
        "np.partition, global": on_host([flat], [total]),
    }
    slow = {
        "lax.top_k, by layer": lambda: jax.block_until_ready(top_k(kernels)),
        "jnp.argsort, by layer": lambda: jax.block_until_ready(argsort(kernels)),
    }
    return race(quick, rounds=5) | race(slow, rounds=1)


def show(title: str, times: dict[str, Time], reference: str, scale: float) -> None:
    base = times[reference]
    rows = [
        [
            name,
            f"{1e3 * time.cpu * scale:.1f}",
            f"{1e3 * time.wall * scale:.1f}",
            f"{time.cpu / base.cpu:.2f}",
            f"{time.wall / base.wall:.2f}",
            f"{time.first - time.wall:.1f}",
        ]
        for name, time in times.items()
    ]
    header = [title, "CPU ms", "wall ms", "CPU ratio", "wall ratio", "compile s"]
    print(format_table(header, rows), end="\n\n")


def main() -> None:
    kernels = sparsity.prunable(draw(0))
    counts = sparsity.kept_counts(kernels, SPARSITY)
    times = steps(counts)
    show("ordinary step", times, "plain optax", 1 / STEPS_A_CALL)
    show("mask update", mask_updates(counts), "this code, by layer", 1)


if __name__ == "__main__":
    main()
