"""Curvature products measured in gradients: linearised or not, in chunks or not.

    python -m benchmarks.products

MLP 784-300-100-10 with tanh, 4,096 examples, float32; every rival blocks, rounds
alternate, and a time is the median of 7 rounds of 5 calls. The unit is one gradient by
plain `jax.jit(jax.grad(...))` in the same run; the first call (tracing, compilation)
is reported apart. About a minute on 2 cores.

Expected, in gradients of CPU time: our gradient 1.0; H linearised 1.1 to 1.3, not 1.6
to 1.8 (as plain jvp of grad), in chunks of 512 or in a loop 1.4 to 2.0; G linearised
0.9, in chunks 1.4. The linearised products hold 46 MiB (H) and 25 MiB (G).
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax.tree_util import Partial

from benchmarks.timing import race
from landscape import models, trees
from landscape.derivatives import (
    gauss_newton_map,
    gradient,
    hessian_product,
    product_of,
)
from landscape.objective import Objective
from landscape.tables import format_table

EXAMPLES, SHAPE, CLASSES, CHUNK, CALLS = 4096, (784,), 10, 512, 5


def problem():
    """The objective, its parameters, the data and a direction."""
    model = models.create("lenet300", SHAPE, CLASSES, activation="tanh")
    params, _ = models.init(model, jax.random.key(0), SHAPE)
    rng = np.random.default_rng(0)
    batch = {
        "image": rng.standard_normal((EXAMPLES, *SHAPE), dtype=np.float32),
        "label": rng.integers(0, CLASSES, EXAMPLES).astype(np.int32),
    }
    v = trees.normal_like(jax.random.key(1), params)
    return Objective(model), params, jax.device_put(batch), v


def rivals():
    """Name to (function, calls of it that one counts for), and the linearised ones."""
    objective, params, batch, v = problem()
    loss = objective.bind()
    outputs = (objective.bind_logits(), objective.bind_output_loss())
    gauss_newton = Partial(gauss_newton_map, *outputs)
    grad = jax.jit(jax.grad(objective.data_loss))
    plain = jax.jit(lambda p, b, v: jax.jvp(lambda q: grad(q, b), (p,), (v,))[1])
    held = {
        "H linearised": hessian_product(loss, params, batch),
        "G linearised": product_of(gauss_newton, params, batch),
    }
    products = held | {
        "H not linearised": hessian_product(loss, params, batch, chunk_size=EXAMPLES),
        "H in chunks": hessian_product(loss, params, batch, chunk_size=CHUNK),
        "H in a loop": hessian_product(
            loss, params, batch, chunk_size=CHUNK, scan=True
        ),
        "G in chunks": product_of(gauss_newton, params, batch, CHUNK),
    }
    eight = jax.vmap(lambda key: trees.normal_like(key, params))(
        jax.random.split(jax.random.key(2), 8)
    )
    calls = {
        "plain gradient": lambda: grad(params, batch),
        "our gradient": lambda: gradient(loss, params, batch),
        "our gradient in chunks": lambda: gradient(
            loss, params, batch, chunk_size=CHUNK
        ),
        "plain jvp of grad": lambda: plain(params, batch, v),
    }
    for name, product in products.items():
        calls[name] = lambda product=product: product(v)
    vmapped = jax.jit(lambda product, vs: jax.vmap(product)(vs))
    calls["H linearised, 8 vmapped"] = lambda: vmapped(held["H linearised"], eight)
    return calls, held


def repeated(call):
    """`CALLS` calls, and a wait until all are done."""
    return lambda: jax.block_until_ready([call() for _ in range(CALLS)])


def main():
    """Prints the table."""
    calls, held = rivals()
    times = race({name: repeated(call) for name, call in calls.items()}, rounds=7)
    unit = times["plain gradient"]
    rows = []
    for name, time in times.items():
        each = 8 if "8 vmapped" in name else 1
        bytes_held = sum(jnp.asarray(x).nbytes for x in jax.tree.leaves(held.get(name)))
        rows.append(
            (
                name,
                f"{1000 * time.cpu / CALLS / each:.1f}",
                f"{time.cpu / unit.cpu / each:.2f}",
                f"{time.wall / unit.wall / each:.2f}",
                f"{time.first:.2f}",
                f"{bytes_held / 2**20:.0f}" if name in held else "",
            )
        )
    print(f"{EXAMPLES} examples, chunks of {CHUNK}; {jax.default_backend()}")
    header = ("product", "CPU ms", "gradients", "wall", "first s", "holds MiB")
    print(format_table(header, rows))


if __name__ == "__main__":
    main()
