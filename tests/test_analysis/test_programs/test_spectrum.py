"""`python -m analysis.spectrum`, from a run to its folder."""

import hashlib
import importlib
import json
import re
import shlex
from dataclasses import replace
from functools import cache
from pathlib import Path

import jax
import numpy as np
import pytest

from analysis import spectra, spectrum
from analysis.curvature import Operator, coordinates
from analysis.programs import checks, results
from analysis.programs.spectrum import edges_by_step
from analysis.programs.spectrum import figures as spectrum_figures
from analysis.programs.spectrum import of_run as spectrum_of_run
from analysis.programs.spectrum import resumable as resumable_spectra
from analysis.programs.spectrum import steps_text as spectrum_steps_text
from analysis.programs.spectrum import text as spectrum_text
from landscape import rng, runs
from landscape.cli import parse
from landscape.config import SparseRun
from landscape.errors import InputError
from landscape.trees import ravel
from train.jobs import job

TINY = {
    "model": "mlp", "widths": (6,), "num_train": 100, "batch_size": 20, "steps": 40,
    "sparsity": 0.5, "weight_decay": 0.01, "learning_rate": 0.3, "keep_every": 20,
}  # fmt: skip


@pytest.fixture(scope="module")
def name(tmp_path_factory):
    folder = str(tmp_path_factory.mktemp("spectra") / "pruned")
    job.run_training(SparseRun(**TINY, workdir=folder))
    return folder


@cache
def dense_twin(name, include_l2=False):
    """The Hessian over the kept weights, in float64, by jax.hessian."""
    run = runs.load(name)
    with jax.enable_x64(True):
        wide = jax.tree.map(lambda x: np.asarray(x, np.float64), run.state.params)
        flat, unravel = ravel(wide)
        batch = {
            k: np.asarray(v, np.float64 if v.dtype.kind == "f" else None)
            for k, v in run.data.train.items()
        }
        loss_fn = run.objective.bind(run.state.batch_stats, l2=include_l2)
        full = jax.jit(jax.hessian(lambda x: loss_fn(unravel(x), batch)))(flat)
        masks = jax.tree.map(
            lambda m, x: np.broadcast_to(m, x.shape).ravel(), run.masks, wide
        )
        kept = np.concatenate(jax.tree.leaves(masks))
        return np.asarray(full)[np.ix_(kept, kept)]


@pytest.mark.draws
def test_edges_trace_and_fractions_are_those_of_the_dense_twin(name):
    config = spectrum.Config(name, top=5, num_steps=60, num_probes=4)
    result = spectrum.run(config)
    values = np.linalg.eigvalsh(dense_twin(name))[::-1]
    assert (
        result["size"]
        == len(values)
        < sum(x.size for x in jax.tree.leaves(runs.load(name).state.params))
    )
    scale = values[0]
    np.testing.assert_allclose(result["largest"], values[:5], atol=2e-6 * scale)
    np.testing.assert_allclose(result["smallest"], values[::-1][:5], atol=2e-6 * scale)
    error = abs(result["trace"] - values.sum())
    assert error <= max(5 * result["trace_error"], 1e-4 * values.sum())
    near = (abs(values) <= 1e-3 * scale).mean()
    assert result["share_near_zero"] == pytest.approx(near, abs=0.05)
    low, high = result["share_near_zero_bounds"]
    assert 0 <= low <= near <= high <= 1
    assert f"bounds {100 * low:.1f} to" in spectrum.describe(result)
    curve = result["density"]
    mass = np.trapezoid(curve["value"], curve["grid"])
    ends = np.array(result["largest"] + result["smallest"])
    known = np.array(result["largest_converged"] + result["smallest_converged"])
    rest = result["size"] - (known & (abs(ends) > result["resolution"])).sum()
    assert mass == pytest.approx(rest / result["size"], abs=0.02)
    arrays = results.read_arrays(spectrum.folder(config) / "arrays.npz")
    np.testing.assert_allclose(arrays["weights"].sum(1), 1, rtol=1e-6)
    assert json.loads((spectrum.folder(config) / "result.json").read_text()) == result
    assert (spectrum.folder(config) / "figure.png").stat().st_size > 1000
    assert "Largest eigenvalue" in spectrum.describe(result)


