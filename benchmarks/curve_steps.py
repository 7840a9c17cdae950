"""Training steps of curves against plain ones, in the same compiled loop."""

import jax
import optax

from analysis import paths
from benchmarks.networks import EXAMPLES, make_network
from benchmarks.timing import race
from landscape.objective import Objective
from landscape.recipes import order
from landscape.tables import format_table


def steps(num_steps=1024, batch_size=128):
    """Training steps of curves against plain ones, in the same compiled loop."""
    model, (a, b, _), _, data = make_network("mlp")
    data = jax.device_put(data)
    loss_fn = Objective(model, weight_decay=1e-4).bind(l2=True)
    optimizer = paths.default_optimizer()
    key = jax.random.key(0)

    @jax.jit
    def plain_window(params, state, data, indices, count):
        def body(i, carry):
            params, state, losses = carry
            batch = jax.tree.map(
                lambda x: x.at[indices[i]].get(mode="promise_in_bounds"), data
            )
            loss, grads = jax.value_and_grad(loss_fn)(params, batch)
            updates, state = optimizer.update(grads, state, params)
            return optax.apply_updates(params, updates), state, losses.at[i].set(loss)

        losses = jax.numpy.zeros(len(indices))
        return jax.lax.fori_loop(0, count, body, (params, state, losses))

    def plain():
        params, state = a, optimizer.init(a)
        window, size = paths.STEPS_PER_CALL, EXAMPLES["mlp"]
        for start in range(0, num_steps, window):
            indices = order.batches(0, size, batch_size, start, window)
            params, state, losses = plain_window(params, state, data, indices, window)
            jax.device_get(losses)
        jax.block_until_ready(params)

    masks = jax.tree.map(
        lambda x: jax.random.uniform(key, x.shape) < 0.05 if x.ndim > 1 else x == x, a
    )
    sparse_a, sparse_b = (
        jax.tree.map(lambda m, x: jax.numpy.where(m, x, 0), masks, p) for p in (a, b)
    )

    def curve(ends, degree, mask):
        path = paths.straight(*ends, order=degree)

        def call():
            result = paths.fit(
                path, loss_fn, data, key, num_steps=num_steps,
                batch_size=batch_size, mask=mask,
            )  # fmt: skip
            jax.block_until_ready(result.path.points)

        return call

    times = race(
        {
            "plain step": plain,
            "quadratic": curve((a, b), 2, None),
            "cubic": curve((a, b), 3, None),
            "quadratic, sparse": curve((sparse_a, sparse_b), 2, masks),
            "cubic, sparse": curve((sparse_a, sparse_b), 3, masks),
        },
        rounds=7,
    )
    base = times["plain step"]
    table = [
        [
            rival,
            f"{1e3 * t.wall / num_steps:.3f}",
            f"{1e3 * t.cpu / num_steps:.3f}",
            f"{t.wall / base.wall:.2f}",
            f"{t.cpu / base.cpu:.2f}",
            f"{t.first - t.wall:.1f}",
        ]
        for rival, t in times.items()
    ]
    header = [
        "a step, MLP, batch 128", "wall ms", "CPU ms", "wall over plain",
        "CPU over plain", "compile s",
    ]  # fmt: skip
    print(format_table(header, table), end="\n\n", flush=True)
