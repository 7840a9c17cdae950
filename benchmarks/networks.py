"""The networks that are measured, in JAX and with equal parameters in PyTorch."""

import itertools

import jax
import numpy as np

from landscape import models

EXAMPLES = {"mlp": 4096, "lenet5": 4096, "resnet20": 1024}


def make_network(name):
    """The model, three points (variables) and a data set, as this code has them."""
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
    """The same network with the same parameters; its images are [N, C, H, W]."""
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
