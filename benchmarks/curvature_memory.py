"""Memory of curvature: what is linearised, a chunk, the basis of Lanczos.

    python -m benchmarks.curvature_memory

MLP 784-300-100-10 with 4,096 examples and ResNet-20 with 1,024, float32. Predicted is
what `memory_plan` decides by, or counts of vectors; compiled is XLA's
`memory_analysis` of the very programs that run: outputs for what is linearised,
temporaries for the rest, arguments and temporaries for Lanczos. Nothing is computed but
the compilation. About a minute on 2 cores.
"""

import jax
import jax.numpy as jnp
from jax.tree_util import Partial

from analysis import curvature
from analysis.curvature import memory_plan
from analysis.spectra import lanczos, recurrence, storage
from analysis.spectra.basis import BLOCK
from benchmarks.networks import EXAMPLES, make_network
from landscape import derivatives
from landscape.callables import as_partial
from landscape.objective import Objective
from landscape.tables import format_table

MIB = 2**20
STEPS = 80
CASES = {"mlp": (4096, 512), "resnet20": (memory_plan.CONVOLUTION_CHUNK,) * 2}
"""Network -> examples that are linearised together, and those of a chunk."""


def analysis_of(function, *args):
    """XLA's memory of a jitted function of these arguments."""
    return function.lower(*args).compile().memory_analysis()


def rows_of(name):
    """What a network's products take: name, predicted and compiled MiB."""
    model, points, stats, data = make_network(name)
    loss = as_partial(Objective(model).bind(stats))
    linearize, params = Partial(derivatives.hessian_map, loss), points[0]
    together, chunk = CASES[name]
    total = EXAMPLES[name]

    def part(size):
        shapes = (size, *data["image"].shape[1:]), (size,)
        dtypes = jnp.float32, jnp.int32
        return {
            key: jax.ShapeDtypeStruct(*each)
            for key, *each in zip(("image", "label"), shapes, dtypes, strict=True)
        }

    def held(size):
        traced = derivatives.linearized.trace(linearize, params, part(size))
        leaves = jax.tree.leaves(traced.out_info)
        return sum(x.size * x.dtype.itemsize for x in leaves)

    made = analysis_of(derivatives.linearized, linearize, params, part(together))
    parts = total // together
    product = jax.jit(lambda p, v, batch: linearize(p, batch)(v))
    once = analysis_of(product, params, params, part(chunk))
    op = curvature.hessian(loss, params, data, check=False, chunk_size=chunk)
    start = jnp.ones(op.size)
    state = lanczos.start(op, start, STEPS)
    vectors = -(-STEPS // BLOCK) * BLOCK
    grown = (
        analysis_of(recurrence.loop, op, state, STEPS)
        if op.scannable
        else analysis_of(
            recurrence.absorb_in_place, state, start, op.size, storage.sharding_of(op)
        )
    )
    given = op.size * 4 * (vectors + 2)
    rest = sum(x.nbytes for x in jax.tree.leaves(op)) if op.scannable else 0
    return [
        [f"{name}: linearised, {total:,} examples", held(total),
         parts * made.output_size_in_bytes],
        [f"{name}: while {together} are linearised", held(together),
         made.temp_size_in_bytes + made.output_size_in_bytes],
        [f"{name}: a product of a chunk of {chunk}", held(chunk),
         once.temp_size_in_bytes],
        [f"{name}: {STEPS} steps of Lanczos", given + rest,
         grown.argument_size_in_bytes + grown.temp_size_in_bytes
         + grown.output_size_in_bytes - grown.alias_size_in_bytes],
    ]  # fmt: skip


def main() -> None:
    """Prints one table."""
    rows = [row for name in CASES for row in rows_of(name)]
    shown = [
        [name, f"{a / MIB:.1f}", f"{b / MIB:.1f}", f"{b / a:.2f}"]
        for name, a, b in rows
    ]
    header = ["memory", "predicted MiB", "compiled MiB", "compiled / predicted"]
    print(format_table(header, shown))


if __name__ == "__main__":
    main()
