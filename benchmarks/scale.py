"""What paper 1's experiments take at full size, predicted from the programs themselves.

    python -m benchmarks.scale
    python -m benchmarks.scale --devices 32 --utilisation 0.35 --price 1.2

ResNet-50 at 224 pixels. XLA counts the floating-point operations of a training step, of
a Hessian product and of a forward pass of one image (`cost_analysis` of what is
lowered; a multiply-add is two), and every experiment is a number of these. Time is
operations / (peak of the machine x utilisation): a prediction, not a measurement. The
utilisation is an assumption; convolutions of small images rarely reach more than a
quarter of the peak, and batch norm and input lower it. Products and forward passes are
taken in float32, at the machine's rate for that. About half a minute, on the CPU.
"""

import argparse

import jax
import jax.numpy as jnp

from landscape import models
from landscape.objective import Objective
from landscape.tables import format_table
from train import presets

IMAGES = presets.IMAGENET
MACHINES = {
    # Peak operations a second of one device, dense, in bfloat16 and in float32 (TF32
    # on GPUs); GiB of memory. From the vendors' data sheets.
    "A100 80 GB": (312e12, 156e12, 80),
    "H100 SXM": (989e12, 494e12, 80),
    "TPU v4": (275e12, 275e12 / 6, 32),
    "TPU v5e": (197e12, 197e12 / 6, 16),
    "TPU v5p": (459e12, 459e12 / 6, 95),
}
"""A TPU multiplies float32 by six passes of bfloat16."""


def operations() -> dict[str, float]:
    """Operations for one image of a step, a Hessian product and a forward pass."""
    model = models.create("resnet50", (224, 224, 3), 1000)
    objective = Objective(model)
    shapes = jax.eval_shape(
        lambda key: models.init(model, key, (224, 224, 3)), jax.random.key(0)
    )
    batch = {
        "image": jax.ShapeDtypeStruct((8, 224, 224, 3), jnp.float32),
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


def experiments(count: dict[str, float]) -> dict[str, tuple[float, str]]:
    """Name -> operations, and the precision that they are in."""
    run = 48_000 * presets.BATCH * count["training"]
    curve = 4_000 * 2_048 * count["training"]
    path = 71 * 500_000 * count["forward"]
    return {
        "one run: 48,000 steps of 4,096 images": (run, "bf16"),
        "the grid: 4 sparsities x 3 schedules x (pruned, lottery, scratch)": (
            36 * run,
            "bf16",
        ),
        "a line: 71 points on 500,000 images": (path, "f32"),
        "a curve: 4,000 steps of 2,048 images, then its line": (curve + path, "f32"),
        "a density: 100 Hessian products on 10,000 images": (
            100 * 10_000 * count["product"],
            "f32",
        ),
        "a density: 100 Hessian products on all of ImageNet": (
            100 * IMAGES * count["product"],
            "f32",
        ),
    }


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
    for machine, (bf16, f32, memory) in MACHINES.items():
        print(
            f"\n{options.devices} x {machine} ({memory} GiB each), utilisation"
            f" {options.utilisation}:"
        )
        rows = []
        for name, (total, precision) in experiments(count).items():
            peak = {"bf16": bf16, "f32": f32}[precision] * options.utilisation
            hours = total / (peak * options.devices) / 3600
            cost = [] if options.price is None else [hours * options.devices]
            money = [f"{options.price * each:,.0f}" for each in cost]
            rows.append([name, precision, f"{hours:,.2f}", *money])
        header = ["experiment", "precision", "hours", *(["price"] if cost else [])]
        print(format_table(header, rows))


if __name__ == "__main__":
    main()
