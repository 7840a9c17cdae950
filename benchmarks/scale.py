"""What paper 1's experiments take at full size, predicted from the programs themselves.

    python -m benchmarks.scale
    python -m benchmarks.scale --devices 32 --utilisation 0.35 --price 1.2

ResNet-50 at 224 pixels. XLA counts the operations of a training step, of a Hessian
product and of a forward pass, and the bytes that they read, write and hold
(`cost_analysis` and `memory_analysis` of the program that it compiles for this backend;
a multiply-add is two operations), and every experiment is a number of these. Time is
the larger of

    operations / (peak of the machine x utilisation)
    bytes / bandwidth of its memory

and the one that it is is shown: a prediction, not a measurement. The utilisation is an
assumption; convolutions of small images rarely reach more than a quarter of the peak.
Bytes are those of the program for a CPU: another compiler fuses other instructions.
Networks train in bfloat16, in which they are taken to be half of what they are in
float32; products and forward passes are in full float32, as the analyses have them, and
the steps of a curve in float32 as JAX rounds it by default ("rounded"). What devices
send to each other is not in the time: see `benchmarks.weak_scaling`.

Half a minute of CPU.
"""

import argparse
from typing import NamedTuple

import jax

from benchmarks.full_size import Cost, costs
from benchmarks.machines import MACHINES, Machine
from benchmarks.memory_at_scale import SPLIT_LIMIT, memory
from landscape.tables import format_table
from train.settings import presets

IMAGES = presets.IMAGENET
PRODUCTS = 140 + 10 * 80 + 60
"""Of `python -m analysis.spectrum` with its defaults: eigenpairs that converge without
a restart, density and trace."""


class Work(NamedTuple):
    """A program of `full_size` on a number of images, in a precision of `Machine`."""

    images: float
    program: str
    precision: str


class Experiment(NamedTuple):
    """What is computed, and of how many examples an analysis holds the images."""

    work: list[Work]
    examples: int = 0


def experiments() -> dict[str, Experiment]:
    """Name -> what is computed."""
    run = 48_000 * presets.BATCH
    curve = Work(4_000 * 2_048, "training", "rounded")

    def line(examples):
        return Work(71 * examples, "forward", "float32")

    def products(number, examples):
        return Experiment([Work(number * examples, "product", "float32")], examples)

    return {
        "one run: 48,000 steps of 4,096 images": Experiment(
            [Work(run, "training", "bfloat16")]
        ),
        "the grid: 4 sparsities x 3 schedules x (pruned, lottery, scratch)": Experiment(
            [Work(36 * run, "training", "bfloat16")]
        ),
        "a line: 71 points on 10,000 images": Experiment([line(10_000)], 10_000),
        "a line: 71 points on 500,000 images": Experiment([line(500_000)], 500_000),
        "a curve: 4,000 steps of 2,048 images, its line on 10,000": Experiment(
            [curve, line(10_000)], 10_000
        ),
        "a curve: the same steps, its line on 500,000": Experiment(
            [curve, line(500_000)], 500_000
        ),
        "a density: 100 products on 10,000 images": products(100, 10_000),
        f"a spectrum by default: {PRODUCTS:,} products on 10,000 images": products(
            PRODUCTS, 10_000
        ),
        "a density: 100 products on all of ImageNet": products(100, IMAGES),
    }


def seconds(work: Work, cost: Cost, machine: Machine, utilisation: float) -> tuple:
    """Of one device, and what bounds them.

    >>> machine = Machine(8e12, 4e12, 2e12, 80, 1e12)
    >>> seconds(Work(2, "", "float32"), Cost(1e12, 1e11, 0), machine, 0.5)
    (2.0, 'operations')
    >>> seconds(Work(2, "", "bfloat16"), Cost(1e12, 1e12, 0), machine, 0.5)
    (1.0, 'memory')
    """
    computed = cost.flops / (machine._asdict()[work.precision] * utilisation)
    moved = cost.accessed / machine.bandwidth
    if work.precision == "bfloat16":
        moved /= 2
    if computed < moved:
        return work.images * moved, "memory"
    return work.images * computed, "operations"


def _times(found, name, machine, options) -> str:
    """The table of one machine."""
    rows = []
    for what, (work, examples) in experiments().items():
        each = [
            seconds(one, found[one.program], machine, options.utilisation)
            for one in work
        ]
        hours = sum(total for total, _ in each) / 3600
        mark = " *" if examples > SPLIT_LIMIT else ""
        row = [
            what + mark,
            ", ".join(one.precision for one in work),
            ", ".join(bound for _, bound in each),
            f"{hours / options.devices:,.2f}",
        ]
        if options.price is not None:
            row.append(f"{hours * options.price:,.2f}")
        rows.append(row)
    header = ["experiment", "precision", "bound by", "hours"]
    header += ["price"] * (options.price is not None)
    return format_table(header, rows)


def _memory(found, devices: int) -> str:
    """The table of what each device holds, and the machines that have less."""
    rows = []
    for what, nbytes in memory(found, devices).items():
        gib = nbytes / 2**30
        short = [name for name, machine in MACHINES.items() if gib > machine.memory]
        rows.append([what, f"{gib:.1f}", ", ".join(short) or "-"])
    return format_table(["program", "GiB", "more than the memory of"], rows)


def main() -> None:
    """Prints what an image takes, then hours (and money) on each machine, then GiB."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--devices", type=int, default=8)
    parser.add_argument("--utilisation", type=float, default=0.2)
    parser.add_argument("--price", type=float, help="of one device for an hour")
    options = parser.parse_args()
    found = costs()
    print(f"One image, float32, compiled for {jax.default_backend()}:")
    rows = [
        [
            name,
            f"{cost.flops / 1e9:.1f}",
            f"{cost.flops / found['forward'].flops:.2f}",
            f"{cost.accessed / 1e6:,.0f}",
            f"{cost.flops / cost.accessed:.0f}",
            f"{cost.held / 1e6:.0f}",
        ]
        for name, cost in found.items()
    ]
    header = ["program", "GFLOP", "forward passes", "MB read and written"]
    print(format_table([*header, "operations a byte", "MB held"], rows))
    for name, machine in MACHINES.items():
        print(
            f"\n{options.devices} x {name} ({machine.memory} GiB each), utilisation"
            f" {options.utilisation}:"
        )
        print(_times(found, name, machine, options))
    print(
        f"\n* Few hosts hold these images: an analysis takes a third of the free memory"
        f" for them, or that of {SPLIT_LIMIT:,} of 224 pixels where that is more."
    )
    print(f"\nMemory of each of {options.devices} devices:")
    print(_memory(found, options.devices))


if __name__ == "__main__":
    main()