@pytest.mark.parametrize("include_l2", [False, True])
def test_the_exact_spectrum_is_that_of_the_dense_twin(name, include_l2):
    config = spectrum.Config(name, top=5, exact=True, include_l2=include_l2)
    result = spectrum.run(config)
    twin = np.linalg.eigvalsh(dense_twin(name, include_l2))[::-1]
    found = results.read_arrays(spectrum.folder(config) / "arrays.npz")["eigenvalues"]
    np.testing.assert_allclose(found, twin, atol=2e-6 * twin[0])
    assert result["trace"] == pytest.approx(twin.sum(), rel=1e-5)
    assert result["share_negative"] == (twin < -1e-5 * twin[0]).mean()


def test_the_hessian_is_the_sum_of_its_two_parts(name):
    run = runs.load(name)
    parts = {
        kind: np.asarray(
            spectrum_of_run.operator(
                spectrum.Config(name, operator=kind), run, run.data.train
            ).to_dense()
        )
        for kind in ("hessian", "gauss-newton", "residual")
    }
    total = parts["gauss-newton"] + parts["residual"]
    scale = abs(parts["hessian"]).max()
    np.testing.assert_allclose(total, parts["hessian"], atol=1e-5 * scale)


def test_the_covariance_is_that_of_single_gradients(name):
    run = runs.load(name)
    config = spectrum.Config(name, operator="covariance", subspace="dense")
    op = spectrum_of_run.operator(config, run, run.data.train)
    of_one = jax.jit(jax.grad(run.objective.bind(run.state.batch_stats)))

    def gradient(i):
        batch = {k: v[i : i + 1] for k, v in run.data.train.items()}
        return ravel(of_one(run.state.params, batch))[0]

    rows = np.stack([gradient(i) for i in range(100)])
    np.testing.assert_allclose(op.to_dense(), rows.T @ rows / 100, atol=1e-5)


def test_layers_and_subspaces_restrict(name):
    sizes = {
        (space, layers): spectrum.run(
            spectrum.Config(name, subspace=space, layers=layers, exact=True, top=3)
        )["size"]
        for space in ("sparse", "dense")
        for layers in ((), ("Dense_1",))
    }
    assert sizes["dense", ()] == 64 * 6 + 6 + 6 * 10 + 10
    assert sizes["dense", ("Dense_1",)] == 70
    assert sizes["sparse", ("Dense_1",)] == 30 + 10


@pytest.mark.draws
@pytest.mark.parametrize("settings", [{}, {"exact": True}], ids=["lanczos", "exact"])
def test_each_layer_has_the_spectrum_of_its_diagonal_block(name, settings):
    config = spectrum.Config(
        name, by_layer=True, top=3, num_steps=60, num_probes=3, **settings
    )
    result = spectrum.run(config)
    masks = runs.load(name).masks
    layer = masks["Dense_0"]
    first = int(layer["bias"].sum()) * 6 + int(layer["kernel"].sum())
    dense = dense_twin(name)
    blocks = {"Dense_0": dense[:first, :first], "Dense_1": dense[first:, first:]}
    assert list(result["by_layer"]) == list(blocks) and result["skipped"] == []
    assert result["size"] == len(dense)
    for layer, block in blocks.items():
        found, values = result["by_layer"][layer], np.linalg.eigvalsh(block)
        assert found["size"] == len(block)
        top = found["largest"]
        np.testing.assert_allclose(top, values[::-1][:3], atol=2e-6 * values[-1])
        assert found["trace"] == pytest.approx(values.sum(), rel=0.02)
    text = spectrum.describe(result)
    share = 100 * np.trace(blocks["Dense_1"]) / np.trace(dense)
    assert "Dense_0" in text and (f"{share:.1f} %" in text or not settings)
    arrays = results.read_arrays(spectrum.folder(config) / "arrays.npz")
    assert arrays["Dense_1/grid"].shape == arrays["Dense_1/value"].shape
    assert (spectrum.folder(config) / "figure.png").stat().st_size > 1000
    alone = spectrum.run(replace(config, by_layer=False, layers=("Dense_1",)))
    assert alone["largest"] == result["by_layer"]["Dense_1"]["largest"]


