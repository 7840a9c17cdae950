"""The reader of tfds, on tiny sets written here by tfds itself."""

import io
import json
import os
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
import tensorflow_datasets as tfds
from PIL import Image

from landscape import data
from landscape.config import TrainConfig
from landscape.data import images
from landscape.errors import InputError

ROOT = Path(__file__).parents[3]
SIZES = {"train": 23, "test": 9}


def encode(pixels, form="png"):
    """The bytes of an image file: tfds stores them as they are, without TensorFlow."""
    stream = io.BytesIO()
    Image.fromarray(pixels.squeeze()).save(stream, form)
    return stream.getvalue()


def example(split, i, shape=(6, 5, 1)):
    generator = np.random.default_rng([zlib.crc32(split.encode()), i])
    return generator.integers(0, 256, shape).astype(np.uint8)


def write(folder, generate, features, splits=("train", "test")):
    """Prepares a set called `tiny` with the examples `generate(split, i)`."""

    class Tiny(tfds.core.GeneratorBasedBuilder, skip_registration=True):
        VERSION = tfds.core.Version("1.0.0")

        def _info(self):
            return tfds.core.DatasetInfo(
                builder=self, features=tfds.features.FeaturesDict(features)
            )

        def _split_generators(self, _):
            return {split: self._generate_examples(split) for split in splits}

        def _generate_examples(self, split):
            for i in range(SIZES[split]):
                yield i, generate(split, i)

    Tiny(data_dir=folder).download_and_prepare(file_format="array_record")
    images.read.cache_clear()
    return str(folder)


