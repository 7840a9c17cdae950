"""ONNX: one graph of standard operators, for ONNX Runtime and what else reads it.

    session = onnxruntime.InferenceSession("net.onnx")
    (logits,) = session.run(None, {"image": images})

The graph is made of the traced logits by `onnx_graph`: jax2onnx 0.17.1 cannot be
installed beside orbax-checkpoint 0.11.37 or later, and fails on JAX 0.12.
"""

import jax
import numpy as np
import onnx
import onnxruntime
from onnx import helper

from landscape.export.descriptions import as_text
from landscape.export.networks import Network
from landscape.export.onnx_graph import Graph
from landscape.export.stablehlo import fixed_batch, images_of
from landscape.trees import named_leaves

OPSET, IR_VERSION = 18, 8
"""Of the end of 2022: what reads ONNX at all reads them."""

INPUT, OUTPUT = "image", "logits"


def content(network: Network) -> bytes:
    """The bytes of the file.

    Raises:
      InputError: the model has an operation that `onnx_operators` does not know, or
        needs the number of images when it is traced.
    """
    variables = jax.tree.map(np.asarray, network.variables)
    images = images_of(network)
    try:
        traced = jax.make_jaxpr(network.exported_logits)(variables, images)
    except (jax.errors.InconclusiveDimensionOperation, TypeError) as error:
        raise fixed_batch(network, error) from None
    leaves = named_leaves(variables)
    graph = Graph(INPUT, images.shape[0], {id(v): name for name, v in leaves.items()})
    (logits,) = graph.run(traced.jaxpr, traced.consts, [*leaves.values(), INPUT])
    graph.name_output(logits, OUTPUT)
    body = helper.make_graph(
        graph.nodes,
        "network",
        [_described(INPUT, network.input_shape)],
        [_described(OUTPUT, traced.out_avals[0].shape[1:])],
        graph.initializers,
    )
    model = helper.make_model(
        body,
        producer_name="sparse-landscape",
        ir_version=IR_VERSION,
        opset_imports=[helper.make_opsetid("", OPSET)],
    )
    helper.set_model_props(model, as_text(network.description))
    onnx.checker.check_model(model, full_check=True)
    return model.SerializeToString()


def logits(content: bytes, network: Network, images: np.ndarray) -> np.ndarray:
    """Of the file, by ONNX Runtime on a CPU."""
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return session.run([OUTPUT], {INPUT: images})[0]


def _described(name: str, shape: tuple[int, ...]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(
        name, onnx.TensorProto.FLOAT, ["batch", *shape]
    )