def test_layers_of_too_few_parameters_are_left_out(name, monkeypatch):
    monkeypatch.setattr(spectrum_of_run, "MIN_PARAMETERS", 41)
    result = spectrum.run(spectrum.Config(name, by_layer=True, exact=True, top=2))
    assert result["skipped"] == ["Dense_1"] and list(result["by_layer"]) == ["Dense_0"]
    assert "too few parameters: Dense_1." in spectrum.describe(result)
    dense = {"subspace": "dense", "exact": True, "top": 2}
    assert not spectrum.run(spectrum.Config(name, by_layer=True, **dense))["skipped"]
    monkeypatch.setattr(spectrum_of_run, "MIN_PARAMETERS", 10_000)
    with pytest.raises(InputError, match="keeps 10000 parameters"):
        spectrum.run(spectrum.Config(name, by_layer=True, exact=True, top=1))


@pytest.mark.draws
def test_layers_without_curvature_of_their_own_have_a_figure_and_words(name):
    """A network of ReLUs is linear in each layer alone: R has no diagonal blocks."""
    config = spectrum.Config(name, operator="residual", by_layer=True, exact=True)
    result = spectrum.run(config)
    assert all(layer["trace"] == 0 for layer in result["by_layer"].values())
    assert "  -  " in spectrum.describe(result)
    assert (spectrum.folder(config) / "figure.png").exists()


@pytest.mark.draws
def test_layers_of_single_eigenvalues_alone_have_a_figure(name):
    settings = {"num_steps": 20, "num_probes": 2}
    config = spectrum.Config(name, by_layer=True, layers=("Dense_1",), **settings)
    assert len(spectrum.run(config)["by_layer"]["Dense_1"]["largest"]) == 20
    assert (spectrum.folder(config) / "figure.png").exists()


def test_memory_is_no_setting_of_the_result(name):
    settings = {"exact": True, "memory": 1e-5}
    config = spectrum.Config(name, **settings)
    assert spectrum.folder(config) == spectrum.folder(replace(config, memory=None))
    run = runs.load(name)
    op = spectrum_of_run.operator(config, run, run.data.train)
    assert op.description.startswith("chunks of ")


@pytest.mark.parametrize(
    ("settings", "following"),
    [
        ({}, {"operator": "gauss-newton"}),
        ({"include_l2": True}, {"operator": "gauss-newton", "include_l2": False}),
        ({"subspace": "dense"}, {"operator": "gauss-newton"}),
        (
            {"num_examples": 9, "num_probes": 2, "layers": ("a b", "Dense_*")},
            {"operator": "gauss-newton"},
        ),
        ({"operator": "residual", "seed": 3}, {"by_layer": True}),
        (
            {"by_layer": True, "top": 5},
            {"by_layer": False, "layers": ("Dense_1",), "exact": True},
        ),
        (
            {"by_layer": True, "exact": True},
            {"by_layer": False, "layers": ("Dense_1",), "exact": False},
        ),
    ],
)
def test_the_next_command_keeps_what_was_asked_for(settings, following):
    layers = {"Dense_0": (1.0, 9), "Dense_1": (2.0, 9)}
    by_layer = {n: {"largest": [top], "size": s} for n, (top, s) in layers.items()}
    config = spectrum.Config("my runs/a", **settings)
    words = shlex.split(spectrum_text.next_command(config, {"by_layer": by_layer}))
    assert words[:3] == ["python", "-m", "analysis.spectrum"]
    assert parse(spectrum.Config, argv=words[3:]) == replace(config, **following)


def test_an_interrupted_spectrum_resumes_to_the_same_bits(name, monkeypatch, capsys):
    """The pieces are the eigenpairs and two probes: each is found once."""
    settings = {"top": 4, "num_steps": 20, "num_probes": 2}
    run, config = runs.load(name), spectrum.Config(name, **settings)
    op = spectrum_of_run.operator(config, run, run.data.train)
    whole = resumable_spectra.estimated(
        op, *settings.values(), rng.stream(0, "spectrum")
    )
    pieces, told, keep = [], [], results.keep

    def stop(folder, arrays, what):
        keep(folder, arrays, what)
        told.append(what)
        pieces.append(sorted(arrays))
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(results, "keep", stop)
        for _ in range(3):
            with pytest.raises(KeyboardInterrupt):
                spectrum.run(config)
    assert [len(names) for names in pieces] == [8, 12, 16]
    assert told == [f"the eigenpairs and {n} of 2 probes" for n in range(3)]
    with monkeypatch.context() as patch:
        patch.setattr(resumable_spectra.spectra, "top_eigenpairs", None)
        assert resumable_spectra.storage_of(spectrum.folder(config)) == "device"
        monkeypatch.setattr(resumable_spectra, "storage_of", lambda folder: "sharded")
        result = spectrum.run(config)
    # This one device has no other place for them.
    said = capsys.readouterr().err
    assert "it began with vectors divided among the devices: the rest may dif" in said
    assert len(pieces) == 3
    assert result.items() >= whole.result.items()
    arrays = results.read_arrays(spectrum.folder(config) / "arrays.npz")
    for key, values in whole.arrays.items():
        np.testing.assert_array_equal(arrays[key], values)
    assert not (spectrum.folder(config) / results.PARTIAL).exists()


