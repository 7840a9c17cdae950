"""`python -m analysis.sparsity`, from runs to numbers worked out by hand."""

import dataclasses
import json
import shutil
import zipfile
from pathlib import Path

import jax
import numpy as np
import pytest

from analysis import sparsity
from analysis.programs.sparsity import numbers as sparsity_numbers
from analysis.programs.sparsity import overlaps_text as sparsity_overlaps_text
from analysis.programs.sparsity import savings_text as sparsity_savings_text
from analysis.programs.sparsity import text as sparsity_text
from landscape import export, figures, runs
from landscape.errors import InputError
from landscape.machine import latency
from landscape.recipes import schedules
from landscape.registries.methods import METHODS, Method

SIZES = {"Dense_0": 64 * 8, "Dense_1": 8 * 10}
STEPS = [0, 10, 20, 30, 40]


@pytest.fixture(scope="module")
def few_calls():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(latency, "CALLS", 2)
        yield


@pytest.fixture(scope="module")
def result(names, few_calls):
    """Of the pruned network, the lottery network and a random one."""
    config = sparsity.Config((names["pruned"], names["lottery"], names["static"]))
    return sparsity.run(config)


def kernels(masks):
    return {name: np.asarray(masks[name]["kernel"]).ravel() for name in SIZES}


def test_layers_and_flops_are_counted_by_hand(result, names):
    masks = kernels(runs.load(names["static"], data=False).masks)
    found = result["found"][2]
    for row in found["layers"]:
        kept = int(masks[row["layer"]].sum())
        assert (row["size"], row["kept"]) == (SIZES[row["layer"]], kept)
        assert (row["flops"], row["flops_kept"]) == (2 * row["size"], 2 * kept)
    assert found["density"] == sum(m.sum() for m in masks.values()) / 592


def test_training_flops_of_constant_masks_are_three_forward_passes(result):
    pruned, lottery, static = (found["training"] for found in result["found"])
    for cost, kept in ((static, 256 + 40), (lottery, 256 + 40)):
        assert cost["flops"] == cost["low"] == cost["high"] == 3 * 2 * kept * 20 * 40
        assert cost["relative"] == 0.5
    assert pruned["dense"] == 3 * 2 * 592 * 20 * 40


