"""Training steps a second: this code, a plain Flax loop, PyTorch, and the floor.

    pip install -r benchmarks/requirements.txt
    python -m benchmarks.train_steps
    python -m benchmarks.train_steps lenet5

LeNet-300-100 and LeNet-5 on arrays of MNIST's shape, ResNet-20 on CIFAR-10's (beside
PyTorch alone), batch 128, SGD with momentum, a 95 % mask enforced at every step. Every
rival draws a random batch of a data set in memory. The floor is the same matrix
products and one pass over the weights, in a compiled loop. About 3 minutes on 2 cores.
Rivals take turns; medians of 5 rounds; compilation is left out. On a busy machine
compare CPU time, of one thread each (OMP_NUM_THREADS=1,
XLA_FLAGS=--xla_cpu_multi_thread_eigen=false).
"""

import functools
import itertools
import sys

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax

from benchmarks import networks
from benchmarks.timing import race
from landscape.config import SparseRun
from landscape.machine import devices
from landscape.recipes import order, recipe
from landscape.recipes.initial_state import abstract_state, initial_state
from landscape.tables import format_table
from train.steps import loop, step

BATCH, EXAMPLES = 128, 60_000
STEPS = {"lenet300": 1000, "lenet5": 200, "resnet20": 4}
SHAPE, CLASSES = (28, 28, 1), 10


def ours(name, images, labels, num_steps):
    """The segment that `python -m train.sparse` runs."""
    config = SparseRun(model=name, method="static", steps=num_steps, batch_size=BATCH)
    size, *shape = images.shape
    made = recipe.make(config, tuple(shape), CLASSES)
    mesh = devices.make_mesh(1)
    split = {"image": images, "label": labels, "weight": np.ones(size, "float32")}
    split = devices.replicate(mesh, split)
    state = abstract_state(made, tuple(shape))
    in_one_call = loop.scannable(made, state, split, BATCH)
    segment = loop.make_segment(step.make(made), mesh, in_one_call)

    def call():
        state = devices.replicate(mesh, initial_state(made, 0, tuple(shape)))
        window = min(100, num_steps)
        for start in range(0, num_steps, window):
            indices = order.batches(0, size, BATCH, start, window)
            state, _ = segment(state, split, indices, window)
        jax.block_until_ready(state)

    return call


