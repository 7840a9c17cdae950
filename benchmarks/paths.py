"""Lines, planes and Bezier steps: this code, loss-landscapes, a plain PyTorch loop.

    pip install -r benchmarks/requirements.txt
    python -m benchmarks.paths                    # everything, on one thread and on all
    python -m benchmarks.paths lenet5-plane --threads 1

The loss of a network (MLP 784-300-100-10 and LeNet-5 on 4,096 images, ResNet-20 in eval
mode on 1,024) at 51 points of a line and on planes through three points; then a
training step of a curve's control points (MLP, batch 128, SGD with momentum) against a
plain training step in the same compiled loop. Rivals take turns in one process; each
number of threads has a process of its own. The plain loop takes convolutions in batches
of 128, which is its fastest. "error" is the largest difference from the plain loop,
relative. About 45 minutes on 2 cores, most of them for the rivals.
"""

import argparse
import os
import subprocess
import sys

CASES = {
    "mlp-line": ("mlp", 51, 0, 3),
    "mlp-plane": ("mlp", 21, 21, 3),
    "mlp-large-plane": ("mlp", 51, 51, 1),
    "lenet5-line": ("lenet5", 51, 0, 3),
    "lenet5-plane": ("lenet5", 21, 21, 1),
    "resnet20-small-plane": ("resnet20", 3, 3, 1),
    "resnet20-plane": ("resnet20", 11, 11, 1),
}
BATCH = {"mlp": 4096, "lenet5": 128, "resnet20": 128}
STEPS = "bezier-steps"


def evaluation(name, first, second, rounds):
    """Rivals for the loss at first (x second, if not 0) points; prints their table."""
    import copy

    import jax
    import jax.numpy as jnp
    import numpy as np
    import torch
    from torch.nn import functional

    from analysis import evaluation
    from benchmarks.networks import make_network, torch_network
    from benchmarks.timing import race
    from landscape.objective import Objective
    from landscape.tables import format_table

    model, points, stats, data = make_network(name)
    ts = np.linspace(0, 1, first)
    if second:
        rows = np.array(
            [[1 - a - b, a, b] for a in ts for b in np.linspace(0, 1, second)]
        )
    else:
        points, rows = points[:2], np.stack([1 - ts, ts], axis=1)
    loss_fn = Objective(model).bind(stats)
    on_device = jax.tree.map(jnp.asarray, data)
    results = {}

    def ours(shortcut):
        def call():
            losses = evaluation.evaluate(
                points, rows, loss_fn, on_device, shortcut=shortcut
            )["loss"]
            results[shortcut] = np.asarray(losses)

        return call

    nets = [torch_network(name, params) for params in points]
    images = torch.tensor(data["image"].transpose(0, 3, 1, 2).copy())
    labels = torch.tensor(data["label"]).long()
    moving = copy.deepcopy(nets[0])

    @torch.no_grad()
    def plain_loop():
        flat = [torch.nn.utils.parameters_to_vector(n.parameters()) for n in nets]
        losses = []
        for row in torch.tensor(rows, dtype=torch.float32):
            mixed = sum(c * p for c, p in zip(row, flat, strict=True))
            torch.nn.utils.vector_to_parameters(mixed, moving.parameters())
            total = 0.0
            for i in range(0, len(labels), BATCH[name]):
                part = slice(i, i + BATCH[name])
                total += functional.cross_entropy(
                    moving(images[part]), labels[part], reduction="sum"
                ).item()
            losses.append(total / len(labels))
        results["plain"] = np.array(losses)

    rivals = {"this code": ours(None), "the same, no shortcut": ours(False)}
    rivals["plain PyTorch loop"] = plain_loop
    try:
        import loss_landscapes
        from loss_landscapes.metrics import Loss

        def peer():
            metric = Loss(functional.cross_entropy, images, labels)
            if second:
                loss_landscapes.planar_interpolation(
                    *nets, metric, steps=first, deepcopy_model=True
                )
            else:
                loss_landscapes.linear_interpolation(
                    *nets, metric, steps=first, deepcopy_model=True
                )

        rivals["loss-landscapes"] = peer
    except ImportError:
        print("loss-landscapes is not installed; its row is left out.", file=sys.stderr)
    times = race(rivals, rounds)
    mine = times["this code"]
    scale = np.abs(results["plain"]).max()
    errors = [
        np.abs(results[s] - results["plain"]).max() / scale for s in (None, False)
    ]
    table = [
        [
            rival,
            f"{t.wall:.2f}",
            f"{t.cpu:.2f}",
            f"{t.wall / mine.wall:.2f}",
            f"{t.cpu / mine.cpu:.2f}",
            f"{max(t.first - t.wall, 0):.1f}" if i < 2 else "-",
            f"{errors[i]:.0e}" if i < 2 else "-",
        ]
        for i, (rival, t) in enumerate(times.items())
    ]
    shape = f"{first}x{second}" if second else f"{first} points"
    header = [
        f"{name}, {shape}, {len(labels)} images", "wall s", "CPU s", "wall over ours",
        "CPU over ours", "compile s", "error",
    ]  # fmt: skip
    print(format_table(header, table), end="\n\n", flush=True)


def child(case, threads):
    """Runs one case in this process, on that many threads."""
    import torch

    torch.set_num_threads(threads)
    if case == STEPS:
        # Here, as the process that starts the others needs no JAX.
        from benchmarks.curve_steps import steps

        steps()
    else:
        evaluation(*CASES[case])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("cases", nargs="*", help=f"of {', '.join([*CASES, STEPS])}")
    parser.add_argument("--threads", type=int, nargs="*")
    parser.add_argument("--child", action="store_true")
    arguments = parser.parse_args()
    cases = arguments.cases or [*CASES, STEPS]
    cores = sorted(os.sched_getaffinity(0))
    if arguments.child:
        child(cases[0], len(cores))
        return
    for threads in arguments.threads or sorted({1, len(cores)}):
        print(f"== {threads} thread{'s' if threads > 1 else ''}", flush=True)
        for case in cases:
            # XLA takes the cores it may run on when it starts, so each has a process.
            subprocess.run(
                [sys.executable, "-m", "benchmarks.paths", case, "--child"],
                check=True,
                preexec_fn=lambda n=threads: os.sched_setaffinity(0, cores[:n]),
            )


if __name__ == "__main__":
    main()
