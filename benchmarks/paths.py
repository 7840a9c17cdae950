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
import itertools
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
EXAMPLES = {"mlp": 4096, "lenet5": 4096, "resnet20": 1024}
BATCH = {"mlp": 4096, "lenet5": 128, "resnet20": 128}
STEPS = "bezier-steps"


def make_network(name):
    """The model, three points (variables) and a data set, as this code has them."""
    import jax
    import numpy as np

    from landscape import models

    shape = (32, 32, 3) if name == "resnet20" else (28, 28, 1)
    model = models.create(name, shape, 10)
    made = [models.init(model, jax.random.key(i), shape) for i in range(3)]
    points = [params for params, _ in made]
    draw = np.random.default_rng(0)
    data = {
        "image": draw.normal(size=(EXAMPLES[name], *shape)).astype("float32"),
        "label": draw.integers(10, size=EXAMPLES[name]).astype("int32"),
    }
    return model, points, made[0][1], data


def torch_network(name, params):
    """The same network with the same parameters, and its images in PyTorch's order."""
    import numpy as np
    import torch
    from torch import nn
    from torch.nn import functional

    class Block(nn.Module):
        def __init__(self, before, channels, stride):
            super().__init__()
            self.conv1 = nn.Conv2d(before, channels, 3, stride, 1, bias=False)
            self.norm1 = nn.BatchNorm2d(channels)
            self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
            self.norm2 = nn.BatchNorm2d(channels)
            self.stride, self.new = stride, channels - before

        def forward(self, x):
            y = functional.relu(self.norm1(self.conv1(x)))
            y = self.norm2(self.conv2(y))
            x = x[:, :, :: self.stride, :: self.stride]
            return functional.relu(y + functional.pad(x, (0, 0, 0, 0, 0, self.new)))

    class Mean(nn.Module):
        def forward(self, x):
            return x.mean((2, 3))

    class Channels(nn.Module):
        """Channels last, as the first dense layer of this code has them."""

        def forward(self, x):
            return x.permute(0, 2, 3, 1).flatten(1)

    if name == "mlp":
        net = nn.Sequential(
            Channels(), nn.Linear(784, 300), nn.ReLU(), nn.Linear(300, 100),
            nn.ReLU(), nn.Linear(100, 10),
        )  # fmt: skip
    elif name == "lenet5":
        net = nn.Sequential(
            nn.Conv2d(1, 6, 5), nn.MaxPool2d(2), nn.ReLU(), nn.Conv2d(6, 16, 5),
            nn.MaxPool2d(2), nn.ReLU(), Channels(), nn.Linear(256, 120), nn.ReLU(),
            nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10),
        )  # fmt: skip
    else:
        widths = [16] * 4 + [32] * 3 + [64] * 3
        blocks = [Block(a, b, b // a) for a, b in itertools.pairwise(widths)]
        net = nn.Sequential(
            nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU(),
            *blocks, Mean(), nn.Linear(64, 10),
        )  # fmt: skip

    # Both list layers in the order of execution, by kind.
    kinds = {"Conv": [], "BatchNorm": [], "Dense": []}

    def collect(tree):
        names = sorted(tree, key=lambda n: (n.split("_")[0], int(n.split("_")[1])))
        for kind in ("Conv", "BatchNorm", "Block", "Dense"):
            for layer in (n for n in names if n.split("_")[0] == kind):
                if kind == "Block":
                    collect(tree[layer])
                else:
                    kinds[kind].append(tree[layer])

    collect(params)
    with torch.no_grad():
        for module in net.modules():
            if isinstance(module, nn.Conv2d):
                mine = kinds["Conv"].pop(0)
                kernel = np.transpose(mine["kernel"], (3, 2, 0, 1))
            elif isinstance(module, nn.Linear):
                mine = kinds["Dense"].pop(0)
                kernel = np.transpose(mine["kernel"])
            elif isinstance(module, nn.BatchNorm2d):
                mine = kinds["BatchNorm"].pop(0)
                kernel = np.asarray(mine["scale"])
            else:
                continue
            module.weight.copy_(torch.tensor(np.array(kernel)))
            if "bias" in mine:
                module.bias.copy_(torch.tensor(np.array(mine["bias"])))
    return net.eval()


def evaluation(name, first, second, rounds):
    """Rivals for the loss at first (x second, if not 0) points; prints their table."""
    import copy

    import jax
    import jax.numpy as jnp
    import numpy as np
    import torch
    from torch.nn import functional

    from analysis import combinations
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
            losses = combinations.evaluate(
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


def steps(num_steps=1024, batch_size=128):
    """Training steps of curves against plain ones, in the same compiled loop."""
    import jax
    import optax

    from analysis import fitting, paths
    from benchmarks.timing import race
    from landscape.data import order
    from landscape.objective import Objective
    from landscape.tables import format_table

    model, (a, b, _), _, data = make_network("mlp")
    data = jax.device_put(data)
    loss_fn = Objective(model, weight_decay=1e-4).bind(l2=True)
    optimizer = fitting.default_optimizer()
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
        window, size = fitting.WINDOW, EXAMPLES["mlp"]
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


def child(case, threads):
    """Runs one case in this process, on so many threads."""
    import torch

    torch.set_num_threads(threads)
    if case == STEPS:
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
