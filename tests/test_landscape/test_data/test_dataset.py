"""Loading: digits, blobs, the splits, the statistics."""

import os
import subprocess
import sys
import zlib
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landscape import data
from landscape.config import DenseRun, TrainConfig
from landscape.data import dataset as module
from landscape.data import embedded, synthetic
from landscape.errors import InputError

ROOT = Path(__file__).parents[3]


def load(**fields):
    return data.load(TrainConfig(**{"batch_size": 1} | fields))


def rows(*splits):
    """The examples of some splits, as a multiset."""
    images = np.concatenate([split["image"] for split in splits])
    return Counter(image.tobytes() for image in images)


def test_digits_have_their_shapes_types_and_weights():
    dataset = load()
    assert dataset[:3] == ("digits", 10, (8, 8, 1))
    assert dataset.validation is None
    for split, size in ((dataset.train, 1297), (dataset.test, 500)):
        assert split["image"].shape == (size, 8, 8, 1)
        assert split["label"].shape == split["weight"].shape == (size,)
        types = [split[key].dtype for key in ("image", "label", "weight")]
        assert types == [np.float32, np.int32, np.float32]
        assert (split["weight"] == 1).all()
        assert set(split["label"].tolist()) == set(range(10))


def test_the_split_of_the_digits_never_changes():
    raw = embedded.digits()
    digest = [zlib.crc32(part.tobytes()) for part in (*raw.train, *raw.test)]
    assert digest == [1339447737, 1458311776, 2614229979, 3344177826]


def test_digits_are_all_there_once():
    from sklearn.datasets import load_digits

    raw = embedded.digits()
    images = np.concatenate([raw.train[0], raw.test[0]]).reshape(-1, 64)
    labels = np.concatenate([raw.train[1], raw.test[1]])
    made = Counter(zip(map(bytes, images), labels.tolist(), strict=True))
    pixels, classes = load_digits(return_X_y=True)
    pixels = pixels.astype(np.uint8)
    assert made == Counter(zip(map(bytes, pixels), classes.tolist(), strict=True))


def test_every_seed_gives_digits_the_same_test_split():
    one, other = (load(seed=s, order_seed=s, data_seed=s).test for s in (0, 1))
    for key in one:
        np.testing.assert_array_equal(one[key], other[key])


def test_scaled_pixels_lie_between_0_and_1():
    images = load(inputs="scale").train["image"]
    assert images.min() == 0
    assert images.max() == 1
    assert set((images * 16).ravel().tolist()) == set(range(17))


def standardized_slowly(train, others):
    """By channel of images, over everything of vectors, in float64."""
    axes = tuple(range(train.ndim - 1)) if train.ndim == 4 else None
    train = train.astype(np.float64)
    mean, std = train.mean(axes), train.std(axes)
    return [(x - mean) / std for x in (train, *others)]


def test_inputs_are_standardised_with_the_statistics_of_what_is_trained_on():
    fields = dict(num_validation=100, num_train=300)
    plain = load(inputs="scale", **fields)
    slow = standardized_slowly(
        plain.train["image"], [plain.validation["image"], plain.test["image"]]
    )
    dataset = load(**fields)
    for split, expected in zip(dataset[3:6], slow, strict=True):
        np.testing.assert_allclose(split["image"], expected, rtol=1e-5, atol=1e-5)
    assert abs(dataset.train["image"].mean(dtype=np.float64)) < 1e-6
    assert abs(dataset.test["image"].mean(dtype=np.float64)) > 1e-4
    mean, deviation, highest = dataset.normalisation
    assert mean.shape == deviation.shape == (1,) and highest == 16
    pixels = dataset.train["image"] * deviation + mean
    np.testing.assert_allclose(pixels, plain.train["image"] * highest, atol=1e-5)
    assert plain.normalisation.deviation == highest and plain.normalisation.mean == 0


@settings(deadline=None, max_examples=25)
@given(
    st.sampled_from([(5, 3, 2, 3), (301, 2, 2, 1), (9, 7)]), st.integers(0, 2**31 - 1)
)
def test_statistics_are_those_of_each_channel(shape, seed):
    generator = np.random.default_rng(seed)
    x = generator.integers(0, 256, shape).astype(np.uint8)
    raw = data.dataset.Raw((x, None), (x, None), 2, 255)
    mean, std = module._statistics(raw, x, "standardize")
    (slow,) = standardized_slowly(x, [])
    np.testing.assert_allclose(
        module._normalise(x, mean, std), slow, rtol=1e-6, atol=1e-6
    )


def test_a_constant_channel_becomes_0():
    x = np.full((6, 2, 2, 3), 7, np.uint8)
    x[..., 1] = np.arange(24).reshape(6, 2, 2)
    raw = data.dataset.Raw((x, None), (x, None), 2, 255)
    made = module._normalise(x, *module._statistics(raw, x, "standardize"))
    assert (made[..., [0, 2]] == 0).all()
    assert np.isclose(made[..., 1].std(), 1)


def test_validation_examples_leave_the_training_split():
    whole = load(inputs="scale")
    held = load(inputs="scale", num_validation=200)
    assert len(held.train["label"]) == 1097
    assert len(held.validation["label"]) == 200
    assert rows(held.train, held.validation) == rows(whole.train)
    assert rows(held.test) == rows(whole.test)


def test_the_validation_split_does_not_depend_on_the_subset():
    fields = dict(inputs="scale", num_validation=200)
    held = load(**fields).validation
    small, large = (load(num_train=n, **fields) for n in (50, 100))
    for subset in (small, large):
        for key in held:
            np.testing.assert_array_equal(subset.validation[key], held[key])
    assert rows(small.train) <= rows(large.train) <= rows(load(inputs="scale").train)


