"""The examples that weights and units are scored on, divided among devices."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh

from landscape.machine import devices, division


class OnDevices(NamedTuple):
    """Where a program computes that scores weights or units.

    Attributes:
      mesh: of all devices of all processes; None: there is one.

    >>> here = OnDevices(None)
    >>> here.chunk_size(16), [x["label"].shape for x in here.divided({
    ...     "image": np.ones((3, 2)), "label": np.zeros(3)})]
    (16, [(3,)])
    """

    mesh: Mesh | None

    def chunk_size(self, each: int) -> int:
        """Examples in a chunk of which each device has `each`."""
        return each if self.mesh is None else each * self.mesh.size

    def whole(self, state: Any) -> Any:
        """A state whose parameters and statistics are on each device."""
        if self.mesh is None:
            return state
        both = devices.replicate(self.mesh, (state.params, state.batch_stats))
        return state._replace(params=both[0], batch_stats=both[1])

    def divided(self, examples: Mapping[str, Any]) -> list[dict[str, jax.Array]]:
        """Batches of the examples: those that divide by the devices, and the rest."""
        examples = dict(examples)
        if self.mesh is None:
            return [jax.tree.map(jnp.asarray, examples)]
        parts = division.cut(self.mesh, [jax.tree.map(np.asarray, examples)])
        return [division.put(self.mesh, part) for part in parts]


def all_devices() -> OnDevices:
    """Those of all processes."""
    return on(devices.make_mesh())


def on(mesh: Mesh) -> OnDevices:
    """Those of a mesh; of one device nothing is divided."""
    return OnDevices(mesh if mesh.size > 1 else None)
