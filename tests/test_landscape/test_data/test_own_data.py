"""Arrays of the user's own: of a function, of a folder, of a file."""

import json
import shutil
import sys
import types
import zlib

import numpy as np
import pytest

from landscape import data
from landscape.config import DenseRun, TrainConfig, from_dict, to_dict
from landscape.data import array_files, dataset, user_function
from landscape.data.protocol import raw_of
from landscape.errors import InputError
from landscape.registries.data_names import located
from landscape.runs import sources
from train import dense

X = np.random.default_rng(0).normal(size=(30, 4)).astype(np.float32)
Y = np.arange(30) % 3
PIXELS = np.arange(30 * 6).reshape(30, 3, 2).astype(np.uint8)


@pytest.fixture
def own(monkeypatch):
    """Gives what a module `own_data` has; nothing read before is remembered."""

    def forget():
        for cached in (array_files.read, user_function.read, dataset._load):
            cached.cache_clear()

    def define(**functions):
        forget()
        module = types.ModuleType("own_data")
        vars(module).update(functions)
        monkeypatch.setitem(sys.modules, "own_data", module)

    define()
    yield define
    forget()


def write(folder, names=("x_train", "y_train", "x_test", "y_test"), **arrays):
    folder.mkdir()
    given = dict(zip(names, (PIXELS, Y, PIXELS[:6], Y[:6]), strict=True)) | arrays
    for name, array in given.items():
        np.save(folder / f"{name}.npy", array)


@pytest.mark.parametrize(
    "found",
    [
        ((X, Y), (X[:6], Y[:6])),
        [[X, Y], [X[:6], Y[:6]]],
        {"train": (X, Y), "test": (X[:6], Y[:6])},
        {"train": (X.tolist(), Y.tolist()), "test": (X[:6], Y[:6, None])},
    ],
)
def test_two_splits_may_be_given_in_each_of_these_ways(found):
    raw = raw_of("mine", found)
    for split, size in ((raw.train, 30), (raw.test, 6)):
        np.testing.assert_allclose(split[0], X[:size])
        np.testing.assert_array_equal(split[1], Y[:size])
    assert (raw.num_classes, raw.highest) == (3, None)


def test_a_fifth_of_arrays_without_a_test_split_is_held_out_once_and_for_all():
    first, again = raw_of("mine", (X, Y)), raw_of("mine", (X, Y))
    assert len(first.train[1]) == 24 and len(first.test[1]) == 6
    both = np.concatenate([first.train[0], first.test[0]])
    np.testing.assert_array_equal(np.sort(both, axis=None), np.sort(X, axis=None))
    np.testing.assert_array_equal(first.test[0], again.test[0])
    # Labels stay with their inputs.
    for inputs, labels in (first.train, first.test):
        at = [int(np.flatnonzero((row == X).all(1))[0]) for row in inputs]
        np.testing.assert_array_equal(Y[at], labels)


def test_images_get_a_channel_and_the_highest_value_of_their_dtype():
    raw = raw_of("mine", (PIXELS, Y))
    assert raw.train[0].shape == (24, 3, 2, 1) and raw.highest == 255
    assert raw_of("mine", (PIXELS.astype(np.uint16), Y)).highest == 65535
    assert raw_of("mine", (PIXELS > 9, Y)).highest == 1
    assert raw_of("mine", (PIXELS.astype(int), Y)).highest is None
    given = {"train": (X, Y), "test": (X, Y), "highest": 2, "num_classes": 7}
    raw = raw_of("mine", given)
    assert (raw.highest, raw.num_classes) == (2.0, 7)


def test_inputs_have_a_crc_where_every_machine_has_the_same():
    twice = (PIXELS, Y), (PIXELS[:6], Y[:6])
    plain = PIXELS.tobytes() + PIXELS[:6].tobytes()
    assert raw_of("mine", twice).inputs_crc32 == zlib.crc32(plain)
    assert raw_of("mine", (X, Y)).inputs_crc32 is None
    swapped = X.astype(X.dtype.newbyteorder(">"))
    crc = raw_of("mine", ((X, Y), (X, Y)), exact=True).inputs_crc32
    assert crc == zlib.crc32(X.tobytes() * 2)
    assert crc == raw_of("mine", ((swapped, Y), (swapped, Y)), exact=True).inputs_crc32


