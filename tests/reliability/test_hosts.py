"""Several processes that train one network, as several hosts do."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from landscape import hosts, runs
from landscape.cli import host_flags
from landscape.config import SparseRun
from landscape.errors import InputError
from train import job, sparse

ROOT = Path(__file__).parents[2]
SETTINGS = {
    "model": "mlp", "widths": (8,), "image_size": 8, "batch_size": 20, "log_every": 10,
    "save_every": 600, "eval_every": 10, "sparsity": 0.5, "steps": 600,
    "prune_start": 5, "prune_every": 5, "prune_end": 30,
}  # fmt: skip


@pytest.fixture
def images(tmp_path):
    """A folder of images of two classes, of varied sizes."""
    generator = np.random.default_rng(0)
    for split, count in (("train", 30), ("test", 7)):
        for label, name in enumerate(("a", "b")):
            (tmp_path / "images" / split / name).mkdir(parents=True)
            for i in range(count):
                shape = (*generator.integers(8, 14, 2), 3)
                pixels = generator.integers(0, 200, shape) + 40 * label
                image = Image.fromarray(pixels.astype(np.uint8))
                image.save(tmp_path / "images" / split / name / f"{i}.png")
    return str(tmp_path / "images")


def start(settings, workdir, index, port):
    words = ["--method", "pruning", "--workdir", str(workdir)]
    for name, value in settings.items():
        values = value if isinstance(value, tuple) else (value,)
        words += ["--" + name.replace("_", "-"), *map(str, values)]
    words += ["--coordinator", f"127.0.0.1:{port}", "--num-processes", "2"]
    return subprocess.Popen(
        [sys.executable, "-m", "train.sparse", *words, "--process-id", str(index)],
        cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=os.environ | {"JAX_NUM_CPU_DEVICES": "2", "JAX_PLATFORMS": "cpu"},
    )  # fmt: skip


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def test_a_signal_to_one_process_saves_the_step_of_all_and_one_process_goes_on(
    tmp_path, images
):
    """What two processes of two devices log is what one logs, and is written once.

    Each reads its rows of the batches by itself.
    """
    settings = SETTINGS | {"dataset": images}
    port, folder = free_port(), tmp_path / "both"
    both = [start(settings, folder, index, port) for index in (0, 1)]
    metrics = folder / runs.METRICS
    try:
        while not (metrics.exists() and metrics.read_text().count("\n") >= 6):
            if any(process.poll() is not None for process in both):
                break
            time.sleep(0.05)
        both[1].send_signal(signal.SIGTERM)
        said = [process.communicate(timeout=300) for process in both]
    finally:
        for process in both:
            process.kill()
    assert [process.returncode for process in both] == [143, 143], said
    found = [json.loads(line) for line in metrics.read_text().splitlines()]
    saved = found[-1]["step"]
    assert 20 <= saved < SETTINGS["steps"]
    assert f"step {saved} is saved" in said[0][1]
    alone = tmp_path / "alone"
    job.run_training(SparseRun(**settings, workdir=str(alone)))
    expected = runs.read_metrics(alone)[: len(found)]
    for one, other in zip(found, expected, strict=True):
        assert one.keys() == other.keys()
        for name, value in one.items():
            # Sums in another order; what is compared is early enough not to grow.
            close = value == other[name] or np.isclose(value, other[name], rtol=1e-3)
            assert close or one["step"] > 30, (one, other)
    summary = job.run_training(SparseRun(**settings, workdir=str(folder)))
    assert summary["sparsity"] == 0.5
    steps = [line["step"] for line in runs.read_metrics(folder)]
    assert steps[-1] == SETTINGS["steps"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--coordinator a:1", "go together: name --num-processes, --process-id, too"),
        ("--num-processes 2 --process-id 2 --coordinator a:1", "must be in 0 ..."),
        ("--num-processes two", "--num-processes must be an integer, not 'two'"),
    ],
)
def test_a_place_among_processes_that_cannot_be_is_refused(words, message):
    with pytest.raises(InputError, match=message):
        sparse.read(words.split())


def test_one_process_is_the_first_and_waits_for_nobody():
    host_flags.join({"distributed": False, "coordinator": None})
    assert hosts.is_first()
    assert not hosts.are_several()
    assert hosts.largest(7) == 7
    hosts.wait("here")
    hosts.check_equal("the settings", "a")
