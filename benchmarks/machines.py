"""Peak rates and memory of accelerators, from their vendors' data sheets."""

from typing import NamedTuple


class Machine(NamedTuple):
    """One device.

    Attributes:
      bfloat16, float32: dense floating-point operations a second with factors of that
        precision, a multiply-add being two. A TPU multiplies float32 by six passes of
        bfloat16.
      rounded: those with float32 as JAX multiplies it by default: TF32 on a GPU, one
        pass of bfloat16 on a TPU.
      memory: GiB.
      bandwidth: of that memory, bytes a second.
    """

    bfloat16: float
    rounded: float
    float32: float
    memory: int
    bandwidth: float


MACHINES = {
    "A100 80 GB": Machine(312e12, 156e12, 19.5e12, 80, 2.04e12),
    "H100 SXM": Machine(989e12, 494e12, 67e12, 80, 3.35e12),
    "H200": Machine(989e12, 494e12, 67e12, 141, 4.8e12),
    "TPU v4": Machine(275e12, 275e12, 275e12 / 6, 32, 1.23e12),
    "TPU v5e": Machine(197e12, 197e12, 197e12 / 6, 16, 0.82e12),
    "TPU v5p": Machine(459e12, 459e12, 459e12 / 6, 95, 2.77e12),
}

_KINDS = {
    # What a name of a device must have; the first row that fits.
    "A100 80 GB": ("A100",),
    "H100 SXM": ("H100", "HBM3"),
    "H200": ("H200",),
    "TPU v4": ("TPU v4",),
    "TPU v5e": ("TPU v5 lite",),
    "TPU v5p": ("TPU v5",),
}


def of_kind(device_kind: str) -> Machine | None:
    """The machine whose name a device reports; None: not in the table.

    >>> of_kind("NVIDIA H100 80GB HBM3").memory, of_kind("NVIDIA H100 PCIe")
    (80, None)
    >>> of_kind("TPU v5 lite") == MACHINES["TPU v5e"]
    True
    """
    for name, words in _KINDS.items():
        if all(word in device_kind for word in words):
            return MACHINES[name]
    return None
