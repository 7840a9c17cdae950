"""The small set of JPEGs that is made as tfds prepares one."""

import io

import numpy as np
import pytest
from PIL import Image

from landscape.data import photographs, streaming
from landscape.data.streaming import batches
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


@pytest.mark.parametrize("left", [0, 70_000])
def test_a_file_that_is_cut_is_named(folder, tmp_path, left):
    streaming.open_sources.cache_clear()
    shard = folder / "photographs-train.array_record-00001-of-00003"
    shard.write_bytes(shard.read_bytes()[:left])
    said = "(is damaged: .*|holds 0 examples instead of 10): bring it back"
    with pytest.raises(InputError, match=rf"^{shard} {said}"):
        streaming.open_sources("photographs", str(tmp_path))


def test_a_damaged_record_is_a_damaged_image_and_its_file_is_named(folder, tmp_path):
    streaming.open_sources.cache_clear()
    shard = folder / "photographs-train.array_record-00001-of-00003"
    whole = bytearray(shard.read_bytes())
    whole[300:2_000] = bytes(1_700)
    shard.write_bytes(whole)
    train = streaming.open_sources("photographs", str(tmp_path))["train"]
    stream = batches.Stream(train._replace(size=10**6), 8, False, 0, 1, {})
    weights = [batches.example(stream, i, 0)["weight"] for i in range(30)]
    assert stream.damaged and stream.damaged.keys() <= set(range(10, 20))
    assert weights == [i not in stream.damaged for i in range(30)]
    assert all(str(shard) in why for why in stream.damaged.values())


def test_a_file_that_is_missing_is_named(folder, tmp_path):
    streaming.open_sources.cache_clear()
    missing = folder / "photographs-train.array_record-00001-of-00003"
    missing.unlink()
    with pytest.raises(InputError, match=rf"^{missing} is missing: it is one of the 3"):
        streaming.open_sources("photographs", str(tmp_path))
