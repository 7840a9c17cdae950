"""What the sparsity of a network saves: bytes in a file, time of a forward pass."""

import io
import os
import platform
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from analysis import inference
from landscape import export, runs, trees
from landscape.cli import Progress
from landscape.errors import RunFailure
from landscape.export import Network
from landscape.machine.latency import call_times

BATCHES = (1, 128)
DENSITIES = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
"""At which break-even is looked for."""
SPREAD = (0, 25, 50, 75)
"""Percentiles of the times: the fastest call, median and quartiles."""


def sizes(network: Network) -> dict[str, int]:
    """Bytes of the parameters: dense, dense and compressed, and the sparse export.

    Both dense files are NumPy's .npz; the compression is that of a zip (DEFLATE).
    """
    leaves = trees.named_leaves(network.variables)
    bare = network._replace(description={})
    found = {}
    for name, save in (("dense", np.savez), ("compressed", np.savez_compressed)):
        buffer = io.BytesIO()
        save(buffer, **leaves)
        found[name] = len(buffer.getvalue())
    return found | {"sparse": len(export.sparse_content(bare))}


def times(network: Network, images: np.ndarray) -> dict[str, dict[str, Any]]:
    """Seconds of a forward pass in float32, by batch size.

    - dense: compiled by XLA for JAX's default device, with the zeros in its kernels
    - masked: the same, with masks applied in each call, as in training
    - NumPy: dense kernels, on the host
    - sparse: kernels in CSR by SciPy, all else as NumPy

    The calls of all alternate, those of kernels at `DENSITIES` among them.

    Returns:
      By batch size: "seconds", percentiles `SPREAD` of each by name;
      "by_density", of kernels in CSR of these densities the density and `SPREAD`;
      "break_even", the density below which CSR is faster, by the name of what it is
      compared with; "calls", of each; "difference", of logits, relative to the largest.
    """
    dense, masked = _compiled(network)
    # Of images that are read in time a part is taken.
    found, images = {}, images[: max(BATCHES)]
    bar = Progress("forward passes", len(BATCHES), unit="batch size")
    for done, size in enumerate(BATCHES, 1):
        batch = np.resize(images, (size, *network.input_shape)).astype(np.float32)
        on_device = jax.device_put(batch)

        def program(pruned, batch=batch):
            return inference.host_program(
                network.exported_logits, network.variables, batch, pruned
            )

        host, sparse = program(lambda kernel: kernel), program(inference.sparse_kernels)
        ours, theirs = np.asarray(dense(on_device)), (host(batch), sparse(batch))
        largest = np.abs(ours).max()
        difference = max(np.abs(x - ours).max() for x in theirs) / largest
        calls = {
            "dense": lambda x=on_device: dense(x),
            "masked": lambda x=on_device: masked(x),
            "NumPy": lambda f=host, x=batch: f(x),
            "sparse": lambda f=sparse, x=batch: f(x),
        }
        thin = {d: program(inference.thinned(d)) for d in DENSITIES}
        calls |= {str(d): lambda f=f, x=batch: f(x) for d, f in thin.items()}
        spent = call_times(calls)
        # The fastest calls are those that other work on the machine disturbed least.
        quick = {k: min(x) for k, x in spent.items()}
        points = [(d, quick[str(d)]) for d in DENSITIES]
        spread = {name: np.percentile(x, SPREAD).tolist() for name, x in spent.items()}
        found[str(size)] = {
            "seconds": {
                name: spread[name] for name in ("dense", "masked", "NumPy", "sparse")
            },
            "calls": len(spent["dense"]),
            "by_density": [(d, *spread[str(d)]) for d in DENSITIES],
            "break_even": {
                name: inference.break_even(points, quick[name])
                for name in ("dense", "NumPy")
            },
            "difference": float(difference),
        }
        bar.update(done)
    bar.close()
    return found


def check_read_back(path: Path, run: runs.Run) -> None:
    """Raises RunFailure unless a sparse export holds a run's network to the bit."""
    back = runs.load(runs.Ref(path), data=False)
    for field in ("params", "batch_stats"):
        ours, theirs = (
            trees.named_leaves(getattr(each.state, field)) for each in (run, back)
        )
        for name, leaf in ours.items():
            if np.asarray(leaf).tobytes() != np.asarray(theirs[name]).tobytes():
                raise RunFailure(f"{path}: {name} is read back with other values.")


def machine() -> dict[str, Any]:
    """What the times are of."""
    device = jax.devices()[0]
    return {
        "device": f"{device.platform} {device.device_kind}".strip(),
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
    }


def _compiled(network: Network):
    """The logits with dense kernels, and with masks that are applied in each call."""
    variables, masks = jax.device_put((network.variables, network.masks))

    @jax.jit
    def logits(variables, images):
        return network.logits(variables, images)

    @jax.jit
    def masked_logits(variables, masks, images):
        params = jax.tree.map(
            lambda m, p: jnp.where(m, p, 0), masks, variables["params"]
        )
        return network.logits(variables | {"params": params}, images)

    return (
        lambda images: logits(variables, images),
        lambda images: masked_logits(variables, masks, images),
    )
