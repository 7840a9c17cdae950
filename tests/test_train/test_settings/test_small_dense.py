"""A dense network of as many parameters as a sparse one keeps, by the command."""

import jax
import numpy as np
import pytest

from landscape import runs
from landscape.errors import InputError
from train import sparse
from train.settings import mask_source

TINY = {
    "model": "mlp", "widths": (12, 9), "num_train": 200, "batch_size": 20, "steps": 20,
    "log_every": 10, "sparsity": 0.8,
}  # fmt: skip


def test_it_stands_beside_the_sparse_network_of_the_same_settings(tmp_path, capsys):
    config = sparse.Config(
        **TINY, method=("pruning", "small-dense"), workdir=str(tmp_path)
    )
    summaries = sparse.run(config)
    printed = capsys.readouterr().out
    pruned, small = summaries[:2]
    run = runs.load(str(tmp_path / "small-dense"))
    sparse_one = runs.load(str(tmp_path / "pruned"))
    kept = jax.tree.map(
        lambda m, w: np.broadcast_to(m, w.shape).sum(),
        sparse_one.masks,
        sparse_one.state.params,
    )
    budget = int(sum(jax.tree.leaves(kept)))
    assert small["num_params"] <= budget < pruned["num_params"]
    assert run.config.model == "mlp" and run.model.widths == run.config.widths
    assert f"widths {' '.join(map(str, run.config.widths))} with" in printed
    assert f"{budget:,} of the {pruned['num_params']:,} of mlp are left" in printed
    assert small["sparsity"] == 0 and small["sparsity_target"] == 0.8
    assert all(mask.all() for mask in jax.tree.leaves(run.masks))
    # The same command finds its folders again; other settings do not.
    assert sparse.run(config) == summaries
    with pytest.raises(InputError, match="holds a run with other settings"):
        sparse.run(
            sparse.Config(**TINY | {"sparsity": 0.6}, method=("small-dense",),
                          workdir=str(tmp_path / "small-dense"))
        )  # fmt: skip
    with pytest.raises(InputError, match="a small-dense run gives no masks"):
        mask_source.check_gives("it", run.config)


def test_a_sparsity_that_no_narrow_network_has_is_refused_before_another_trains(
    tmp_path,
):
    config = sparse.Config(
        **TINY | {"sparsity": 0.985, "distribution": "er"},
        method=("static", "small-dense"), workdir=str(tmp_path / "w"),
    )  # fmt: skip
    with pytest.raises(InputError, match="no narrower mlp has at most"):
        sparse.run(config)
    assert not list(tmp_path.iterdir())
