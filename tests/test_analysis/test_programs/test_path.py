"""`python -m analysis.path`, from two runs to its folder."""

import json
import shlex
import shutil
from dataclasses import replace

import jax
import numpy as np
import pytest

from analysis import alignment, path
from analysis.programs import inputs, results
from analysis.programs.path import resumable as resumable_paths
from analysis.programs.path import several as several_paths
from landscape import runs, trees
from landscape.cli import interrupts, parse
from landscape.config import from_dict, to_dict
from landscape.errors import InputError
from train.jobs import job


def objective_of(name):
    summary = runs.read_summary(runs.parse(name).folder)
    return summary["train_objective"]


@pytest.mark.draws
def test_the_ends_of_a_line_are_the_objectives_of_the_runs(names, monkeypatch):
    config = path.Config(names["pruned"], names["scratch"], points=11, extend=0.0)
    result = path.run(config)
    total = np.add(result["losses"], result["l2"])
    expected = [objective_of(names[name]) for name in ("pruned", "scratch")]
    np.testing.assert_allclose(total[[0, -1]], expected, rtol=1e-5)
    assert result["ts"][0] == 0 and result["ts"][-1] == 1
    assert result["barrier"] == pytest.approx(total.max() - max(expected), abs=1e-5)
    folder = path.folder(config)
    assert folder.parent == runs.parse(names["pruned"]).folder / "analysis"
    assert json.loads((folder / "result.json").read_text()) == result
    arrays = results.read_arrays(folder / "arrays.npz")
    np.testing.assert_array_equal(arrays["loss"], result["losses"])
    assert (folder / "figure.png").stat().st_size > 1000
    assert "format" not in result
    # Another format is drawn of the numbers that are there.
    shown = replace(config, format=("svg", "pdf"))
    with monkeypatch.context() as patch:
        patch.setattr(path, "_evaluate", pytest.fail)
        assert path.run(shown) == result
    assert path.folder(shown) == folder
    heads = [(folder / f"figure.{kind}").read_bytes()[:5] for kind in shown.format]
    assert heads == [b"<?xml", b"%PDF-"]
    # The same command reads it back.
    (folder / "result.json").write_text('{"read": "back"}')
    assert path.run(config) == {"read": "back"}


def test_images_of_another_size_are_another_space(names, tmp_path):
    """Their losses are of other inputs, though the parameters of both may fit."""
    other = tmp_path / "other"
    shutil.copytree(names["pruned"], other)
    settings = json.loads((other / runs.CONFIG).read_text())
    (other / runs.CONFIG).write_text(json.dumps(settings | {"image_size": 8}))
    with pytest.raises(InputError, match=r"has image_size None and .* 8: they lie in"):
        path.run(path.Config(names["pruned"], str(other)))


def test_a_sparse_curve_stays_in_the_mask_and_is_no_higher_than_the_line(names):
    settings = {"points": 11, "extend": 0.0, "fit_steps": 400, "batch_size": 20}
    line = path.run(path.Config(names["pruned"], names["scratch"], **settings))
    config = path.Config(
        names["pruned"], names["scratch"], kind="quadratic", **settings
    )
    curve = path.run(config)
    assert curve["barrier"] < line["barrier"]
    arrays = results.read_arrays(path.folder(config) / "arrays.npz")
    masks = trees.named_leaves(runs.load(names["pruned"]).masks)
    for name, mask in masks.items():
        control = arrays[f"control_1/{name}"]
        assert not control[~np.broadcast_to(mask, control.shape)].any()
        assert control.any()


