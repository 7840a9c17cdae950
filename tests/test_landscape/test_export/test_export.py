"""Files that leave the house give the logits of the network they were written from."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import onnx
import onnxruntime
import pytest
from flax import linen as nn
from safetensors import numpy as safetensors

from landscape import export, models, runs
from landscape.config import DenseRun
from landscape.data.embedded import digits
from landscape.errors import InputError, RunFailure
from landscape.export import formats, tensors
from train.jobs import job

DESCRIPTION = {"dataset": "none", "classes": 3, "input": {"mean": [1.5]}}
NETWORKS = {
    "mlp": ("mlp", (6, 5, 1), (4,)),
    "lenet": ("lenet", (17, 16, 2), (3, 4, 5)),
    "resnet": ("resnet20", (9, 8, 3), ()),
}
CONVOLUTIONS = {"mlp": 0, "lenet": 2, "resnet": 19}
TOLERANCE = 1e-5
"""Of the largest logit: float32 has 6e-8, and a logit some hundred sums behind it."""


def numbers(*shape):
    return np.random.default_rng(sum(shape)).normal(size=shape).astype(np.float32)


def filled(shapes):
    """Variables of a network, none of them zero or one as at initialisation."""

    def leaf(x):
        fan_in = np.prod(x.shape[:-1]) if x.ndim > 1 else 4
        return numbers(*x.shape) * np.float32(2 / fan_in) ** 0.5

    found = {"params": jax.tree.map(leaf, shapes["params"])}
    if shapes.get("batch_stats"):
        stats = jax.tree.map(lambda x: 1 + leaf(x) ** 2, shapes["batch_stats"])
        found["batch_stats"] = stats
    return found


def network_of(model, shape):
    # Shapes alone: drawing them would compile as long as all that is tested here.
    zeros = jnp.zeros((1, *shape))
    shapes = jax.eval_shape(lambda: model.init(jax.random.key(0), zeros))
    return export.Network(model, filled(shapes), shape, DESCRIPTION)


@pytest.fixture(scope="module")
def networks():
    return {
        name: network_of(models.create(model, shape, 3, widths), shape)
        for name, (model, shape, widths) in NETWORKS.items()
    }


@pytest.fixture(scope="module")
def written(networks, tmp_path_factory):
    """Name of a network -> suffix -> what `write` returned."""
    folder = tmp_path_factory.mktemp("exported")
    return {
        name: {
            suffix: export.write(
                export.check(str(folder / f"{name}{suffix}")),
                network,
                numbers(4, *network.input_shape),
            )
            for suffix in export.FORMATS
        }
        for name, network in networks.items()
    }


def by_onnxruntime(path, images):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return session.run(None, {"image": images})[0]


def by_jax(path, images):
    return np.asarray(jax.export.deserialize(path.read_bytes()).call(images))


READERS = {".onnx": by_onnxruntime, ".stablehlo": by_jax}


@pytest.mark.parametrize("suffix", READERS)
@pytest.mark.parametrize("name", NETWORKS)
def test_a_file_gives_the_logits_for_any_number_of_images(
    name, suffix, networks, written
):
    network = networks[name]
    images = numbers(4, *network.input_shape)
    ours = np.asarray(jax.jit(network.logits)(network.variables, images))
    largest = np.abs(ours).max()
    assert np.ptp(ours, axis=0).min() > 1e-3 * largest
    for count in (4, 1):
        theirs = READERS[suffix](written[name][suffix].path, images[:count])
        assert theirs.dtype == np.float32 and theirs.shape == (count, 3)
        assert np.abs(theirs - ours[:count]).max() <= TOLERANCE * largest


@pytest.mark.parametrize("name", NETWORKS)
def test_what_is_reported_of_a_file_is_true(name, networks, written):
    network = networks[name]
    images = numbers(4, *network.input_shape)
    ours = np.asarray(jax.jit(network.logits)(network.variables, images))
    for found in written[name].values():
        assert found.size == found.path.stat().st_size and found.count == 4
        assert found.largest == pytest.approx(np.abs(ours).max(), rel=1e-6)
        assert 0 <= found.difference <= TOLERANCE * found.largest


@pytest.mark.parametrize("name", NETWORKS)
def test_safetensors_holds_every_leaf_by_its_name(name, networks, written):
    content = written[name][".safetensors"].path.read_bytes()
    found = safetensors.load(content)
    variables = networks[name].variables
    layers = {
        f"{collection}/{'/'.join(key.key for key in path)}": leaf
        for collection, tree in variables.items()
        for path, leaf in jax.tree_util.tree_flatten_with_path(tree)[0]
    }
    assert found.keys() == layers.keys()
    assert all((found[key] == layers[key]).all() for key in layers)


def test_the_parameters_of_an_mlp_give_its_logits_in_numpy(networks, written):
    found = safetensors.load_file(written["mlp"][".safetensors"].path)
    images = numbers(4, 6, 5, 1)
    x = images.reshape(4, -1).astype(np.float64)
    x = x @ found["params/Dense_0/kernel"] + found["params/Dense_0/bias"]
    x = np.maximum(x, 0) @ found["params/Dense_1/kernel"]
    ours = networks["mlp"].logits(networks["mlp"].variables, images)
    np.testing.assert_allclose(x + found["params/Dense_1/bias"], ours, atol=1e-5)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_convolution_is_one_operation_of_the_file(name, written):
    nodes = onnx.load(written[name][".onnx"].path).graph.node
    kinds = [node.op_type for node in nodes]
    assert kinds.count("Conv") == CONVOLUTIONS[name]
    assert not {"Gather", "GatherND", "Einsum"} & set(kinds)
    module = by_module(written[name][".stablehlo"].path)
    assert module.count("stablehlo.convolution(") == CONVOLUTIONS[name]
    # Nor calls that are not inlined, which are a matter of the CPU at hand.
    assert "gather" not in module and "inlineable" not in module


def by_module(path):
    return jax.export.deserialize(path.read_bytes()).mlir_module()


def test_the_description_is_in_the_file_or_beside_it(written):
    found = written["mlp"]
    model = onnx.load(found[".onnx"].path)
    inside = {entry.key: entry.value for entry in model.metadata_props}
    assert {**inside, "input": json.loads(inside["input"])} == (
        DESCRIPTION | {"classes": "3"}
    )
    with safetensors.safe_open(found[".safetensors"].path, "np") as file:
        assert file.metadata() == inside
    beside = found[".stablehlo"].path.with_name("mlp.stablehlo.json")
    assert json.loads(beside.read_text()) == DESCRIPTION


class Mixed(nn.Module):
    """What networks of others are made of, as far as it has a counterpart."""

    @nn.compact
    def __call__(self, x, train=False):
        x = nn.gelu(nn.Conv(4, (3, 3), (2, 1), feature_group_count=2)(x))
        x = nn.LayerNorm()(nn.avg_pool(x, (2, 2), (2, 1), "SAME"))
        x = jnp.concatenate([nn.silu(x), jnp.where(x > 0.1, x, x**3)], axis=-1)
        x = jnp.clip(nn.max_pool(x, (1, 2), (1, 1)), -0.9, 0.9)[:, 1:]
        tokens = x.reshape(x.shape[0], -1, 8) + jnp.zeros((x.shape[0], 1, 8))
        scores = jnp.einsum("bic,bjc->bij", tokens, nn.tanh(tokens))
        mixed = jnp.einsum("bij,bjc->bci", nn.softmax(scores), tokens)
        low, high = mixed.min(axis=1), -jnp.abs(mixed).max(axis=1)
        x = jnp.squeeze(nn.Dense(1)(mixed), -1) + nn.elu(low * high)[:, :1]
        return nn.Dense(3)(nn.leaky_relu(x.swapaxes(0, 1).swapaxes(1, 0)))


def test_networks_of_others_are_exported(tmp_path):
    network = network_of(Mixed(), (6, 7, 2))
    path = export.check(str(tmp_path / "mixed.onnx"))
    found = export.write(path, network, numbers(3, 6, 7, 2))
    assert found.difference <= TOLERANCE * found.largest


class Sorting(nn.Module):
    def __call__(self, x, train=False):
        return jnp.sort(x, axis=-1)


class Counting(nn.Module):
    def __call__(self, x, train=False):
        return x / int(x.shape[0])


@pytest.mark.parametrize(
    ("model", "suffix", "expected"),
    [
        (Sorting(), ".onnx", "the operation sort of the network"),
        (Counting(), ".onnx", "Counting cannot be exported: it needs to know the num"),
        (Counting(), ".stablehlo", "Counting cannot be exported"),
    ],
)
def test_what_a_format_cannot_express_is_refused(model, suffix, expected, tmp_path):
    network = export.Network(model, {"params": {}}, (5,), {})
    path = export.check(str(tmp_path / f"net{suffix}"))
    with pytest.raises(InputError, match=expected):
        export.write(path, network, numbers(2, 5))
    assert not list(tmp_path.iterdir())


def test_a_file_with_other_logits_is_removed(networks, tmp_path, monkeypatch):
    network = networks["mlp"]
    path = export.check(str(tmp_path / "net.safetensors"))
    images = numbers(2, 6, 5, 1)
    spoiled = jax.tree.map(lambda x: np.full_like(x, np.nan), network.variables)
    with pytest.raises(RunFailure, match="it is removed"):
        export.write(path, network._replace(variables=spoiled), images)
    longer = jax.tree.map(lambda x: x * np.float32(1.001), network.variables)
    content = tensors.content(network._replace(variables=longer))
    monkeypatch.setattr(tensors, "content", lambda network: content)
    with pytest.raises(RunFailure, match="differ by"):
        export.write(path, network, images)
    assert not list(tmp_path.iterdir())


def test_the_name_of_a_file_is_checked_first(tmp_path, monkeypatch):
    with pytest.raises(InputError, match=r"unknown suffix .* '\.pt'"):
        export.check(str(tmp_path / "net.pt"))
    with pytest.raises(InputError, match="net has no suffix, which tells"):
        export.check(str(tmp_path / "net"))
    (tmp_path / "net.onnx").touch()
    (tmp_path / "net.stablehlo.json").touch()
    for name in ("net.onnx", "net.stablehlo"):
        with pytest.raises(InputError, match="is there already"):
            export.check(str(tmp_path / name))
    with pytest.raises(InputError, match="cannot be written"):
        export.check(str(tmp_path / "net.onnx" / "net.onnx"))
    monkeypatch.setattr(formats.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install onnx onnxruntime$"):
        export.check(str(tmp_path / "other.onnx"))


def test_a_stranger_can_use_the_network_of_a_run(tmp_path):
    """From what the file says alone: pixels as stored in, the run's accuracy out."""
    small = {"model": "mlp", "widths": (8,), "steps": 30, "num_train": 200}
    job.run_training(DenseRun(**small, workdir=str(tmp_path / "run")))
    ref = runs.parse(str(tmp_path / "run"))
    run = runs.load(ref)
    network = export.network_of(run, ref)
    path = export.check(str(tmp_path / "net.onnx"))
    export.write(path, network, run.data.test["image"][:9])
    said = onnx.load(path).metadata_props
    said = {entry.key: entry.value for entry in said}
    told = json.loads(said["input"])
    assert told["shape"] == ["batch", 8, 8, 1] and told["layout"] == "NHWC"
    assert told["x"] == "a pixel, 0 to 16"
    pixels, labels = digits().test
    images = (pixels - np.array(told["mean"])) / np.array(told["deviation"])
    found = by_onnxruntime(path, images.astype(np.float32)).argmax(axis=1) == labels
    summary = runs.read_summary(ref.folder)
    assert float(said["test_accuracy"]) == found.mean() == summary["test_accuracy"]
    assert float(said["test_loss"]) == pytest.approx(summary["test_loss"], rel=1e-5)
    assert said["digest"] == runs.fingerprint(ref) and said["step"] == "30"
    assert int(said["parameters"]) == 64 * 8 + 8 + 8 * 10 + 10