def test_training_flops_of_pruning_follow_its_schedule(result, names):
    start, end, every = runs.read_config(Path(names["pruned"])).pruning_steps
    updates, kept, flops = schedules.update_steps(start, end, every), SIZES, 0
    for step in range(1, 41):
        flops += 3 * 2 * sum(kept.values()) * 20
        if step in updates:
            kept = {
                name: n - schedules.cubic_removed(step, n // 2, start, end)
                for name, n in SIZES.items()
            }
    # By hand each layer is rounded, here their sum.
    assert result["found"][0]["training"]["flops"] == pytest.approx(flops, rel=2e-3)


def test_what_finding_the_mask_took_is_said_of_the_lottery(result, names):
    pruned, lottery, static = result["found"]
    (earlier,) = lottery["earlier"]
    assert earlier["run"] == names["pruned"] and not static["earlier"]
    assert earlier["flops"] == pruned["training"]["flops"]
    text = sparsity_text.describe(result)
    together = pruned["training"]["relative"] + lottery["training"]["relative"]
    assert f"{100 * together:.1f} % of the dense" in text


def test_a_small_dense_network_is_compared_with_itself(result):
    found = [{**result["found"][0], "method": "small-dense"}]
    text = sparsity_text.describe({**result, "found": found})
    assert "Dense: this network of widths 8 with all its weights" in text
    assert "Dense: this network" not in sparsity_text.describe(result)


def test_rs_is_what_any_kept_mask_holds(result, names):
    pruned, lottery, static = (found["explored"] for found in result["found"])
    assert pruned["steps"] == STEPS
    assert (pruned["rs"], pruned["whole"]) == (1.0, True)
    # Masks that never change are known at every step.
    for found in (lottery, static):
        assert (found["rs"], found["whole"]) == (0.5, True)


@pytest.mark.parametrize(
    ("updates", "whole"),
    [
        (range(10, 40, 10), True),
        (range(20, 40, 20), True),
        # A state of the very step of an update has its masks.
        ((10, 15, 25), True),
        # Those between steps 11 and 20, or 21 and 28, are not known.
        ((10, 11, 20), False),
        (range(7, 40, 7), False),
        ((), True),
    ],
)
def test_rs_is_whole_if_a_state_was_kept_between_all_updates(updates, whole, names):
    """Of a method that replaces weights, whose masks are known at the steps above."""
    run = runs.load(names["static"], data=False)
    masks = [{k: {"kernel": np.arange(n).reshape(s) == i, "bias": np.array(True)}
              for (k, n), s in zip(SIZES.items(), ((64, 8), (8, 10)), strict=True)}
             for i in range(5)]  # fmt: skip
    states = [
        sparsity_numbers.State(runs.Ref(Path("a"), step), m, [])
        for step, m in zip(STEPS, masks, strict=True)
    ]

    class Settings:
        method = "replacing"
        mask_updates = updates

    row = Method("replacing", "replacing", "x:y", settings=("update_interval",))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(METHODS, "replacing", row)
        found = sparsity_numbers.explored(Settings, run.state.params, states)
    assert found["rs"] == 10 / 592 and found["whole"] is whole


def test_rs_of_a_level_of_iterative_pruning_is_of_the_whole_training(names):
    run = runs.load(names["static"], data=False)
    states = [
        sparsity_numbers.State(runs.Ref(Path("a"), step), run.masks, [])
        for step in (0, 40)
    ]

    def of(method):
        settings = type("Settings", (), {"method": method})
        return sparsity_numbers.explored(settings, run.state.params, states)

    assert of("imp")["whole"] and of("imp")["rs"] == 0.5
    assert not of("pruning")["whole"]


def test_no_decrease_is_predicted_where_the_rate_is_zero(result):
    last = result["found"][0]["gradients"][-1]
    assert last["predicted"] == 0 and last["norm"] > 0
    lines = sparsity_text.describe(result).split("\n")
    row = next(line.split() for line in lines if line.strip().startswith("40  "))
    assert row[-1] == "-"
    assert any("(-: the rate is 0 there)" in line for line in lines)


def gradient_by_hand(name, step):
    """Of the objective on the first 1,000 examples in float64: the kernels' alone."""
    run = runs.load(f"{name}@{step}")
    p = jax.tree.map(lambda x: np.asarray(x, np.float64), run.state.params)
    train, c = run.data.train, run.config
    x = train["image"].astype(np.float64).reshape(len(train["label"]), -1)
    before = x @ p["Dense_0"]["kernel"] + p["Dense_0"]["bias"]
    h = np.maximum(before, 0)
    z = h @ p["Dense_1"]["kernel"] + p["Dense_1"]["bias"]
    y = np.exp(z - z.max(axis=1, keepdims=True))
    y /= y.sum(axis=1, keepdims=True)
    wanted = np.eye(10)[train["label"]]
    wanted = (1 - c.label_smoothing) * wanted + c.label_smoothing / 10
    d = (y - wanted) / len(x)
    back = d @ p["Dense_1"]["kernel"].T * (before > 0)
    decay = c.weight_decay
    return run, {
        "Dense_0": {
            "kernel": x.T @ back + decay * p["Dense_0"]["kernel"], "bias": back.sum(0),
        },
        "Dense_1": {
            "kernel": h.T @ d + decay * p["Dense_1"]["kernel"], "bias": d.sum(0),
        },
    }  # fmt: skip


def norm_in(masks, gradient):
    kept = jax.tree.map(lambda m, g: np.where(m, g, 0.0), masks, gradient)
    return np.sqrt(sum((x**2).sum() for x in jax.tree.leaves(kept)))


@pytest.mark.parametrize("at", [1, 2])
def test_gradient_norms_are_those_by_hand_under_both_masks(at, result, names):
    run, gradient = gradient_by_hand(names["pruned"], STEPS[at])
    earlier = runs.load(f"{names['pruned']}@{STEPS[at - 1]}", data=False)
    row = result["found"][0]["gradients"][at]
    assert row["step"] == STEPS[at]
    assert row["norm"] == pytest.approx(norm_in(run.masks, gradient), rel=1e-4)
    if at == 1:
        expected = norm_in(earlier.masks, gradient)
        assert row["before"] == pytest.approx(expected, rel=1e-4)
        assert row["before"] > 1.001 * row["norm"]
    rate = 0.5 * (1 + np.cos(np.pi * STEPS[at] / 40)) * run.config.learning_rate
    assert run.config.schedule == "cosine" and not run.config.warmup
    assert row["predicted"] == pytest.approx(rate * row["norm"] ** 2, rel=1e-4)


def test_masks_that_stay_have_no_norm_before(result):
    assert all(row["before"] is None for row in result["found"][1]["gradients"])


def test_overlaps_are_of_all_pairs_and_the_lottery_has_the_mask_of_pruning(result):
    pairs = [pair["runs"] for pair in result["overlaps"]]
    assert len(pairs) == 3
    first = result["overlaps"][0]["layers"][-1]
    assert first["jaccard"] == first["fraction"] == 1.0
    assert first["chance_fraction"] == 0.5
    other = result["overlaps"][1]["layers"][-1]
    assert abs(other["common"] - other["expected"]) < 6 * other["deviation"]
    text = sparsity_text.describe(result)
    assert "The masks are the same." in text


def test_what_masks_had_in_common_at_step_0_is_said(result, names):
    pruning, dense, other = (pair["start"] for pair in result["overlaps"])
    # Pruning starts dense, the lottery from its masks.
    assert pruning is None and dense is None
    masks = [
        kernels(runs.load(f"{names[name]}@init", data=False).masks)
        for name in ("lottery", "static")
    ]
    common = sum(int((masks[0][name] & masks[1][name]).sum()) for name in SIZES)
    assert other["common"] == common < other["first"] and not other["one_seed"]
    text = sparsity_text.describe(result)
    assert f"At step 0 their masks had {common:,} weights in common" in text
    assert "the same random mask" not in text


def test_runs_of_one_seed_are_said_to_start_from_one_random_mask(names):
    refs = [runs.parse(names["static"] + end) for end in ("", "@init")]
    loaded = [runs.load(ref, data=False) for ref in refs]
    pairs = sparsity_numbers.overlaps(loaded, refs)
    start = pairs[0]["start"]
    assert start["one_seed"] and start["common"] == start["first"] == 296
    text = sparsity_overlaps_text.overlaps(pairs)
    assert "runs of one seed start from the same random mask" in text
    other = dataclasses.replace(loaded[1].config, seed=1)
    pairs = sparsity_numbers.overlaps(
        [loaded[0], loaded[1]._replace(config=other)], refs
    )
    assert not pairs[0]["start"]["one_seed"]
    assert "they start from the same mask" in sparsity_overlaps_text.overlaps(pairs)


def test_bytes_are_those_of_files(result, names, tmp_path):
    run = runs.load(names["pruned"])
    leaves = {
        f"params/{layer}/{name}": np.asarray(leaf)
        for layer, each in run.state.params.items()
        for name, leaf in each.items()
    }
    np.savez(tmp_path / "a.npz", **leaves)
    sizes = result["savings"]["sizes"]
    assert sizes["dense"] == (tmp_path / "a.npz").stat().st_size
    network = export.network_of(run, runs.parse(names["pruned"]))
    bare = export.sparse_content(network._replace(description={}))
    assert sizes["sparse"] == len(bare)
    assert 0 < sizes["compressed"] < sizes["dense"]


def test_times_are_of_networks_that_agree(result):
    for size, each in result["savings"]["times"].items():
        assert size in ("1", "128") and each["calls"] == 2
        assert each["difference"] < 1e-5
        for spread in each["seconds"].values():
            assert 0 < spread[0] <= spread[1] <= spread[2] <= spread[3]


def test_the_result_is_read_back_and_drawn(result, names):
    config = sparsity.Config((names["pruned"], names["lottery"], names["static"]))
    assert sparsity.run(config) == json.loads(json.dumps(result))
    assert (sparsity.folder(config) / "figure.png").stat().st_size > 0


OPEN = "faster or slower than A (not decided here)"


def test_where_nothing_is_gained_that_is_said():
    def times(dense, sparse):
        seconds = {"dense": [dense] * 4, "masked": [dense] * 4, "NumPy": [1.0] * 4}
        return {
            "seconds": seconds | {"sparse": [sparse] * 4}, "calls": 1, "difference": 0,
            "by_density": [(0.01, *[1.0] * 4), (0.5, *[2.0] * 4)],
            "break_even": {"dense": 0.0 if sparse > dense else 1.0, "NumPy": 0.2},
        }  # fmt: skip

    saved = {
        "sizes": {"dense": 100, "compressed": 10, "sparse": 11},
        "times": {"1": times(1.0, 2.0), "128": times(3.0, 1.0)},
        "machine": {"device": "cpu", "cores": 2, "processor": "x"},
    }
    first = {"pattern": "2:4", "method": "nm"}
    text = sparsity_savings_text.savings({"savings": saved, "found": [first]})
    assert "no fewer than mere compression" in text and "CSR brings nothing" in text
    assert "Batch 1: the sparse network is 2 times as slow as the compiled" in text
    assert "At no density from 1 % on is CSR faster than the compiled" in text
    assert "Batch 128: the sparse network is 3 times as fast as the compiled" in text
    assert "At 50 % density CSR is still faster than the compiled" in text
    assert "CSR is faster than NumPy's below 20 % density" in text
    assert "sparse tensor cores" in text
    other = {"pattern": "2:4", "method": "pruning"}
    text = sparsity_savings_text.savings({"savings": saved, "found": [other]})
    assert "tensor cores" not in text
    # No time spreads.
    assert text.count("not decided here") == 0


@pytest.mark.parametrize(
    ("dense", "sparse", "said"),
    [
        # Fastest call, median and upper quartile.
        ((3.0, 4.0, 6.0), (1.0, 1.5, 2.0), "3 times as fast as A"),
        ((3.0, 4.0, 6.1), (1.0, 1.5, 2.0), OPEN),
        ((3.0, 4.0, 6.0), (1.6, 3.0, 3.1), OPEN),
        ((1.0, 1.0, 2.4), (5.0, 9.0, 99.0), "5 times as slow as A"),
        ((1.0, 1.0, 2.6), (5.0, 9.0, 99.0), OPEN),
        ((1.0, 1.9, 2.0), (2.0, 3.0, 4.0), "2 times as slow as A"),
        ((1.0, 1.0, 2.0), (1.1, 1.2, 2.2), "as fast as A"),
        ((1.0, 1.0, 2.1), (1.1, 1.2, 1.3), OPEN),
    ],
)  # fmt: skip
def test_a_time_is_compared_only_where_the_load_lets_it_be(dense, sparse, said):
    seconds = {
        name: [fastest, fastest, median, upper]
        for name, (fastest, median, upper) in (("dense", dense), ("sparse", sparse))
    }
    assert sparsity_savings_text._compared(seconds, "dense", "A") == said


def test_the_density_of_break_even_needs_steady_times():
    each = {
        "seconds": dict.fromkeys(("dense", "masked", "NumPy", "sparse"), [1.0] * 4),
        "by_density": [(0.01, 0.5, 0.5, 0.5, 0.5), (0.5, 2.0, 2.0, 3.0, 4.1)],
        "break_even": {"dense": 0.1, "NumPy": 0.1},
    }
    text = sparsity_savings_text._verdict(1, each)
    assert text.count("CSR is faster than") == text.count("Below which density") == 2
    each["by_density"][1] = (0.5, 2.0, 2.0, 3.0, 4.0)
    text = sparsity_savings_text._verdict(1, each)
    assert text.count("below 10 % density") == 2 and "Below which" not in text
    # Nor is it known where that of the network itself is not decided.
    each["seconds"]["sparse"] = [0.7, 0.7, 1.1, 1.2]
    text = sparsity_savings_text._verdict(1, each)
    assert text.count("Below which density") == 2


def test_of_a_dense_run_it_is_said_that_there_is_nothing(names, tmp_path):
    """The state of step 0 of pruning, which is dense."""
    config = sparsity.Config((f"{names['pruned']}@init",), output=str(tmp_path))
    result = sparsity.run(config)
    text = sparsity_text.describe(result)
    assert result["savings"] is None
    assert "Nothing is pruned: no bytes and no time are saved." in text
    assert "At step 0 nothing has been trained." in text
    assert result["found"][0]["training"]["relative"] == 0
    assert figures.sparsity(result, "title").axes


def test_the_export_is_the_run(names, tmp_path, capsys, result, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = sparsity.Config(
        (names["pruned"], names["lottery"], names["static"]), export="net.zip"
    )
    sparsity.main(config)
    assert "equal to the bit" in capsys.readouterr().out
    run, back = runs.load(names["pruned"]), runs.load("net.zip")
    for field in ("params", "masks"):
        ours, theirs = getattr(run.state, field), getattr(back.state, field)
        assert jax.tree.all(jax.tree.map(np.array_equal, ours, theirs))
    assert back.model == run.model and back.objective == run.objective
    assert int(back.state.step) == 40 and back.config.method == "pruning"
    assert np.array_equal(back.data.test["image"], run.data.test["image"])
    assert runs.load("net.zip", data=False).data is None
    with zipfile.ZipFile("net.zip") as file:
        text = file.read("description.json").decode()
    # It is for others, too.
    assert str(Path(names["pruned"]).parent) not in text
    with pytest.raises(InputError, match=r"net\.zip is there already"):
        sparsity.run(config)
    damaged = tmp_path / "damaged.zip"
    damaged.write_bytes(Path("net.zip").read_bytes()[:-40])
    with pytest.raises(InputError, match=r"damaged\.zip: it holds no sparse network"):
        runs.load(str(damaged))
    with zipfile.ZipFile("net.zip") as file, zipfile.ZipFile(damaged, "w") as rest:
        for name in file.namelist():
            if "Dense_1/bias" not in name:
                rest.writestr(name, file.read(name))
    with pytest.raises(InputError, match=r"\.zip: it has no params/Dense_1/bias"):
        runs.load(str(damaged))


def test_what_cannot_be_looked_at_is_refused_in_a_sentence(names, tmp_path):
    pruned = names["pruned"]
    with pytest.raises(InputError, match="gone is not a run folder"):
        sparsity.run(sparsity.Config((str(tmp_path / "gone"),)))
    with pytest.raises(InputError, match=r"net\.zip is not a run folder"):
        sparsity.run(sparsity.Config((pruned, str(tmp_path / "net.zip"))))
    with pytest.raises(InputError, match="name a run"):
        sparsity.Config(())
    with pytest.raises(InputError, match=r"--export writes a \.zip of sparse matrices"):
        sparsity.run(sparsity.Config((pruned,), export="net.onnx"))
    unfinished = tmp_path / "unfinished"
    shutil.copytree(pruned, unfinished)
    (unfinished / runs.SUMMARY).unlink()
    with pytest.raises(InputError, match="unfinished is not finished"):
        sparsity.run(sparsity.Config((str(unfinished),)))
    settings = json.loads((unfinished / runs.CONFIG).read_text())
    (unfinished / runs.CONFIG).write_text(json.dumps(settings | {"widths": [9]}))
    with pytest.raises(InputError, match="they lie in different spaces"):
        sparsity.run(sparsity.Config((pruned, f"{unfinished}@40")))