NAN = np.where(np.arange(30)[:, None] == 17, np.nan, X)
RAGGED = np.array([[1.0], [2.0, 3.0]], dtype=object)


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (None, "must return .inputs, labels.*, not None"),
        ((X.tolist(), Y.tolist()), "list, list.: np.asarray makes an array of a list"),
        ((X, Y % 2 * 20), "of 2 classes, and the largest is 20: labels must"),
        ((X, Y % 2 * 10**6), "of 2 classes, and the largest is 1000000: labels must"),
        (X, "not a ndarray"),
        ((X, Y, Y), "not a tuple of 3 .ndarray, ndarray, ndarray"),
        ({"data": X}, "not a dict with the keys data"),
        (
            {"train": (X, Y), "test": X},
            r"test split must be .inputs, labels., not a nd",
        ),
        ((X, Y[:9]), "30 inputs and 9 labels"),
        ((X[:0], Y[:0]), r"train split is empty: .* shape \(0, 4\)"),
        ((X[:4], Y[:4]), "of 4 examples none is left"),
        ((NAN, Y), "inputs must be finite; example 17 is not"),
        ((RAGGED, Y[:2]), "not of objects"),
        ((([[1.0], [2.0, 3.0]], [0, 1]), (X, Y)), "its inputs are no array"),
        ((X.astype(complex), Y), "inputs must be numbers, not of complex128"),
        ((Y, Y), r"must be \[N, D\], .* not of shape \(30,\)"),
        ((X, Y.astype(float)), "integers 0 to K - 1, not of float64"),
        ((X, Y.astype(str)), "integers 0 to K - 1, not of <U21"),
        ((X, Y - 1), "integers 0 to K - 1, not -1"),
        ((X, np.eye(3)[Y]), r"\(30, 3\): one-hot labels are labels.argmax"),
        ((X, 0 * Y), "of 30 examples are of 1 class, and the largest is 0"),
        ((X, 10 * Y + 10), "and the largest is 30"),
        (((X, Y), (X[:, :3], Y)), r"be alike, not float32 of shape \(4,\) and float32"),
        (((PIXELS, Y), (PIXELS / 255, Y)), "be alike, not uint8 .* and float64"),
        (((X, Y), (NAN, Y)), "test split: inputs must be finite"),
        (
            {"train": (X, Y), "test": (X, Y), "num_classes": 2},
            "above the largest label",
        ),
        ({"train": (X, Y), "test": (X, Y), "highest": 0}, "positive and finite, not 0"),
    ],
)
def test_what_is_no_data_set_is_refused_in_one_sentence(found, message):
    with pytest.raises(InputError, match=message) as error:
        raw_of("mine", found)
    assert "\n" not in str(error.value) and "--dataset mine" in str(error.value)


def test_a_function_gets_its_arguments_and_the_settings_that_it_names(own):
    def few(size, data_seed):
        few.called = size, data_seed
        return X[:size], Y[:size]

    own(few=few, none=lambda: None, wrong=lambda: 1 / 0)
    config = TrainConfig(
        dataset="own_data:few", data_args=("size=20",), data_seed=3, batch_size=8
    )
    assert data.check(config) == 16 and few.called == (20, 3)
    assert len(data.load(config).test["label"]) == 4
    for name, words, message in (
        ("few", ("sise=20",), "perhaps you meant 'size'"),
        ("few", (), "missing a required argument: 'size'"),
        ("none", (), "--dataset own_data:none must return .*, not None"),
        ("wrong", (), "ZeroDivisionError: division by zero"),
    ):
        with pytest.raises(InputError, match=message):
            data.check(TrainConfig(dataset=f"own_data:{name}", data_args=words))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (dict(dataset="my_data.py:few"), "name the module without .py"),
        (dict(dataset="my-data:few"), "must be package.module:name, not 'my-data:few'"),
        (dict(dataset="m:f", data_args=("size",)), "must be KEY=VALUE, .* not 'size'"),
        (dict(dataset="digits", data_args=("a=1",)), "--data-args a=1 goes with"),
        (dict(dataset="/", data_dir=None), "--dataset / has no name"),
        (
            dict(dataset="/a/b", data_dir="c"),
            "is an absolute path, so that --data-dir c",
        ),
    ],
)
def test_a_name_that_cannot_be_meant_is_refused(fields, message):
    with pytest.raises(InputError, match=message):
        TrainConfig(**fields)


def test_a_folder_is_found_from_any_working_directory(own, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "shapes")
    (tmp_path / "mnist").mkdir()
    names = ["./shapes", "shapes/", str(tmp_path / "shapes"), "../" + tmp_path.name]
    names[-1] += "/shapes"
    kept = {located(name, None) for name in names}
    assert kept == {("shapes/", str(tmp_path))}
    assert located("shapes/", str(tmp_path)) == located("./shapes", str(tmp_path))
    # Names of tfds, also beside a folder that is called so.
    (tmp_path / "emnist").mkdir()
    write(tmp_path / "emnist" / "letters")
    for name in ("mnist", "emnist/letters", "mnist:3.0.1", "digits"):
        assert located(name, "D") == (name, "D")
    config = DenseRun(dataset="./shapes", inputs="scale", batch_size=8)
    assert dense.expand(dense.Config.of(config))[0].workdir == "runs/shapes/dense"
    monkeypatch.chdir("/")
    again = from_dict(to_dict(config))
    assert again == config and data.check(again) == 30
    found = data.load(again)
    np.testing.assert_allclose(found.train["image"][..., 0], PIXELS / np.float32(255))
    assert found.input_shape == (3, 2, 1)