def test_a_path_on_test_examples_is_of_the_same_curve(names):
    settings = {"points": 5, "extend": 0.0, "fit_steps": 20, "batch_size": 20}
    flags = path.Flags(
        (names["pruned"], names["scratch"]),
        kind=("line", "quadratic"),
        split=("test", "train"),
        **settings,
    )
    line, of_train, curve, train = flags.paths()
    found = path.run_several(flags)
    assert [each["split"] for each in found["paths"]] == 2 * ["test", "train"]
    for i, name in ((0, "pruned"), (-1, "scratch")):
        expected = runs.read_summary(runs.parse(names[name]).folder)["test_accuracy"]
        for each in found["paths"][::2]:
            assert each["accuracies"][i] == pytest.approx(expected, abs=1e-6)
    arrays, others = (
        results.read_arrays(path.folder(c) / "arrays.npz") for c in (curve, train)
    )  # fmt: skip
    controls = [name for name in others if name.startswith("control_1/")]
    assert controls
    for name in controls:
        np.testing.assert_array_equal(arrays[name], others[name])
    assert path.run(curve)["losses"] != path.run(train)["losses"]
    # The one of the training split is where those of before are, without "split".
    assert "-test-" in path.folder(line).name and "test" not in path.folder(train).name
    # The line behind the curve is there, whatever is said of curves.
    label, _, behind = path._behind(curve)
    assert label == "straight line"
    np.testing.assert_array_equal(behind["loss"], path.run(line)["losses"])
    where = path.folder_of_several(flags)
    assert (where / "figure.png").exists()
    assert json.loads((where / "result.json").read_text()) == found
    assert path.run(of_train) == found["paths"][1]
    more = shlex.split(path._more(flags, found))
    again = parse(path.Flags, argv=more[3:])
    assert again == replace(flags, kind=("line", "quadratic", "cubic"))


def test_pairs_that_differ_by_seeds_have_one_label(names):
    ends = [(names["pruned"], names[b]) for b in ("lottery", "scratch", "pruned")]
    # Lottery and scratch are of two methods; a run differs from itself by nothing.
    assert several_paths.seeds_of([*ends, ends[0]]) == [0, 1, 2, 0]
    other = f"{names['pruned']}@init"
    assert several_paths.seeds_of([ends[2], (other, names["pruned"])]) == [0, 1]


def test_the_fingerprint_of_a_path_is_that_of_before(names, monkeypatch):
    monkeypatch.setattr(runs, "fingerprint", lambda ref: "state")
    config = path.Config(names["pruned"], names["scratch"])
    assert path.folder(config).name == "path-line-scratch-d3626694"


def test_a_line_from_step_0_needs_no_common_mask_and_a_sparse_curve_does(names):
    start = f"{names['pruned']}@init"
    result = path.run(path.Config(start, names["pruned"], points=5, extend=0.0))
    assert not result["same_masks"]
    for other in (start, names["static"]):
        with pytest.raises(InputError, match="no sparse subspace"):
            path.run(path.Config(other, names["pruned"], kind="cubic"))