class PlainMLP(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = x.reshape((len(x), -1))
        x = nn.relu(nn.Dense(300)(x))
        x = nn.relu(nn.Dense(100)(x))
        return nn.Dense(CLASSES)(x)


class PlainLeNet(nn.Module):
    @nn.compact
    def __call__(self, x):
        for width in (6, 16):
            x = nn.relu(nn.Conv(width, (5, 5), padding="VALID")(x))
            x = nn.max_pool(x, (2, 2), (2, 2))
        x = x.reshape((len(x), -1))
        x = nn.relu(nn.Dense(120)(x))
        x = nn.relu(nn.Dense(84)(x))
        return nn.Dense(CLASSES)(x)


def plain_flax(name, images, labels, num_steps):
    """A jitted step fed with NumPy batches; masks by `where`."""
    model = {"lenet300": PlainMLP, "lenet5": PlainLeNet}[name]()
    params = model.init(jax.random.key(0), images[:1])["params"]
    draw = np.random.default_rng(0)
    masks = jax.tree.map(
        lambda p: draw.random(p.shape) < (0.05 if p.ndim > 1 else 1), params
    )
    optimizer = optax.sgd(0.1, momentum=0.9)

    def project(tree):
        return jax.tree.map(lambda m, x: jnp.where(m, x, 0), masks, tree)

    def loss(params, image, label):
        logits = model.apply({"params": params}, image)
        return optax.softmax_cross_entropy_with_integer_labels(logits, label).mean()

    @functools.partial(jax.jit, donate_argnums=(0, 1))
    def update(params, state, image, label):
        grads = project(jax.grad(loss)(params, image, label))
        updates, state = optimizer.update(grads, state, params)
        return project(optax.apply_updates(params, updates)), state

    def call():
        new = jax.tree.map(jnp.copy, params)
        state = optimizer.init(new)
        order = np.random.default_rng(0).permutation(EXAMPLES)
        for i in range(num_steps):
            index = order[i * BATCH % EXAMPLES :][:BATCH]
            new, state = update(new, state, images[index], labels[index])
        jax.block_until_ready(new)

    return call


def torch_loop(name, images, labels, num_steps):
    """A plain PyTorch loop over tensors in memory; masks by multiplication."""
    import torch
    from torch import nn as tnn

    if name == "lenet300":
        net = tnn.Sequential(
            tnn.Flatten(), tnn.Linear(784, 300), tnn.ReLU(), tnn.Linear(300, 100),
            tnn.ReLU(), tnn.Linear(100, CLASSES),
        )  # fmt: skip
    elif name == "resnet20":
        _, points, _, _ = networks.make_network(name)
        net = networks.torch_network(name, points[0]).train()
    else:
        net = tnn.Sequential(
            tnn.Conv2d(1, 6, 5), tnn.ReLU(), tnn.MaxPool2d(2), tnn.Conv2d(6, 16, 5),
            tnn.ReLU(), tnn.MaxPool2d(2), tnn.Flatten(), tnn.Linear(256, 120),
            tnn.ReLU(), tnn.Linear(120, 84), tnn.ReLU(), tnn.Linear(84, CLASSES),
        )  # fmt: skip
    x = torch.from_numpy(images.transpose(0, 3, 1, 2).copy())
    y = torch.from_numpy(labels).long()
    masks = [
        (torch.rand_like(p) < (0.05 if p.dim() > 1 else 1)).float()
        for p in net.parameters()
    ]
    optimizer = torch.optim.SGD(net.parameters(), 0.1, momentum=0.9)

    def call():
        order = torch.randperm(len(x))
        for i in range(num_steps):
            start = i * BATCH % (len(x) - BATCH)
            index = order[start : start + BATCH]
            optimizer.zero_grad()
            tnn.functional.cross_entropy(net(x[index]), y[index]).backward()
            optimizer.step()
            with torch.no_grad():
                for p, m in zip(net.parameters(), masks, strict=True):
                    p.mul_(m)

    return call


def floor(widths, num_steps):
    """The products of forward and backward passes, one pass over the weights, no more.

    Each depends on those before it as in training: a product that is not, or weights
    that are read after they are written, would make a loop that is no floor.
    """
    draw = np.random.default_rng(0)
    pairs = list(itertools.pairwise(widths))
    weights = [jnp.asarray(draw.normal(size=p) / p[0], jnp.float32) for p in pairs]
    first = jnp.asarray(draw.normal(size=(BATCH, widths[0])), jnp.float32)

    @jax.jit
    def run(weights, first, num_steps):
        def body(_, weights):
            outs = [first]
            for w in weights:
                outs.append(outs[-1] @ w)
            back, new = outs.pop(), []
            for a, w in zip(reversed(outs), reversed(weights), strict=True):
                new.append(w - 1e-6 * (a.T @ back))
                back = back @ w.T
            return new[::-1]

        return jax.lax.fori_loop(0, num_steps, body, weights)

    return lambda: jax.block_until_ready(run(weights, first, num_steps))


def main() -> None:
    draw = np.random.default_rng(0)
    names = sys.argv[1:] or list(STEPS)
    for name, num_steps in ((name, STEPS[name]) for name in names):
        size, shape = (2_048, (32, 32, 3)) if name == "resnet20" else (EXAMPLES, SHAPE)
        images = draw.normal(size=(size, *shape)).astype(np.float32)
        labels = draw.integers(CLASSES, size=size).astype(np.int32)
        rivals = {"this code": ours(name, images, labels, num_steps)}
        if name != "resnet20":
            rivals["plain Flax loop"] = plain_flax(name, images, labels, num_steps)
        try:
            rivals["PyTorch loop"] = torch_loop(name, images, labels, num_steps)
        except ImportError:
            print("PyTorch is not installed; its row is left out.", file=sys.stderr)
        if name == "lenet300":
            rivals["floor: matrix products"] = floor((784, 300, 100, 10), num_steps)
        times = race(rivals)
        mine = times["this code"]
        rows = [
            [
                rival,
                f"{num_steps / t.wall:.0f}",
                f"{1e3 * t.cpu / num_steps:.2f}",
                f"{t.wall / mine.wall:.2f}",
                f"{t.first - t.wall:.1f}",
            ]
            for rival, t in times.items()
        ]
        header = [name, "steps/s", "CPU ms a step", "time over ours", "compile s"]
        print(format_table(header, rows), end="\n\n")


if __name__ == "__main__":
    main()
