"""What paper 1's experiments take at full size, predicted from the programs themselves.

    python -m benchmarks.scale
    python -m benchmarks.scale --devices 32 --utilisation 0.35 --price 1.2

ResNet-50 at 224 pixels. XLA counts the floating-point operations of a training step, of
a Hessian product and of a forward pass of one image (`cost_analysis` of what is
lowered; a multiply-add is two), and every experiment is a number of these. Time is
operations / (peak of the machine x utilisation): a prediction, not a measurement. The
utilisation is an assumption; convolutions of small images rarely reach more than a
quarter of the peak, and batch norm and input lower it. Networks train in bfloat16;
products and forward passes are in full float32, as the analyses have them, and the
steps of a curve in float32 as JAX rounds it by default ("rounded"). About half a
minute, on the CPU.
"""

import argparse

import jax
import jax.numpy as jnp

from benchmarks.machines import MACHINES, Machine
from landscape import models
from landscape.objective import Objective
from landscape.tables import format_table
from train.settings import presets

IMAGES = presets.IMAGENET


def operations(
    name: str = "resnet50",
    shape: tuple[int, ...] = (224, 224, 3),
    num_classes: int = 1000,
) -> dict[str, float]:
    """Operations for one image of a step, a Hessian product and a forward pass."""
    model = models.create(name, shape, num_classes)
    objective = Objective(model)
    shapes = jax.eval_shape(
        lambda key: models.init(model, key, shape), jax.random.key(0)
    )
    batch = {
        "image": jax.ShapeDtypeStruct((8, *shape), jnp.float32),
        "label": jax.ShapeDtypeStruct((8,), jnp.int32),
    }

    def training(params, stats, batch):
        return jax.grad(objective.training, has_aux=True)(params, batch, stats)

    def product(params, stats, batch):
        gradient = jax.grad(lambda p: objective.data_loss(p, batch, stats))
        return jax.jvp(gradient, (params,), (params,))[1]

    def forward(params, stats, batch):
        return objective.data_loss(params, batch, stats)

    def count(function):
        return jax.jit(function).lower(*shapes, batch).cost_analysis()["flops"] / 8

    return {each.__name__: count(each) for each in (training, product, forward)}


PRODUCTS = 140 + 10 * 80 + 60
"""Of `python -m analysis.spectrum` with its defaults: eigenpairs that converge without
a restart, density and trace."""

Work = list[tuple[float, str]]
"""Operations, and the precision that they are in."""


def experiments(count: dict[str, float]) -> dict[str, Work]:
    """Name -> what is computed."""
    run = 48_000 * presets.BATCH * count["training"]
    curve = (4_000 * 2_048 * count["training"], "rounded")
    path = (71 * 500_000 * count["forward"], "float32")
    product = count["product"]
    return {
        "one run: 48,000 steps of 4,096 images": [(run, "bfloat16")],
        "the grid: 4 sparsities x 3 schedules x (pruned, lottery, scratch)": [
            (36 * run, "bfloat16")
        ],
        "a line: 71 points on 500,000 images": [path],
        "a curve: 4,000 steps of 2,048 images, then its line": [curve, path],
        "a density: 100 Hessian products on 10,000 images": [
            (100 * 10_000 * product, "float32")
        ],
        f"a spectrum by default: {PRODUCTS:,} products on 10,000 images": [
            (PRODUCTS * 10_000 * product, "float32")
        ],
        "a density: 100 Hessian products on all of ImageNet": [
            (100 * IMAGES * product, "float32")
        ],
    }


def seconds(work: Work, machine: Machine, utilisation: float) -> float:
    """Of one device.

    >>> machine = Machine(8e12, 4e12, 2e12, 80)
    >>> seconds([(8e12, "bfloat16"), (2e12, "float32")], machine, 0.5)
    4.0
    """
    rates = machine._asdict()
    return sum(total / (rates[kind] * utilisation) for total, kind in work)


def main() -> None:
    """Prints operations, then hours (and money) on each machine."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--devices", type=int, default=8)
    parser.add_argument("--utilisation", type=float, default=0.2)
    parser.add_argument("--price", type=float, help="of one device for an hour")
    options = parser.parse_args()
    count = operations()
    print("Operations for one image:")
    rows = [
        [name, f"{value / 1e9:.1f}e9", f"{value / count['forward']:.2f}"]
        for name, value in count.items()
    ]
    print(format_table(["program", "operations", "forward passes"], rows))
    header = ["experiment", "precision", "hours"]
    if options.price is not None:
        header.append("price")
    for name, machine in MACHINES.items():
        print(
            f"\n{options.devices} x {name} ({machine.memory} GiB each), utilisation"
            f" {options.utilisation}:"
        )
        rows = []
        for what, work in experiments(count).items():
            total = seconds(work, machine, options.utilisation) / 3600
            kinds = ", ".join(kind for _, kind in work)
            row = [what, kinds, f"{total / options.devices:,.2f}"]
            if options.price is not None:
                row.append(f"{total * options.price:,.2f}")
            rows.append(row)
        print(format_table(header, rows))


if __name__ == "__main__":
    main()
