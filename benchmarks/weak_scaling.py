"""Communication of the compiled programs where each device has as many images.

    python -m benchmarks.weak_scaling
    python -m benchmarks.weak_scaling step --model resnet8 --images 32 --devices 1 8
    python -m benchmarks.weak_scaling step --method rigl --each

Simulated devices of a CPU, the first 1, 2, 4 and 8 of which form a mesh. Nothing is
computed: programs are compiled for shapes, and what is counted is in their text, in
`cost_analysis` and in `memory_analysis`, all of one device. Each device has 16 images
of 32x32 (`--images`), so that the batch grows with the devices.

step     of training, masked, with batch norm over the whole batch, as
         `train.steps.streamed` makes it: each device is given its own images
product  with the Hessian on one chunk, `analysis.curvature`; batch norm with stored
         statistics
curve    one step of `analysis.paths.fit`, of a Bezier curve with one inner point: the
         images of all steps lie divided on the devices, 1,024 on each; batch norm with
         the statistics of the batch

Expected of a step of training: sums over the devices (all-reduce) of the gradient,
together of the parameters' size however many devices there are, and small ones of the
statistics of batch norm and their gradients. Of a product: one sum of the parameters'
size. A step of a curve adds one of the whole batch, whose images lie anywhere: it grows
with the devices. Bytes sent are those of a ring: of a sum over n devices each sends,
and receives, 2 (n - 1) / n times its size, less than twice its size.

XLA for a CPU sums each kernel's gradient by itself. `--each` lists the collectives.
Two minutes of CPU.
"""

import argparse
from collections import Counter
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from jax.tree_util import Partial

from analysis import paths
from analysis.curvature import over_devices
from analysis.paths import fitting
from benchmarks import collectives
from landscape import derivatives, trees
from landscape.callables import Static, as_partial
from landscape.config import SparseRun
from landscape.machine import devices
from landscape.recipes import recipe
from landscape.recipes.initial_state import abstract_state
from landscape.tables import format_table
from train.steps import step, streamed

SHAPE, NUM_CLASSES = (32, 32, 3), 10
COUNTS = 1, 2, 4, 8
EXAMPLES = 1024
"""Images on each device that the steps of a curve are taken from."""


class Programs:
    """The compiled programs of one network on the devices of one mesh."""

    def __init__(self, mesh: Mesh, model: str, method: str, images: int):
        self.mesh, self.size = mesh, images * mesh.size
        self.masks_change = method != "static"
        config = SparseRun(model=model, method=method, batch_size=self.size)
        self.made = recipe.make(config, SHAPE, NUM_CLASSES)
        self.state = self._whole(abstract_state(self.made, SHAPE))

    def training_step(self):
        """Images are bytes until they are there."""
        batch = self._examples(self.size, jnp.uint8)
        pixel = self._whole(jax.ShapeDtypeStruct((3,), jnp.float32))
        update = step.make(self.made, ordinary=not self.masks_change)
        update = self._whole(update)
        return streamed._single.lower(update, self.state, batch, pixel, pixel)

    def hessian_product(self):
        """Each device differentiates its own images."""
        loss = self.made.objective.bind(self.state.batch_stats)
        linearize = Partial(derivatives.hessian_map, as_partial(loss))
        product = partial(over_devices.mean_in_chunks, self.mesh, None, False)
        batch, params = self._examples(self.size), self.state.params
        return jax.jit(product).lower(linearize, params, [batch], params)

    def curve_step(self):
        """Of a quadratic Bezier curve; the optimizer holds a momentum."""
        loss = self.made.objective.bind(self.state.batch_stats, "batch", l2=True)
        params, optimizer = self.state.params, paths.default_optimizer()
        opt_state = self._whole(jax.eval_shape(optimizer.init, (params,)))
        static = Static(fitting._step, ("bezier", optimizer, self.mesh))
        data = self._examples(EXAMPLES * self.mesh.size)
        key = self._whole(jax.eval_shape(lambda: jax.random.key(0)))
        given = as_partial(loss), (params, params), self.state.masks, data, key
        indices = self._whole(jax.ShapeDtypeStruct((1, self.size), jnp.int32))
        carry = (params,), opt_state
        return fitting._one.lower(Partial(static, *given), carry, indices, 0, 0)

    def _examples(self, size: int, dtype: Any = jnp.float32) -> dict[str, Any]:
        divided = NamedSharding(self.mesh, PartitionSpec("data"))
        struct = partial(jax.ShapeDtypeStruct, sharding=divided)
        return {
            "image": struct((size, *SHAPE), dtype),
            "label": struct((size,), jnp.int32),
            "weight": struct((size,), jnp.float32),
        }

    def _whole(self, tree: Any) -> Any:
        """Shapes of arrays of which each device has a copy."""
        sharding = NamedSharding(self.mesh, PartitionSpec())
        return jax.tree.map(
            lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype, sharding=sharding), tree
        )


PROGRAMS = {
    "step": Programs.training_step,
    "product": Programs.hessian_product,
    "curve": Programs.curve_step,
}


def row(compiled: Any, found: list[collectives.Collective], count: int) -> list[str]:
    """The columns after devices and batch."""
    kinds = Counter(one.kind for one in found)
    memory = compiled.memory_analysis()
    held = memory.argument_size_in_bytes + memory.temp_size_in_bytes
    return [
        ", ".join(f"{many} {kind}" for kind, many in kinds.items()) or "-",
        f"{sum(one.nbytes for one in found) / 1e6:.3f}",
        f"{sum(one.sent(count) for one in found) / 1e6:.3f}",
        f"{compiled.cost_analysis()['flops'] / 1e9:.2f}",
        f"{held / 1e6:.1f}",
    ]


def each(found: list[collectives.Collective]) -> str:
    """How many there are of each kind and size, the largest first."""
    counted = Counter(found).items()
    ordered = sorted(counted, key=lambda pair: -pair[0].nbytes)
    return ", ".join(f"{n} {one.kind} of {one.nbytes:,} bytes" for one, n in ordered)


def main() -> None:
    """Prints a table for each program."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("programs", nargs="*", help=f"of {', '.join(PROGRAMS)}")
    parser.add_argument("--model", default="resnet20")
    parser.add_argument("--method", default="static", help="of the training step")
    parser.add_argument("--images", type=int, default=16, help="on each device")
    parser.add_argument("--devices", type=int, nargs="+", default=COUNTS)
    parser.add_argument("--each", action="store_true", help="list the collectives")
    options = parser.parse_args()
    if unknown := set(options.programs) - set(PROGRAMS):
        parser.error(f"no program {min(unknown)!r}: of {', '.join(PROGRAMS)}.")
    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_num_cpu_devices", max(options.devices))
    header = ["devices", "images", "collectives", "MB reduced", "MB sent"]
    header += ["GFLOP", "MB held"]
    for name in options.programs or PROGRAMS:
        rows, lists = [], []
        for count in options.devices:
            mesh = devices.make_mesh(count)
            given = Programs(mesh, options.model, options.method, options.images)
            compiled = PROGRAMS[name](given).compile()
            found = collectives.of_program(compiled.as_text())
            cells = row(compiled, found, count)
            rows.append([str(count), str(given.size), *cells])
            lists.append(f"{count} devices: {each(found) or '-'}")
        size = trees.size(given.state.params)
        print(f"{name}, {options.model}, {size:,} parameters ({4e-6 * size:.3f} MB)")
        print(format_table(header, rows), end="\n\n", flush=True)
        if options.each:
            print("\n".join(lists), end="\n\n")


if __name__ == "__main__":
    main()
