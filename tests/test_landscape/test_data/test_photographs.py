"""The small set of JPEGs that is made as tfds prepares one."""

import io

import numpy as np
import pytest
from PIL import Image

from landscape.data import photographs, streaming
from landscape.disk.files import read_json
from landscape.errors import InputError


def config(folder, **more):
    sizes = {"num_train": 30, "num_test": 5, "smallest": 9, "largest": 14, "shards": 3}
    return photographs.Config(str(folder), **sizes | more)


@pytest.fixture
def folder(tmp_path):
    return photographs.run(config(tmp_path))


def test_what_is_written_is_read_without_tensorflow(folder, tmp_path):
    splits = streaming.open_sources("photographs", str(tmp_path))
    train, test = splits["train"], splits["test"]
    assert (train.size, test.size, train.num_classes) == (30, 5, 4)
    found = [train.read(i) for i in range(30)]
    assert [label for _, label in found] == [i % 4 for i in range(30)]
    images = [Image.open(io.BytesIO(data)) for data, _ in found]
    assert {image.format for image in images} == {"JPEG"}
    assert {image.mode for image in images} == {"RGB", "L", "CMYK"}
    sides = np.array([image.size for image in images])
    assert 9 <= sides.min() < sides.max() <= 14
    shards = read_json(folder / "dataset_info.json", "")["splits"][1]["shardLengths"]
    assert shards == ["1", "2", "2"]


def test_it_is_left_alone_or_refused_but_never_replaced(folder, tmp_path):
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    assert photographs.run(config(tmp_path)) == folder
    with pytest.raises(InputError, match=r"photographs/1\.0\.0 holds something else"):
        photographs.run(config(tmp_path, num_train=31))
    with pytest.raises(InputError, match="holds something else"):
        photographs.run(config(tmp_path, largest=15))
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before
    with pytest.raises(InputError, match="--largest must be at least 9, not 8"):
        config(tmp_path, largest=8)


def test_a_file_that_is_missing_is_named(folder, tmp_path):
    streaming.open_sources.cache_clear()
    missing = folder / "photographs-train.array_record-00001-of-00003"
    missing.unlink()
    with pytest.raises(InputError, match=rf"^{missing} is missing: it is one of the 3"):
        streaming.open_sources("photographs", str(tmp_path))
