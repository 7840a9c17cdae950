"""Programs evaluate batch norm with the statistics that their setup names."""

from types import SimpleNamespace

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from analysis import evaluation, path, paths, planes, surface
from analysis.programs import inputs
from analysis.programs.path import resumable as resumable_paths
from analysis.programs.units import resumable as resumable_units
from landscape import layout, runs
from landscape.config import DenseRun
from landscape.data import streaming
from landscape.objective import Objective
from train.jobs import job


class Normed(nn.Module):
    @nn.compact
    def __call__(self, image, train: bool = False):
        return nn.BatchNorm(not train, use_bias=False)(nn.Dense(2)(image))


def test_paths_and_planes_have_the_statistics_of_their_batches(tmp_path):
    draw = np.random.default_rng(0)
    model = Normed()
    shapes = jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, 3)))
    a, b = (
        jax.tree.map(lambda s: draw.normal(size=s.shape), shapes["params"])
        for _ in range(2)
    )
    a, b = jax.tree.map(jnp.float32, (a, b))
    data = {"image": draw.normal(size=(6, 3)), "label": draw.integers(0, 2, 6)}
    made = evaluation.of_objective(Objective(model), batch_norm="batch", batch_size=3)
    setup = inputs.EvaluationSetup(*made, data, "batch", points_per_save=2, mesh=None)
    for folder in (tmp_path / "path", tmp_path / "plane"):
        folder.mkdir()
    path = paths.line(a, b)
    ts = np.array([0.0, 1.0])
    on_path = resumable_paths.evaluated(tmp_path / "path", path, ts, setup)["loss"]
    plane = planes.along(a, (jax.tree.map(jnp.subtract, b, a), a))
    on_plane = resumable_paths.rows(tmp_path / "plane", plane, ts, ts[:1], setup)
    for i, params in enumerate((a, b)):
        params = jax.tree.map(np.asarray, params)
        losses = []
        for part in (slice(0, 3), slice(3, 6)):
            x = data["image"][part] @ params["Dense_0"]["kernel"]
            x = (x - x.mean(0)) / np.sqrt(x.var(0) + 1e-5)
            x = x * params["BatchNorm_0"]["scale"]
            picked = x[np.arange(3), data["label"][part]]
            losses.append((np.log(np.exp(x).sum(1)) - picked).mean())
        # Of single precision, and fewer than 100 operations one after the other.
        for got in (on_path[i], on_plane["loss"][0, i]):
            np.testing.assert_allclose(got, np.mean(losses), rtol=1e-5)


def test_of_images_read_in_time_as_many_give_statistics_as_are_evaluated():
    """All of ImageNet's training images are more than memory holds."""
    in_time = streaming.StreamedSplit.__new__(streaming.StreamedSplit)
    in_time["label"] = np.zeros(30)
    in_memory = {"label": np.zeros(30)}
    for train, evaluated, expected in (
        (in_time, 12, 12),
        (in_time, 50, 30),
        (in_memory, 12, None),
    ):
        run = SimpleNamespace(data=SimpleNamespace(train=train))
        assert inputs._num_others(run, evaluated) == expected


def test_images_that_could_not_be_read_enter_no_statistics(normed):
    run = runs.load(normed[0][0])
    train = {name: values[:150].copy() for name, values in run.data.train.items()}
    train["weight"][[3, 7]] = 0
    damaged = run._replace(data=run.data._replace(train=train))
    setup = inputs.evaluation_setup(damaged, None, "batch", 50)
    assert setup.num_examples == 100 and setup.examples["weight"].all()


class Mixing(nn.Module):
    """Units are known, and the axes of its first kernel by the user's word alone."""

    layout_rules = {"mix/kernel": "kio"}  # noqa: RUF012
    unit_layers = "mix", "out"

    @nn.compact
    def __call__(self, image, train: bool = False):
        x = nn.relu(nn.Conv(3, (3,), name="mix")(image))
        return nn.Dense(2, name="out")(x.reshape(len(x), -1))


def test_units_are_seen_and_scored_by_the_layout_that_a_model_states():
    model, examples = Mixing(), {"image": np.ones((4, 8, 1)), "label": np.zeros(4, int)}
    examples = {"train": examples | {"weight": np.ones(4)}}
    params = model.init(jax.random.key(0), jnp.ones((1, 8, 1)))["params"]
    run = SimpleNamespace(
        model=model, data=SimpleNamespace(**examples),
        config=SimpleNamespace(workdir="w", model="mixing"),
        state=SimpleNamespace(params=params, batch_stats={}),
        objective=Objective(model, rules=layout.rules_of(model)),
    )  # fmt: skip
    setup = resumable_units.setup_of(run, "after", ["train"], 4)
    found = resumable_units.scores(setup, run.state, ["norm", "at_random", "mrs"], 0)
    assert {name: len(values) for name, values in found.items()} == {
        "score/norm/mix": 3, "score/at_random/mix": 3, "score/mrs/mix": 3
    }  # fmt: skip


@pytest.fixture(scope="module")
def normed(tmp_path_factory):
    """Three seeds: their folders, and the cross-entropy of each on training data."""
    root = tmp_path_factory.mktemp("normed")
    folders = [str(root / f"seed-{seed}") for seed in range(3)]
    losses = []
    for seed, folder in enumerate(folders):
        config = DenseRun(
            model="mlp-bn", widths=(6,), num_train=200, batch_size=50, steps=30,
            learning_rate=0.1, seed=seed, workdir=folder,
        )  # fmt: skip
        losses.append(job.run_training(config)["train_loss"])
    return folders, losses


@pytest.mark.parametrize("kind", ["line", "cubic"])
def test_at_the_ends_of_a_path_stored_statistics_are_those_of_each_run(normed, kind):
    folders, losses = normed
    settings = path.Config(
        *folders[:2], kind=kind, batch_norm="stored", points=3, fit_steps=3, extend=0.0,
        batch_size=50,
    )  # fmt: skip
    found = path.run(settings)["losses"]
    np.testing.assert_allclose([found[0], found[2]], losses[:2], rtol=1e-5)
    a, b = (runs.load(folder).state for folder in folders[:2])
    if kind == "line":
        middle = jax.tree.map(lambda *x: sum(x) / 2, a, b)
        run = runs.load(folders[0])
        loss = run.objective.data_loss(
            middle.params, run.data.train, middle.batch_stats
        )
        np.testing.assert_allclose(found[1], loss, rtol=1e-5)


def test_at_each_run_of_a_plane_stored_statistics_are_its_own(normed):
    folders, losses = normed
    settings = surface.Config(tuple(folders), batch_norm="stored", points=3, margin=0.0)
    result = surface.run(settings)
    loss = np.load(surface.folder(settings) / "arrays.npz")["loss"]
    _, (length, _), (shift, _) = result["coordinates"]
    assert result["alphas"][0] == 0 and result["alphas"][-1] == length > shift
    np.testing.assert_allclose([loss[0, 0], loss[0, -1]], losses[:2], rtol=1e-5)
