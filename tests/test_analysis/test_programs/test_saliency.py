"""`python -m analysis.saliency`, from a run to its folder."""

import json
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import spearmanr

from analysis import saliency
from analysis.programs import results
from analysis.programs.ranks import rank_correlation
from analysis.programs.saliency import resumable as resumable_saliency
from analysis.programs.saliency import text as saliency_text
from landscape import figures, runs
from landscape.cli import parse
from landscape.errors import InputError

SCORES = ("magnitude", "taylor1", "at_random")


@pytest.fixture(scope="module")
def config(names):
    return saliency.Config(
        names["pruned"], scores=SCORES, num_examples=150, max_weights=60
    )


@pytest.fixture(scope="module")
def found(config):
    """The result of a call that was interrupted and resumed, and its arrays."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resumable_saliency, "removals", interrupted)
        with pytest.raises(KeyboardInterrupt):
            saliency.run(config)
    with pytest.MonkeyPatch.context() as patch:
        # What was saved is not computed again.
        patch.setattr(resumable_saliency.units, "removal_changes", None)
        patch.setattr(resumable_saliency.methods, "resolve", None)
        result = saliency.run(config)
    return result, results.read_arrays(saliency.folder(config) / results.ARRAYS)


def interrupted(*args):
    raise KeyboardInterrupt


@pytest.fixture(scope="module")
def network(names):
    """Parameters in float64, the loss on the examples, and the gradient."""
    run = runs.load(names["pruned"])
    batch = {k: v[:150] for k, v in run.data.train.items()}
    with jax.enable_x64(True):
        params = jax.tree.map(lambda x: jnp.asarray(x, jnp.float64), run.state.params)
        both = jax.jit(jax.value_and_grad(lambda p: run.objective.data_loss(p, batch)))
        yield params, run.masks, both


def without(params, kernel, indices):
    layer, leaf = kernel.split("/")
    changed = params[layer][leaf].ravel().at[jnp.asarray(indices)].set(0)
    changed = changed.reshape(params[layer][leaf].shape)
    return params | {layer: params[layer] | {leaf: changed}}


def test_each_weight_is_removed_alone_and_only_kept_ones_are(found, network):
    result, arrays = found
    params, masks, both = network
    base, _ = both(params)
    assert result["loss"] == pytest.approx(float(base), rel=1e-5)
    for layer, row in result["by_layer"].items():
        kernel, kept = row["kernel"], np.flatnonzero(masks[layer]["kernel"])
        weights, change = arrays[f"weights/{kernel}"], arrays[f"change/{kernel}"]
        np.testing.assert_array_equal(arrays[f"kept/{kernel}"], kept)
        assert set(weights) <= set(kept) and len(set(weights)) == len(weights)
        assert row["evaluated"] == len(weights) == min(60, len(kept))
        exact = [both(without(params, kernel, [i]))[0] - base for i in weights[:12]]
        np.testing.assert_allclose(change[:12], exact, atol=2e-6)
        assert row["nothing"] == (np.abs(change) <= row["rounding"]).sum()
        assert row["zero"] == (change == 0).sum()
        assert 0 <= row["rounding"] < 2e-6


def test_signed_scores_are_compared_with_the_signed_change(found):
    result, arrays = found
    assert result["oracle"] == {
        "magnitude": "absolute", "at_random": "absolute", "taylor1": "signed",
    }  # fmt: skip
    for row in result["by_layer"].values():
        kernel = row["kernel"]
        change = arrays[f"change/{kernel}"]
        at = np.isin(arrays[f"kept/{kernel}"], arrays[f"weights/{kernel}"])
        for name, oracle in (("magnitude", np.abs(change)), ("taylor1", change)):
            score = arrays[f"score/{name}/{kernel}"][at]
            expected = spearmanr(score, oracle).statistic
            assert row["correlations"][name] == pytest.approx(expected, abs=1e-12)
            assert rank_correlation(score, oracle) == row["correlations"][name]


def test_the_lowest_scores_are_removed_together(found, network):
    result, arrays = found
    params, masks, both = network
    base, grads = both(params)
    kernels = [row["kernel"] for row in result["by_layer"].values()]
    at = result["fractions"].index(0.3)
    removed = params
    for kernel in kernels:
        layer, leaf = kernel.split("/")
        kept = np.flatnonzero(masks[layer][leaf])
        taylor = np.asarray(-params[layer][leaf] * grads[layer][leaf]).ravel()[kept]
        score = arrays[f"score/taylor1/{kernel}"]
        np.testing.assert_allclose(score, taylor, atol=1e-6)
        order = np.argsort(score, kind="stable")
        gone = kept[order[: round(0.3 * len(kept))]]
        alone, _ = both(without(params, kernel, gone))
        increase = result["increase"]["taylor1"][layer][at]
        assert increase == pytest.approx(float(alone - base), abs=1e-5), layer
        removed = without(removed, kernel, gone)
    together, _ = both(removed)
    increase = result["increase"]["taylor1"]["all layers"][at]
    assert increase == pytest.approx(float(together - base), abs=1e-5)


def test_the_result_is_written_drawn_said_and_read_back(
    found, config, capsys, monkeypatch
):
    result, _ = found
    where = saliency.folder(config)
    assert json.loads((where / results.RESULT).read_text()) == result
    assert (where / results.FIGURE).stat().st_size > 1000
    saliency.main(config)
    printed = capsys.readouterr().out
    assert "signed" in printed and "do nothing" in printed
    assert "Half" not in printed and "When half of all weights" in printed
    assert printed.splitlines()[-1] == f"Next: python -m analysis.units {config.run}"
    following = saliency_text.next_command(replace(config, run=f"{config.run}@init"))
    monkeypatch.setattr("sys.argv", following.split()[2:])
    assert parse(saliency.Config) == config


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"scores": ("magnitud",)}, "unknown score 'magnitud': perhaps you meant"),
        ({"scores": ("loss_change",)}, "unknown score 'loss_change'"),
        ({"layers": ("Dense_9",)}, "unknown layer 'Dense_9': perhaps you meant"),
        ({"layers": ("Dense_0/bias",)}, "Dense_0/bias has no kernel that keeps"),
        ({"num_examples": 201}, "201 is more than the 200 training examples"),
        ({"max_weights": 1}, "--max-weights must be at least 2, not 1"),
    ],
)
def test_mistakes_are_refused_and_nothing_is_written(config, tmp_path, change, message):
    with pytest.raises(InputError, match=message):
        saliency.run(replace(config, output=str(tmp_path), **change))
    assert not list(tmp_path.rglob("*.npz")) + list(tmp_path.rglob("*.json"))


def test_where_nothing_can_be_kept_the_analysis_continues(
    config, found, monkeypatch, tmp_path
):
    """On a full disk a partial result is not written."""
    monkeypatch.setattr(results, "keep", lambda *_: None)
    other = replace(config, output=str(tmp_path))
    assert saliency.run(other)["oracle"] == found[0]["oracle"]


def test_a_score_that_is_no_number_names_itself_and_the_layer(
    config, tmp_path, monkeypatch
):
    def broken(loss_fn, params, batches, masks, key):
        raise InputError("3 of 9 scores of Dense_1/kernel are not a number.")

    monkeypatch.setattr(resumable_saliency.methods, "resolve", lambda path: broken)
    monkeypatch.setattr(resumable_saliency, "loss_changes", lambda *args: {})
    with pytest.raises(InputError, match="magnitude: 3 of 9 scores of Dense_1/kernel"):
        saliency.run(replace(config, output=str(tmp_path), seed=1))


def test_deep_networks_show_some_layers_and_negative_scores(found):
    result, arrays = found
    row = result["by_layer"]["Dense_0"]
    deep = result | {
        "by_layer": {f"Conv_{i}": row for i in range(8)},
        "increase": {
            name: {f"Conv_{i}": rows["Dense_0"] for i in range(8)}
            | {"all layers": rows["all layers"]}
            for name, rows in result["increase"].items()
        },
    }
    figure = figures.scores_of_weights(deep, arrays, "title")
    titles = [axes.get_title() for axes in figure.axes]
    assert (
        sum(title in ("Conv_0", "Conv_1", "Conv_6", "Conv_7") for title in titles) == 4
    )
    assert "the first and the last 2 of 8" in figure.get_suptitle()


def last_panel(found, rises):
    """Losses after removal from all layers, where the loss of the network is 1."""
    result, arrays = found
    targets, count = [*result["by_layer"], "all layers"], len(result["fractions"])
    increase = {
        name: {target: [rise] * count for target in targets}
        for name, rise in rises.items()
    }
    drawn = result | {"loss": 1.0, "increase": increase}
    return figures.scores_of_weights(drawn, arrays, "title").axes[-2]


def test_a_signed_score_that_raises_the_loss_far_more_leaves_the_axis_by_name(found):
    low = {"magnitude": 0.5, "at_random": 0.2}
    axes = last_panel(found, low | {"taylor1": 80.0})
    assert axes.get_ylim() == pytest.approx((1.0 / 1.1, 2 * 1.5 * 1.1))
    assert [text.get_text() for text in axes.texts] == ["off the axis: taylor1"]
    axes = last_panel(found, low | {"taylor1": 1.9})
    assert axes.get_ylim()[1] == pytest.approx(2.9 * 1.1) and not axes.texts


@pytest.mark.parametrize(("loss", "worse"), [(2.31, True), (2.30, False)])
def test_the_loss_of_guessing_is_said_and_what_is_above_it(found, loss, worse):
    text = saliency_text.describe(found[0] | {"loss": loss})
    assert "ln 10 = 2.303" in text
    assert ("this network is worse" in text) is worse
