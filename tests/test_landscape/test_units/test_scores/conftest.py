"""A stranger's tapped network in plain JAX, and its twin in NumPy.

A convolution with batch norm, relu, pooling and flattening; then a stream of two
units that a third joins on the way, read by an inner layer and by the last one.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from landscape.units import Axis, Site, Spec

CONV, INNER = Axis(("conv",), positions=4), Axis(("inner",))
STREAM, BOTH = Axis(("stream",)), Axis(("stream", "joining"))
SITES = {
    "flat": Site(CONV, (3,)),
    "read": Site(STREAM, (2,)),
    "inner": Site(INNER, (4,)),
    "last": Site(BOTH, (2, 1)),
}
SPEC = Spec(
    {"conv": 3, "stream": 2, "inner": 4, "joining": 1},
    {
        "conv/kernel": (None, None, None, Axis(("conv",))),
        "norm/scale": (Axis(("conv",)),),
        "dense/kernel": (CONV, STREAM),
        "inner/kernel": (STREAM, INNER),
        "back/kernel": (INNER, BOTH),
        "last/kernel": (BOTH, None),
    },
)


def losses(params, batch, tap):
    """Cross-entropy [B] of the stranger's network."""
    x = jax.lax.conv_general_dilated(
        batch["image"],
        params["conv"]["kernel"],
        (1, 1),
        "VALID",
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )
    x = jax.nn.relu(x * params["norm"]["scale"] + params["norm"]["bias"])
    x = jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, *[(1, 2, 2, 1)] * 2, "VALID")
    x = tap("flat", x.reshape(len(x), -1))
    stream = jnp.tanh(x @ params["dense"]["kernel"])
    inner = jnp.tanh(tap("read", stream) @ params["inner"]["kernel"])
    joined = jnp.pad(stream, ((0, 0), (0, 1)))
    joined += tap("inner", inner) @ params["back"]["kernel"]
    log_p = jax.nn.log_softmax(tap("last", joined) @ params["last"]["kernel"])
    return -jnp.take_along_axis(log_p, batch["label"][:, None], axis=1)[:, 0]


def twin_losses(params, batch, tap):
    """The same by NumPy, one window after another."""
    kernel, image = params["conv"]["kernel"], batch["image"]
    x = np.empty((len(image), 4, 4, 3))
    for i in range(4):
        for j in range(4):
            window = image[:, i : i + 2, j : j + 2]
            x[:, i, j] = np.einsum("bijc,ijco->bo", window, kernel)
    x = np.maximum(x * params["norm"]["scale"] + params["norm"]["bias"], 0)
    x = x.reshape(-1, 2, 2, 2, 2, 3).max(axis=(2, 4))
    x = tap("flat", x.reshape(len(x), -1))
    stream = np.tanh(x @ params["dense"]["kernel"])
    inner = np.tanh(tap("read", stream) @ params["inner"]["kernel"])
    joined = np.concatenate([stream, np.zeros((len(x), 1))], axis=1)
    joined += tap("inner", inner) @ params["back"]["kernel"]
    logits = tap("last", joined) @ params["last"]["kernel"]
    log_z = np.log(np.exp(logits).sum(axis=1))
    return log_z - logits[np.arange(len(logits)), batch["label"]]


class Twin(NamedTuple):
    """The network at one point, in float64, with outputs by site."""

    network: Callable
    sites: dict
    spec: Spec
    params: dict
    batch: dict
    weight: np.ndarray
    outputs: dict

    def mean(self, values):
        return self.weight @ values / self.weight.sum()

    def at(self, group):
        """Where the units of a group are: (site, positions, channels, offset)."""
        for name, site in SITES.items():
            if group in site.axis.names:
                offset = 2 if group == "joining" else 0
                yield name, site.axis.positions, site.size, offset

    def means(self):
        return {
            name: self.mean(x.reshape(len(x), -1, SITES[name].size).mean(1))
            for name, x in self.outputs.items()
        }

    def losses(self, changes=None):
        """Losses with `changes`, by site arrays that are added to the outputs."""

        def tap(name, x):
            return x + (changes or {}).get(name, 0)

        return twin_losses(self.params, self.batch, tap)

    def replaced(self, group, unit, values):
        """Losses with the unit at the values [C] of its sites."""

        def tap(name, x):
            x = x.copy()
            for site, positions, channels, offset in self.at(group):
                if site == name:
                    for p in range(positions):
                        at = p * channels + offset + unit
                        x[:, at] = values[name][offset + unit]
            return x

        return twin_losses(self.params, self.batch, tap)

    def slopes(self, group, unit, values):
        """(c - a) dL/da of each position and site, [K, B], by central differences."""
        found, h = [], 1e-5
        for name, positions, channels, offset in self.at(group):
            for p in range(positions):
                at = p * channels + offset + unit
                change = np.zeros_like(self.outputs[name])
                change[:, at] = values[name][offset + unit] - self.outputs[name][:, at]
                up, down = (self.losses({name: s * h * change}) for s in (1, -1))
                found.append((up - down) / (2 * h))
        return np.array(found)


@pytest.fixture(scope="session")
def twin():
    draw = np.random.default_rng(0).normal
    shapes = {
        "conv": (2, 2, 2, 3),
        "dense": (12, 2),
        "inner": (2, 4),
        "back": (4, 3),
        "last": (3, 3),
    }
    params = {name: {"kernel": draw(size=s)} for name, s in shapes.items()}
    params["dense"]["kernel"] /= 3
    params["norm"] = {"scale": draw(size=3), "bias": draw(size=3)}
    weight = np.array([1.0, 2.0, 0.0, 1.0, 0.5])
    label = np.array([0, 1, 2, 1, 0])
    batch = {"image": draw(size=(5, 5, 5, 2)), "label": label, "weight": weight}
    outputs = {}

    def tap(name, x):
        outputs[name] = x.copy()
        return x

    twin_losses(params, batch, tap)
    return Twin(losses, SITES, SPEC, params, batch, weight, outputs)
