"""`python -m analysis.path`, from two runs to its folder."""

import json

import numpy as np
import pytest

from analysis import path, results
from landscape import runs
from landscape.config import SparseRun
from landscape.errors import InputError
from train import job, sources

TINY = {
    "model": "mlp", "widths": (8,), "num_train": 200, "batch_size": 20, "steps": 40,
    "sparsity": 0.5, "label_smoothing": 0.1, "weight_decay": 0.01,
}  # fmt: skip


@pytest.fixture(scope="module")
def ends(tmp_path_factory):
    folder = tmp_path_factory.mktemp("paths")
    names = {name: str(folder / name) for name in ("pruned", "scratch", "static")}
    job.carry_out(SparseRun(**TINY, workdir=names["pruned"]))
    job.carry_out(SparseRun(**TINY, method="static", workdir=names["static"]))
    scratch = SparseRun(
        **TINY, method="scratch", seed=1, mask_from=names["pruned"],
        workdir=names["scratch"],
    )  # fmt: skip
    job.carry_out(scratch, sources.start_from(scratch))
    return names


def objective_of(name):
    summary = runs.read_summary(runs.parse(name)[0])
    return summary["train_objective"]


def test_the_ends_of_a_line_are_the_objectives_of_the_runs(ends):
    config = path.Config(ends["pruned"], ends["scratch"], points=11, extend=0.0)
    result = path.run(config)
    total = np.add(result["losses"], result["l2"])
    expected = [objective_of(ends[name]) for name in ("pruned", "scratch")]
    np.testing.assert_allclose(total[[0, -1]], expected, rtol=1e-5)
    assert result["ts"][0] == 0 and result["ts"][-1] == 1
    assert result["barrier"] == pytest.approx(total.max() - max(expected), abs=1e-5)
    folder = results.folder("path", config.run_a, config.run_b, vars(config))
    assert folder.parent == runs.parse(ends["pruned"])[0] / "analysis"
    assert json.loads((folder / "result.json").read_text()) == result
    arrays = np.load(folder / "arrays.npz")
    np.testing.assert_array_equal(arrays["loss"], result["losses"])
    assert (folder / "figure.png").stat().st_size > 1000
    # Asked again, it is read back and not computed anew.
    (folder / "result.json").write_text('{"read": "back"}')
    assert path.run(config) == {"read": "back"}


def test_a_sparse_curve_stays_in_the_mask_and_is_no_higher_than_the_line(ends):
    settings = {"points": 11, "extend": 0.0, "fit_steps": 400, "batch_size": 20}
    line = path.run(path.Config(ends["pruned"], ends["scratch"], **settings))
    curve = path.run(
        path.Config(ends["pruned"], ends["scratch"], kind="quadratic", **settings)
    )
    assert curve["barrier"] < line["barrier"]


def test_a_line_from_step_0_needs_no_common_mask_and_a_sparse_curve_does(ends):
    start = f"{ends['pruned']}@init"
    result = path.run(path.Config(start, ends["pruned"], points=5, extend=0.0))
    assert not result["same_masks"]
    for other in (start, ends["static"]):
        with pytest.raises(InputError, match="no one sparse"):
            path.run(path.Config(other, ends["pruned"], kind="cubic"))


def test_bad_settings_are_one_sentence(ends):
    with pytest.raises(InputError, match="must be odd"):
        path.Config(ends["pruned"], ends["scratch"], points=70)
    with pytest.raises(InputError, match="perhaps you meant 'quadratic'"):
        path.Config(ends["pruned"], ends["scratch"], kind="quadratc")
    with pytest.raises(InputError, match="more than the 200"):
        path.run(path.Config(ends["pruned"], ends["scratch"], num_examples=201))


def test_what_is_found_is_said_in_words():
    result = {
        "kind": "line", "subspace": "sparse", "num_examples": 9, "batch_norm": "none",
        "ts": [0.0, 0.5, 1.0], "losses": [1.0, 3.0, 2.0], "l2": [0.0, 0.0, 0.0],
        "barrier": 1.0, "chord": 1.5, "mean": 1.5, "midpoint": 1.5, "rise": 2.0,
        "ascent": 2.0, "area": 0.75, "t_max": 0.5,
    }  # fmt: skip
    assert "climbs 2" in path.describe(result)
    downhill = result | {"barrier": 0.0, "rise": 0.0, "ascent": 0.0}
    assert "downhill all along" in path.describe(downhill)
