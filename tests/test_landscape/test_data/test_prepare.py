"""The preparing program, up to the download, and past it with a set made here."""

import importlib.util
import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from landscape.data import images, prepare
from landscape.errors import InputError, RunFailure

ROOT = Path(__file__).parents[3]
IMAGE = np.arange(30, dtype=np.uint8).reshape(6, 5)


class LocalSquares(tfds.core.GeneratorBasedBuilder):
    """Registered with tfds as local_squares; needs neither network nor TensorFlow."""

    VERSION = tfds.core.Version("1.0.0")
    fails = False

    def _info(self):
        features = {
            "image": tfds.features.Image(shape=(6, 5, 1)),
            "label": tfds.features.ClassLabel(num_classes=2),
        }
        return tfds.core.DatasetInfo(
            builder=self, features=tfds.features.FeaturesDict(features)
        )

    def _split_generators(self, _):
        return {"train": self._generate_examples(8), "test": self._generate_examples(4)}

    def _generate_examples(self, size):
        if self.fails:
            raise OSError("the server is away")
        stream = io.BytesIO()
        Image.fromarray(IMAGE).save(stream, "png")
        for i in range(size):
            yield i, {"image": stream.getvalue(), "label": i % 2}


def pretend(monkeypatch, tensorflow):
    found = importlib.util.find_spec

    def find_spec(name, *rest):
        return tensorflow if name == "tensorflow" else found(name, *rest)

    monkeypatch.setattr(importlib.util, "find_spec", find_spec)


@pytest.fixture
def with_tensorflow(monkeypatch):
    """As if TensorFlow were installed."""
    pretend(monkeypatch, True)


@pytest.fixture
def without_tensorflow(monkeypatch):
    """As if it were not."""
    pretend(monkeypatch, None)


def test_what_is_prepared_can_be_read(tmp_path, with_tensorflow, capsys):
    prepare.run(prepare.Config("local_squares", str(tmp_path)))
    out = capsys.readouterr().out
    assert f"local_squares is prepared: {tmp_path}" in out
    raw = images.read("local_squares", str(tmp_path))
    assert (raw.train[0] == IMAGE[..., None]).all()
    assert len(raw.train[1]) == 8
    assert len(raw.test[1]) == 4


def test_a_prepared_set_is_left_alone(tmp_path, with_tensorflow, monkeypatch, capsys):
    config = prepare.Config("local_squares", str(tmp_path))
    prepare.run(config)
    times = {f: f.stat().st_mtime_ns for f in tmp_path.rglob("*")}
    monkeypatch.setattr(LocalSquares, "fails", True)
    capsys.readouterr()
    prepare.run(config)
    assert capsys.readouterr().out.startswith("local_squares is prepared already: ")
    assert {f: f.stat().st_mtime_ns for f in tmp_path.rglob("*")} == times


def test_a_failed_download_says_so_and_leaves_nothing_half_done(
    tmp_path, with_tensorflow, monkeypatch
):
    monkeypatch.setattr(LocalSquares, "fails", True)
    with pytest.raises(RunFailure, match=r"could not be prepared: .*server is away"):
        prepare.run(prepare.Config("local_squares", str(tmp_path)))
    with pytest.raises(InputError, match="is not prepared here"):
        images.read("local_squares", str(tmp_path))


def test_without_tensorflow_the_extra_is_named(tmp_path, without_tensorflow):
    with pytest.raises(InputError, match=r"pip install -e \.\[prepare\]"):
        prepare.run(prepare.Config("mnist", str(tmp_path)))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "message"),
    [("mnits", "perhaps you meant 'mnist'"), ("imdb_reviews", "not an image-class")],
)
def test_a_name_that_will_not_do_is_refused_before_tensorflow_is_asked_for(
    tmp_path, without_tensorflow, name, message
):
    with pytest.raises(InputError, match=message):
        prepare.run(prepare.Config(name, str(tmp_path)))
    assert not list(tmp_path.iterdir())


def test_embedded_sets_need_no_preparation(capsys):
    prepare.run(prepare.Config("digits"))
    assert capsys.readouterr().out == "digits needs no preparation.\n"


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["mnits"], 2, "error: unknown dataset 'mnits': perhaps you meant 'mnist'?"),
        ([], 2, "NAME"),
        (["mnist", "--data-dri", "x"], 2, "--data-dir"),
    ],
)
def test_the_program_ends_with_status_2_for_a_mistake(
    tmp_path, arguments, status, message
):
    made = subprocess.run(
        [sys.executable, "-m", "landscape.data.prepare", *arguments],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert made.returncode == status
    assert message in made.stderr
    assert not list(tmp_path.iterdir())
