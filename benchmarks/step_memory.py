"""Memory of one compiled training step against what it cannot do without.

    python -m benchmarks.step_memory
    python -m benchmarks.step_memory resnet50 --run
    python -m benchmarks.step_memory resnet50 --remat --batch-size 8 32

Compiled bytes: arguments + temporaries + outputs that are not written over arguments
(XLA's `memory_analysis`). Needed bytes: parameters, gradients, optimizer, masks, batch,
and the output of every layer, which the backward pass reads. About a minute, and one
for ResNet-50; with --run the step is made once more, and timed (zeros for images). With
--remat each network is shown without and with it: what is needed then is less.
"""

import argparse
import time

import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict

from landscape.config import SparseRun
from landscape.recipes import recipe
from landscape.recipes.initial_state import abstract_state, initial_state
from landscape.tables import format_table
from train.steps import step

CASES = [
    ("lenet300", (28, 28, 1), 10, 128),
    ("lenet5", (28, 28, 1), 10, 128),
    ("resnet20", (32, 32, 3), 10, 128),
    ("resnet50", (224, 224, 3), 1000, 8),
]


def size(tree) -> int:
    """Bytes of all leaves."""
    leaves = jax.tree.leaves(tree)
    return sum(int(np.prod(leaf.shape)) * leaf.dtype.itemsize for leaf in leaves)


def layer_outputs(model, variables, image) -> int:
    """Bytes of the outputs of all layers, shapes alone."""
    _, seen = jax.eval_shape(
        lambda v, x: model.apply(
            v, x, train=True, capture_intermediates=True, mutable=True
        ),
        variables,
        image,
    )
    outputs = flatten_dict(seen["intermediates"])
    # A module that only passes on what its last layer made is not counted again.
    inner = [value for path, value in outputs.items() if len(path) > 1]
    return size(inner)


def timed(compiled_step, made, shape, batch) -> float:
    """CPU seconds of the second step; its loss and weights are finite."""
    state = initial_state(made, 0, shape)
    batch = jax.tree.map(lambda x: jnp.ones(x.shape, x.dtype), batch)
    for _ in range(2):
        start = time.process_time()
        state, metrics = jax.block_until_ready(compiled_step(state, batch))
        seconds = time.process_time() - start
    assert np.isfinite(metrics.loss)
    return seconds


def main() -> None:
    """Prints one row a network."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("networks", nargs="*", default=[case[0] for case in CASES[:3]])
    parser.add_argument("--run", action="store_true")
    parser.add_argument("--remat", action="store_true")
    parser.add_argument("--batch-size", type=int, nargs="*")
    options = parser.parse_args()
    rows = []
    cases = [
        (name, shape, classes, batch_size, remat)
        for name, shape, classes, own in CASES
        if name in options.networks
        for batch_size in options.batch_size or [own]
        for remat in (False, True)[: 1 + options.remat]
    ]
    for name, shape, classes, batch_size, remat in cases:
        config = SparseRun(
            model=name, method="static", batch_size=batch_size, remat=remat
        )
        made = recipe.make(config, shape, classes)
        state = abstract_state(made, shape)
        batch = {
            "image": jax.ShapeDtypeStruct((batch_size, *shape), jnp.float32),
            "label": jax.ShapeDtypeStruct((batch_size,), jnp.int32),
            "weight": jax.ShapeDtypeStruct((batch_size,), jnp.float32),
        }
        update = jax.jit(step.make(made), donate_argnums=0)
        compiled_step = update.lower(state, batch).compile()
        used = compiled_step.memory_analysis()
        compiled = (
            used.argument_size_in_bytes
            + used.temp_size_in_bytes
            + used.output_size_in_bytes
            - used.alias_size_in_bytes
        )
        variables = {"params": state.params}
        if state.batch_stats:
            variables["batch_stats"] = state.batch_stats
        outputs = layer_outputs(made.model, variables, batch["image"])
        needed = size(state) + size(state.params) + size(batch) + outputs
        seconds = timed(compiled_step, made, shape, batch) if options.run else None
        mib = 2.0**20
        rows.append(
            [
                f"{name}, batch {batch_size}{', --remat' if remat else ''}",
                f"{compiled / mib:.2f}",
                f"{needed / mib:.2f}",
                f"{compiled / needed:.2f}",
                f"{used.temp_size_in_bytes / mib:.2f}",
                "-" if seconds is None else f"{seconds:.2f}",
            ]
        )
    header = ["network", "compiled MiB", "needed MiB", "ratio", "temporaries MiB"]
    print(format_table([*header, "CPU s a step"], rows))


if __name__ == "__main__":
    main()
