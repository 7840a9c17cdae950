"""StableHLO by `jax.export`: for JAX, and for other compilers of StableHLO.

    exported = jax.export.deserialize(pathlib.Path("net.stablehlo").read_bytes())
    logits = exported.call(images)

needs JAX and flatbuffers alone, on any of JAX's platforms. `exported.mlir_module()` is
the module as text.
"""

import jax
import numpy as np
from jax import export

from landscape.errors import InputError
from landscape.export.networks import Network
from landscape.machine.backend import all_inlined, in_full_precision


def images_of(network: Network) -> jax.ShapeDtypeStruct:
    """Any number of images, as what a function is traced with."""
    shape = (*export.symbolic_shape("batch"), *network.input_shape)
    return jax.ShapeDtypeStruct(shape, np.float32)


def content(network: Network) -> bytes:
    """The bytes of the file.

    Raises:
      InputError: the model needs the number of images when it is traced.
    """
    variables = jax.tree.map(np.asarray, network.variables)

    def logits(image):
        return in_full_precision(network.exported_logits)(variables, image)

    # Of several platforms the module would have a copy of each operation that JAX
    # lowers by platforms; those of a network are the same on all of them.
    exported = export.export(
        jax.jit(logits),
        platforms=("cpu",),
        disabled_checks=[export.DisabledSafetyCheck.platform()],
    )
    try:
        with all_inlined():
            return bytes(exported(images_of(network)).serialize())
    except (jax.errors.InconclusiveDimensionOperation, TypeError) as error:
        raise fixed_batch(network, error) from None


def fixed_batch(network: Network, error: Exception) -> InputError:
    """What is said of a model that cannot be traced for any number of images."""
    reason = str(error).strip().splitlines()[0]
    if isinstance(error, TypeError):
        if "_DimExpr" not in reason:
            raise error
        reason = "len(image) asks for it, and image.shape[0] does not"
    return InputError(
        f"{type(network.model).__name__} cannot be exported: it needs to know the"
        f" number of images ({reason})."
    )


def logits(content: bytes, network: Network, images: np.ndarray) -> np.ndarray:
    """Of the file."""
    return np.asarray(export.deserialize(bytearray(content)).call(images))
