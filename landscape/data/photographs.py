"""Makes a small set of JPEGs of varied sizes, prepared as tfds prepares ImageNet.

    python -m landscape.data.photographs DIR
    python -m train.sparse --dataset photographs --data-dir DIR --image-size 32 \
--model resnet8 --steps 60 --workdir runs/photographs

For trying out what reads images while a network trains: array_record files in several
shards, without TensorFlow and without a download. Each class has a colour of its own
under smooth colours and noise. One image in 13 is grey, one in 13 is CMYK. Takes 2 s.
"""

if __name__ == "__main__":
    # Before what takes time to import, so that a signal ends it with its status, too.
    from landscape.cli import watch_signals

    watch_signals()

import io
import itertools
import json
import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from landscape.cli import Positional, launch, parse
from landscape.disk.files import check_writable
from landscape.errors import InputError, require

NAME, VERSION = "photographs", "1.0.0"


@dataclass(frozen=True)
class Config:
    """What is made."""

    directory: Positional[str]
    """The folder of data sets, which --data-dir of the other commands names."""
    num_train: int = 512
    """Training images."""
    num_test: int = 128
    """Test images."""
    num_classes: int = 4
    """Classes, all of one size."""
    smallest: int = 24
    """Pixels of the shortest side there is."""
    largest: int = 96
    """Pixels of the longest side there is."""
    shards: int = 4
    """Files of each split."""

    def __post_init__(self):
        for name in ("num_train", "num_test", "num_classes", "smallest", "shards"):
            require(self, name, getattr(self, name) >= 1)
        require(
            self, "largest", self.largest >= self.smallest, f"at least {self.smallest}"
        )


def run(config: Config) -> Path:
    """Writes the set, unless it is there; returns its folder.

    Raises:
      InputError: another set, or one of other settings, is in its place.
    """
    folder = Path(config.directory).expanduser() / NAME / VERSION
    info = _info(config)
    if folder.exists():
        there = folder / "dataset_info.json"
        if not there.exists() or json.loads(there.read_text()) != info:
            raise InputError(f"{folder} holds something else: remove it.")
        return folder
    check_writable(folder, "choose another folder")
    # Under its name once it is whole.
    partial = folder.with_name(f"{VERSION}.part{os.getpid()}")
    partial.mkdir(parents=True)
    sizes = {"train": config.num_train, "test": config.num_test}
    for seed, (split, size) in enumerate(sizes.items()):
        generator = np.random.default_rng(seed)
        for shard, (start, stop) in enumerate(_parts(size, config.shards)):
            path = partial / _file(split, shard, config.shards)
            _write(path, generator, range(start, stop), config)
    (partial / "features.json").write_text(json.dumps(_features(config), indent=2))
    (partial / "dataset_info.json").write_text(json.dumps(info, indent=2))
    partial.rename(folder)
    return folder


def photograph(
    generator: np.random.Generator, index: int, label: int, config: Config
) -> bytes:
    """A JPEG of a class: its colour, under smooth colours and fine noise."""
    from PIL import Image

    height, width = generator.integers(config.smallest, config.largest + 1, 2)
    coarse = generator.integers(0, 128, (4, 4, 3)).astype(np.uint8)
    resized = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    own = np.random.default_rng(label).integers(0, 128, 3)
    noise = generator.normal(0, 6, (height, width, 3))
    pixels = np.clip(np.asarray(resized) + own + noise, 0, 255).astype(np.uint8)
    mode = {3: "L", 7: "CMYK"}.get(index % 13, "RGB")
    stream = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(stream, "JPEG", quality=90)
    return stream.getvalue()


def _write(path, generator, indices, config) -> None:
    from array_record.python import array_record_module
    from tensorflow_datasets.proto import tf_example_pb2

    # Each record by itself: read by random access.
    writer = array_record_module.ArrayRecordWriter(str(path), "group_size:1")
    for index in indices:
        label = index % config.num_classes
        example = tf_example_pb2.Example()
        feature = example.features.feature
        image = photograph(generator, index, label, config)
        feature["image"].bytes_list.value.append(image)
        feature["label"].int64_list.value.append(label)
        writer.write(example.SerializeToString())
    writer.close()


def _parts(size: int, shards: int) -> list[tuple[int, int]]:
    ends = [size * i // shards for i in range(shards + 1)]
    return list(itertools.pairwise(ends))


def _file(split: str, shard: int, shards: int) -> str:
    return f"{NAME}-{split}.array_record-{shard:05}-of-{shards:05}"


def _info(config: Config) -> dict:
    """dataset_info.json, as tfds reads it."""
    sizes = {"train": config.num_train, "test": config.num_test}
    return {
        "name": NAME,
        "version": VERSION,
        "fileFormat": "array_record",
        "description": f"{config.num_classes} classes of JPEGs, sides of"
        f" {config.smallest} to {config.largest} pixels, drawn at random.",
        "splits": [
            {
                "name": split,
                "filepathTemplate": "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}",
                "numBytes": "0",
                "shardLengths": [str(b - a) for a, b in _parts(size, config.shards)],
            }
            for split, size in sizes.items()
        ],
    }


def _features(config: Config) -> dict:
    """features.json, as tfds reads it."""
    core = "tensorflow_datasets.core.features."
    shape = {"dimensions": ["-1", "-1", "3"]}
    image = {"dtype": "uint8", "shape": shape, "encodingFormat": "jpeg"}
    classes = {"numClasses": str(config.num_classes)}
    features = {
        "image": {
            "pythonClassName": f"{core}image_feature.Image",
            "image": image,
        },
        "label": {
            "pythonClassName": f"{core}class_label_feature.ClassLabel",
            "classLabel": classes,
        },
    }
    return {
        "pythonClassName": f"{core}features_dict.FeaturesDict",
        "featuresDict": {"features": features},
    }


def tell(config: Config) -> None:
    """Makes the set, and says where it is and what to do with it."""
    folder = run(config)
    print(
        f"{config.num_train} training and {config.num_test} test images of"
        f" {config.num_classes} classes: {folder}\n\nNext: python -m train.sparse"
        f" --dataset {NAME} --data-dir {config.directory} --image-size 32 --model"
        f" resnet8 --steps 60 --workdir runs/{NAME}"
    )


if __name__ == "__main__":
    launch(lambda: tell(parse(Config, __doc__)))