@pytest.mark.parametrize("stop_at", [1, 3, 5])
def test_an_interrupted_curve_resumes_to_the_same_bits(names, stop_at, monkeypatch):
    monkeypatch.setattr(resumable_paths, "STEPS_PER_SAVE", 100)
    monkeypatch.setattr(inputs, "FLOPS_PER_SAVE", 1e6)
    config = path.Config(
        names["pruned"], names["scratch"], kind="cubic", points=21, fit_steps=300,
        batch_size=20, seed=stop_at,
    )  # fmt: skip
    calls, keep = [], results.keep

    def killed(*arguments):
        keep(*arguments)
        calls.append(arguments)
        if len(calls) == stop_at:
            raise KeyboardInterrupt

    whole = path.run(config)
    arrays = results.read_arrays(path.folder(config) / "arrays.npz")
    shutil.rmtree(path.folder(config))
    monkeypatch.setattr(results, "keep", killed)
    with pytest.raises(KeyboardInterrupt):
        path.run(config)
    before = len(calls)
    assert path.run(config) == whole
    # Three rounds of training and, of the points, all pieces but the last.
    assert len(calls) == len(keeps_of_an_unbroken_run(config, keep, monkeypatch))
    assert before == stop_at
    again = results.read_arrays(path.folder(config) / "arrays.npz")
    assert set(again) == set(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(again[name], array)
    assert not (path.folder(config) / results.PARTIAL).exists()


def test_an_interrupted_path_says_what_is_kept(names, monkeypatch):
    monkeypatch.setattr(inputs, "FLOPS_PER_SAVE", 1)
    ends = names["pruned"], names["scratch"]
    config = path.Config(*ends, points=3, extend=0.5, seed=9)
    said, evaluate = [], resumable_paths.evaluate

    def looked(*arguments, **options):
        said.append(interrupts._sentence)
        return evaluate(*arguments, **options)

    monkeypatch.setattr(resumable_paths, "evaluate", looked)
    before = interrupts._sentence
    path.run(config)
    folder = path.folder(config)
    starts, *others = said
    assert starts == (
        f"{folder}: interrupted before a piece of it was saved; the same command starts"
        " it again."
    )
    assert others == [
        f"{folder}: interrupted; kept: {done} of 3 points. The same command resumes"
        " from there."
        for done in (1, 2)
    ]
    assert interrupts._sentence == before


def keeps_of_an_unbroken_run(config, keep, monkeypatch):
    calls = []
    shutil.rmtree(path.folder(config))
    monkeypatch.setattr(results, "keep", lambda *a: (keep(*a), calls.append(a)))
    path.run(config)
    return calls


def test_a_damaged_partial_file_is_computed_again(names, capsys):
    config = path.Config(names["pruned"], names["scratch"], points=3, extend=0.0)
    path.folder(config).mkdir(parents=True)
    (path.folder(config) / results.PARTIAL).write_bytes(b"PK\x03\x04 cut short")
    whole = path.run(config)
    assert len(whole["losses"]) == 3
    assert "damaged" in capsys.readouterr().err
    (path.folder(config) / results.RESULT).write_text('{"cut": ')
    (path.folder(config) / results.PARTIAL).touch()
    assert path.run(config) == whole
    assert capsys.readouterr().err.count("damaged") >= 2


def test_the_path_of_a_run_that_was_trained_again_is_computed_again(names, tmp_path):
    folder = str(tmp_path / "again")
    static = to_dict(runs.read_config(runs.parse(names["static"]).folder))
    settings = {"points": 3, "extend": 0.0}
    found = []
    for seed in (5, 6):
        shutil.rmtree(folder, ignore_errors=True)
        job.run_training(from_dict(static | {"seed": seed, "workdir": folder}))
        found.append(path.run(path.Config(names["pruned"], folder, **settings)))
    assert found[0]["losses"][0] == found[1]["losses"][0]
    assert found[0]["losses"][-1] != found[1]["losses"][-1]
    np.testing.assert_allclose(
        found[1]["losses"][-1] + found[1]["l2"][-1], objective_of(folder), rtol=1e-5
    )


def test_alignment_undoes_a_permutation(names):
    run = runs.load(names["pruned"])
    spec = alignment.specification(run.model, run.state.params)
    draw = np.random.default_rng(3).permutation
    mixed = {name: draw(size) for name, size in spec.sizes.items()}
    params, masks = (
        alignment.apply(mixed, tree, spec) for tree in (run.state.params, run.masks)
    )
    other = run._replace(
        state=run.state._replace(params=params, masks=masks), masks=masks
    )
    back = inputs.aligned(run, other, seed=0)
    for ours, theirs in [
        (run.state.params, back.state.params), (run.masks, back.masks)
    ]:  # fmt: skip
        for x, y in zip(*map(jax.tree.leaves, (ours, theirs)), strict=True):
            np.testing.assert_array_equal(x, y)


def test_the_barrier_is_reported_before_and_after_alignment(names):
    settings = {"points": 9, "extend": 0.0}
    plain = path.run(path.Config(names["pruned"], names["scratch"], **settings))
    config = path.Config(names["pruned"], names["scratch"], align=True, **settings)
    result = path.run(config)
    assert result["barrier_before_alignment"] == plain["barrier"]
    assert result["losses"] != plain["losses"]
    np.testing.assert_allclose(result["losses"][-1], plain["losses"][-1], rtol=1e-6)
    assert "aligned" in path.folder(config).name
    assert "before alignment" in path.describe(result)
    label, _, behind = path._behind(config)
    assert label == "before alignment"
    np.testing.assert_array_equal(behind["loss"], plain["losses"])


def test_bad_settings_are_one_sentence(names):
    with pytest.raises(InputError, match="must be odd"):
        path.Config(names["pruned"], names["scratch"], points=70)
    with pytest.raises(InputError, match="perhaps you meant 'quadratic'"):
        path.Config(names["pruned"], names["scratch"], kind="quadratc")
    for names_of_runs, said in [
        ((), "not 0 runs"), (("a",), "not 1 run"), (("a", "b", "c"), "a plane"),
        (tuple("abcde"), "not 5 runs"),
    ]:  # fmt: skip
        with pytest.raises(InputError, match=said):
            path.Flags(names_of_runs)
    with pytest.raises(InputError, match="perhaps you meant 'test'"):
        path.Flags(("a", "b"), split=("tset",))
    for formats, said in [(("pfd",), "meant 'pdf'"), ((), "one or more of png")]:
        with pytest.raises(InputError, match=said):
            path.Config(names["pruned"], names["scratch"], format=formats)
    with pytest.raises(InputError, match="more than the 100 examples"):
        config = path.Config(
            names["pruned"], names["scratch"], kind="cubic", num_examples=100
        )
        path.run(config)
    with pytest.raises(InputError, match="more than the 200"):
        path.run(path.Config(names["pruned"], names["scratch"], num_examples=201))


@pytest.mark.parametrize(
    ("settings", "same_masks", "following"),
    [
        ({}, True, {"kind": "quadratic"}),
        ({}, False, {"kind": "quadratic", "subspace": "dense"}),
        ({"kind": "quadratic", "subspace": "dense"}, True, {"kind": "cubic"}),
        ({"kind": "cubic"}, True, {"kind": "line"}),
        (
            {"num_examples": 9, "align": True, "extend": 0.0, "batch_norm": "stored"},
            True,
            {"kind": "quadratic"},
        ),
    ],
)
def test_the_next_command_keeps_what_was_asked_for(settings, same_masks, following):
    config = path.Config("my runs/a@init", "b", **settings)
    words = shlex.split(path._following(config, same_masks))
    assert words[:3] == ["python", "-m", "analysis.path"]
    expected = replace(config, **following)
    assert parse(path.Flags, argv=words[3:]).paths() == [expected]


def test_the_description_states_barrier_and_rise():
    result = {
        "kind": "line", "subspace": "sparse", "num_examples": 9, "batch_norm": "none",
        "ts": [0.0, 0.5, 1.0], "losses": [1.0, 3.0, 2.0], "l2": [0.0, 0.0, 0.0],
        "barrier": 1.0, "barrier_chord": 1.5, "barrier_mean": 1.5,
        "barrier_midpoint": 1.5,
        "rise": 2.0,
        "ascent": 2.0, "area": 0.75, "t_max": 0.5, "align": False,
    }  # fmt: skip
    assert "Loss barrier 1 nats at t = 0.50." in path.describe(result)
    downhill = result | {"barrier": 0.0, "rise": 0.0, "ascent": 0.0}
    assert "never rises" in path.describe(downhill)
    # As from a run to itself.
    flat = result | {"losses": [1.0, 1.0 + 1e-7, 1.0], "barrier": 1e-7, "ascent": 1e-7}
    text = path.describe(flat)
    assert "constant" in text and "arrier" not in text and "rises" not in text
    low = path.describe(result | {"barrier": 0.0, "ascent": 0.5})
    assert "No barrier: the loss never exceeds its endpoints (it rises by 0.5" in low
    one = path.describe(result | {"num_examples": 1, "split": "test"})
    assert "line; 1 test example." in one
