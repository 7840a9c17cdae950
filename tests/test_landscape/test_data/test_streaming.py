"""Images that are read in time: their crops, their pixels, and their order."""

import concurrent.futures
import io
import itertools

import numpy as np
import pytest
from PIL import Image

from landscape.data import streaming
from landscape.data.streaming import batches, crops, decoding
from landscape.data.streaming.crops import Crop
from landscape.errors import InputError, RunFailure


def picture(height, width, seed=0):
    """Smooth colours, which JPEG keeps within a few levels."""
    generator = np.random.default_rng(seed)
    small = generator.integers(0, 256, (4, 5, 3)).astype(np.uint8)
    image = Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(image)


def encoded(pixels, form="JPEG", mode="RGB", **options):
    stream = io.BytesIO()
    Image.fromarray(pixels).convert(mode).save(stream, form, **options)
    return stream.getvalue()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two classes of JPEGs of varied sizes, two of them grey and CMYK."""
    root = tmp_path_factory.mktemp("images")
    for split, per_class in (("train", 5), ("val", 2)):
        for label, name in enumerate(("ant", "bee")):
            (root / split / name).mkdir(parents=True)
            for i in range(per_class):
                pixels = picture(40 + 7 * i, 60 - 5 * i, 10 * label + i)
                mode = {3: "L", 4: "CMYK"}.get(i, "RGB")
                path = root / split / name / f"{i}.jpg"
                path.write_bytes(encoded(pixels, mode=mode, quality=95))
    return root


# -- crops


def test_random_crops_lie_inside_and_have_the_stated_law():
    generator = np.random.default_rng(0)
    drawn = [crops.at_random(300, 400, generator) for _ in range(4000)]
    area = np.array([c.height * c.width for c in drawn]) / (300 * 400)
    ratio = np.array([c.width / c.height for c in drawn])
    assert all(0 <= c.top <= 300 - c.height for c in drawn)
    assert all(0 <= c.left <= 400 - c.width for c in drawn)
    # Rounded to whole pixels.
    assert 0.078 < area.min() < 0.1
    assert area.max() < 1
    assert 0.74 < ratio.min() < 0.77
    assert 1.29 < ratio.max() < 1.35
    assert abs(np.mean([c.mirrored for c in drawn]) - 0.5) < 0.03
    # Up to half of the area every ratio fits: both laws are those that are drawn.
    small = area < 0.5
    assert abs(np.mean(area[small] < 0.29) - 0.5) < 0.03
    assert abs(np.mean(np.log(ratio[small]))) < 0.01


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (50, 1), (3, 200)])
def test_a_crop_of_a_narrow_image_is_inside_it(shape):
    for seed in range(20):
        crop = crops.at_random(*shape, np.random.default_rng(seed))
        assert crop.height >= 1
        assert crop.width >= 1
        assert 0 <= crop.top <= shape[0] - crop.height
        assert 0 <= crop.left <= shape[1] - crop.width


# -- pixels


def slow_crop(pixels, crop, size):
    """Triangle weights around the centre of each pixel of the result, in float64."""

    def weights(start, length, count):
        scale = length / size
        width = max(scale, 1.0)
        centres = start + (np.arange(size) + 0.5) * scale
        away = np.arange(count) + 0.5 - centres[:, None]
        found = np.maximum(0, 1 - np.abs(away) / width)
        return found / found.sum(1, keepdims=True)

    rows = weights(crop.top, crop.height, pixels.shape[0])
    columns = weights(crop.left, crop.width, pixels.shape[1])
    made = np.einsum("ir,rcx,jc->ijx", rows, pixels.astype(float), columns)
    return made[:, ::-1] if crop.mirrored else made


@pytest.mark.parametrize(
    "crop", [Crop(0, 0, 48, 64), Crop(5, 8, 20, 32, True), Crop(3, 7, 6, 5)]
)
def test_a_crop_is_resized_by_a_triangle_filter(crop):
    pixels = picture(48, 64)
    found = decoding.decode(encoded(pixels, "PNG"), lambda h, w: crop, 8)
    assert found.dtype == np.uint8
    assert np.abs(found - slow_crop(pixels, crop, 8)).max() <= 1.5


@pytest.mark.parametrize("crop", [Crop(0, 0, 240, 320), Crop(31, 40, 150, 110, True)])
def test_a_jpeg_at_reduced_scale_differs_little_from_the_reference(crop, monkeypatch):
    data = encoded(picture(240, 320), quality=95)
    fast = decoding.decode(data, lambda h, w: crop, 32).astype(int)
    monkeypatch.setattr(decoding, "simplejpeg", None)
    reference = decoding.decode(data, lambda h, w: crop, 32).astype(int)
    assert np.abs(fast - reference).max() <= 6
    assert np.abs(fast - reference).mean() < 1


def test_any_kind_of_image_becomes_rgb():
    pixels = picture(20, 30)
    whole = lambda h, w: Crop(0, 0, h, w)  # noqa: E731
    rgb = decoding.decode(encoded(pixels, "PNG"), whole, 9).astype(int)
    for form, mode in (("PNG", "P"), ("PNG", "RGBA"), ("JPEG", "CMYK"), ("BMP", "RGB")):
        found = decoding.decode(encoded(pixels, form, mode), whole, 9)
        assert found.shape == (9, 9, 3), (form, mode)
        assert np.abs(found - rgb).mean() < 20, (form, mode)
    grey = decoding.decode(encoded(pixels, "JPEG", "L"), whole, 9)
    assert (grey == grey[..., :1]).all()
    deep = np.linspace(0, 65535, 600).astype(np.uint16).reshape(20, 30)
    stream = io.BytesIO()
    Image.fromarray(deep).save(stream, "PNG")
    found = decoding.decode(stream.getvalue(), whole, 20)
    assert 240 < found.max() <= 255


# -- batches


def stream_of(folder, augmented=True, workers=2, seed=3):
    source = streaming.of_folder(folder)["train"]
    return streaming.Stream(source, 16, augmented, seed, workers, {})


def sequence(source, steps=4, size=6):
    order = np.random.default_rng(0).integers(0, source.size, (steps, size))
    return [(indices, step * size) for step, indices in enumerate(order)]


def test_neither_workers_nor_hosts_nor_a_resumption_change_a_batch(folder):
    stream = stream_of(folder)
    wanted = sequence(stream.source)
    whole = list(streaming.ahead(stream, wanted))
    assert [b["image"].shape for b in whole] == [(6, 16, 16, 3)] * 4
    for other in (stream._replace(workers=1), stream._replace(workers=5)):
        for one, two in zip(whole, streaming.ahead(other, wanted), strict=True):
            np.testing.assert_equal(one, two)
    halves = [
        list(streaming.ahead(stream, wanted, rows)) for rows in (slice(3), slice(3, 6))
    ]
    for one, left, right in zip(whole, *halves, strict=True):
        for name in one:
            np.testing.assert_array_equal(
                one[name], np.concatenate([left[name], right[name]])
            )
    for one, two in zip(whole[2:], streaming.ahead(stream, wanted[2:]), strict=True):
        np.testing.assert_equal(one, two)


def test_an_example_has_another_crop_in_the_next_epoch_and_with_another_seed(folder):
    stream = stream_of(folder)
    one = batches.example(stream, 2, 0)["image"]
    for other in (
        batches.example(stream, 2, 10),
        batches.example(stream._replace(seed=4), 2, 0),
    ):
        assert (one != other["image"]).any()
    centre = stream._replace(augmented=False)
    np.testing.assert_array_equal(
        batches.example(centre, 2, 0)["image"], batches.example(centre, 2, 10)["image"]
    )


def test_reading_ahead_ends_with_the_reader(folder):
    stream = stream_of(folder)
    wanted = itertools.cycle(sequence(stream.source))
    reading = streaming.ahead(stream, wanted)
    next(reading)
    reading.close()  # Would wait for ever, if the endless rest were read.


def test_labels_are_numbered_by_the_names_of_classes(folder):
    splits = streaming.of_folder(folder)
    assert [splits[name].size for name in ("train", "test")] == [10, 4]
    train = splits["train"]
    found = {train.name_of(i): train.read(i) for i in range(10)}
    for label, name in enumerate(("ant", "bee")):
        for i in range(5):
            path = folder / "train" / name / f"{i}.jpg"
            assert found[str(path)] == (path.read_bytes(), label)


def test_the_first_examples_of_a_folder_are_of_all_classes(folder):
    """What looks at the first ones, scores or spectra, would see a single class."""
    train = streaming.of_folder(folder)["train"]
    assert {train.read(i)[1] for i in range(5)} == {0, 1}
    names = [train.name_of(i) for i in range(10)]
    again = streaming.of_folder(folder)["train"]
    assert names == [again.name_of(i) for i in range(10)]


# -- what is wrong


@pytest.mark.parametrize("damage", [slice(0), slice(60), slice(0, -300)])
def test_a_damaged_image_is_named_counted_and_weighs_nothing(folder, damage, capsys):
    whole = stream_of(folder).source
    broken = whole._replace(
        size=2_000,
        read=lambda i: (whole.read(i)[0][damage] if i == 1 else whole.read(i)[0], 1),
    )
    stream = stream_of(folder)._replace(source=broken)
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for _ in range(2):
            found = streaming.batch(pool, stream, np.array([0, 1, 2]), 0)
    assert found["weight"].tolist() == [1, 0, 1]
    assert list(stream.damaged) == [1]
    name, (said,) = whole.name_of(1), capsys.readouterr().err.splitlines()
    assert said.startswith(f"{name} cannot be decoded (")
    assert said.endswith("it counts nothing; 1 of 2,000 images so far.")
    few = stream_of(folder)._replace(source=broken._replace(size=900))
    with pytest.raises(RunFailure, match=rf"1 of 900 images cannot.*{name} \("):
        batches.example(few, 1, 0)


def test_folders_that_are_no_data_set_are_refused_in_one_sentence(folder, tmp_path):
    with pytest.raises(InputError, match="must hold the folders train and test"):
        streaming.of_folder(tmp_path)
    for split in ("train", "test"):
        (tmp_path / split / "ant").mkdir(parents=True)
    with pytest.raises(InputError, match=r"train/ant, holds no image"):
        streaming.of_folder(tmp_path)
    (tmp_path / "train" / "wasp").mkdir()
    with pytest.raises(InputError, match="hold different classes: wasp"):
        streaming.of_folder(tmp_path)