def test_probes_saved_without_sketches_are_found_anew(tmp_path):
    op = spectra.from_matrix(jax.numpy.diag(jax.numpy.arange(8.0)))
    old = {f"0/{name}": np.full(3, 99.0) for name in ("nodes", "weights", "bounds")}
    results.keep(tmp_path, old)
    key = jax.random.key(0)
    found = resumable_spectra.estimated(op, 1, 4, 2, key, folder=tmp_path)
    np.testing.assert_allclose(found.arrays["nodes"].max(1), 7, rtol=1e-5)


def test_bad_settings_are_one_sentence(name):
    with pytest.raises(InputError, match="perhaps you meant 'hessian'"):
        spectrum.Config(name, operator="hesian")
    with pytest.raises(InputError, match="goes with --operator hessian"):
        spectrum.Config(name, operator="residual", include_l2=True)
    with pytest.raises(InputError, match="more than the 100"):
        spectrum.run(spectrum.Config(name, num_examples=101))
    for by_layer in (False, True):
        with pytest.raises(InputError, match="Dense_9"):
            config = spectrum.Config(name, layers=("Dense_9",), by_layer=by_layer)
            spectrum.run(config)


def test_too_few_to_compare_are_not_counted(name):
    config = spectrum.Config(name, top=1, exact=True)
    result = spectrum.run(config)
    assert result["outliers"]["gap"] is None
    assert "too few eigenvalues" in spectrum.describe(result)


@pytest.mark.draws
def test_the_edges_at_each_step_are_those_of_its_dense_twin(name, monkeypatch, caplog):
    """Masks change between the steps; what compiles does so at the first one."""
    config = spectrum.Config(name, steps=("all",))
    keep, compiled = results.keep, []

    def stop(folder, arrays, what):
        keep(folder, arrays, what)
        compiled.append(sum("Finished XLA" in each.message for each in caplog.records))
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, jax.log_compiles():
        patch.setattr(results, "keep", stop)
        for _ in range(2):
            with pytest.raises(KeyboardInterrupt):
                spectrum.run(config)
    assert compiled[0] == compiled[1] > 0
    result = spectrum.run(config)
    assert result["steps"] == [0, 20, 40]
    assert result["size"][0] > result["size"][2]
    for i, step in enumerate(result["steps"]):
        twin = np.linalg.eigvalsh(dense_twin(f"{name}@{step}"))
        assert result["size"][i] == len(twin)
        for end, value in (("largest", twin[-1]), ("smallest", twin[0])):
            error = max(result[f"{end}_errors"][i], 2e-6 * twin[-1])
            assert (
                abs(result[end][i] - value) <= error and result[f"{end}_converged"][i]
            )
    last = runs.load(name)
    loss = last.objective.bind(last.state.batch_stats)(
        last.state.params, last.data.train
    )
    assert result["loss"][-1] == pytest.approx(float(loss), rel=1e-5)
    # Cosine: the full rate, half of it, none.
    assert result["thresholds"] == [
        pytest.approx(3.8 / 0.3),
        pytest.approx(7.6 / 0.3),
        None,
    ]
    text = spectrum.describe(result)
    ratio = result["largest"][1] / (7.6 / 0.3)
    assert f"{ratio:.2f}" in text and "arXiv:2103.00065" in text
    assert (spectrum.folder(config) / "figure.png").stat().st_size > 1000
    assert "--keep-every" in spectrum_text.next_command(config, result)
    asked = result | {"asked": ["0", "20", "40"]}
    assert "python -m analysis.spectrum" in spectrum_text.next_command(config, asked)
    some = spectrum.Config(name, steps=("40", "0"))
    assert [ref.step for ref in spectrum_steps_text.states(some)] == [0, 40]
    assert spectrum.folder(some) != spectrum.folder(config)