def test_subsets_keep_examples_and_labels_together():
    whole, some = load(inputs="scale"), load(inputs="scale", num_train=70)
    label = {
        image.tobytes(): label
        for image, label in zip(whole.train["image"], whole.train["label"], strict=True)
    }
    for image, found in zip(some.train["image"], some.train["label"], strict=True):
        assert label[image.tobytes()] == found


def test_the_data_seed_draws_the_splits_and_the_seed_does_not():
    fields = dict(inputs="scale", num_validation=50, num_train=50)
    first = load(**fields)
    same = load(seed=5, order_seed=6, **fields)
    other = load(data_seed=1, **fields)
    assert rows(same.validation) == rows(first.validation)
    assert rows(same.train) == rows(first.train)
    assert rows(other.validation) != rows(first.validation)
    assert rows(other.train) != rows(first.train)


def test_runs_with_the_same_data_share_read_only_arrays():
    first = data.load(TrainConfig(steps=10, seed=1, blob_dim=3))
    again = data.load(DenseRun(steps=20, learning_rate=0.3, model="mlp"))
    assert again.train["image"] is first.train["image"]
    with pytest.raises(ValueError, match="read-only"):
        first.train["image"][0] = 0
    first.test["label"] = None  # a caller's own dict
    assert data.load(TrainConfig()).test["label"] is not None


def test_blobs_are_clusters_around_the_same_centres():
    fields = dict(dim=40, classes=3, seed=4)
    many = synthetic.blobs(samples=3000, variance=1.0, **fields)
    (train, train_labels), (test, test_labels) = many.train, many.test
    assert train.shape == (3000, 40)
    assert test.shape == (600, 40)
    for k in range(3):
        cluster, own = train[train_labels == k], test[test_labels == k]
        assert len(cluster) == 1000
        # 5 standard errors of a mean of 1,000 and one of 200.
        distance = np.abs(cluster.mean(0) - own.mean(0))
        assert distance.max() < 5 * np.sqrt(1 / 1000 + 1 / 200)
        assert abs(cluster.var(0).mean() - 1) < 0.03
    few = synthetic.blobs(samples=10, variance=1.0, **fields)
    np.testing.assert_array_equal(few.train[0], train[:10])
    np.testing.assert_array_equal(few.test[0], test[:2])


def test_the_variance_of_blobs_multiplies_the_covariance():
    calm, wide = (synthetic.blobs(20, 4, 400, v, seed=0).train[0] for v in (1, 10))
    centres = np.random.default_rng(0).spawn(3)[0].normal(size=(4, 20))
    noise = calm - centres[np.arange(400) % 4]
    np.testing.assert_allclose(
        wide, centres[np.arange(400) % 4] + np.sqrt(10) * noise, rtol=1e-12
    )


def test_blobs_are_normalised_globally():
    fields = dict(dataset="blobs", blob_dim=7, blob_classes=5, blob_samples=101)
    dataset = load(**fields)
    assert dataset[:3] == ("blobs", 5, (7,))
    assert np.bincount(dataset.train["label"]).tolist() == [21, 20, 20, 20, 20]
    raw = synthetic.blobs(7, 5, 101, 1.0, seed=0)
    train, test = standardized_slowly(raw.train[0], [raw.test[0]])
    np.testing.assert_allclose(dataset.train["image"], train, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(dataset.test["image"], test, rtol=1e-5, atol=1e-6)
    assert dataset.train["image"].dtype == np.float32
    # One pair of numbers: single entries of the vectors keep means of their own.
    assert np.abs(dataset.train["image"].mean(0)).max() > 0.01
    other = load(data_seed=1, **fields)
    assert not np.array_equal(other.train["image"], dataset.train["image"])


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (dict(batch_size=1298), "--batch-size 1298 is more than the 1297 training"),
        (dict(batch_size=51, num_train=50), "--batch-size 51 is more than the 50 "),
        (dict(num_train=1298), "--num-train 1298 is more than the 1297 training"),
        (dict(num_train=1198, num_validation=100), "1197 .* left by --num-validation"),
        (dict(num_validation=1297), "--num-validation 1297 leaves nothing .* 1297"),
        (dict(dataset="blobs", blob_samples=4), "at least 5, not 4"),
        (dict(dataset="blobs", augment=True), "--augment needs images"),
        (dict(dataset="blobs", inputs="scale"), "--inputs scale needs images"),
        (dict(dataset="blobs", num_train=1001), "1001 .* 1000 .* blobs"),
    ],
)
def test_what_the_data_cannot_give_is_refused_in_one_sentence(fields, message):
    for call in (data.load, data.check):
        with pytest.raises(InputError, match=message) as error:
            call(TrainConfig(**{"batch_size": 1} | fields))
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("dataset", ["digits", "blobs"])
@pytest.mark.parametrize("fields", [{}, dict(num_train=90, num_validation=10)])
def test_the_size_of_a_set_is_known_before_it_is_read(dataset, fields):
    config = TrainConfig(dataset=dataset, blob_samples=130, batch_size=8, **fields)
    assert data.check(config) == len(data.load(config).train["label"])


def test_networks_for_images_are_not_trained_on_vectors():
    with pytest.raises(InputError, match="blobs are vectors"):
        data.check(TrainConfig(dataset="blobs", model="lenet5"))


PROGRAM = """
import sys
from landscape import data
from landscape.config import TrainConfig
data.load(TrainConfig(num_validation=10))
data.load(TrainConfig(dataset="blobs", num_train=200))
assert not {"jax", "tensorflow_datasets"} & sys.modules.keys()
"""


def test_loading_imports_no_jax_and_tfds_only_when_asked():
    settings = {"PYTHONPATH": str(ROOT)}
    subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM],
        env=os.environ | settings,
        check=True,
        timeout=240,
    )