@pytest.mark.parametrize("kind", ["keras", "images", "alone"])
def test_arrays_may_have_any_of_these_names_in_a_folder_or_a_file(own, tmp_path, kind):
    arrays = {
        "keras": dict(x_train=X, y_train=Y, x_test=X[:6], y_test=Y[:6]),
        "images": dict(
            train_images=X, train_labels=Y[:, None], test_images=X[:6],
            test_labels=Y[:6, None], val_images=X,
        ),
        "alone": dict(x=X, y=Y),
    }[kind]  # fmt: skip
    (tmp_path / "few").mkdir()
    for name, array in arrays.items():
        np.save(tmp_path / "few" / f"{name}.npy", array)
    np.savez(tmp_path / "few.npz", **arrays)
    twin = raw_of("mine", ((X, Y), (X[:6], Y[:6])))
    twin = raw_of("mine", (X, Y)) if kind == "alone" else twin
    for name in ("few/", "few.npz"):
        raw = array_files.read(name, str(tmp_path))
        for ours, theirs in zip(
            raw.train + raw.test, twin.train + twin.test, strict=True
        ):
            np.testing.assert_array_equal(ours, theirs)
        assert raw.inputs_crc32 is not None


def test_files_that_cannot_be_read_are_refused(own, tmp_path):
    write(tmp_path / "few")
    (tmp_path / "few/y_test.npy").unlink()
    write(tmp_path / "odd", x_train=RAGGED)
    write(tmp_path / "cut")
    whole = (tmp_path / "cut/x_train.npy").read_bytes()
    (tmp_path / "cut/x_train.npy").write_bytes(whole[:-9])
    (tmp_path / "no.npz").write_text("no")
    (tmp_path / "photos/train/cat").mkdir(parents=True)
    for name, message in (
        (
            "few/",
            "few holds no y_test, only x_test, x_train, y_train: it needs x_train",
        ),
        ("odd/", "cannot be read as arrays of numbers: .*objects"),
        ("cut/", "cannot be read as arrays of numbers"),
        ("no.npz", "cannot be read as arrays of numbers"),
        ("photos/", "a folder of images by class needs --image-size"),
        (
            "other/",
            "there is no such folder; if a run had it and it has moved, --data-dir",
        ),
        ("other.npz", "there is no such file"),
    ):
        with pytest.raises(InputError, match=message) as error:
            array_files.read(name, str(tmp_path))
        assert "\n" not in str(error.value)


def test_settings_that_need_a_range_or_images_are_refused(own, tmp_path):
    own(vectors=lambda: (X, Y), images=lambda: (PIXELS.astype(np.float32), Y))
    for fields, message in (
        (dict(dataset="own_data:vectors", augment=True), "vectors are vectors"),
        (dict(dataset="own_data:vectors", model="lenet5"), "lenet5 needs images"),
        (dict(dataset="own_data:images", inputs="scale"), "no fixed range"),
        (dict(dataset="own_data:images", num_validation=24), "leaves nothing"),
        (dict(dataset="own_data:images"), "--batch-size 128 is more than the 24"),
    ):
        for call in (data.check, data.load):
            with pytest.raises(InputError, match=message):
                call(TrainConfig(**fields))


def test_a_run_knows_its_inputs_wherever_their_folder_is(own, tmp_path):
    write(tmp_path / "shapes")
    config = TrainConfig(dataset="shapes/", data_dir=str(tmp_path), batch_size=8)
    known = sources.describe_data(data.load(config))
    (tmp_path / "moved").mkdir()
    shutil.move(tmp_path / "shapes", tmp_path / "moved")
    own()
    moved = TrainConfig.of(config, data_dir=str(tmp_path / "moved"))
    assert sources.describe_data(data.load(moved)) == known
    # The labels are the same, and the inputs are others.
    np.save(tmp_path / "moved/shapes/x_test.npy", PIXELS[6:12])
    own()
    odd = sources.describe_data(data.load(moved))
    assert {key for key in known if known[key] != odd[key]} == {"inputs_crc32"}


def test_a_function_that_returns_other_inputs_at_each_call_is_told(own, tmp_path):
    def load(function):
        own(arrays=function)
        return data.load(TrainConfig(dataset="own_data:arrays", batch_size=8))

    draw = np.random.default_rng(1)
    found = sources.describe_data(load(lambda: (X, Y)))
    (tmp_path / sources.SOURCES).write_text(json.dumps({"data": found}))
    # Rounding is no difference.
    sources.check_data(tmp_path, load(lambda: (X * np.float32(1 + 1e-7), Y)))
    with pytest.raises(InputError, match="must return the same arrays whenever"):
        sources.check_data(tmp_path, load(lambda: (draw.normal(size=X.shape), Y)))
    with pytest.raises(InputError, match="other test labels, other train"):
        sources.check_data(tmp_path, load(lambda: (X, Y[::-1])))
