"""Promise 9: a non-finite loss stops the run and never replaces a good checkpoint."""

import numpy as np
import pytest

from analysis import runs as table
from landscape import data, runs
from landscape.checkpoint import checkpoints
from landscape.config import DenseRun
from landscape.errors import RunFailure
from landscape.recipes import order
from train.jobs import job, opening


def test_a_diverging_run_stops_with_status_1_and_names_step_and_quantity(
    finish, folder
):
    status, _, err = finish(
        *"train.dense --learning-rate 1e20 --steps 60 --workdir wild".split()
    )
    assert status == 1
    assert "is not finite" in err and "of step" in err
    assert "Traceback" not in err
    assert checkpoints.steps(folder / "wild" / "checkpoints") == [0]
    assert not (folder / "wild" / "summary.json").exists()


def test_a_nan_in_one_image_stops_the_run_at_the_step_that_meets_it(
    tmp_path, monkeypatch
):
    config = DenseRun(
        steps=40,
        batch_size=64,
        log_every=10,
        save_every=10,
        workdir=str(tmp_path / "r"),
    )
    dataset = data.load(config)
    size = len(dataset.train["label"])
    indices = np.asarray(order.batches(0, size, 64, 0, 40))
    # An image that the 16th batch is the first to hold, within the first epoch.
    poisoned = int(indices[15, 0])
    assert not (indices[:15] == poisoned).any()
    image = dataset.train["image"].copy()
    image[poisoned] = np.nan
    bad = dataset._replace(train=dataset.train | {"image": image})
    monkeypatch.setattr(opening.data, "load", lambda _: bad)
    with pytest.raises(RunFailure, match="loss of step 16 is not finite"):
        job.run_training(config)
    assert max(checkpoints.steps(tmp_path / "r" / runs.CHECKPOINTS)) == 10
    (row,) = table.run(table.Config((str(tmp_path),))).splitlines()[2:]
    assert row.endswith("diverged: the loss of step 16 is not finite")
    # It goes on, and is saved again, once the image is mended.
    monkeypatch.setattr(opening.data, "load", lambda _: dataset)
    job.run_training(config)
    assert runs.read_end(tmp_path / "r") is None
    (row,) = table.run(table.Config((str(tmp_path),))).splitlines()[2:]
    assert row.endswith("finished, 40 steps")
