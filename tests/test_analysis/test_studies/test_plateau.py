"""The ablation of the plateau: its networks, numbers and expectations."""

import dataclasses
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from analysis.studies.plateau import claims, figures, runs, scales
from analysis.studies.plateau.data import merged
from analysis.studies.plateau.network import Network
from landscape import runs as run_folders
from train.jobs import job

DENSE, CONVOLUTIONS = scales.SCALES["digits"], scales.SCALES["cifar10"]


def settings(network, scale=DENSE):
    found = dataclasses.asdict(scales.settings(scale, "root", network, 0))
    del found["workdir"]
    return found


@pytest.mark.parametrize("scale", scales.SCALES.values(), ids=scales.SCALES)
@pytest.mark.parametrize("network", scales.FACTORS)
def test_a_network_lacks_one_thing(network, scale):
    whole, other = settings(scales.WHOLE, scale), settings(network, scale)
    differ = {name for name in whole if whole[name] != other[name]}
    expected = {
        "two classes": [{"dataset", "data_args"}, {"blob_classes"}],
        "no decay": [{"weight_decay"}],
    }
    assert differ in expected.get(network, [{"model_args"}])
    if differ == {"model_args"}:
        assert len({*whole["model_args"]} - {*other["model_args"]}) == 1


def numpy_network(params, x, model):
    """In float64, a layer after the other; batch norm with the statistics of x."""
    layers = [params[f"Dense_{i}"] for i in range(2 * model.blocks + 2)]

    def layer(i, x):
        x = x @ np.asarray(layers[i]["kernel"], float)
        if not model.norm:
            return x + np.asarray(layers[i]["bias"], float)
        return (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-5)

    x = np.maximum(layer(0, x), 0)
    for i in range(model.blocks):
        h = layer(2 * i + 2, np.maximum(layer(2 * i + 1, x), 0))
        x = np.maximum(x + h / math.sqrt(model.blocks) if model.sums else h, 0)
    last = layers[-1]
    return x @ np.asarray(last["kernel"], float) + np.asarray(last["bias"], float)


@pytest.mark.parametrize("sums, norm", [(True, True), (False, True), (True, False)])
def test_the_network_is_what_it_says(sums, norm):
    model = Network(3, blocks=2, width=4, sums=sums, norm=norm)
    x = np.random.default_rng(0).normal(size=(6, 5))
    with jax.enable_x64(True):
        shapes = jax.eval_shape(model.init, jax.random.key(0), jnp.ones((6, 5)))
        rng = np.random.default_rng(1)
        params = jax.tree.map(lambda s: rng.normal(size=s.shape), shapes["params"])
        # Initial scales and shifts of batch norm.
        for i in range(5 * norm):
            params[f"BatchNorm_{i}"] = {"scale": np.ones(4), "bias": np.zeros(4)}
        stats = shapes.get("batch_stats", {})
        stats = jax.tree.map(lambda s: np.zeros(s.shape), stats)
        variables = {"params": params} | ({"batch_stats": stats} if norm else {})
        logits, _ = model.apply(variables, x, train=True, mutable=["batch_stats"])
    np.testing.assert_allclose(logits, numpy_network(params, x, model), rtol=1e-10)


def test_convolutions_have_no_bias_beside_batch_norm():
    model = Network(2, blocks=1, width=4, norm=True, convolutions=True)
    x = jax.ShapeDtypeStruct((2, 8, 8, 3), "float32")
    logits, variables = jax.eval_shape(model.init_with_output, jax.random.key(0), x)
    shapes = {k: v["kernel"].shape for k, v in variables["params"].items() if "v" in k}
    assert logits.shape == (2, 2)
    assert shapes == {f"Conv_{i}": (3, 3, (3, 4, 4)[i], 4) for i in range(3)}
    assert "bias" not in variables["params"]["Conv_0"]


def test_classes_are_merged_in_their_order():
    ten, two = merged("digits", 10), merged("digits", 2)
    for (_, fine), (_, coarse) in zip(ten[:2], two[:2], strict=True):
        assert (coarse == (fine >= 5)).all()
    assert two.num_classes == 2 and two.highest == ten.highest


def measured(**halves):
    """Two seeds of a world in which all expectations hold."""
    values = {"whole": 0.8, "plain": 0.2, "shallow": 0.6, "no norm": 0.3}
    values |= {"no decay": 0.4, "no sums": 0.85, "two classes": 0.75}
    values |= {name.replace("_", " "): value for name, value in halves.items()}
    lines = {
        name: [
            {"ts": [0.0, 0.5, 1.0], "losses": [3.0, 2.0, 1.0], "half": t + shift,
             "below_chance": t, "climb": 0.0, "norms": 0.5, "accuracy": 0.9}
            for shift in (0.0, 0.02)
        ]
        for name, t in values.items()
    }  # fmt: skip
    words = {name: runs.words(DENSE, name) for name in scales.NETWORKS}
    return runs.Measured("", words, lines)


def judged(**halves):
    found = claims.claims(measured(**halves))
    return {c.name: c.holds for c in found if c.name != "-"}


def test_expectations_hold_in_their_own_world_and_each_can_fail():
    assert set(judged().values()) == {True} and len(judged()) == 7
    wrong = {"whole": 0.45, "plain": 0.6, "shallow": 0.75, "no_norm": 0.75}
    wrong |= {"no_decay": 0.9, "no_sums": 0.5, "two_classes": 0.6}
    for name, value in wrong.items():
        assert judged(**{name: value})[f"A-{name.replace('_', '-')}"] is False
    told = claims.sentence(measured(no_sums=0.95))
    assert "earlier (by 0.1) without: depth, batch norm, weight decay; later" in told
    assert told.endswith("later without: residual sums.")


def test_a_line_is_measured_and_the_figure_written(tmp_path, monkeypatch):
    # Other tests look at the figure of a training.
    monkeypatch.setattr(job.figures, "save", lambda figure, path: None)
    few = {"steps": 8, "num_train": 64, "batch_size": 32, "warmup": 0}
    scale = DENSE._replace(
        training=DENSE.training | few, few_blocks=1, width=4, points=5
    )
    monkeypatch.setattr(runs, "NETWORKS", ("plain",))
    found = runs.measure(
        runs.Config(workdir=str(tmp_path)), scale._replace(num_seeds=1)
    )
    (line,) = found.lines["plain"]
    folder = f"{found.root}/plain/seed-0"
    norms = []
    for name in (f"{folder}@init", folder):
        params = run_folders.load(name, data=False).state.params
        kernels = [np.asarray(layer["kernel"], float) for layer in params.values()]
        norms.append(sum((kernel**2).sum() for kernel in kernels) ** 0.5)
    assert line["norms"] == pytest.approx(norms[1] / norms[0], rel=1e-6)
    assert line["ts"] == [0.0, 0.25, 0.5, 0.75, 1.0]
    summary = run_folders.read_summary(run_folders.parse(folder).folder)
    assert line["losses"][-1] == pytest.approx(summary["train_loss"], rel=1e-5)
    below = np.minimum(line["losses"], math.log(10))
    level = (below[0] + below[-1]) / 2
    assert np.interp(line["below_chance"], line["ts"], below) == pytest.approx(level)
    assert line["losses"][0] > math.log(10) and line["half"] < line["below_chance"]
    assert line["accuracy"] == summary["test_accuracy"]
    figures.save(tmp_path, measured())
    assert (tmp_path / "figure.png").exists()