def features(shape=(6, 5, 1), classes=4, **more):
    return {
        "image": tfds.features.Image(shape=shape),
        "label": tfds.features.ClassLabel(num_classes=classes),
    } | more


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A grey set whose records carry their number, and a second text feature."""
    return write(
        tmp_path_factory.mktemp("data"),
        lambda split, i: {
            "image": encode(example(split, i)),
            "label": i % 4,
            "id": f"{split}{i}",
        },
        features(id=tfds.features.Text()),
    )


def test_reading_gives_every_pixel_and_label(tiny):
    raw = images.read("tiny", tiny)
    assert raw.num_classes == 4
    assert raw.highest == 255
    for split, (pixels, labels) in (("train", raw.train), ("test", raw.test)):
        size = SIZES[split]
        assert pixels.shape == (size, 6, 5, 1)
        assert (pixels.dtype, labels.dtype) == (np.uint8, np.int32)
        made = {p.tobytes(): k for p, k in zip(pixels, labels.tolist(), strict=True)}
        written = {example(split, i).tobytes(): i % 4 for i in range(size)}
        assert made == written


def test_reading_agrees_with_the_decoding_of_tfds(tiny):
    source = tfds.builder("tiny", data_dir=tiny).as_data_source(split="train")
    pixels, labels = images.read("tiny", tiny).train
    for i, record in enumerate(source):
        np.testing.assert_array_equal(pixels[i], record["image"])
        assert labels[i] == record["label"]


def test_chunks_of_records_change_nothing(tiny, monkeypatch):
    whole = images.read("tiny", tiny)
    monkeypatch.setattr(images, "CHUNK", 7)
    images.read.cache_clear()
    for one, other in zip(whole.train, images.read("tiny", tiny).train, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_set_of_tfds_is_loaded_like_the_others(tiny):
    config = TrainConfig(
        dataset="tiny", data_dir=tiny, batch_size=4, num_validation=3, num_train=15
    )
    assert data.check(config) == 15
    dataset = data.load(config)
    assert dataset[:3] == ("tiny", 4, (6, 5, 1))
    splits = (dataset.train, dataset.validation, dataset.test)
    assert [len(split["label"]) for split in splits] == [15, 3, 9]
    assert abs(dataset.train["image"].std(dtype=np.float64) - 1) < 1e-6
    scaled = data.load(
        TrainConfig(dataset="tiny", data_dir=tiny, inputs="scale", batch_size=4)
    )
    assert set((scaled.train["image"] * 255).round(3).ravel().tolist()) <= set(
        range(256)
    )


def test_colour_and_jpeg_are_read(tmp_path):
    down, right = np.mgrid[:256:16, :256:16]
    smooth = np.stack([down, right, 240 - down], -1).astype(np.uint8)
    prepared = write(
        tmp_path,
        # A grey image in a set of colour ones has three equal channels.
        lambda split, i: {
            "image": encode(smooth[..., :1] if i == 0 else smooth, "jpeg"),
            "label": 0,
        },
        features(shape=(None, None, 3)),
    )
    pixels = images.read("tiny", prepared).train[0].astype(int)
    assert pixels.shape == (23, 16, 16, 3)
    grey = [(p[..., :1] == p).all() for p in pixels]
    assert sum(grey) == 1
    colour = pixels[np.logical_not(grey)]
    assert np.abs(colour - smooth).max() < 60


@pytest.mark.parametrize("channels", [1, 3])
def test_pixels_of_sixteen_bits_keep_their_high_byte(tmp_path, channels):
    """They were clipped to 255: nearly all of them."""
    deep = np.random.default_rng(0).integers(0, 2**16, (6, 5)).astype(np.uint16)
    prepared = write(
        tmp_path,
        lambda split, i: {"image": encode(deep), "label": 0},
        features((6, 5, channels)),
    )
    pixels = images.read("tiny", prepared).train[0]
    want = np.repeat((deep // 256)[..., None], channels, -1)
    np.testing.assert_array_equal(pixels, np.broadcast_to(want, pixels.shape))


def test_pixels_that_no_byte_holds_are_refused(tmp_path):
    deep = np.random.default_rng(0).normal(size=(6, 5)).astype(np.float32)
    prepared = write(
        tmp_path,
        lambda split, i: {"image": encode(deep, "tiff"), "label": 0},
        features(),
    )
    with pytest.raises(InputError, match=r"8 bits a channel.*TIFF file of mode F"):
        images.read("tiny", prepared)


def test_a_set_that_is_not_prepared_names_the_command(tmp_path):
    with pytest.raises(InputError) as error:
        images.read("mnist", str(tmp_path))
    command = f"`python -m landscape.data.prepare mnist --data-dir {tmp_path}`"
    assert str(error.value) == (
        f"dataset 'mnist' is not prepared here: run {command}, or name the folder that"
        " holds it with --data-dir."
    )


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mnits", "unknown dataset 'mnits': perhaps you meant 'mnist'\\? Allowed:"),
        ("digit", "perhaps you meant 'digits'"),
        ("blob", "perhaps you meant 'blobs'"),
        ("qqqqqqq", "unknown dataset 'qqqqqqq'. Allowed: digits, blobs, the"),
        ("../x", "x: there is no such folder"),
        ("imdb_reviews", "not an image-classification set.*text \\(Text\\), label"),
        ("lfw", "not an image-classification set.*label \\(Text\\), image"),
    ],
)
def test_a_name_that_will_not_do_is_refused_in_one_sentence(tmp_path, name, message):
    with pytest.raises(InputError, match=message) as error:
        data.load(TrainConfig(dataset=name, data_dir=str(tmp_path)))
    assert len(str(error.value).splitlines()) == 1
    assert len(str(error.value)) < 250


def test_a_builder_that_needs_tensorflow_is_refused_quietly(
    tmp_path, monkeypatch, capfd
):
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    with pytest.raises(InputError, match="cannot open the dataset 'speech_commands'"):
        images.open_builder("speech_commands", str(tmp_path))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(splits=("train",)), "'tiny' has no test or validation split, only train"),
        (dict(shape=(None, None, 1)), "must all have one size, not 6x5 and 7x5"),
        (dict(classes=None), "labels outside 0 to 3: it is not labelled"),
        (dict(alpha=True), "must have 1 or 3 channels of uint8, not 4 of uint8"),
    ],
)
def test_images_that_do_not_fit_are_refused(tmp_path, change, message):
    taller = change.get("shape") is not None
    shape = (6, 5, 4) if change.get("alpha") else change.get("shape", (6, 5, 1))
    unlabelled = "classes" in change

    def generate(split, i):
        height = 7 if taller and i == 3 else 6
        pixels = example(split, i, (height, 5, shape[-1]))
        return {"image": encode(pixels), "label": -1 if unlabelled else i % 4}

    prepared = write(
        tmp_path, generate, features(shape), change.get("splits", ("train", "test"))
    )
    with pytest.raises(InputError, match=message):
        images.read("tiny", prepared)


def test_splits_of_two_sizes_are_refused(tmp_path):
    prepared = write(
        tmp_path,
        lambda split, i: {
            "image": encode(example(split, i, (6 + (split == "test"), 5, 1))),
            "label": 0,
        },
        features((None, None, 1)),
    )
    with pytest.raises(InputError, match="must all have one size, not 6x5 and 7x5"):
        images.read("tiny", prepared)


def test_a_set_in_another_file_format_is_refused(tiny, tmp_path):
    folder = tmp_path / "tiny" / "1.0.0"
    folder.mkdir(parents=True)
    for file in (Path(tiny) / "tiny" / "1.0.0").iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    info = json.loads((folder / "dataset_info.json").read_text())
    info["fileFormat"] = "tfrecord"
    (folder / "dataset_info.json").write_text(json.dumps(info))
    with pytest.raises(InputError, match="prepared here as tfrecord, not as array_rec"):
        images.read("tiny", str(tmp_path))


PROGRAM = """
import sys
from landscape import data
from landscape.config import TrainConfig
data.load(TrainConfig(dataset="tiny", data_dir=sys.argv[1], batch_size=4))
assert not {"tensorflow", "cv2"} & set(sys.modules)
"""


def test_reading_imports_no_tensorflow_touches_no_device_and_prints_nothing(
    tiny, tmp_path
):
    # Importing TensorFlow fails, and so does asking JAX for a device.
    (tmp_path / "tensorflow.py").write_text("raise SystemExit('imported')")
    settings = {
        "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}",
        "JAX_PLATFORMS": "none_such",
    }
    made = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM, tiny],
        env=os.environ | settings,
        capture_output=True,
        timeout=240,
    )
    assert (made.returncode, made.stdout, made.stderr) == (0, b"", b"")


def test_a_set_of_several_sizes_is_read_in_time(tmp_path, monkeypatch):
    """Its test split has no labels, as ImageNet's: it is tested on the other one."""
    monkeypatch.setitem(SIZES, "validation", 5)

    def generate(split, i):
        pixels = np.full((6 + i % 3, 9, 1), 10 * i, np.uint8)
        return {"image": encode(pixels), "label": -1 if split == "test" else i % 4}

    splits = ("train", "validation", "test")
    folder = write(tmp_path, generate, features((None, None, 1)), splits)
    config = TrainConfig(dataset="tiny", data_dir=folder, image_size=4, batch_size=7)
    assert data.check(config) == 23
    dataset = data.load(config)
    assert (dataset.input_shape, dataset.num_classes) == ((4, 4, 3), 4)
    assert [len(s["label"]) for s in (dataset.train, dataset.test)] == [23, 5]
    pixels = dataset.train.stream.source.read(0)[0]
    assert Image.open(io.BytesIO(pixels)).size[0] == 9
    assert sorted(dataset.test["label"][:].tolist()) == [0, 0, 1, 2, 3]
    with pytest.raises(InputError, match="--image-size N reads them in time"):
        images.read("tiny", folder)