def test_an_operator_within_a_mask_in_place_has_the_edges_of_its_submatrix():
    diagonal = jax.numpy.arange(1.0, 7.0)
    over = coordinates.Coordinates.of({"a": diagonal[:4], "b": diagonal[4:]})
    product = jax.tree_util.Partial(
        lambda d, v: (d[0] * v[0], d[1] * v[1]), (diagonal[:4], diagonal[4:])
    )
    op = Operator(product, None, over, True, "diagonal")
    mask = {"a": np.array([False, True, True, False]), "b": True}
    dense = edges_by_step.in_place(op, mask, jax.random.key(0)).to_dense()
    values = np.linalg.eigvalsh(dense)
    assert values[0] == 2 and values[-1] == 6 and (values > 1.9).all()


def test_runs_side_by_side_have_the_spectra_of_each(name):
    settings = {"exact": True, "top": 3, "layers": ("Dense_1",)}
    config = spectrum.Config(name, (f"{name}@20",), **settings)
    result = spectrum.run(config)
    for each in (name, f"{name}@20"):
        alone = spectrum.run(spectrum.Config(each, **settings))
        assert result["by_run"][each]["largest"] == alone["largest"]
    assert "pruned@20" in spectrum.describe(result)
    arrays = results.read_arrays(spectrum.folder(config) / "arrays.npz")
    assert spectrum_figures.draw_runs(result, arrays).legends


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"steps": ("all", "3")}, "must be all, or integers, not 'all'"),
        ({"steps": ("1e3",)}, "not '1e3'"),
        ({"steps": ("all",), "exact": True}, "does not go with --exact"),
        ({"steps": ("0",), "top": 5}, "does not go with --top"),
        ({"others": ("a",), "by_layer": True}, "of one run"),
        ({"others": ("runs/a",)}, "named twice"),
    ],
)
def test_what_does_not_go_together_is_refused(settings, sentence):
    with pytest.raises(InputError, match=sentence):
        spectrum.Config("runs/a", **settings)


def test_spectra_of_before_are_found_in_their_folders(name):
    """The hash is of the settings that there were before steps and several runs."""
    names = "num_examples seed operator exact subspace num_steps num_probes top"
    config = spectrum.Config(name)
    known = {
        k: getattr(config, k) for k in f"{names} layers include_l2 by_layer".split()
    }
    known["states"] = [runs.fingerprint(runs.parse(name))]
    text = json.dumps(known, sort_keys=True).encode()
    short = hashlib.sha256(text).hexdigest()[:8]
    assert spectrum.folder(config).name == f"spectrum-hessian-sparse-{short}"
    layer = spectrum.Config(name, layers=("Dense_*",))
    assert "-Dense__-" in spectrum.folder(layer).name


def test_the_page_on_adding_an_analysis_holds_a_program(
    name, tmp_path, monkeypatch, capsys
):
    page = Path(__file__).parents[3] / "docs" / "add_an_analysis.md"
    blocks = re.findall(r"```python\n(.*?)```", page.read_text(), re.S)
    for block in blocks:
        if block.startswith("# "):
            file, _, code = block.removeprefix("# ").partition("\n")
            (tmp_path / file).write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    (use,) = (block for block in blocks if not block.startswith("# "))
    exec(use, {})
    assert capsys.readouterr().out.startswith("{'first': (")
    program = importlib.import_module("run_sharpness")
    config = program.Config(name)
    result = program.run(config)
    dense = dense_twin(name)
    twin = np.linalg.eigvalsh(dense[-40:, -40:])[-1]
    assert result["sharpness"]["Dense_1"] == pytest.approx(twin, rel=1e-4)
    # It is read back.
    monkeypatch.setattr(program, "sharpness", None)
    program.main(config)
    printed = capsys.readouterr().out
    assert f"Dense_1: sharpness {twin:.3g}"[:-1] in printed and "figure.png" in printed


def test_more_eigenvalues_than_there_are_at_each_end_are_refused():
    checks.check_top(spectrum.Config("a", top=50), "a", 100)
    # The default is cut down.
    checks.check_top(spectrum.Config("a"), "a", 3)
    message = "--top 51 is of each end, and a has 100 eigenvalues: at most 50"
    with pytest.raises(InputError, match=message):
        checks.check_top(spectrum.Config("a", top=51), "a", 100)
